/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * In: drafts (what the records told of each thread). Out: trace.threads by start, with their exact totals
 * where the kernel sent them. Threads whose totals the kernel could only add up together are folded into the
 * orphans.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "base/radix.h"
#include "model/load.h"

#define FOLDED (UINT32_MAX - 1) /* in thread_of: its time is in the orphans' */

/* Is a thread without a record that made it, or without an end, explained? */
static int check_drafts(struct load *l)
{
	const uint64_t *loss = l->t->loss;
	bool lost = loss[LOSS_EVENTS] || loss[LOSS_THREADS];
	bool unseen = lost || loss[LOSS_STORAGE] || loss[LOSS_BUSY];
	size_t i;

	if (!l->complete)
		return 0;
	for (i = 0; i < l->n_drafts; i++) {
		const struct load_draft *d = &l->drafts[i];

		if (!d->made && !lost)
			return fail(-EBADMSG,
				    "thread %u is named and was never made, and no loss is reported",
				    d->number);
		if (!d->end && !unseen && !l->orphans.threads)
			return fail(-EBADMSG, "thread %u (tid %u) has no end, and no loss is reported",
				    d->number, d->made ? l->made[d->made - 1].tid : 0);
	}
	return 0;
}

static uint64_t draft_start(const struct load *l, const struct load_draft *d)
{
	uint64_t start;

	if (d->end)
		return l->ends[d->end - 1].start;
	start = d->made ? l->made[d->made - 1].ts : d->first;
	if (start > d->first)
		start = d->first;
	if (start == UINT64_MAX) /* only an exec or a wait was left of it */
		start = d->exec ? l->execs[d->exec - 1].ts : l->t->meta.start;
	return start;
}

/* The drafts that become threads of their own, by start and then by number. */
static int order_drafts(struct load *l, struct radix_item **items, size_t *n)
{
	bool folding = l->complete && l->orphans.threads;
	struct radix_item *order = calloc(l->n_drafts + 1, sizeof(*order));
	size_t i;
	int err;

	*items = order;
	*n = 0;
	if (!order)
		return fail(-ENOMEM, "out of memory: %zu threads", l->n_drafts);
	for (i = 0; i < l->n_drafts; i++) {
		if (folding && !l->drafts[i].end)
			l->thread_of[i] = FOLDED;
		else
			order[(*n)++] = (struct radix_item){.key = l->drafts[i].number, .value = i};
	}
	err = radix_sort(order, *n);
	if (err)
		return err;
	for (i = 0; i < *n; i++)
		order[i].key = draft_start(l, &l->drafts[order[i].value]);
	return radix_sort(order, *n);
}

static void set_end(struct trace_thread *t, const struct wire_end *e)
{
	int r;

	t->start = e->start;
	t->end = e->end;
	t->terminated = e->flags & WIRE_END_TERMINATED;
	t->last_state = (enum thread_state)e->state;
	t->exit_code = (int)e->exit_code;
	t->lifetime_ns = e->end - e->start;
	t->running_ns = e->running_ns;
	t->waiting_ns = e->waiting_ns;
	t->unknown_ns = e->unknown_ns;
	for (r = 0; r < N_READY_REASONS; r++) {
		t->ready_ns[r] = e->ready_ns[r];
		t->ready_count[r] = e->ready_count[r];
	}
	t->switches_in = e->switches_in;
	t->blocked = e->blocked;
	t->samples_user = e->samples_user;
	t->samples_kernel = e->samples_kernel;
	t->poll_timeouts = e->poll_timeouts;
	t->poll_sources = e->poll_sources;
	t->poll_timer = e->flags & WIRE_END_POLL_TIMER;
	t->kernel_exec_runtime_ns = e->exec_runtime_ns;
	t->kernel_run_delay_ns = e->run_delay_ns;
}

static int set_thread(struct load *l, struct trace_thread *t, const struct load_draft *d)
{
	const struct wire_thread *made = d->made ? &l->made[d->made - 1] : NULL;
	const struct wire_end *end = d->end ? &l->ends[d->end - 1] : NULL;
	const struct wire_exec *exec = d->exec ? &l->execs[d->exec - 1] : NULL;
	const char *comm = end ? end->comm : exec ? exec->comm : made ? made->comm : "?";

	t->number = d->number;
	t->count = 1;
	/* A thread that calls exec takes its process's id, whichever it was. */
	t->tid = exec ? exec->pid : end ? end->tid : made ? made->tid : 0;
	t->flags = made ? made->flags : 0;
	t->comm = load_text(l, comm, strnlen(comm, WIRE_COMM_LEN));
	if (!t->comm)
		return -ENOMEM;
	if (end) {
		set_end(t, end);
		return 0;
	}
	t->start = draft_start(l, d);
	t->end = l->t->meta.end > l->last ? l->t->meta.end : l->last;
	if (t->end < t->start)
		t->end = t->start;
	t->lifetime_ns = t->end - t->start;
	return 0;
}

static int set_waits(struct load *l)
{
	size_t i;

	for (i = 0; i < l->n_waits; i++) {
		const struct load_wait *w = &l->waits[i];
		const struct load_draft *d = &l->drafts[w->draft];
		struct trace_thread *t;

		if (!d->end) /* the rest of its account is missing: the stream has to do */
			continue;
		t = &l->t->threads[l->thread_of[w->draft]];
		if (t->waits[w->kind].count)
			return fail(-EBADMSG, "thread %u (tid %u) has two accounts of wait kind %u",
				    t->number, t->tid, w->kind);
		t->waits[w->kind] = w->wait;
	}
	return 0;
}

/* Where events were lost, a wait's account may be one of them: its time is known from the sum, its kind is
 * not. */
static void set_lost_waits(const struct load *l, struct trace_thread *t)
{
	struct trace_wait *w = &t->waits[WAIT_UNKNOWN];
	uint64_t known = 0, lost;
	int k;

	for (k = 0; k < N_WAIT_KINDS; k++)
		if (__builtin_add_overflow(known, t->waits[k].ns, &known))
			return; /* trace_verify refuses it */
	if (!l->t->loss[LOSS_EVENTS] || known >= t->waiting_ns)
		return;
	lost = t->waiting_ns - known;
	w->ns += lost;
	w->count++;
	w->hist[lost >> (WIRE_HIST_BUCKETS - 1) ? WIRE_HIST_BUCKETS - 1 : 63 - __builtin_clzll(lost)]++;
	if (lost > w->max_ns)
		w->max_ns = lost;
}

static int set_orphans(struct load *l, struct trace_thread *t)
{
	uint64_t sum;
	bool over;
	int r;

	l->orphans.start = l->t->meta.start;
	l->orphans.end = l->t->meta.end;
	set_end(t, &l->orphans);
	t->orphans = true;
	t->terminated = false;
	t->count = l->orphans.threads;
	t->comm = "[no detail]";
	memcpy(t->waits, l->orphan_waits, sizeof(t->waits));
	over = __builtin_add_overflow(t->running_ns, t->waiting_ns, &sum);
	over |= __builtin_add_overflow(sum, t->unknown_ns, &sum);
	for (r = 0; r < N_READY_REASONS; r++)
		over |= __builtin_add_overflow(sum, t->ready_ns[r], &sum);
	t->lifetime_ns = sum;
	return over ? fail(-EBADMSG, "the sums of threads without detail have impossible values") : 0;
}

/* The last thread, if there are any. Threads whose ends are in the sum have its number. */
static int add_orphans(struct load *l, size_t n)
{
	int err;

	if (!l->orphans.threads)
		return 0;
	l->draft_of_thread[n] = LOAD_NO_DRAFT;
	err = set_orphans(l, &l->t->threads[l->t->n_threads++]);
	for (size_t i = 0; i < l->n_drafts; i++)
		if (l->thread_of[i] == FOLDED)
			l->thread_of[i] = (uint32_t)n;
	return err;
}

int threads_build(struct load *l)
{
	struct radix_item *order = NULL;
	struct trace *t = l->t;
	size_t n = 0, i;
	int err;

	/* In a damaged recording nobody can tell whose time the orphans' sum has, and whose end was cut off.
	 */
	if (!l->complete)
		l->orphans.threads = 0;
	err = check_drafts(l);
	if (err)
		return err;
	l->thread_of = calloc(l->n_drafts + 1, sizeof(*l->thread_of));
	l->draft_of_thread = calloc(l->n_drafts + 1, sizeof(*l->draft_of_thread));
	err = l->thread_of && l->draft_of_thread ? order_drafts(l, &order, &n)
						 : fail(-ENOMEM, "out of memory");
	if (err)
		goto out;
	t->threads = calloc(n + 1, sizeof(*t->threads));
	if (!t->threads) {
		err = fail(-ENOMEM, "out of memory: %zu threads", n);
		goto out;
	}
	for (i = 0; i < n && !err; i++) {
		uint32_t draft = (uint32_t)order[i].value;

		l->thread_of[draft] = (uint32_t)i;
		l->draft_of_thread[i] = draft;
		err = set_thread(l, &t->threads[t->n_threads++], &l->drafts[draft]);
	}
	if (!err)
		err = set_waits(l);
	for (i = 0; i < n && !err; i++)
		set_lost_waits(l, &t->threads[i]);
	if (!err)
		err = add_orphans(l, n);
out:
	free(order);
	return err;
}
