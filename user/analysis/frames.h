/* SPDX-License-Identifier: BSD-2-Clause */
/* Frames in words, and which of them is the program's own. */
#ifndef CONCTRACE_FRAMES_H
#define CONCTRACE_FRAMES_H

#include "model/trace.h"

#define FRAME_LABEL_MAX 4096 /* with its terminator; longer names are cut */

/*
 * "function", or "libfoo.so.1+0x1234" (offset in the file), "[anon]", "[unknown]", or for the kernel
 * "0xffff…". Without
 * ';' and control characters, so that it can stand in a folded line. Returns buf.
 */
char *frame_label(char *buf, size_t size, const struct trace_frame *f);

/* The same, and with a known line where it is: "function (file.c:12)". Returns buf. */
char *frame_label_line(char *buf, size_t size, const struct trace_frame *f);

/* The base name of a path; "[anon]" and the like as they are. */
const char *frame_file_name(const char *path);

/*
 * How many of the innermost frames are conctrace's own: the probe at the switch, and the kernel's way from there to it. What is asked is
 * the stack of a thread that leaves its CPU; a sample may well hit a probe, and shows it.
 */
uint32_t frames_of_probe(const struct trace *t, const struct trace_stack *s);

/*
 * The innermost user frame that is the program's own: in none of the libraries that belong to the system (by
 * base name: libc, libpthread, …) and in no shared object of a system folder; else in none of the first; else
 * the innermost. NULL: the stack has no user frame.
 */
const struct trace_frame *frame_own(const struct trace *t, const struct trace_stack *s);

#endif
