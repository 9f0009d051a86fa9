// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * Who ends the waits of the traced threads: each waking, with the stack of the thread that does it. Only loaded where that is asked for.
 *
 * The current task is the waker where the kernel works for it. In an interrupt it is merely the one that was interrupted: then it is not named. In
 * a softirq it may be either: one that runs at the end of a thread's own send over a network socket is what brings data to the other end on
 * this machine, others come from hardware. So there the thread is named if it is in a call on a network socket, and the softirq is told as well.
 *
 * Runs with interrupts off, as the switch probe does (try_to_wake_up holds pi_lock; it does not where a task wakes itself, which ends no wait): the
 * two can share their scratch.
 */
#include "account.h"

/*
 * include/linux/preempt.h. From bit 16 on are interrupts and NMIs; on newer kernels (7.3 has it) they begin at bit 24, and below are those that
 * were only switched off in a new way, which try_to_wake_up does not use. Bit 31 says that there is no need to reschedule.
 */
#define SOFTIRQ_SERVED	0x00000100
#define HARDIRQ_OR_NMI	0x7fff0000

/*
 * On x86 it is a per-CPU variable. By its name (a ksym) it is found only where kallsyms has data (CONFIG_KALLSYMS_ALL); but the run queue of this
 * CPU, which the current task points to, lies in the same section, and how far from there BTF tells.
 */
static __always_inline bool preempt_count(struct task_struct *current, __u32 *count)
{
#if defined(__TARGET_ARCH_x86)
	__u64 rq = 0;

	if (!bpf_core_field_exists(current->se.cfs_rq) || bpf_core_read(&rq, sizeof(rq), &current->se.cfs_rq->rq))
		return false;
	return settings.preempt_count && !bpf_probe_read_kernel(count, sizeof(*count), (void *)(rq + settings.preempt_count));
#else
	*count = current->thread_info.preempt.count;
	return true;
#endif
}

/* WIRE_WAKE_*: in what the kernel is. Where that can't be told nobody is blamed. */
static __always_inline __u16 context_flags(struct task_struct *current)
{
	__u32 count;

	if (!current->pid || !preempt_count(current, &count) || count & HARDIRQ_OR_NMI)
		return WIRE_WAKE_INTERRUPT;
	return count & SOFTIRQ_SERVED ? WIRE_WAKE_SOFTIRQ : 0;
}

/* May what it is doing be what makes a network socket ready? */
static __always_inline bool works_on_network(struct task_struct *task, struct call *call)
{
	find_files(call, task);
	switch (call->class) {
	case SYSCALL_FD:
		return fd_kind(call, call->arg[0]) == WAIT_NETWORK;
	case SYSCALL_TWO_FDS:
		return two_fds_kind(call, call->arg[0], call->arg[1]) == WAIT_NETWORK;
	case SYSCALL_SPLICE:
		return two_fds_kind(call, call->arg[0], call->arg[2]) == WAIT_NETWORK;
	case SYSCALL_SOCKETCALL:
	case SYSCALL_URING:
		return true;
	default:
		return false;
	}
}

static __always_inline void take_stack(struct wire_wake *w, struct task_struct *task, struct wire_state *by)
{
	const struct pt_regs *regs = user_registers(task);
	__u32 key = SCRATCH_SWITCH;
	struct stack_scratch *s = bpf_map_lookup_elem(&scratch, &key);
	struct stack_facts f = {};

	if (!s || task->flags & (PF_IO_WORKER | PF_USER_WORKER | PF_EXITING))
		return;
	start_walk(s, SCRATCH_SWITCH, REGS_PC(regs), REGS_SP(regs), REGS_FP(regs), REGS_BX(regs), REGS_LR(regs), in_call(REGS_CALL(regs)));
	s->registers = (__u64)regs;
	s->leaving = is_exec(REGS_CALL(regs));
	f.process = by->process;
	f.pid = by->pid;
	w->stack = take_user_stack(s, &f, by, by->space, by->exec_before);
}

/* Who it is, what it does, where: fills all but whom it wakes. */
static __always_inline void fill_waker(struct wire_wake *w, struct task_struct *current)
{
	struct call call = {};
	struct wire_state *by;

	w->flags = context_flags(current);
	if (w->flags & WIRE_WAKE_INTERRUPT)
		return;
	if (!(current->flags & (PF_KTHREAD | PF_IO_WORKER | PF_USER_WORKER)) && read_call(current, user_registers(current), &call)) {
		w->syscall = call.nr < WIRE_NO_SYSCALL ? call.nr : WIRE_NO_SYSCALL;
		w->flags |= call.abi == SYSCALL_ABI_COMPAT ? WIRE_WAKE_COMPAT : call.abi == SYSCALL_ABI_X32 ? WIRE_WAKE_X32 : 0;
	}
	if (w->flags & WIRE_WAKE_SOFTIRQ && (w->syscall == WIRE_NO_SYSCALL || !works_on_network(current, &call))) {
		w->syscall = WIRE_NO_SYSCALL;
		return;
	}
	w->tid = current->pid;
	w->pid = current->tgid;
	if (current->flags & PF_KTHREAD)
		w->flags |= WIRE_WAKE_KTHREAD;
	by = state_of(current);
	if (by && by->start && by->state < STATE_HELD) {
		w->waker = by->number;
		if (settings.stacks)
			take_stack(w, current, by);
	} else {
		bpf_probe_read_kernel_str(w->comm, sizeof(w->comm), current->comm);
	}
}

/* A thread that is on its way to sleep is woken, too: its switch comes after this, and the last waking before it runs again counts. */
SEC("tp_btf/sched_waking")
int BPF_PROG(on_waking, struct task_struct *task)
{
	struct task_struct *current = bpf_get_current_task_btf();
	struct wire_cpu *cpu = this_cpu();
	struct wire_wake w = {};
	struct wire_state *st;

	if (!stop_at || task == current)
		return 0;
	st = state_of(task);
	if (!st || st->state >= STATE_DEAD || (st->state != STATE_WAITING && !is_on_cpu(task, st)))
		return 0;
	w.ts = bpf_ktime_get_ns();
	if (w.ts >= stop_at)
		return 0;
	w.head.type = WIRE_WAKE;
	w.head.size = sizeof(w);
	w.head.thread = st->number;
	w.syscall = WIRE_NO_SYSCALL;
	fill_waker(&w, current);
	emit(&w, sizeof(w), LOSS_WAKES);
	if (cpu && (cpu->counts.wakes++ & 63) == 0) {
		cpu->counts.wakes_timed++;
		cpu->counts.wakes_timed_ns += bpf_ktime_get_ns() - w.ts;
	}
	return 0;
}
