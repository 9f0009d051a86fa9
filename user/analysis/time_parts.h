/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The time of a thread by where it was spent: by stack, system call and state. What folded lines and flame
 * graphs are made of; the parts of a thread add up to its lifetime, to the nanosecond.
 */
#ifndef CONCTRACE_TIME_PARTS_H
#define CONCTRACE_TIME_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/intmap.h"
#include "model/trace.h"

/* The state of a part: a wait kind, or one of these. */
enum {
	PART_RUNNING = N_WAIT_KINDS,
	PART_READY,
	PART_UNKNOWN, /* in no state at all, as opposed to a wait of kind "unknown" */
	N_PART_STATES,
};

/* Sets of states, for what is asked for. */
#define PART_BIT(state) (1u << (state))
#define PARTS_ALL	(PART_BIT(N_PART_STATES) - 1)
#define PARTS_CPU	PART_BIT(PART_RUNNING)
#define PARTS_WAIT	(PARTS_ALL & ~PARTS_CPU)
#define PARTS_BLOCKED	(PART_BIT(N_WAIT_KINDS) - 1) /* waits alone */

struct time_part {
	uint32_t stack; /* index in trace.stacks */
	uint32_t waker; /* index in trace.wakers, if parts are told apart by that; else 0 */
	uint16_t syscall, flags;
	uint8_t state;
	bool lost; /* in the exact totals and not in the stream: its stack is not known */
	uint64_t ns;
};

/* All zero but for by_waker: empty. */
struct time_parts {
	bool by_waker;	    /* waits of one stack that different threads ended are parts of their own */
	struct intmap ns;   /* what makes a part distinct: nanoseconds */
	struct intmap pair_of; /* by_waker: stack and waker: their number */
	uint64_t *pairs;
	size_t n_pairs, cap;
};

/*
 * Adds the thread's time in the given states to `parts`. Samples share the exact running time equally, to the nanosecond together. 0
 * or -ENOMEM.
 */
int time_parts_add(struct time_parts *parts, const struct trace *t, const struct trace_thread *thread,
		   uint32_t states);

/* How many there are, and a walk over them: *at starts at 0; false at the end. */
size_t time_parts_count(const struct time_parts *parts);
bool time_parts_next(const struct time_parts *parts, size_t *at, struct time_part *part);
void time_parts_release(struct time_parts *parts); /* empty again, by_waker as it was */

/* "running", "ready", "unknown", or the name of the kind. */
const char *part_state_name(unsigned int state);

#endif
