/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The way from a process down to where a part of its time was spent, as labels: process, thread, the frames
 * with the outermost first, the system call. The one place that decides how that reads: folded lines and
 * flame graphs have the same labels. A label is a number in `strings`; equal labels have equal numbers.
 *
 * Frames of a stack whose outer part is missing are under [truncated]. Time without a stack is under [no stack], time whose detail was lost under [no detail]. Frames of the
 * kernel end in _[k]; for a wait without a kernel stack that is its system call: read_[k]. A function that was
 * inlined ends in _[i]; where lines are known a frame is "function (file.c:12)".
 *
 * Behind the tip of a wait may follow who ended it: "--", then the waker's path the other way round, from its system call over its frames to its
 * thread and process. So it stands on its head above the one that it wakes. A waker that is not traced has its name alone, "name (not
 * traced)", a thread of the kernel "name_[k]"; no thread at all: [interrupt], [softirq]; [unknown waker].
 */
#ifndef CONCTRACE_STACK_PATH_H
#define CONCTRACE_STACK_PATH_H

#include <stddef.h>
#include <stdint.h>

#include "analysis/time_parts.h"
#include "base/strings.h"
#include "model/trace.h"

/* What stands below the frames. */
enum path_base {
	PATH_BY_NAME = 0,    /* process;thread */
	PATH_BY_PROCESS = 1, /* process-PID: one for each process, its threads together */
	PATH_BY_THREAD = 2,  /* process-PID;thread-TID: each thread alone */
};

struct stack_paths {
	const struct trace *t;
	struct strings *strings; /* the caller's: may be shared by several */
	uint32_t *frames;	 /* frame: its label + 1, 0: not made yet */
	uint32_t *labels;	 /* the path at hand */
	size_t cap, n_base;	 /* n_base of them are process and thread */
	enum path_base base;
};

/* Both 0 or -ENOMEM with a message; the object may be released in either case. */
int stack_paths_init(struct stack_paths *p, const struct trace *t, struct strings *strings);
/* The thread whose parts come next. */
int stack_paths_thread(struct stack_paths *p, const struct trace_thread *thread, enum path_base base);
/* Sets *n; the path is p->labels[0 .. *n), until the next call. 0 or -ENOMEM with a message. */
int stack_path(struct stack_paths *p, const struct time_part *part, size_t *n);
/*
 * After stack_path: appends the path of who ended the wait, from p->labels[*n] on, and adds its length to *n. 0 or -ENOMEM with a
 * message.
 */
int stack_path_waker(struct stack_paths *p, const struct time_part *part, size_t *n);
void stack_paths_release(struct stack_paths *p);

#endif
