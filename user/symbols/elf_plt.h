/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The stubs of the procedure linkage table: small pieces of code without symbols, one for each imported
 * function. Each is read as the machine would, for the table slot that it jumps through, and gets that slot's
 * name.
 */
#ifndef CONCTRACE_ELF_PLT_H
#define CONCTRACE_ELF_PLT_H

#include "symbols/elf_file.h"

/* Called for each stub: its address, its size and the imported function's name (terminated). 0, or an error
 * that ends the walk. */
typedef int (*elf_plt_fn)(void *ctx, uint64_t addr, uint64_t size, const char *name);

/* 64-bit x86 and arm64; no stubs for others. 0, -ENOMEM, or what `fn` returned. */
int elf_plt_walk(const struct elf_file *e, elf_plt_fn fn, void *ctx);

#endif
