/* SPDX-License-Identifier: BSD-2-Clause */
/* In: a job. Out: its steps: a number of turns with the one lock, held asleep, so that it costs no CPU. */
#include "workloads/task.h"

static enum step first(void)
{
	return STEP_HOLD;
}

static enum step next(const struct run *r, struct job *job)
{
	return ++job->round < r->set->rounds ? STEP_HOLD : STEP_DONE;
}

const struct task task_lock = {.first = first, .next = next};
