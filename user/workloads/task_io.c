/* SPDX-License-Identifier: BSD-2-Clause */
/* In: a job. Out: its steps: one connection, a number of requests, each answered after a delay. */
#include "workloads/task.h"

enum step io_next(const struct run *r, struct job *job, enum step after)
{
	switch (job->step) {
	case STEP_CONNECT:
		return STEP_SEND;
	case STEP_SEND:
		return STEP_RECEIVE;
	default:
		return ++job->round < r->set->rounds ? STEP_SEND : after;
	}
}

static enum step first(void)
{
	return STEP_CONNECT;
}

static enum step next(const struct run *r, struct job *job)
{
	return io_next(r, job, STEP_DONE);
}

const struct task task_io = {.first = first, .next = next};
