/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How to unwind the functions of a Go program, by the depths of their frames (go_table.h). It is known for stripped
 * programs, too, and it knows what Go's .debug_frame does not say: where a stack begins, how C was called from another one, and
 * where handlers of signals return to. x86-64: on arm64 .debug_frame and frame pointers remain.
 */
#ifndef CONCTRACE_GO_FRAMES_H
#define CONCTRACE_GO_FRAMES_H

#include "symbols/eh_frame.h"

#define GO_FRAMES_CIES 4

/* CIE i < GO_FRAMES_CIES of the FDEs below. */
const struct eh_cie *go_frames_cie(size_t i);

/* Adds an FDE for each function that lies in [low, high). For a file that has none yet. 0 or -ENOMEM. */
int go_frames_add(struct eh_frames *f, const struct elf_file *e, uint64_t low, uint64_t high);

#endif
