/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The steps that report_build takes, in this order; each fills its part of the report from the trace and from
 * what the steps before have filled. Nobody outside this folder (and its tests) includes this.
 */
#ifndef CONCTRACE_STEPS_H
#define CONCTRACE_STEPS_H

#include "analysis/report.h"

/* totals.c: processes and threads with their accounts, the sum of all. 0 or -ENOMEM. */
int totals_build(struct report *r, const struct trace *t);
void account_add(struct report_account *to, const struct report_account *from);

/* work.c: which threads and processes did work, which threads are event loops. 0 or -ENOMEM. */
int work_mark(struct report *r, const struct trace *t);
/* Running, and blocked in I/O of its own: not in a poll, and not in reading what its children write. */
uint64_t work_of(const struct report_process *p);
/* The same of its threads, without the one that has most. */
uint64_t work_beside_first(const struct report *r, const struct report_process *p);

/* wall.c: wall clock and concurrency; how many processes were at work at a time. 0 or -ENOMEM. */
void wall_window(struct report *r, const struct trace *t);
int wall_build(struct report *r, const struct trace *t);
/* The class of a wait: what it means for the wall clock. */
enum wall_class wall_class_of(enum wait_kind kind, uint16_t cycle_flags);

/* form.c, verdict.c: in words. */
void form_build(struct report *r, const struct trace *t);
void verdict_build(struct report *r);

/* places.c: the waits that cost most. 0 or -ENOMEM. */
int places_build(struct report *r, const struct trace *t);

/* wakers.c: who ended them. 0 or -ENOMEM. */
int wakers_rank(struct report *r, const struct trace *t);

/* listing.c: what is listed, in which order, and the sums of the rest. 0 or -ENOMEM. */
int listing_build(struct report *r, const struct report_choice *choice);

static inline double share_of(uint64_t part, uint64_t whole)
{
	return whole ? (double)part / (double)whole : 0;
}

#endif
