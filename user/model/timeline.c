/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * In: cycles and samples in order of arrival (rings are per CPU: any order). Out: both by thread and time, no
 * two cycles of a thread overlapping, and totals from the stream for threads whose own never came.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "base/radix.h"
#include "model/load.h"

static uint64_t cycle_start(const struct trace_cycle *c)
{
	return c->ts - c->ready_ns - c->wait_ns - c->run_ns;
}

/* Indexes of n records in order of time. `ts` and `size` say where the first time is and how far the next. */
static int order_by_time(const unsigned char *ts, size_t size, size_t n, struct radix_item **items)
{
	size_t i;

	*items = malloc((n + 1) * sizeof(**items));
	if (!*items)
		return fail(-ENOMEM, "out of memory: %zu records", n);
	for (i = 0; i < n; i++) {
		memcpy(&(*items)[i].key, ts + i * size, sizeof(uint64_t));
		(*items)[i].value = i;
	}
	return radix_sort(*items, n);
}

/* Cycles that end at the same time: the one that began first comes first (the others have no length, or
 * overlap). */
static void order_equal_ends(struct trace_cycle *c, size_t n)
{
	size_t i, at;

	for (i = 1; i < n; i++) {
		struct trace_cycle moved = c[i];

		if (moved.ts != c[i - 1].ts)
			continue;
		for (at = i; at && c[at - 1].ts == moved.ts && cycle_start(&c[at - 1]) > cycle_start(&moved);
		     at--)
			c[at] = c[at - 1];
		c[at] = moved;
	}
}

static int sort_cycles(struct load *l)
{
	const struct trace_cycle *from = (const struct trace_cycle *)l->cycles.data;
	size_t n = l->cycles.len / sizeof(*from), i, at = 0;
	struct radix_item *items = NULL;
	struct trace *t = l->t;
	int err = 0;

	t->cycles = malloc((n + 1) * sizeof(*t->cycles));
	if (!t->cycles)
		return fail(-ENOMEM, "out of memory: %zu cycles", n);
	if (n)
		err = order_by_time(l->cycles.data + offsetof(struct trace_cycle, ts), sizeof(*from), n,
				    &items);
	if (err)
		goto out;
	for (i = 0; i < n; i++)
		t->threads[l->thread_of[from[i].thread]].n_cycles++;
	for (i = 0; i < t->n_threads; i++) {
		t->threads[i].first_cycle = at;
		at += t->threads[i].n_cycles;
		t->threads[i].n_cycles = 0;
	}
	for (i = 0; i < n; i++) {
		struct trace_cycle c = from[items[i].value];
		struct trace_thread *thread;

		c.thread = l->thread_of[c.thread];
		thread = &t->threads[c.thread];
		t->cycles[thread->first_cycle + thread->n_cycles++] = c;
	}
	for (i = 0; i < t->n_threads; i++)
		order_equal_ends(t->cycles + t->threads[i].first_cycle, t->threads[i].n_cycles);
	t->n_cycles = n;
out:
	free(items);
	bytes_release(&l->cycles);
	return err;
}

static int sort_samples(struct load *l)
{
	const struct trace_sample *from = (const struct trace_sample *)l->samples.data;
	size_t n = l->samples.len / sizeof(*from), i, at = 0;
	struct radix_item *items = NULL;
	struct trace *t = l->t;
	int err = 0;

	t->samples = malloc((n + 1) * sizeof(*t->samples));
	if (!t->samples)
		return fail(-ENOMEM, "out of memory: %zu samples", n);
	if (n)
		err = order_by_time(l->samples.data + offsetof(struct trace_sample, ts), sizeof(*from), n,
				    &items);
	if (err)
		goto out;
	for (i = 0; i < n; i++)
		t->threads[l->thread_of[from[i].thread]].n_samples++;
	for (i = 0; i < t->n_threads; i++) {
		t->threads[i].first_sample = at;
		at += t->threads[i].n_samples;
		t->threads[i].n_samples = 0;
	}
	for (i = 0; i < n; i++) {
		struct trace_sample s = from[items[i].value];
		struct trace_thread *thread;

		s.thread = l->thread_of[s.thread];
		thread = &t->threads[s.thread];
		t->samples[thread->first_sample + thread->n_samples++] = s;
	}
	t->n_samples = n;
out:
	free(items);
	bytes_release(&l->samples);
	return err;
}

/*
 * No thread is in two places at once. In a damaged recording the later of two overlapping cycles is dropped
 * and counted as lost; in a whole one they are a reason not to believe it.
 */
static int check_overlaps(struct load *l)
{
	struct trace *t = l->t;
	size_t to = 0, i, k;

	for (i = 0; i < t->n_threads; i++) {
		struct trace_thread *thread = &t->threads[i];
		size_t from = thread->first_cycle, n = thread->n_cycles;
		uint64_t free_from = 0;

		thread->first_cycle = to;
		for (k = 0; k < n; k++) {
			struct trace_cycle c = t->cycles[from + k];
			uint64_t length = c.run_ns + c.wait_ns + c.ready_ns;
			bool overlaps = !thread->orphans && cycle_start(&c) < free_from;

			if (overlaps && l->complete)
				return fail(-EBADMSG,
					    "two cycles of thread %u (tid %u, %s) overlap: one ends at %llu "
					    "ns, the next begins at %llu ns",
					    thread->number, thread->tid, thread->comm,
					    (unsigned long long)free_from,
					    (unsigned long long)cycle_start(&c));
			if (overlaps) {
				t->loss[LOSS_CYCLES]++;
				continue;
			}
			free_from = c.ts;
			if (__builtin_add_overflow(thread->streamed_ns, length, &thread->streamed_ns))
				return fail(-EBADMSG,
					    "the cycles of threads without detail are impossibly long");
			t->cycles[to++] = c;
		}
		thread->n_cycles = to - thread->first_cycle;
	}
	t->n_cycles = to;
	return 0;
}

/* A wait that may go on with retries: its kind (-1: none is open) and its length so far. */
struct open_wait {
	int kind;
	uint64_t ns;
};

static void close_wait(struct trace_thread *t, struct open_wait *open)
{
	struct trace_wait *w;

	if (open->kind < 0)
		return;
	w = &t->waits[open->kind];
	w->count++;
	if (open->ns > w->max_ns)
		w->max_ns = open->ns;
	if (open->ns >> (WIRE_HIST_BUCKETS - 1))
		w->hist[WIRE_HIST_BUCKETS - 1]++;
	else
		w->hist[open->ns ? 63 - __builtin_clzll(open->ns) : 0]++;
	open->kind = -1;
}

static void count_wait(struct trace_thread *t, const struct trace_cycle *c, struct open_wait *open)
{
	t->blocked++;
	t->waiting_ns += c->wait_ns;
	t->waits[c->kind].ns += c->wait_ns;
	if ((c->flags & WIRE_CYCLE_RETRY) && open->kind == c->kind) {
		t->waits[c->kind].retries++;
		open->ns += c->wait_ns;
		return;
	}
	/* A retry of a wait that was lost counts as that wait. */
	close_wait(t, open);
	open->kind = c->kind;
	open->ns = c->wait_ns;
}

static enum thread_state state_after(const struct trace_cycle *last)
{
	if (!(last->flags & WIRE_CYCLE_OPEN))
		return STATE_RUNNING;
	if (last->ready_ns)
		return STATE_READY;
	return last->blocked ? STATE_WAITING : STATE_RUNNING;
}

/* The account of a thread that has none of its own: what its cycles and samples say, the rest is unknown. */
static void count_stream(const struct trace *t, struct trace_thread *thread)
{
	struct open_wait open = {.kind = -1};
	size_t i;

	thread->last_state = thread->flags & WIRE_THREAD_SEEDED ? STATE_HELD : STATE_NEW;
	for (i = 0; i < thread->n_cycles; i++) {
		const struct trace_cycle *c = &t->cycles[thread->first_cycle + i];
		bool got_cpu = !(c->flags & WIRE_CYCLE_OPEN);

		thread->running_ns += c->run_ns;
		thread->ready_ns[c->ready] += c->ready_ns;
		thread->ready_count[c->ready] += got_cpu || c->ready_ns;
		thread->switches_in += got_cpu;
		if (c->blocked)
			count_wait(thread, c, &open);
		thread->last_state = state_after(c);
	}
	close_wait(thread, &open);
	for (i = 0; i < thread->n_samples; i++) {
		if (t->samples[thread->first_sample + i].flags & WIRE_SAMPLE_USER)
			thread->samples_user++;
		else
			thread->samples_kernel++;
	}
	/* No overlaps, all within start and end: never negative. */
	thread->unknown_ns = thread->lifetime_ns - thread->streamed_ns;
}

/*
 * The orphans' stream is that of all threads without an end. If it has more than their sum has, one of them
 * was missing for another reason: nobody can tell which, so the sum stays and its detail goes.
 */
static void check_orphans(struct trace *t)
{
	struct trace_thread *o = t->n_threads ? &t->threads[t->n_threads - 1] : NULL;
	uint64_t running = 0, waiting = 0;
	size_t i;

	if (!o || !o->orphans)
		return;
	for (i = o->first_cycle; i < t->n_cycles; i++) {
		running += t->cycles[i].run_ns;
		waiting += t->cycles[i].wait_ns;
	}
	if (running <= o->running_ns && waiting <= o->waiting_ns && o->streamed_ns <= o->lifetime_ns)
		return;
	t->loss[LOSS_CYCLES] += o->n_cycles;
	t->n_cycles = o->first_cycle;
	o->n_cycles = 0;
	o->streamed_ns = 0;
}

int timeline_build(struct load *l)
{
	struct trace *t = l->t;
	size_t i;
	int err = sort_cycles(l);

	if (!err)
		err = sort_samples(l);
	if (!err)
		err = check_overlaps(l);
	if (!err)
		check_orphans(t);
	for (i = 0; i < t->n_threads && !err; i++) {
		uint32_t draft = l->draft_of_thread[i];

		if (draft != LOAD_NO_DRAFT && !l->drafts[draft].end)
			count_stream(t, &t->threads[i]);
	}
	return err;
}
