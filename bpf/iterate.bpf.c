// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * Walks over all tasks: at the start of an attach, to take in the threads that are there; at the end of tracing, to close
 * the account of those that still live. Their records are what the reader of the iterator reads.
 */
#include "finish.h"

#define SEED_TRIES 4
#define ROOM 8192 /* more than the records of one thread */

/*
 * When what a program writes does not fit, the kernel throws it away and runs the program for the same task once more, with an empty buffer
 * (bpf_seq_read). An account can be closed only once: so this is asked before anything is done, and makes that happen.
 */
static __always_inline bool has_room(struct seq_file *seq)
{
	__u32 key = SCRATCH_ITER;
	struct stack_scratch *s;

	if (seq->size - seq->count >= ROOM)
		return true;
	s = bpf_map_lookup_elem(&scratch, &key);
	if (s)
		bpf_seq_write(seq, s->frames, ROOM);
	return false;
}

/* The locks that sleep are left out of what bpf_get_task_stack gives; memory is seen. */
static __always_inline void ask_kernel_stack(struct task_struct *task, struct wire_state *st)
{
	__u32 key = SCRATCH_ITER;
	struct stack_scratch *s = bpf_map_lookup_elem(&scratch, &key);

	if (s)
		refine_cause(task, st, meaning_of_frames(s, frames_got(bpf_get_task_stack(task, s->frames, WCHAN_FRAMES * 8, 0))));
}

/* Where a thread is that was blocked before: its registers. The user side reads its stack, which it is still in. */
static __always_inline void send_registers(struct seq_file *seq, struct task_struct *task, const struct wire_state *st)
{
	const struct pt_regs *regs = user_registers(task);
	__u32 key = SCRATCH_ITER;
	struct stack_scratch *s = bpf_map_lookup_elem(&scratch, &key);
	struct wire_copy *copy;
	__u64 n = 0;

	if (!s)
		return;
	if (settings.kernel_stacks)
		n = frames_got(bpf_get_task_stack(task, s->frames, KERNEL_FRAMES_BYTES, 0));
	n &= 127;
	copy = (struct wire_copy *)s->record;
	copy->head.type = WIRE_COPY;
	copy->head.size = sizeof(*copy) + n * 8;
	copy->head.thread = st->process;
	copy->id = WIRE_STACK_SEEDED | st->number;
	copy->ts = st->start;
	copy->pid = st->pid;
	copy->n_kernel = n;
	copy->in_call = in_call(REGS_CALL(regs));
	copy->n_words = 0;
	copy->tid = st->tid;
	s->registers = (__u64)regs;
	fill_registers(s, copy->regs);
	bpf_seq_write(seq, copy, sizeof(*copy) + n * 8);
}

/* What a thread is doing that was there before tracing: the state that it begins with. */
static __always_inline __u32 seed_state(struct task_struct *task, struct wire_state *st)
{
	__u32 state = task->__state, key = SCRATCH_ITER;
	struct stack_scratch *s = bpf_map_lookup_elem(&scratch, &key);

	set_how(st, false, READY_WOKEN, WIRE_CYCLE_FIRST);
	st->fresh = 0;
	st->open = WAIT_GOES_ON;
	st->end.blocked = 0;
	st->end.ready_count[READY_PREEMPTED] = 0;
	if (state == 0 && !task->sched_info.last_queued) /* runnable, and on no queue */
		return STATE_RUNNING;
	if (state == 0) {
		st->ready = READY_PREEMPTED;
		st->end.ready_count[READY_PREEMPTED] = 1;
		st->fresh = 1;
		return STATE_READY;
	}
	st->blocked = 1;
	st->end.blocked = 1;
	if (s && find_cause(task, user_registers(task), st, state, task->pid, (struct call *)s->call))
		ask_kernel_stack(task, st);
	st->cycle_flags |= WIRE_CYCLE_FIRST;
	open_wait(st);
	return STATE_WAITING;
}

/* Is the stack of a thread that is blocked already to be told by its registers? A kernel thread has none. */
static __always_inline bool tells_registers(struct task_struct *task, const struct wire_state *st, __u32 state)
{
	return settings.stacks && settings.unwind && state == STATE_WAITING && task->mm && !(st->flags & WIRE_THREAD_WORKER);
}

/* The kernel's own account of the task at `now`, with what is open in it. */
static __always_inline void kernel_account(struct task_struct *task, __u64 now, bool running, __u64 *exec_runtime, __u64 *delay)
{
	__u64 counted = counted_until(task, now);

	*exec_runtime = task->se.sum_exec_runtime;
	*delay = run_delay(task) + (running ? 0 : queued_since(task, now));
	if (running && counted < now)
		*exec_runtime += now - counted;
}

/* One try: 0 if the thread switched meanwhile, so that what was read of it is old. Else its account has begun, with that state. */
static __always_inline __u32 try_seed(struct task_struct *task, struct wire_state *st)
{
	__u32 before = *(volatile __u32 *)&st->state, state;

	st->start = bpf_ktime_get_ns();
	st->since = st->start;
	st->left = st->start;
	state = seed_state(task, st);
	kernel_account(task, st->start, state == STATE_RUNNING, &st->exec_runtime_base, &st->run_delay_base);
	st->delay_before = run_delay(task);
	st->exec_runtime_before = st->exec_runtime_base;
	st->switches_before = switches_of(task);
	st->stack = tells_registers(task, st, state) ? WIRE_STACK_SEEDED | st->number : 0;
	if (task->flags & PF_EXITING || __sync_val_compare_and_swap(&st->state, before, state) != before)
		return 0;
	return state;
}

/* A few tries; a thread that switches all the time, or is on its way out, is not taken in. */
static __always_inline __u32 take_in(struct task_struct *task, struct wire_state *st)
{
	__u32 state = 0, i;

	for (i = 0; i < SEED_TRIES && !state; i++)
		state = try_seed(task, st);
	return state;
}

static __always_inline bool wanted(__u32 tgid)
{
	__u32 i;

	for (i = 0; i < 64; i++) {
		if (i >= seed_count)
			break;
		if (seed_tgids[i] == tgid)
			return true;
	}
	return false;
}

/* Attach: takes in the threads of the processes in seed_tgids. The first thread of a process comes first. */
SEC("iter/task")
int seed_threads(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct wire_thread t = {.head = {WIRE_THREAD, sizeof(t), 0}};
	struct wire_state *st, *leader;
	__u32 process = 0, state;

	if (!task || !wanted(task->tgid) || task->flags & PF_EXITING)
		return 0;
	if (!has_room(ctx->meta->seq))
		return 0;
	if (bpf_task_storage_get(&threads, task, 0, 0))
		return 0; /* made since the probes were armed, by a thread taken in */
	if (task->pid != task->tgid) {
		leader = bpf_task_storage_get(&threads, task->group_leader, 0, 0);
		if (leader)
			process = leader->process;
	}
	st = bpf_task_storage_get(&threads, task, &seeding, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!st) {
		count_loss(LOSS_STORAGE);
		return 0;
	}
	st->number = __sync_fetch_and_add(&next_number, 1);
	st->process = process ? process : st->number;
	st->space = st->process;
	st->tid = task->pid;
	st->pid = task->tgid;
	st->flags = WIRE_THREAD_SEEDED | (task->pid == task->tgid ? WIRE_THREAD_PROCESS : 0) |
		    (task->flags & (PF_IO_WORKER | PF_USER_WORKER) ? WIRE_THREAD_WORKER : 0);
	st->exec_ts = 1;
	state = take_in(task, st);
	if (!state) {
		if (!(task->flags & PF_EXITING))
			count_loss(LOSS_STORAGE);
		bpf_task_storage_delete(&threads, task);
		return 0;
	}
	t.head.thread = st->number;
	t.ts = st->start;
	t.process = st->process;
	t.tid = st->tid;
	t.pid = st->pid;
	t.ppid = task->real_parent->tgid;
	t.flags = st->flags;
	bpf_probe_read_kernel_str(t.comm, sizeof(t.comm), task->comm);
	bpf_seq_write(ctx->meta->seq, &t, sizeof(t));
	if (tells_registers(task, st, state))
		send_registers(ctx->meta->seq, task, st);
	count_live(st, 1);
	return 0;
}

/* The end: closes each traced thread's open state at stop_at and writes its records. */
SEC("iter/task")
int close_threads(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct seq_file *seq = ctx->meta->seq;
	struct wire_cycle cycle[2] = {};
	struct wire_state *st;
	__u32 k, n;

	if (!task)
		return 0;
	st = bpf_task_storage_get(&threads, task, 0, 0);
	if (!st || !has_room(seq))
		return 0;
	n = close_account(task, st, stop_at, cycle);
	if (!n)
		return 0;
	if (n == 2)
		bpf_seq_write(seq, &cycle[1], sizeof(cycle[1]));
	bpf_seq_write(seq, &cycle[0], sizeof(cycle[0]));
	for (k = 0; k < N_WAIT_KINDS; k++) {
		struct wire_wait *w = &st->waits[k];

		if (!w->count && !w->ns)
			continue;
		fill_wait(w, st, k);
		bpf_seq_write(seq, w, sizeof(*w));
	}
	bpf_seq_write(seq, &st->end, sizeof(st->end));
	return 0;
}
