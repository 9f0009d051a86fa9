// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * The scheduler's switches: the one place where running time ends and begins. Runs for every switch of the host: what it
 * does for tasks that are not traced is two loads and a comparison.
 */
#include "finish.h"
#include "thin.h"

#define CLOCK_READ_NS 50000ULL
#define CLOCK_SPAN_NS 5000000ULL
#define CLOCK_JITTER_NS 1000ULL /* between two tracepoints and the clocks that were read for them */
#define CLOCK_IDLE_NS 1000000000ULL
#define TIMED_SWITCHES 64 /* one of so many is timed, on the average: a power of two */

/*
 * The run queue's clock. The scheduler has just brought it up to date (update_rq_clock in __schedule; where a wake-up asked for the switch, at that wake-up:
 * rq_clock_skip_update), and by it the kernel counts who ran for how long. 0: not to be had.
 *
 * `behind`: so much earlier it has last accounted for the thread. Since then it may have looked for work elsewhere (newidle_balance), and read its
 * clock again for that. By the clock of task time, which leaves out what the other one does not: interrupts, steal time.
 */
static __always_inline __u64 rq_clock(struct task_struct *current, __u64 *behind)
{
	struct rq *rq;

	*behind = 0;
	if (!bpf_core_field_exists(current->se.cfs_rq))
		return 0;
	rq = current->se.cfs_rq->rq;
	*behind = rq->clock_task - current->se.exec_start;
	return rq->clock;
}

/*
 * A switch comes to the tracepoint a while after the run queue's clock was read for it. The smallest such while of late (of this span and the
 * one before) is by what the two clocks differ: they may drift apart, on an emulated CPU by one in a hundred. With nothing of late, one that seems
 * to have drifted by more than 122 parts in a million has more likely been late itself: unless others say the same. The first switch of a CPU
 * that was idle is always late: the clock stands since the wake-up that another CPU did. What it says counts only if it is less.
 */
static __always_inline void compare_clocks(struct wire_cpu_slot *slot, bool idle, __u64 clock, __u64 now)
{
	__u64 offset = now - clock, age = now - slot->span, drifted;

	if (!clock)
		return;
	if (!idle)
		slot->clock_read = clock;
	else if (slot->clock_offset && age < CLOCK_IDLE_NS && (__s64)(offset - slot->least) >= 0)
		return;
	if (age > CLOCK_SPAN_NS) {
		slot->least_before = slot->least;
		if (age > 2 * CLOCK_SPAN_NS) {
			drifted = slot->clock_offset + (age >> 13);
			if (slot->clock_offset && (__s64)(offset - drifted) > 0 && ++slot->doubted < 4)
				offset = drifted;
			else
				slot->doubted = 0;
			slot->least_before = offset;
		}
		slot->least = offset;
		slot->span = now;
	} else if ((__s64)(offset - slot->least) < 0) {
		slot->least = offset;
	}
	slot->clock_offset = (__s64)(slot->least - slot->least_before) < 0 ? slot->least : slot->least_before;
}

/*
 * The time of a switch: as the run queue's clock tells it, so that the account is the kernel's own (getrusage(2), schedstat). CLOCK_MONOTONIC, of
 * which each reading costs as much as a sixth of all that is done for a switch, is read for the first switch in CLOCK_READ_NS. Never later than `now` by that.
 */
static __always_inline __u64 switch_time(struct wire_cpu_slot *slot, __u64 clock)
{
	__u64 now = clock + slot->clock_offset;

	if (unlikely((__s64)(now - slot->now) < 0))
		now = slot->now;
	slot->now = now;
	return now;
}

/* Where this CPU's next cycle is written. */
static __always_inline struct wire_cycle *next_cycle(struct wire_batch *b)
{
	return &b->cycle[b->n & (WIRE_BATCH - 1)];
}

static __always_inline void send_cycle(struct wire_batch *b)
{
	b->n++;
	if (likely(b->n < WIRE_BATCH))
		return;
	b->n = 0;
	if (!emit_to_this_ring(b->cycle, sizeof(b->cycle)))
		count_losses(LOSS_CYCLES, WIRE_BATCH);
}

/* The turn that ended when it arrived at st->since can be told now. */
static __always_inline void send_turn(struct task_struct *task, struct wire_state *st, struct wire_batch *b)
{
	settle(st, next_cycle(b), st->since, run_delay(task) - st->delay_before);
	send_cycle(b);
}

/*
 * The first turn of a thread that was there before its start ends: what the kernel counted before that is taken off. The delay of its first
 * arrival lay, partly, before, and was added after it; and the clock by which it runs was read a moment before the tracepoint that it
 * starts with: a long one where the CPU, which is a guest's, stood still in between (1.9 ms on an emulated one).
 */
static __always_inline void forget_before_start(struct task_struct *task, struct wire_state *st, __u64 now)
{
	__u64 ran = task->se.sum_exec_runtime - st->exec_runtime_before;

	st->run_delay_base = run_delay(task) - st->end.ready_ns[READY_PREEMPTED];
	if (ran > now - st->since)
		st->exec_runtime_base += ran - (now - st->since);
	st->fresh = 0;
}

/*
 * When the piece of running that ends now has begun. Where the run queue's clock is not to be had (no CONFIG_FAIR_GROUP_SCHED), what the kernel counts
 * as running begins with the wake-up of an idle CPU, before the switch. It may count less than there was as well: it leaves interrupts and steal
 * time out.
 */
static __always_inline __u64 piece_begin(const struct wire_cpu_slot *slot, struct task_struct *task, const struct wire_state *st, __u64 now)
{
	__u64 since = not_too_early(slot, st, slot->arrived + slot->clock_offset), counted;

	if (!bpf_core_field_exists(task->se.cfs_rq)) {
		counted = not_too_early(slot, st, now - (task->se.sum_exec_runtime - st->exec_runtime_before));
		if (counted + CLOCK_JITTER_NS < since)
			since = counted;
	}
	return since;
}

/*
 * It leaves the CPU, and was not seen to get it (some kernels do not call the program for some switches from a kernel worker): how
 * long it ran is what the kernel counted since it left the last time.
 */
static __always_inline void recover_arrival(struct wire_state *st, __u64 ran, __u64 now)
{
	__u64 gone = now - st->left;

	if (ran > gone + CLOCK_READ_NS) {
		count_loss(LOSS_BUSY);
		st->end.unknown_ns += gone;
		st->since = now;
		return;
	}
	count_arrival(st, ran < gone ? now - ran : st->left);
}

/*
 * It was on a CPU, and was not seen to leave it: `ran` of what the kernel counted. If that was not its first piece, when it got that CPU is not known: just
 * before it got the next one, at `since`, so that the turn before has the time. For what it waited then, if it did, is not known.
 */
static __always_inline void recover_departure(struct task_struct *task, struct wire_state *st, struct wire_batch *b, __u64 ran, __u64 since,
					      bool blocked)
{
	__u64 begin = st->state == STATE_RUNNING ? st->since : st->left;

	if (ran > since - begin)
		ran = since - begin;
	if (st->state != STATE_RUNNING) {
		count_arrival(st, since - ran);
		send_turn(task, st, b);
	}
	st->end.running_ns += ran;
	st->run_ns = ran;
	st->left = st->since + ran;
	st->stack = 0;
	st->delay_before = run_delay(task);
	if (blocked) {
		set_how(st, true, READY_WOKEN, 0);
		st->state = STATE_WAITING;
		st->kind = WAIT_UNKNOWN;
		st->deadline = 0;
		st->address = 0;
		st->end.blocked++;
		open_wait(st);
	} else {
		set_how(st, false, READY_PREEMPTED, 0);
		st->state = STATE_READY;
		st->end.ready_count[READY_PREEMPTED]++;
	}
}

/*
 * The piece that ends is the thread's first, which has begun before its start; or something happened to it that was not seen: the kernel counts more
 * than one switch since it last left, or it is not the one that came to this CPU. `voluntary`: so many of them the one right now is.
 * Global: verified once, and what follows it not once more. The task is `current`.
 */
__noinline int begin_otherwise(struct wire_cpu *cpu, struct wire_state *st, __u64 now, __u32 voluntary)
{
	struct task_struct *task = bpf_get_current_task_btf();
	__u64 ran, switches, since, last;
	bool seen;

	if (!cpu || !st)
		return 0;
	ran = task->se.sum_exec_runtime - st->exec_runtime_before;
	switches = switches_of(task) - st->switches_before;
	seen = cpu->slot.task == (__u64)task;
	if (seen && (__u32)switches + (switches >> 32) > 1) {
		since = piece_begin(&cpu->slot, task, st, now);
		if (since > now)
			since = now;
		if (st->state == STATE_RUNNING && since < st->since)
			since = st->since;
		last = now - since;
		recover_departure(task, st, &cpu->batch, ran > last ? ran - last : 0, since, (__u32)switches > voluntary);
		count_arrival(st, since);
	} else if (st->state != STATE_RUNNING) {
		if (seen)
			count_arrival(st, piece_begin(&cpu->slot, task, st, now));
		else
			recover_arrival(st, ran, now);
	}
	if (st->unsettled)
		send_turn(task, st, &cpu->batch);
	if (st->fresh)
		forget_before_start(task, st, now);
	return 0;
}

/* Is it the switch that follows the one by which it last left a CPU? */
static __always_inline bool is_next_switch(struct task_struct *task, const struct wire_state *st)
{
	__u64 switches = switches_of(task) - st->switches_before;

	return switches == 1 || switches == 1ULL << 32;
}

/* It leaves the CPU: the turn before is settled and sent, the running piece is over. */
static __always_inline void end_running(struct wire_cpu *cpu, struct task_struct *task, struct wire_state *st, __u64 now, bool voluntary)
{
	struct wire_cpu_slot *slot = &cpu->slot;

	if (unlikely(now < st->left))
		now = st->left;
	if (likely(slot->task == (__u64)task && st->state != STATE_RUNNING && is_next_switch(task, st) && !st->fresh)) {
		count_arrival(st, piece_begin(slot, task, st, now));
		if (unlikely(now < st->since))
			now = st->since;
		send_turn(task, st, &cpu->batch);
	} else {
		begin_otherwise(cpu, st, now, voluntary);
		if (now < st->since)
			now = st->since;
	}
	st->run_ns = now - st->since;
	st->end.running_ns += st->run_ns;
	st->left = now;
	slot->left_at = now;
	st->exec_runtime_before = task->se.sum_exec_runtime;
	st->switches_before = switches_of(task);
}

/* The last switch of a thread: its sums leave the kernel. */
static __noinline void die(struct task_struct *task, struct wire_state *st, struct wire_batch *b, __u64 now)
{
	st->state = STATE_DEAD;
	st->stack = 0;
	set_how(st, false, READY_WOKEN, WIRE_CYCLE_OPEN);
	fill_cycle(next_cycle(b), st, now, 0, 0);
	send_cycle(b);
	st->end.exec_runtime_ns = task->se.sum_exec_runtime - st->exec_runtime_base;
	st->end.run_delay_ns = run_delay(task) - st->run_delay_base;
	fill_end(task, st, now, WIRE_END_TERMINATED);
	send_end(st);
	count_live(st, -1);
}

/*
 * Remembered on each CPU: where threads blocked lately. One that blocks again in the same place has the same stack, if the words that the
 * walk read then are still the same. By thread and place: many take turns between two places, or are preempted in one and block in the other.
 */
static __always_inline struct unwind_last *last_of(const struct wire_state *st, __u64 pc, __u64 sp)
{
	__u64 place = (st->number + pc * 31 + sp) * 0x9e3779b97f4a7c15ULL;
	__u32 key = bpf_get_smp_processor_id() * UNWIND_LAST + (place >> 58 & (UNWIND_LAST - 1));

	return bpf_map_lookup_elem(&unwind_lasts, &key);
}

/* What has changed may have been another process's mappings. */
__noinline int is_unchanged(struct unwind_last *last, struct wire_state *st)
{
	__u32 changes = unwind_changes;

	if (!last || !st || !same_region(last, st->pid, st->exec_before) || (n_collided && has_collided(last->stack)))
		return 0;
	last->changes = changes;
	last->exec_before = st->exec_before;
	return 1;
}

/* Sets st->stack if it is one at which the thread left this CPU lately. */
static __always_inline bool is_last_stack(const struct pt_regs *regs, struct wire_state *st)
{
	__u64 pc = REGS_PC(regs), sp = REGS_SP(regs);
	struct unwind_last *last = last_of(st, pc, sp);
	__u32 key = SCRATCH_SWITCH;
	struct stack_scratch *s;

	if (!last || last->number != st->number || last->pc != pc || last->sp != sp || last->fp != REGS_FP(regs))
		return false;
	if (unlikely(last->changes != unwind_changes || last->exec_before != st->exec_before) && !is_unchanged(last, st))
		return false;
	s = bpf_map_lookup_elem(&scratch, &key);
	if (!s || !reads_the_same(s, last))
		return false;
	st->stack = last->stack;
	return true;
}

static __always_inline void remember(struct stack_scratch *s, struct wire_state *st, struct unwind_last *last, __u64 pc, __u64 fp)
{
	if (!s->generation || s->n_reads > LAST_READS || s->walk.used & UNWIND_USED_OTHER) {
		last->number = 0;
		return;
	}
	remember_reads(s, last);
	last->number = st->number;
	last->changes = s->changes;
	last->exec_before = st->exec_before;
	last->generation = s->generation;
	last->pc = pc;
	last->sp = s->sp;
	last->fp = fp;
	last->stack = st->stack;
}

/*
 * Global, as those that follow: verified once, for any argument, and not once for each path that leads to them. The task that leaves the CPU is
 * `current`.
 */
__noinline int stack_of_current(struct wire_state *st)
{
	struct task_struct *task = bpf_get_current_task_btf();
	const struct pt_regs *regs = user_registers(task);
	__u32 key = SCRATCH_SWITCH;
	struct stack_scratch *s = bpf_map_lookup_elem(&scratch, &key);
	struct stack_facts *f;
	struct unwind_last *last;

	if (!st || !s)
		return 0;
	f = (struct stack_facts *)s->facts;
	*f = (struct stack_facts){.process = st->process, .pid = st->pid};
	if (settings.kernel_stacks)
		f->n_kernel = frames_got(bpf_get_task_stack(task, s->frames, KERNEL_FRAMES_BYTES, 0));
	if (task->flags & (PF_IO_WORKER | PF_USER_WORKER)) /* their user registers are not theirs */
		start_walk(s, SCRATCH_SWITCH, 0, 0, 0, 0, 0, false);
	else
		start_walk(s, SCRATCH_SWITCH, REGS_PC(regs), REGS_SP(regs), REGS_FP(regs), REGS_BX(regs), REGS_LR(regs),
			   in_call(REGS_CALL(regs)));
	if (settings.proof)
		s->remembered = st->stack;
	s->registers = (__u64)regs;
	s->leaving = task->flags & PF_EXITING || is_exec(REGS_CALL(regs));
	st->stack = take_user_stack(s, f, st, st->space, st->exec_before);
	last = settings.unwind ? last_of(st, REGS_PC(regs), REGS_SP(regs)) : NULL;
	if (last)
		remember(s, st, last, REGS_PC(regs), REGS_FP(regs));
	return 0;
}

/* bpf_get_stack, not bpf_get_task_stack: that leaves out the functions of the scheduler, and sleeping locks are among them. */
static __noinline void ask_kernel_stack(void *ctx, struct task_struct *task, struct wire_state *st)
{
	__u32 key = SCRATCH_SWITCH;
	struct stack_scratch *s = bpf_map_lookup_elem(&scratch, &key);

	if (s)
		refine_cause(task, st, meaning_of_frames(s, frames_got(bpf_get_stack(ctx, s->frames, WCHAN_FRAMES * 8, 0))));
}

static __always_inline bool yields(struct task_struct *task, const struct pt_regs *regs)
{
	__u64 nr = (__u32)REGS_CALL(regs);
	enum syscall_abi abi = call_abi(task, &nr);

	return !call_is_done(regs) && class_of(abi, nr) == SYSCALL_YIELD; /* in no call it is -1: beyond all classes */
}

/* For what does it wait? True: its kernel stack must be asked, which a global function can't. */
__noinline int find_cause_of_current(struct wire_state *st, __u32 state)
{
	struct task_struct *task = bpf_get_current_task_btf();
	__u32 key = SCRATCH_SWITCH;
	struct stack_scratch *s = bpf_map_lookup_elem(&scratch, &key);

	return st && s && find_cause(task, user_registers(task), st, state, 0, (struct call *)s->call);
}

/* The stack that it leaves the CPU with, if that is wanted. */
static __always_inline void take_stack(struct wire_thinning *t, const struct pt_regs *regs, struct wire_state *st, __u64 now)
{
	if (unlikely(now - t->since > THIN_SPAN_NS))
		judge_span(t, now);
	if (t->level && leaves_out(t, st)) {
		st->cycle_flags |= WIRE_CYCLE_THINNED;
		return;
	}
	begin_stack(t);
	if (settings.kernel_stacks || !settings.unwind || unlikely(!is_last_stack(regs, st)) || settings.proof)
		stack_of_current(st);
	end_stack(t);
}

static __always_inline void leave(void *ctx, struct wire_cpu *cpu, struct task_struct *prev, struct wire_state *st,
				  bool preempt, __u64 now)
{
	__u32 state = prev->__state;
	bool blocks = !preempt && state != 0, worker = prev->flags & (PF_IO_WORKER | PF_USER_WORKER);
	const struct pt_regs *regs;

	if (unlikely(st->state >= STATE_HELD) && (st->state == STATE_HELD || is_being_seeded(st)))
		return;
	end_running(cpu, prev, st, now, blocks);
	if (unlikely(state & TASK_DEAD)) {
		die(prev, st, &cpu->batch, st->left);
		return;
	}
	st->stack = 0;
	regs = user_registers(prev);
	if (!blocks) {
		/* not `preempt`, and still runnable: sched_yield, or the time slice ended on the way back to user mode */
		bool yielded = !preempt && !worker && yields(prev, regs);

		set_how(st, false, yielded ? READY_YIELDED : READY_PREEMPTED, 0);
		st->end.ready_count[yielded ? READY_YIELDED : READY_PREEMPTED]++;
		st->state = STATE_READY;
	} else {
		set_how(st, true, READY_WOKEN, 0);
		st->state = STATE_WAITING;
		st->end.blocked++;
		st->delay_before = run_delay(prev);
		if (unlikely(!find_cause_at_once(prev, regs, st, state)) && find_cause_of_current(st, state))
			ask_kernel_stack(ctx, prev, st);
		open_wait(st);
	}
	if (settings.stacks && !(prev->flags & PF_EXITING))
		take_stack(&cpu->thinning, regs, st, now);
}

/* The command gets the CPU for the first time since it was released: here its life begins. */
static __noinline void begin_command(struct task_struct *task, struct wire_state *st, __u64 now)
{
	struct wire_thread t = {.head = {WIRE_THREAD, sizeof(t), st->number}};

	st->start = now;
	st->since = now;
	st->left = now;
	st->exec_runtime_base = task->se.sum_exec_runtime;
	st->exec_runtime_before = st->exec_runtime_base;
	st->switches_before = switches_of(task);
	st->state = STATE_RUNNING;
	st->fresh = 1;
	t.ts = now;
	t.process = st->process;
	t.parent = st->parent;
	t.tid = task->pid;
	t.pid = task->tgid;
	t.ppid = task->real_parent->tgid;
	t.flags = st->flags;
	bpf_probe_read_kernel_str(t.comm, sizeof(t.comm), task->comm);
	emit_event(&t, sizeof(t), LOSS_EVENTS);
	count_live(st, 1);
}

/* It dies after the end of tracing, before the walk over all tasks has come to it: it is told as one that lived at the end. */
static __noinline void die_late(struct task_struct *task, struct wire_state *st, struct wire_batch *b)
{
	struct wire_cycle cycle[2] = {};
	__u32 n;

	n = close_account(task, st, stop_at, cycle);
	if (!n)
		return;
	if (n == 2) {
		*next_cycle(b) = cycle[1];
		send_cycle(b);
	}
	*next_cycle(b) = cycle[0];
	send_cycle(b);
	send_end(st);
}

/* A switch after the end of tracing: a thread that was on its CPU until then tells its account so before it leaves it, or dies. */
static __noinline void leave_late(struct wire_cpu *cpu, struct task_struct *task, struct wire_state *st)
{
	__u32 state = *(volatile __u32 *)&st->state;

	if (state < STATE_DEAD && arrive_at_end(task, st, state, stop_at))
		__sync_val_compare_and_swap(&st->state, state, STATE_RUNNING);
	if (cpu->slot.task == (__u64)task)
		cpu->slot.task = 0;
	if (task->__state & TASK_DEAD)
		die_late(task, st, &cpu->batch);
}

/* While threads are taken in: is it the command, or one that is being taken in? */
static __noinline void watch_arrival(struct task_struct *next, __u64 now)
{
	struct wire_state *st = state_of(next);

	if (!st)
		return;
	if (st->state != STATE_HELD) {
		is_being_seeded(st);
		return;
	}
	begin_command(next, st, now > st->left ? now : st->left);
	__sync_val_compare_and_swap(&stop_at, NO_STOP_YET, NO_STOP);
}

static __always_inline void arrive(struct wire_cpu_slot *slot, struct task_struct *next, __u64 arrived)
{
	slot->task = (__u64)next;
	slot->arrived = arrived;
	if (unlikely(stop_at == NO_STOP_YET))
		watch_arrival(next, arrived + slot->clock_offset);
}

static __always_inline void traced_switch(void *ctx, bool preempt, struct task_struct *prev, struct wire_state *p,
					  struct task_struct *next, bool arrives)
{
	__u64 behind, clock = rq_clock(prev, &behind), end = stop_at, now = 0, at;
	struct wire_cpu *cpu = this_cpu();
	bool timed;

	if (!cpu)
		return;
	timed = cpu->counts.traced++ == cpu->slot.timed_next;
	if (unlikely(timed || end != NO_STOP || !clock || clock - cpu->slot.clock_read >= (prev->pid ? CLOCK_READ_NS : CLOCK_IDLE_NS))) {
		now = bpf_ktime_get_ns();
		if (now >= end) {
			if (p)
				leave_late(cpu, prev, p);
			return;
		}
		compare_clocks(&cpu->slot, !prev->pid, clock, now);
	}
	at = clock ? switch_time(&cpu->slot, clock) : now;
	if (p)
		leave(ctx, cpu, prev, p, preempt, behind < CLOCK_IDLE_NS ? at - behind : at);
	cpu->slot.task = 0;
	if (arrives)
		arrive(&cpu->slot, next, clock ? clock : at);
	if (unlikely(timed)) { /* what it costs is measured at some of them: not at every 64th, as programs have their rhythms */
		cpu->slot.timed_next = cpu->counts.traced + TIMED_SWITCHES / 2 + (now & (TIMED_SWITCHES - 1));
		cpu->counts.timed++;
		cpu->counts.timed_ns += bpf_ktime_get_ns() - now;
	}
}

/* Before the start: so that the clocks are known then. */
static __noinline void watch_clock(struct task_struct *prev)
{
	struct wire_cpu *cpu = this_cpu();
	__u64 behind;

	if (cpu)
		compare_clocks(&cpu->slot, !prev->pid, rq_clock(prev, &behind), bpf_ktime_get_ns());
}

SEC("tp_btf/sched_switch")
int BPF_PROG(on_switch, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	struct wire_state *p;
	bool arrives; /* a thread that has storage: this one's, or another program's */

	if (unlikely(!stop_at)) {
		watch_clock(prev);
		return 0;
	}
	arrives = next->bpf_storage;
	p = state_of(prev);
	if (!p && !arrives)
		return 0;
	traced_switch(ctx, preempt, prev, p, next, arrives);
	return 0;
}
