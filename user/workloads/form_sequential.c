/* SPDX-License-Identifier: BSD-2-Clause */
/* In: a run. Out: its jobs done one after the other, by the thread that asks. */
#include "workloads/form.h"

int form_sequential(struct run *r)
{
	worker_run(r, &r->shared->workers[0]);
	return 0;
}
