/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A symbol table that a stripped program carries in itself: the section .gnu_debugdata, an ELF file compressed
 * by xz. The only door to liblzma.
 */
#ifndef CONCTRACE_MINIDEBUGINFO_H
#define CONCTRACE_MINIDEBUGINFO_H

#include "base/bytes.h"
#include "symbols/elf_file.h"

#define MINIDEBUGINFO_MAX (64u << 20) /* unpacked; the largest that distributions ship are some MiB */

/*
 * Unpacks it to *out (empty; the caller releases it in any case). -ENOENT: the file has none; -EBADMSG: it is
 * damaged; -E2BIG: it is larger, or would need more memory; -ENOMEM.
 */
int minidebuginfo_unpack(const struct elf_file *e, struct bytes *out);

#endif
