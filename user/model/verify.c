/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * In: a trace that has been built. Out: 0 if every thread obeys the laws, else -EBADMSG with the thread and
 * the numbers: running + ready + waiting + unknown == lifetime;  waiting == the sum over the kinds;  each
 * kind's histogram holds each of its waits once;  the stream lies within the lifetime and has no more of a
 * state than the totals.
 */
#include <errno.h>
#include <inttypes.h>

#include "base/fail.h"
#include "model/load.h"

/* Adds up, and remembers whether it went over. */
struct sum {
	uint64_t ns;
	bool over;
};

static void sum_add(struct sum *s, uint64_t ns)
{
	s->over |= __builtin_add_overflow(s->ns, ns, &s->ns);
}

static int verify_lifetime(const struct trace_thread *t)
{
	struct sum ready = {0}, all = {0};
	int r;

	for (r = 0; r < N_READY_REASONS; r++)
		sum_add(&ready, t->ready_ns[r]);
	sum_add(&all, t->running_ns);
	sum_add(&all, ready.ns);
	sum_add(&all, t->waiting_ns);
	sum_add(&all, t->unknown_ns);
	if (all.ns == t->lifetime_ns && !all.over && !ready.over)
		return 0;
	return fail(-EBADMSG,
		    "thread %u (tid %u, %s): running %" PRIu64 " + ready %" PRIu64 " + waiting %" PRIu64
		    " + unknown %" PRIu64 " ns is not its lifetime of %" PRIu64 " ns",
		    t->number, t->tid, t->comm, t->running_ns, ready.ns, t->waiting_ns, t->unknown_ns,
		    t->lifetime_ns);
}

static int verify_waits(const struct trace_thread *t)
{
	struct sum all = {0};
	int k, b;

	for (k = 0; k < N_WAIT_KINDS; k++) {
		const struct trace_wait *w = &t->waits[k];
		uint64_t counted = 0;

		for (b = 0; b < WIRE_HIST_BUCKETS; b++)
			counted += w->hist[b];
		if (counted != w->count)
			return fail(-EBADMSG,
				    "thread %u (tid %u, %s): %" PRIu64 " waits of kind %d, but %" PRIu64
				    " in their histogram",
				    t->number, t->tid, t->comm, w->count, k, counted);
		if (w->max_ns > w->ns || (w->ns && !w->count))
			return fail(-EBADMSG,
				    "thread %u (tid %u, %s): %" PRIu64 " waits of kind %d, %" PRIu64
				    " ns in all, the longest %" PRIu64 " ns",
				    t->number, t->tid, t->comm, w->count, k, w->ns, w->max_ns);
		sum_add(&all, w->ns);
	}
	if (all.ns == t->waiting_ns && !all.over)
		return 0;
	return fail(-EBADMSG,
		    "thread %u (tid %u, %s): waiting %" PRIu64
		    " ns, but its kinds of waits add up to %" PRIu64 " ns",
		    t->number, t->tid, t->comm, t->waiting_ns, all.ns);
}

static int stream_exceeds(const struct trace_thread *t, const char *what, uint64_t streamed, uint64_t total)
{
	return fail(-EBADMSG,
		    "thread %u (tid %u, %s): its intervals have %" PRIu64 " ns %s, its total only %" PRIu64
		    " ns",
		    t->number, t->tid, t->comm, streamed, what, total);
}

static int verify_stream(const struct trace *trace, const struct trace_thread *t)
{
	const struct trace_cycle *c = trace->cycles + t->first_cycle;
	uint64_t running = 0, waiting = 0, start;
	size_t i;

	/* Their sum did not go over (streamed_ns), so no part of it does. */
	for (i = 0; i < t->n_cycles; i++) {
		running += c[i].run_ns;
		waiting += c[i].wait_ns;
	}
	if (running > t->running_ns)
		return stream_exceeds(t, "running", running, t->running_ns);
	if (waiting > t->waiting_ns)
		return stream_exceeds(t, "waiting", waiting, t->waiting_ns);
	if (t->streamed_ns > t->lifetime_ns)
		return stream_exceeds(t, "in all", t->streamed_ns, t->lifetime_ns);
	if (!t->n_cycles || t->orphans)
		return 0;
	start = c[0].ts - c[0].ready_ns - c[0].wait_ns - c[0].run_ns;
	if (start < t->start || c[t->n_cycles - 1].ts > t->end)
		return fail(-EBADMSG,
			    "thread %u (tid %u, %s): its intervals go from %" PRIu64 " to %" PRIu64
			    " ns, beyond its life from %" PRIu64 " to %" PRIu64 " ns",
			    t->number, t->tid, t->comm, start, c[t->n_cycles - 1].ts, t->start, t->end);
	return 0;
}

int trace_verify(const struct trace *t)
{
	size_t i;
	int err = 0;

	for (i = 0; i < t->n_threads && !err; i++) {
		err = verify_lifetime(&t->threads[i]);
		if (!err)
			err = verify_waits(&t->threads[i]);
		if (!err)
			err = verify_stream(t, &t->threads[i]);
	}
	return err;
}
