/* SPDX-License-Identifier: BSD-2-Clause */
/* Does a separate debug file belong to an ELF file? Its bytes are trusted no more than those of the file. */
#ifndef CONCTRACE_ELF_DEBUG_H
#define CONCTRACE_ELF_DEBUG_H

#include "symbols/elf_file.h"

/*
 * If both have a build id, that decides. Else it is the file that .gnu_debuglink means: the checksum there is
 * that of all its bytes.
 */
bool elf_debug_fits(const struct elf_file *debug, const struct elf_file *e);

/* Opens the first of those files that does. False: none does, and `debug` is a zeroed object. */
bool elf_debug_open(struct elf_file *debug, const struct elf_file *e, const int *fds, size_t n);

#endif
