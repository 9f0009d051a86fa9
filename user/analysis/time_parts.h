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

struct time_part {
	uint32_t stack; /* index in trace.stacks */
	uint16_t syscall, flags;
	uint8_t state;
	bool lost; /* in the exact totals and not in the stream: its stack is not known */
	uint64_t ns;
};

/*
 * Adds the thread's time in the given states to `parts`, which the caller made empty and releases. Samples
 * share the exact running time equally, to the nanosecond together. 0 or -ENOMEM.
 */
int time_parts_add(struct intmap *parts, const struct trace *t, const struct trace_thread *thread,
		   uint32_t states);

/* Walks: *at starts at 0; false at the end. */
bool time_parts_next(const struct intmap *parts, size_t *at, struct time_part *part);

/* "running", "ready", "unknown", or the name of the kind. */
const char *part_state_name(unsigned int state);

#endif
