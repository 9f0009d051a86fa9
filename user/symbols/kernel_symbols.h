/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's functions from the text of /proc/kallsyms: "ADDRESS type name", and "[module]" behind those of
 * modules and BPF programs. The text is kept by the caller. Data symbols count as the ends of functions.
 */
#ifndef CONCTRACE_KERNEL_SYMBOLS_H
#define CONCTRACE_KERNEL_SYMBOLS_H

#include <stdbool.h>

#include "symbols/symbol.h"

struct kernel_symbols; /* opaque */

/*
 * `text` must outlive the table. -EPERM: every address is 0 (kptr_restrict, or the file was opened without
 * rights); -ENODATA: no symbol at all; -ENOMEM.
 */
int kernel_symbols_new(struct kernel_symbols **out, const char *text, size_t len);
void kernel_symbols_free(struct kernel_symbols *k);
size_t kernel_symbols_count(const struct kernel_symbols *k);
bool kernel_symbols_at(const struct kernel_symbols *k, uint64_t addr, struct symbol *out);

#endif
