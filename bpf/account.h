/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The account of one thread: each moment goes into one state. A thread leaves the CPU (leave), gets one (arrive), or
 * is closed (finish). Exact sums are in its storage; each turn is sent as one cycle.
 */
#ifndef CONCTRACE_ACCOUNT_H
#define CONCTRACE_ACCOUNT_H

#include "cause.h"

#define TIMEOUT_SLACK_NS 50000   /* the deadline is taken when the thread blocks, a moment after the kernel took its own */
#define RETRY_RUN_NS     1000000 /* a retry comes back to its wait within this much running */

static __always_inline struct wire_state *state_of(struct task_struct *task)
{
	if (bpf_core_field_exists(task->bpf_storage) && !task->bpf_storage)
		return NULL; /* no storage of any kind: most tasks of the host */
	return bpf_task_storage_get(&threads, task, 0, 0);
}

static __always_inline void count_live(const struct wire_state *st, __s32 n)
{
	__sync_fetch_and_add(&live_threads, n);
	if (st->process == command)
		__sync_fetch_and_add(&live_of_command, n);
}

/*
 * Is the thread only being taken in? Then this switch is not accounted, and who takes it in learns that what it has read of it is
 * old.
 */
static __always_inline bool is_being_seeded(struct wire_state *st)
{
	__u32 state = st->state;

	return (state & 0xff) == STATE_SEEDING && __sync_val_compare_and_swap(&st->state, state, state + 0x100) == state;
}

static __always_inline __u32 log2_bucket(__u64 ns)
{
	__u32 b = 0;

	if (ns >> 32) {
		b += 32;
		ns >>= 32;
	}
	if (ns >> 16) {
		b += 16;
		ns >>= 16;
	}
	if (ns >> 8) {
		b += 8;
		ns >>= 8;
	}
	if (ns >> 4) {
		b += 4;
		ns >>= 4;
	}
	if (ns >> 2) {
		b += 2;
		ns >>= 2;
	}
	b += ns >> 1;
	return b < WIRE_HIST_BUCKETS ? b : WIRE_HIST_BUCKETS - 1;
}

static __always_inline struct wire_wait *wait_of(struct wire_state *st, __u32 kind)
{
	barrier_var(kind); /* checked and used in the same register: 6.1's verifier forgets the bound of a copy */
	if (kind >= N_WAIT_KINDS)
		kind = WAIT_UNKNOWN;
	barrier_var(kind);
	return &st->waits[kind];
}

/* Counts the wait that has been kept open for its retries. */
static __always_inline void close_wait(struct wire_state *st)
{
	struct wire_wait *w;
	__u32 bucket;

	if (!st->open)
		return;
	st->open = 0;
	w = wait_of(st, st->open_kind);
	if (st->open_ns > w->max_ns)
		w->max_ns = st->open_ns;
	w->count++;
	w->retries += st->open_retries;
	bucket = log2_bucket(st->open_ns);
	if (bucket < WIRE_HIST_BUCKETS)
		w->hist[bucket]++;
}

/* The same as a global function: its paths are verified once, not with all that leads to it and follows. */
__attribute__((weak)) __noinline int close_last_wait(struct wire_state *st)
{
	if (st)
		close_wait(st);
	return 0;
}

/*
 * A wait begins (st->kind and the rest are set). It is a retry of the one before if that ended by its own timeout, was of
 * the same kind on the same address, and the thread hardly ran in between; a restarted call goes on with it as well.
 */
static __always_inline void open_wait(struct wire_state *st)
{
	bool again = st->open && st->open_kind == st->kind &&
		     (st->open_continues || (st->address && st->open_timed_out && st->open_address == st->address &&
					     st->run_ns < RETRY_RUN_NS));

	if (again) {
		st->cycle_flags |= WIRE_CYCLE_RETRY;
		st->open_retries++;
		return;
	}
	close_wait(st);
	st->open = 1;
	st->open_kind = st->kind;
	st->open_address = st->address;
	st->open_ns = 0;
	st->open_retries = 0;
}

/* `wait_ns` of waiting are over (or tracing is); `until` is when they ended. */
static __always_inline void add_wait(struct wire_state *st, __u64 wait_ns, __u64 until)
{
	struct wire_wait *w = wait_of(st, st->kind);

	w->ns += wait_ns;
	st->end.waiting_ns += wait_ns;
	st->open_ns += wait_ns;
	st->open_timed_out = st->deadline && until + TIMEOUT_SLACK_NS >= st->deadline;
	if (st->open_timed_out) {
		st->cycle_flags |= WIRE_CYCLE_TIMED_OUT;
		if (st->kind == WAIT_POLL)
			st->end.poll_timeouts++;
	}
}

static __always_inline void add_ready(struct wire_state *st, __u64 ready_ns)
{
	st->end.ready_ns[st->ready & 3] += ready_ns;
}

static __always_inline __u64 run_delay(struct task_struct *task)
{
	return bpf_core_field_exists(task->sched_info.run_delay) ? task->sched_info.run_delay : 0;
}

static __always_inline void fill_cycle(struct wire_cycle *c, const struct wire_state *st, __u64 ts)
{
	c->head.type = WIRE_CYCLE;
	c->head.size = sizeof(*c);
	c->head.thread = st->number;
	c->ts = ts;
	c->run_ns = st->run_ns;
	c->wait_ns = 0;
	c->ready_ns = 0;
	c->stack = st->stack;
	c->kind = st->blocked ? st->kind : 0;
	c->ready = st->ready;
	c->blocked = st->blocked;
	c->thinned = st->thinned;
	c->syscall = st->syscall;
	c->flags = st->cycle_flags;
}

/*
 * Splits the time from st->left to `until`, off the CPU, into waiting and ready: sums, and the lengths into `c`. `queued` is what
 * the kernel itself counted as run-queue time of this turn (sched_info.run_delay). The kernel adds that up when the
 * thread has arrived, so a turn is settled when the thread leaves again. Not the moment of sched_waking: a
 * wake-up on its way to an idle CPU is not run-queue time.
 */
static __always_inline void settle(struct wire_state *st, struct wire_cycle *c, __u64 until, __u64 queued)
{
	__u64 gone = until - st->left;

	st->unsettled = 0;
	if (!st->blocked) {
		add_ready(st, gone);
		fill_cycle(c, st, until);
		c->ready_ns = gone;
		return;
	}
	if (queued > gone)
		queued = gone;
	add_wait(st, gone - queued, until - queued);
	add_ready(st, queued);
	fill_cycle(c, st, until);
	c->wait_ns = gone - queued;
	c->ready_ns = queued;
}

#endif
