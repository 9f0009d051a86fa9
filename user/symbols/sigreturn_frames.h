/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How to unwind where signal handlers return to on arm64, where nothing says it: the kernel's vdso is without
 * call frame information on purpose (87676cfca141), and unwinders know the code by its two instructions.
 */
#ifndef CONCTRACE_SIGRETURN_FRAMES_H
#define CONCTRACE_SIGRETURN_FRAMES_H

#include "symbols/eh_frame.h"

/* The CIE of the FDEs below. */
const struct eh_cie *sigreturn_frames_cie(void);

/*
 * Adds an FDE for each such place in [low, high) that no other FDE covers. Only small files are looked
 * through: a vdso, a C library. 0 or -ENOMEM.
 */
int sigreturn_frames_add(struct eh_frames *f, const struct elf_file *e, uint64_t low, uint64_t high);

#endif
