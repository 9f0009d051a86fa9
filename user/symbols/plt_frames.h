/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How to unwind the stubs that the linker makes for imported functions (.plt and its like) where it says
 * nothing of them: GNU ld for arm64, lld and mold for both machines.
 */
#ifndef CONCTRACE_PLT_FRAMES_H
#define CONCTRACE_PLT_FRAMES_H

#include "symbols/eh_frame.h"

/* The CIE of the FDEs below; NULL: not a machine that this knows. */
const struct eh_cie *plt_frames_cie(uint16_t machine);

/*
 * Adds an FDE for each section of stubs whose layout is known, as far as it is in [low, high) and no other
 * FDE covers its beginning. 0 or -ENOMEM.
 */
int plt_frames_add(struct eh_frames *f, const struct elf_file *e, uint64_t low, uint64_t high);

#endif
