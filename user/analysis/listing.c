/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * In: processes and threads. Out: the order in which people read them (most time first), how many are listed
 * one by one, and the sums of the rest: idle workers as one line a process, further threads as one, further
 * processes by name.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/steps.h"
#include "base/fail.h"

#define LISTED_PROCESSES 8
#define LISTED_THREADS	 8  /* of a process */
#define LISTED_BY_ALL	 24 /* threads of all processes together; each process shows one at least */

/* What a line is worth: running first, then waiting for anything but to be given work. */
struct rank {
	uint64_t running_ns, waiting_ns;
	uint32_t index;
};

static struct rank rank_of(const struct report_account *a, uint32_t index)
{
	return (struct rank){
		.running_ns = a->running_ns,
		.waiting_ns = a->waiting_ns + a->ready_ns - a->groups_ns[WAIT_GROUP_SYNC],
		.index = index,
	};
}

static int compare_ranks(const void *a, const void *b)
{
	const struct rank *x = a, *y = b;

	if (x->running_ns != y->running_ns)
		return x->running_ns < y->running_ns ? 1 : -1;
	if (x->waiting_ns != y->waiting_ns)
		return x->waiting_ns < y->waiting_ns ? 1 : -1;
	return x->index < y->index ? -1 : x->index > y->index;
}

static void sort_ranks(struct rank *ranks, uint32_t n, uint32_t *order)
{
	uint32_t i;

	if (n)
		qsort(ranks, n, sizeof(*ranks), compare_ranks);
	for (i = 0; i < n; i++)
		order[i] = ranks[i].index;
}

static void rest_add(struct report_rest *to, uint64_t processes, uint64_t threads,
		     const struct report_account *a)
{
	to->processes += processes;
	to->threads += threads;
	account_add(&to->account, a);
}

/* Idle: had no work, and is not the thread that stands for its process. */
static bool is_idle(const struct report_process *p, const struct report_thread *t)
{
	return !t->working && !t->async && !t->orphans && t->tid != p->pid;
}

/* A pool is two or more; one is listed as it is. */
static uint32_t count_idle(const struct report *r, const struct report_process *p)
{
	uint32_t n = 0, i;

	for (i = 0; i < p->n_threads; i++)
		n += is_idle(p, &r->threads[p->first_thread + i]);
	return n >= 2 ? n : 0;
}

/* Puts the listed threads first, then the rest, then the idle ones: that is the order they are summed up in.
 */
static void list_threads(struct report *r, struct report_process *p, struct rank *ranks, bool all,
			 uint32_t room)
{
	uint32_t i, n = 0, kept = 0, idle = all ? 0 : count_idle(r, p);

	for (i = 0; i < p->n_threads; i++)
		ranks[i] = rank_of(&r->threads[p->first_thread + i].account, p->first_thread + i);
	sort_ranks(ranks, p->n_threads, p->order);
	p->n_listed = 0;
	if (all) {
		p->n_listed = p->n_threads;
		return;
	}
	for (i = 0; i < p->n_threads; i++) {
		const struct report_thread *t = &r->threads[p->order[i]];

		if (idle && is_idle(p, t))
			rest_add(&p->idle, 0, t->count, &t->account);
		else
			p->order[kept++] = p->order[i];
	}
	/* One more than fits is no rest: its line would not be shorter. */
	n = kept <= room + 1 ? kept : room;
	for (i = n; i < kept; i++)
		rest_add(&p->rest, 0, r->threads[p->order[i]].count, &r->threads[p->order[i]].account);
	p->n_listed = n;
}

static int compare_groups(const void *a, const void *b)
{
	const struct report_group *x = a, *y = b;

	if (x->sum.account.running_ns != y->sum.account.running_ns)
		return x->sum.account.running_ns < y->sum.account.running_ns ? 1 : -1;
	if (x->sum.account.lifetime_ns != y->sum.account.lifetime_ns)
		return x->sum.account.lifetime_ns < y->sum.account.lifetime_ns ? 1 : -1;
	return strcmp(x->comm, y->comm);
}

static void group_add(struct report *r, const struct report_process *p)
{
	size_t i = 0;

	while (i < r->n_groups && strcmp(r->groups[i].comm, p->comm))
		i++;
	if (i == r->n_groups)
		r->groups[r->n_groups++].comm = p->comm;
	rest_add(&r->groups[i].sum, 1, p->n_threads, &p->account);
}

static int list_processes(struct report *r, struct rank *ranks, bool all)
{
	uint32_t n = (uint32_t)r->processes_len, i;

	for (i = 0; i < n; i++)
		ranks[i] = rank_of(&r->processes[i].account, i);
	sort_ranks(ranks, n, r->process_order);
	r->n_listed = all || n <= LISTED_PROCESSES + 1 ? n : LISTED_PROCESSES;
	r->groups = calloc(n - r->n_listed + 1, sizeof(*r->groups));
	if (!r->groups)
		return fail(-ENOMEM, "out of memory: %u processes", n);
	for (i = r->n_listed; i < n; i++)
		group_add(r, &r->processes[r->process_order[i]]);
	if (r->n_groups)
		qsort(r->groups, r->n_groups, sizeof(*r->groups), compare_groups);
	return 0;
}

int listing_build(struct report *r, const struct report_choice *choice)
{
	size_t most = r->processes_len > r->threads_len ? r->processes_len : r->threads_len, at = 0;
	struct rank *ranks = calloc(most + 1, sizeof(*ranks));
	uint32_t room = LISTED_THREADS, i;
	int err;

	/* One block: the order of the processes, then of each one's threads. */
	r->process_order = calloc(r->processes_len + r->threads_len + 1, sizeof(*r->process_order));
	if (!ranks || !r->process_order) {
		err = fail(-ENOMEM, "out of memory: a list of %zu threads", r->threads_len);
		goto out;
	}
	err = list_processes(r, ranks, choice->all_threads);
	if (err)
		goto out;
	if (r->n_listed > LISTED_BY_ALL / LISTED_THREADS && !choice->all_threads)
		room = LISTED_BY_ALL / r->n_listed;
	at = r->processes_len;
	for (i = 0; i < r->processes_len; i++) {
		r->processes[i].order = r->process_order + at;
		at += r->processes[i].n_threads;
		list_threads(r, &r->processes[i], ranks, choice->all_threads, room);
	}
out:
	free(ranks);
	return err;
}
