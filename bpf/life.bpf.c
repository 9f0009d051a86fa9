// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Threads that begin (fork, clone, io-wq workers) and that exec. Their end is seen at their last switch. */
#include "account.h"

static __always_inline struct wire_state *state_of_current(void)
{
	return bpf_task_storage_get(&threads, bpf_get_current_task_btf(), 0, 0);
}

static __always_inline void init_state(struct wire_state *st, struct task_struct *child, const struct wire_state *parent,
				       __u64 clone_flags)
{
	bool worker = child->flags & (PF_IO_WORKER | PF_USER_WORKER);

	st->number = __sync_fetch_and_add(&next_number, 1);
	st->process = clone_flags & CLONE_THREAD ? parent->process : st->number;
	st->parent = parent->number;
	st->tid = child->pid;
	st->pid = child->tgid;
	st->space = clone_flags & CLONE_VM ? parent->space : st->number;
	st->flags = (clone_flags & CLONE_THREAD ? 0 : WIRE_THREAD_PROCESS) |
		    (clone_flags & CLONE_VFORK ? WIRE_THREAD_VFORK : 0) | (worker ? WIRE_THREAD_WORKER : 0);
	st->exec_before = parent->exec_before;
	st->exec_ts = parent->exec_ts;
	st->state = STATE_NEW;
	set_how(st, false, READY_NEW, WIRE_CYCLE_FIRST);
	st->end.ready_count[READY_NEW] = 1;
}

SEC("tp_btf/task_newtask")
int BPF_PROG(on_newtask, struct task_struct *task, __u64 clone_flags)
{
	struct wire_state *parent, *st;

	if (!stop_at)
		return 0;
	parent = state_of_current();
	if (!parent || parent->state == STATE_HELD || (parent->state & 0xff) == STATE_SEEDING || bpf_ktime_get_ns() >= stop_at)
		return 0;
	st = bpf_task_storage_get(&threads, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!st) {
		count_loss(LOSS_STORAGE);
		return 0;
	}
	init_state(st, task, parent, clone_flags);
	if (settings.unwind && !(clone_flags & CLONE_THREAD)) {
		st->maker_pid = parent->pid;
		st->maker_generation = generation_of(parent->pid);
	}
	count_live(st, 1);
	return 0;
}

/* A new thread is put on a run queue for the first time: here its life begins. Its maker may have been preempted since it made it. */
SEC("tp_btf/sched_wakeup_new")
int BPF_PROG(on_wakeup_new, struct task_struct *task)
{
	struct wire_thread t = {};
	struct wire_state *st;

	if (!stop_at)
		return 0;
	st = bpf_task_storage_get(&threads, task, 0, 0);
	if (!st || st->state != STATE_NEW)
		return 0;
	t.ts = bpf_ktime_get_ns();
	if (t.ts >= stop_at)
		return 0;
	st->start = t.ts;
	st->since = t.ts;
	st->left = t.ts;
	t.head.type = WIRE_THREAD;
	t.head.size = sizeof(t);
	t.head.thread = st->number;
	t.process = st->process;
	t.parent = st->parent;
	t.tid = st->tid;
	t.pid = st->pid;
	t.ppid = task->real_parent->tgid;
	t.flags = st->flags;
	bpf_probe_read_kernel_str(t.comm, sizeof(t.comm), task->comm);
	emit_event(&t, sizeof(t), LOSS_EVENTS);
	return 0;
}

/* The task that execs is alone in its process from here on, and has its process's id. */
SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_exec, struct task_struct *task, int old_pid, struct linux_binprm *binary)
{
	struct wire_exec e = {.head = {WIRE_EXEC, sizeof(e), 0}};
	struct wire_state *st;

	if (!stop_at)
		return 0;
	st = state_of_current();
	if (!st || st->state == STATE_HELD || st->state == STATE_DEAD || is_being_seeded(st))
		return 0;
	e.ts = bpf_ktime_get_ns();
	if (e.ts >= stop_at)
		return 0;
	st->space = __sync_fetch_and_add(&next_number, 1); /* no thread will have this number: space and number share the count */
	st->exec_before = st->exec_ts;
	st->exec_ts = e.ts;
	st->tid = task->pid;
	st->pid = task->tgid;
	e.head.thread = st->number;
	e.process = st->process;
	e.pid = task->tgid;
	e.old_tid = old_pid;
	bpf_probe_read_kernel_str(e.comm, sizeof(e.comm), task->comm);
	bpf_probe_read_kernel_str(e.path, sizeof(e.path), binary->filename);
	if (bpf_ringbuf_output(&events, &e, sizeof(e), wake_at_once(e.ts)))
		count_loss(LOSS_EVENTS);
	return 0;
}
