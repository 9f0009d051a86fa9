/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* A thread's last records: its open state closed, its waits, its sums; into the events ring, or what an iterator reads. */
#ifndef CONCTRACE_FINISH_H
#define CONCTRACE_FINISH_H

#include "account.h"

#define UNSEEN_LEAST_NS 1000000ULL /* of running that was not seen, at the end */
#define EVENTS_RESERVE (128 * 1024) /* room that is kept for records already begun on other CPUs */

/* Fills the sums that are not kept up at every switch. */
static __always_inline void fill_end(struct task_struct *task, struct wire_state *st, __u64 now, __u32 flags)
{
	struct wire_end *e = &st->end;

	close_last_wait(st);
	e->head.type = WIRE_END;
	e->head.size = sizeof(*e);
	e->head.thread = st->number;
	e->start = st->start;
	e->end = now;
	e->threads = 1;
	e->process = st->process;
	e->tid = task->pid;
	e->exit_code = task->pid == task->tgid && task->signal && task->signal->group_exit_code ?
			       task->signal->group_exit_code : task->exit_code;
	e->state = st->state;
	e->flags = flags;
	bpf_probe_read_kernel_str(e->comm, sizeof(e->comm), task->comm);
}

/* How long the task has been queued by now, by its run queue's clock; 0 if it is not, or that clock is not known. */
static __always_inline __u64 queued_since(struct task_struct *task, __u64 now)
{
	struct wire_cpu_slot *slot = slot_of(task);
	__u64 clock;

	if (!bpf_core_field_exists(task->sched_info.last_queued) || !slot || !slot->clock_offset || !task->sched_info.last_queued)
		return 0;
	clock = now - slot->clock_offset;
	return clock > task->sched_info.last_queued ? clock - task->sched_info.last_queued : 0;
}

/*
 * The same at the end, for a thread that is ready since it left a CPU: where its run queue's clock is not known (no traced thread has come to that
 * CPU by then) it has been queued since then.
 */
static __always_inline __u64 queued_at_end(struct task_struct *task, const struct wire_state *st, __u32 state, __u64 now)
{
	__u64 queued = queued_since(task, now);

	return !queued && state == STATE_READY && task->sched_info.last_queued ? now - st->left : queued;
}

/*
 * Until when the kernel has counted the running of a task that is on a CPU; `now` if that is not known: one that was moved to another CPU and has not run there
 * yet has no start (migrate_task_rq_fair).
 */
static __always_inline __u64 counted_until(struct task_struct *task, __u64 now)
{
	struct wire_cpu_slot *slot = slot_of(task);
	struct rq *rq;

	if (!bpf_core_field_exists(task->se.cfs_rq) || !slot || !slot->clock_offset || !task->se.exec_start)
		return now;
	rq = task->se.cfs_rq->rq;
	return task->se.exec_start + (rq->clock - rq->clock_task) + slot->clock_offset;
}

/*
 * What the kernel had counted as running when tracing stopped: it goes on while the threads are walked over. What a thread that was off
 * its CPU then had when it left; of one that was on it, what its clock says, unless that has moved on as well.
 */
static __always_inline __u64 runtime_at_stop(struct task_struct *task, const struct wire_state *st, __u32 state, __u64 now)
{
	__u64 counted = counted_until(task, now);

	if (state != STATE_RUNNING)
		return st->exec_runtime_before;
	return counted < now ? task->se.sum_exec_runtime + now - counted : st->exec_runtime_before + now - st->since;
}

/*
 * It has left a CPU, and no slot says that it has one: but has it run since, for longer than tracing is over at `now`? Then it got one and the program was
 * not called for that (see recover_arrival). Since when, by how much the kernel counted; 0: no.
 */
static __always_inline __u64 arrived_unseen(struct task_struct *task, const struct wire_state *st, __u64 now)
{
	__u64 ran = task->se.sum_exec_runtime - st->exec_runtime_before, walk = bpf_ktime_get_ns(), counted = counted_until(task, walk), since;

	if (bpf_core_field_exists(task->on_cpu) && task->on_cpu && counted < walk)
		ran += walk - counted;
	if (ran <= walk - now + UNSEEN_LEAST_NS)
		return 0;
	since = walk - ran;
	return since > st->left ? since : st->left;
}

/* At the end of tracing, `now`, with which it had left a CPU in `state`: is it on one again? Then its account hears of it. */
static __always_inline bool arrive_at_end(struct task_struct *task, struct wire_state *st, __u32 state, __u64 now)
{
	const struct wire_cpu_slot *slot = slot_of(task);
	__u64 since;

	if (state == STATE_RUNNING)
		return false;
	if (slot && slot->task == (__u64)task)
		since = not_too_early(slot, st, slot->arrived + slot->clock_offset);
	else
		since = arrived_unseen(task, st, now);
	if (!since)
		return false;
	if (!st->unsettled) /* else it has just been told, by leave_late() */
		count_arrival(st, since < now ? since : now);
	return true;
}

/*
 * Closes the account of a thread that lives at `now`, the end of tracing, and fills st->end. How many cycles that gives, in `cycle`: the last
 * one, and behind it, if there are two, the turn before. 0: it has not begun, or is closed: by whoever came first, the walk over all tasks or the thread's
 * death, which may come between the end and that walk.
 */
static __always_inline __u32 close_account(struct task_struct *task, struct wire_state *st, __u64 now, struct wire_cycle *cycle)
{
	__u32 state = *(volatile __u32 *)&st->state, n = 1;

	if (state == STATE_DEAD || state >= STATE_HELD || __sync_val_compare_and_swap(&st->state, state, STATE_DEAD) != state)
		return 0;
	__sync_fetch_and_add(&closed_threads, 1);
	if (!st->start || st->start >= now)
		return 0;
	if (arrive_at_end(task, st, state, now))
		state = STATE_RUNNING;
	st->end.exec_runtime_ns = runtime_at_stop(task, st, state, now) - st->exec_runtime_base;
	st->end.run_delay_ns = run_delay(task) - st->run_delay_base;
	if (state != STATE_RUNNING)
		st->end.run_delay_ns += queued_at_end(task, st, state, now);
	if (st->unsettled) {
		settle(st, &cycle[1], st->since, run_delay(task) - st->delay_before);
		n = 2;
	}
	if (state == STATE_RUNNING) {
		st->run_ns = now - st->since;
		st->end.running_ns += st->run_ns;
		st->stack = 0;
		set_how(st, false, st->ready, 0);
		fill_cycle(&cycle[0], st, now, 0, 0);
	} else {
		settle(st, &cycle[0], now, run_delay(task) - st->delay_before + queued_since(task, now));
	}
	cycle[0].flags |= WIRE_CYCLE_OPEN;
	fill_end(task, st, now, 0);
	st->end.state = state;
	return n;
}

static __always_inline void fill_wait(struct wire_wait *w, const struct wire_state *st, __u32 kind)
{
	w->head.type = WIRE_WAIT;
	w->head.size = sizeof(*w);
	w->head.thread = st->number;
	w->kind = kind;
}

/* Global: its loop is verified once, not for each kind. */
__attribute__((weak)) __noinline int add_wait_sums(struct wire_wait *to, const struct wire_wait *from)
{
	__u32 b;

	if (!to || !from)
		return 0;
	to->ns += from->ns;
	to->count += from->count;
	to->retries += from->retries;
	if (from->max_ns > to->max_ns)
		to->max_ns = from->max_ns;
	for (b = 0; b < WIRE_HIST_BUCKETS; b++)
		to->hist[b] += from->hist[b];
	return 0;
}

/* The ring is nearly full: the thread's sums go into this CPU's orphans. */
__attribute__((weak)) __noinline int orphan(struct wire_state *st)
{
	__u32 zero = 0, k;
	struct orphans *o = bpf_map_lookup_elem(&orphans, &zero);

	count_loss(LOSS_THREADS);
	if (!o || !st)
		return 0;
	o->end.threads++;
	o->end.start += st->end.start;
	o->end.end += st->end.end;
	o->end.running_ns += st->end.running_ns;
	o->end.unknown_ns += st->end.unknown_ns;
	o->end.waiting_ns += st->end.waiting_ns;
	o->end.switches_in += st->end.switches_in;
	o->end.blocked += st->end.blocked;
	o->end.samples_user += st->end.samples_user;
	o->end.samples_kernel += st->end.samples_kernel;
	o->end.exec_runtime_ns += st->end.exec_runtime_ns;
	o->end.run_delay_ns += st->end.run_delay_ns;
	o->end.poll_timeouts += st->end.poll_timeouts;
	for (k = 0; k < N_READY_REASONS; k++) {
		o->end.ready_ns[k] += st->end.ready_ns[k];
		o->end.ready_count[k] += st->end.ready_count[k];
	}
	for (k = 0; k < N_WAIT_KINDS; k++)
		if (st->waits[k].count || st->waits[k].ns)
			add_wait_sums(&o->waits[k], &st->waits[k]);
	return 0;
}

/* Global, as what calls it: verified once, not for each kind. */
__attribute__((weak)) __noinline int send_wait(struct wire_state *st, __u32 kind)
{
	struct wire_wait *w;

	if (!st)
		return 0;
	w = wait_of(st, kind);
	if (!w->count && !w->ns)
		return 0;
	fill_wait(w, st, kind);
	if (bpf_ringbuf_output(&events, w, sizeof(*w), BPF_RB_NO_WAKEUP))
		count_loss(LOSS_EVENTS);
	return 0;
}

/* The records of a thread that has ended. */
__attribute__((weak)) __noinline int send_end(struct wire_state *st)
{
	__u64 used = bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA);
	__u32 k;

	if (!st)
		return 0;
	if (used + EVENTS_RESERVE > settings.events_bytes) {
		orphan(st);
		return 0;
	}
	for (k = 0; k < N_WAIT_KINDS; k++)
		send_wait(st, k);
	emit_event(&st->end, sizeof(st->end), LOSS_THREADS);
	return 0;
}

#endif
