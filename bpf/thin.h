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
	if ((t->taken++ & (THIN_TIMED - 1)) == 0) {
		t->clock_ns = bpf_ktime_get_ns();
		t->begin = bpf_ktime_get_ns();
		t->clock_ns = t->begin - t->clock_ns;
	}
}

static __always_inline void end_stack(struct wire_thinning *t)
{
	__u64 ns;

	if (!t->begin)
		return;
	ns = bpf_ktime_get_ns() - t->begin;
	t->timed_ns += ns > t->clock_ns ? ns - t->clock_ns : 0;
	t->begin = 0;
}

/* A span is over: more than 5 % of it went into stacks, or less than 2 %. */
static __always_inline void judge_span(struct wire_thinning *t, __u64 now)
{
	__u64 span = now - t->since, work = t->timed_ns * THIN_TIMED;

	if (work * 20 > span && span < 2 * THIN_SPAN_NS)
		t->level += t->level < THIN_LEVELS;
	else if (work * 50 < span && t->level)
		t->level--;
	t->since = now;
	t->timed_ns = 0;
}

/* How long it was off the CPU so far, on the average, when it left it like this; 0: it never did. */
static __always_inline __u64 usual_length(struct wire_state *st)
{
	struct wire_wait *w;
	__u64 n;

	if (st->blocked) {
		w = wait_of(st, st->kind);
		return w->count ? w->ns / w->count : 0;
	}
	n = st->end.ready_count[st->ready & 3];
	return n > 1 ? st->end.ready_ns[st->ready & 3] / (n - 1) : 0; /* this one is counted already */
}

/*
 * Is the stack of this one to be left out? It is expected to be off the CPU as long as the thread usually was when it waited for something of
 * that kind, or was preempted. One that was not there before has no expectation: it is kept.
 */
static __always_inline bool left_out(struct wire_thinning *t, struct wire_state *st)
{
	__u64 usual = usual_length(st), limit = THIN_SHORT_NS << t->level;

	if (!usual)
		return false;
	for (; st->thinned < THIN_LEVELS && usual < limit; usual <<= 1)
		st->thinned++;
	return bpf_get_prandom_u32() & ((1U << (st->thinned & 31)) - 1);
}

#endif
