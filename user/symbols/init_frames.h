/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How to unwind _init and _fini, which begin and end in the C library's crti.o and crtn.o and have no call frame information (x86-64). A
 * program waits in _init more often than its size says: its page is the first of the text that is touched.
 */
#ifndef CONCTRACE_INIT_FRAMES_H
#define CONCTRACE_INIT_FRAMES_H

#include "symbols/eh_frame.h"

/* Adds FDEs for .init and .fini of the known form, as far as they are in [low, high) and no other covers them. 0 or -ENOMEM. */
int init_frames_add(struct eh_frames *f, const struct elf_file *e, uint64_t low, uint64_t high);

#endif
