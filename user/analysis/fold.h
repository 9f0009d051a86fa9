/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Folded stacks: `process;thread;frame;…;frame;[kind] microseconds`, the outermost frame first.
 *
 *   [running]  samples, scaled so that a thread's lines add up to its exact running time; kernel frames end
 * in _[k] [ready]    exact; with the stack at which the thread left the CPU [KIND]     exact; the stack, then
 * the kernel's frames if there are any, else the system call: read_[k] [unknown]  the wait kind of that name,
 * and time that is in no state (under [no detail])
 *
 * Time without a stack is under [no stack]; time that is in the exact totals and not in the stream (lost
 * intervals) is under [no detail]. So the lines add up to the thread time of the report: to the nanosecond in
 * `ns`, and in microseconds they are rounded by the largest remainder, so that their sum is the rounded
 * total. Lines of less than half a microsecond may be 0 and are not printed.
 */
#ifndef CONCTRACE_FOLD_H
#define CONCTRACE_FOLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/trace.h"

enum fold_what {
	FOLD_ALL = 0,
	FOLD_CPU = 1,  /* running */
	FOLD_WAIT = 2, /* all but running */
	FOLD_BLOCKED = 3, /* waits alone */
};

struct fold_choice {
	enum fold_what what;
	bool by_id; /* comm-PID;comm-TID: processes and threads of the same name stay apart */
	bool wakers; /* of waits: [kind];--; and who ended it, see stack_path.h */
};

struct fold_line {
	const char *text; /* without the number */
	uint64_t ns, us;
};

struct fold {
	struct fold_line *lines; /* by text */
	size_t n;
	uint64_t total_ns, total_us;
	struct strings *strings; /* where the texts are */
};

/* 0, or -ENOMEM with a message. */
int fold_build(struct fold **out, const struct trace *t, const struct fold_choice *choice);
void fold_free(struct fold *f); /* NULL is fine */

#endif
