/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Code that keeps no frame pointer and has neither call frame information nor symbols (x86-64): a stripped Rust program with panic=abort,
 * before 1.92. Where functions begin is guessed from how LLVM lays them out, and believed as far as prologue_frames.h does: what is taken for a
 * function and is none has no frame that keeps the stack aligned, and nothing is said of it.
 */
#ifndef CONCTRACE_BARE_FRAMES_H
#define CONCTRACE_BARE_FRAMES_H

#include "symbols/eh_frame.h"

/*
 * Are [from, to) of the file's code, of which no FDE tells, of this kind: nothing sets up a frame pointer, and they are large, or others in the
 * file were (which bare_frames_add has found)?
 */
bool bare_frames_are(const struct eh_frames *f, const struct elf_file *e, uint64_t from, uint64_t to);

/* Adds an FDE for each function that is found between those that are known. For once. 0 or -ENOMEM. */
int bare_frames_add(struct eh_frames *f, const struct elf_file *e);

#endif
