/* SPDX-License-Identifier: BSD-2-Clause */
/* In: a job. Out: its one step: a fixed amount of computing. */
#include "workloads/task.h"

static enum step first(void)
{
	return STEP_COMPUTE;
}

static enum step next(const struct run *r, struct job *job)
{
	(void)r;
	(void)job;
	return STEP_DONE;
}

const struct task task_cpu = {.computes = true, .first = first, .next = next};
