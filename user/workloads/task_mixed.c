/* SPDX-License-Identifier: BSD-2-Clause */
/* In: a job. Out: its steps: those of io, then those of cpu, as a request handler has them. */
#include "workloads/task.h"

static enum step first(void)
{
	return STEP_CONNECT;
}

static enum step next(const struct run *r, struct job *job)
{
	return job->step == STEP_COMPUTE ? STEP_DONE : io_next(r, job, STEP_COMPUTE);
}

const struct task task_mixed = {.computes = true, .first = first, .next = next};
