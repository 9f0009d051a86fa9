/* SPDX-License-Identifier: BSD-2-Clause */
/* What the system calls of blocked threads point to, read from outside: for an attach, whose probes can't read it. */
#ifndef CONCTRACE_BLOCKED_CALLS_H
#define CONCTRACE_BLOCKED_CALLS_H

#include <sys/types.h>

#include "wire_state.h"

/* Gets one thread; not 0 ends the walk. */
typedef int (*blocked_call_fn)(void *ctx, pid_t tid, const struct wire_seed_memory *memory);

/*
 * The threads of process `pid` that are blocked in a system call with an argument that points to memory. 0, or what fn returned. A process
 * or thread that has ended, or may not be looked into, has none.
 */
int blocked_calls_read(pid_t pid, blocked_call_fn fn, void *ctx);

#endif
