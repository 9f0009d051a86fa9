/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Fewer stacks where taking all of them would cost a CPU more than 5 % of its time: hundreds of thousands of switches a second. The account
 * stays exact; long waits keep their stacks, and short ones that have one stand for those that have none (wire_cycle.thinned).
 */
#ifndef CONCTRACE_THIN_H
#define CONCTRACE_THIN_H

#include "account.h"

#define THIN_SPAN_NS 10000000ULL
#define THIN_TIMED 32 /* one of so many is timed */
#define THIN_LEVELS 16
#define THIN_SHORT_NS 512ULL

/* Some are timed, less what it takes to read the clock. */
static __always_inline void begin_stack(struct wire_thinning *t)
{
	if (unlikely((t->taken++ & (THIN_TIMED - 1)) == 0)) {
		t->clock_ns = bpf_ktime_get_ns();
		t->begin = bpf_ktime_get_ns();
		t->clock_ns = t->begin - t->clock_ns;
	}
}

static __always_inline void end_stack(struct wire_thinning *t)
{
	__u64 ns;

	if (likely(!t->begin))
		return;
	ns = bpf_ktime_get_ns() - t->begin;
	t->timed_ns += ns > t->clock_ns ? ns - t->clock_ns : 0;
	t->begin = 0;
}

/* A span is over: more than 5 % of it went into stacks, or less than 2 %. */
static __noinline void judge_span(struct wire_thinning *t, __u64 now)
{
	__u64 span = now - t->since, work = t->timed_ns * THIN_TIMED;

	if (work * 20 > span && span < 2 * THIN_SPAN_NS)
		t->level += t->level < THIN_LEVELS;
	else if (work * 50 < span && t->level)
		t->level--;
	t->since = now;
	t->timed_ns = 0;
}

/*
 * By how much are turns thinned that lasted `ns` in all, n of them, where those below `limit` are to be? As a power of two, and at most
 * THIN_LEVELS. Global: its loop is verified once.
 */
__attribute__((weak)) __noinline __u32 thinning_of(__u64 ns, __u64 n, __u64 limit)
{
	__u32 by;

	for (by = 0; by < THIN_LEVELS && ns < (limit * n) >> by; by++)
		;
	return by;
}

/*
 * Is the stack of this one to be left out? It is expected to be off the CPU as long as the thread usually was when it waited for something of
 * that kind, or was preempted. One that was not there before has no expectation: it is kept.
 */
static __always_inline bool leaves_out(struct wire_thinning *t, struct wire_state *st)
{
	__u64 limit = THIN_SHORT_NS << (t->level & 31), ns, n;
	struct wire_wait *w;

	if (st->blocked) {
		w = wait_of(st, st->kind);
		ns = w->ns;
		n = w->count;
	} else {
		ns = st->end.ready_ns[st->ready & 3];
		n = st->end.ready_count[st->ready & 3] - 1; /* this one is counted already */
	}
	if (likely(ns >= limit * n) || !ns)
		return false;
	st->thinned = thinning_of(ns, n, limit);
	t->random = t->random * 6364136223846793005ULL + 1442695040888963407ULL; /* Knuth's MMIX */
	return t->random >> 32 & ((1U << (st->thinned & 31)) - 1);
}

#endif
