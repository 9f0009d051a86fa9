/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How to unwind Rust's functions in programs that were made with panic=abort: before 1.92 rustc wrote no call frame information
 * for them, and they keep no frame pointer (x86-64). But LLVM saves registers and takes the frame at a function's very beginning, so its
 * first instructions tell how deep the stack is behind them, and what takes the frame away again is the same backwards.
 *
 * It is believed only where the depth keeps the stack aligned for calls: where a function takes its frame later, in one of its branches,
 * it does not. There the walk ends (UNWIND_UNSUPPORTED), for rbp leads nowhere.
 */
#ifndef CONCTRACE_PROLOGUE_FRAMES_H
#define CONCTRACE_PROLOGUE_FRAMES_H

#include "base/bytes.h"
#include "symbols/eh_frame.h"

/* Adds an FDE for each function with a name of Rust, or main, that no other covers. For once. 0 or -ENOMEM. */
int prologue_frames_add(struct eh_frames *f, const struct elf_file *e, const struct elf_file *debug, uint64_t low, uint64_t high);

/* Is the symbol's name one that rustc made, in either of its ways? */
bool prologue_is_rust(const char *name);

/* Appends call frame instructions for the function, from CFA = rsp + 8 on. 0 or -ENOMEM. */
int prologue_read(struct bytes *program, const unsigned char *code, size_t len);

#endif
