/* SPDX-License-Identifier: BSD-2-Clause */
/* Threads captured without the probes: stopped one by one with ptrace, looked at, and let go. Slow, and it disturbs them; but
 * the whole stack is there. */
#ifndef CONCTRACE_TESTS_STOPPED_H
#define CONCTRACE_TESTS_STOPPED_H

#include "captured.h"

struct stopped_thread {
	struct captured captured; /* without frames */
	char comm[32], process_comm[32];
	long syscall; /* number, -1: in none */
};

/* Not 0 ends the walk. */
typedef int (*stopped_fn)(void *ctx, const struct stopped_thread *thread);

/* Every thread of the process once. 0, the value of fn, or -ESRCH: there is no such process, or it may not be traced. */
int stopped_threads(uint32_t pid, stopped_fn fn, void *ctx);

#endif
