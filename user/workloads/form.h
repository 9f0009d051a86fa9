/* SPDX-License-Identifier: BSD-2-Clause */
/* The forms of concurrency. Each does all jobs of a run, and returns when its workers have ended. */
#ifndef CONCTRACE_WORKLOADS_FORM_H
#define CONCTRACE_WORKLOADS_FORM_H

#include "workloads/run.h"

/* All: 0, or a negative errno with a fail message; then some jobs are not done. */
int form_sequential(struct run *r);
int form_threaded(struct run *r);
int form_multiprocess(struct run *r);
int form_async(struct run *r);
int form_uring(struct run *r);

/* A worker's life in the three blocking forms: jobs, one after the other, until there are no more. */
void worker_run(const struct run *r, struct worker *w);

#endif
