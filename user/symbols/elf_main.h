/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where main is in a program without symbols: the C library's _start hands it on (x86-64, glibc). Of other programs, of
 * shared libraries, and where _start takes it from a table, it is not known.
 */
#ifndef CONCTRACE_ELF_MAIN_H
#define CONCTRACE_ELF_MAIN_H

#include "symbols/elf_file.h"

bool elf_main_find(const struct elf_file *e, uint64_t *vaddr);

#endif
