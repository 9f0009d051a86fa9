/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a context of makecontext(3) returns to, in glibc on x86-64: __start_context, at its first byte. A caller is looked up by the byte before
 * its return address, and that belongs to no function there; what lies above on the stack is the next context, not a caller.
 */
#ifndef CONCTRACE_CONTEXT_FRAMES_H
#define CONCTRACE_CONTEXT_FRAMES_H

#include "symbols/eh_frame.h"

/* The CIE of the FDEs below. */
const struct eh_cie *context_frames_cie(void);

/*
 * Adds an FDE that says "the root" for the byte before each such place in [low, high), if no other FDE covers it. Only files as small as a C
 * library are looked through. 0 or -ENOMEM.
 */
int context_frames_add(struct eh_frames *f, const struct elf_file *e, uint64_t low, uint64_t high);

#endif
