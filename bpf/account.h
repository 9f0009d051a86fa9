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
	if (likely(!task->bpf_storage))
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

/* Of the CPU that the task is on, or was last put on. */
static __always_inline struct wire_cpu_slot *slot_of(struct task_struct *task)
{
	__u32 number = task->wake_cpu;
	struct wire_cpu *cpu = bpf_map_lookup_elem(&cpus, &number);

	return cpu ? &cpu->slot : NULL;
}

/* Is it on a CPU, as far as the probes were told? */
static __always_inline bool is_on_cpu(struct task_struct *task, const struct wire_state *st)
{
	const struct wire_cpu_slot *slot = slot_of(task);

	return st->state == STATE_RUNNING || (slot && slot->task == (__u64)task);
}

/* By the kernel's count: the voluntary ones, and from bit 32 on the involuntary ones (may carry over: differences are right all the same). */
static __always_inline __u64 switches_of(struct task_struct *task)
{
	return task->nvcsw + (task->nivcsw << 32);
}

/* When it got this CPU: not before it was off one, or another traced thread was on this one. */
static __always_inline __u64 not_too_early(const struct wire_cpu_slot *slot, const struct wire_state *st, __u64 since)
{
	if (unlikely(since < st->left))
		since = st->left; /* by another CPU's clock, or since it was made: the clock stood from a moment before that */
	if (unlikely(since < slot->left_at))
		since = slot->left_at; /* two never have one CPU at a time */
	return since;
}

/* The turn off the CPU that began when the thread left is over: it had one from `since` on. */
static __always_inline void count_arrival(struct wire_state *st, __u64 since)
{
	if (st->state == STATE_WAITING)
		st->end.ready_count[READY_WOKEN]++;
	st->end.switches_in++;
	st->since = since;
	st->unsettled = 1;
}

#define SHIFTED(NS, B, N)                                                                          \
	if (unlikely(NS >> (N))) {                                                                         \
		NS >>= (N);                                                                        \
		B += (N);                                                                          \
		barrier_var(B); /* a jump: else the compiler makes it two selections, which are jumps all the same */ \
	}

static __always_inline __u32 log2_bucket(__u64 ns)
{
	__u32 b = 0;

	SHIFTED(ns, b, 32)
	SHIFTED(ns, b, 16)
	SHIFTED(ns, b, 8)
	b += log2_of[ns & 0xff];
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

/*
 * A wait is counted when it is over; but one that lasted to its own timeout is kept open for its retry: until the next begins. One that is
 * found to go on after all is taken back.
 */
enum open_wait {
	WAIT_GOES_ON = 0, /* or there was none yet */
	WAIT_KEPT_OPEN = 1,
	WAIT_COUNTED = 2,
};

/* The last wait is counted (n: 1), or taken back (n: -1; the longest stays: with what is to come it will be longer). */
static __always_inline void count_wait(const struct wire_state *st, struct wire_wait *w, __s32 n)
{
	__u32 bucket = log2_bucket(st->open_ns);

	if (unlikely(st->open_ns > w->max_ns))
		w->max_ns = st->open_ns;
	w->count += n;
	if (unlikely(st->open_retries))
		w->retries += n > 0 ? st->open_retries : -(__u64)st->open_retries;
	if (likely(bucket < WIRE_HIST_BUCKETS))
		w->hist[bucket] += n;
}

/* The wait that has been kept open won't be retried. Global: its paths are verified once, not with all that leads to it and follows. */
__attribute__((weak)) __noinline int close_last_wait(struct wire_state *st)
{
	if (st && st->open == WAIT_KEPT_OPEN) {
		count_wait(st, wait_of(st, st->open_kind), 1);
		st->open = WAIT_COUNTED;
	}
	return 0;
}

/* The wait that begins goes on with the last one. */
__attribute__((weak)) __noinline int reopen_wait(struct wire_state *st)
{
	if (!st)
		return 0;
	if (st->open == WAIT_COUNTED)
		count_wait(st, wait_of(st, st->open_kind), -1);
	st->open = WAIT_GOES_ON;
	st->cycle_flags |= WIRE_CYCLE_RETRY;
	st->open_retries++;
	return 0;
}

/* Is it a retry: does it come so soon after one of the same kind on the same address that ended by its timeout? */
static __always_inline bool is_retry(const struct wire_state *st)
{
	return st->open == WAIT_KEPT_OPEN && st->address && st->open_address == st->address && st->run_ns < RETRY_RUN_NS;
}

/*
 * A wait begins (st->kind and the rest are set): a new one, or a retry of the one before; a restarted call goes on with it as well.
 */
static __always_inline void open_wait(struct wire_state *st)
{
	if (unlikely(st->open == WAIT_KEPT_OPEN || st->open_continues)) {
		if (st->open && st->open_kind == st->kind && (st->open_continues || is_retry(st))) {
			reopen_wait(st);
			return;
		}
		close_last_wait(st);
	}
	st->open = WAIT_GOES_ON;
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
	if (unlikely(st->deadline && until + TIMEOUT_SLACK_NS >= st->deadline)) {
		st->open = WAIT_KEPT_OPEN;
		st->cycle_flags |= WIRE_CYCLE_TIMED_OUT;
		if (st->kind == WAIT_POLL)
			st->end.poll_timeouts++;
	} else {
		st->open = WAIT_COUNTED;
		count_wait(st, w, 1);
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

/* How it leaves the CPU: kind, ready, blocked, thinned, syscall, cycle_flags. What waits for something says for what: find_cause(). */
static __always_inline void set_how(struct wire_state *st, bool blocked, enum ready_reason ready, __u16 cycle_flags)
{
	*(__u64 *)&st->kind = (__u64)ready << 8 | (__u64)blocked << 16 | (__u64)WIRE_NO_SYSCALL << 32 | (__u64)cycle_flags << 48;
}

static __always_inline void fill_cycle(struct wire_cycle *c, const struct wire_state *st, __u64 ts, __u64 wait_ns, __u64 ready_ns)
{
	*(__u64 *)&c->head = WIRE_CYCLE | sizeof(*c) << 16 | (__u64)st->number << 32;
	c->ts = ts;
	c->run_ns = st->run_ns;
	c->wait_ns = wait_ns;
	c->ready_ns = ready_ns;
	c->stack = st->stack;
	*(__u64 *)&c->kind = *(const __u64 *)&st->kind;
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
	if (!st->blocked || queued > gone)
		queued = gone;
	if (st->blocked)
		add_wait(st, gone - queued, until - queued);
	add_ready(st, queued);
	fill_cycle(c, st, until, gone - queued, queued);
}

#endif
