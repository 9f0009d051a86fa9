/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Why a thread blocks, read at the moment it blocks: the system call it is in and that call's arguments, from its
 * saved user registers; the file behind a descriptor; the words around a futex; for uninterruptible waits that
 * are not I/O, the kernel functions it waits in. A system call that does not block costs nothing.
 */
#ifndef CONCTRACE_CAUSE_H
#define CONCTRACE_CAUSE_H

#include "stack.h"
#include "descriptor.h"
#include "futex.h"
#include "poll.h"

/* The ABI of the system call the task is in. */
static __always_inline enum syscall_abi call_abi(struct task_struct *task, __u64 *nr)
{
#if defined(__TARGET_ARCH_x86)
	if (task->thread_info.status & 0x0002) /* TS_COMPAT */
		return SYSCALL_ABI_COMPAT;
	if (*nr & 0x40000000) { /* __X32_SYSCALL_BIT */
		*nr &= ~0x40000000ULL;
		return SYSCALL_ABI_X32;
	}
	return SYSCALL_ABI_NATIVE;
#else
	return task->thread_info.flags & (1 << 22) ? SYSCALL_ABI_COMPAT : SYSCALL_ABI_NATIVE; /* TIF_32BIT */
#endif
}

/* On the way back to user mode: the result is there already. */
static __always_inline bool call_is_done(const struct pt_regs *regs)
{
#if defined(__TARGET_ARCH_x86)
	return (__s64)regs->ax != -38; /* -ENOSYS, set at the entry */
#else
	return false;
#endif
}

static __always_inline enum syscall_class class_of(enum syscall_abi abi, __u64 nr)
{
	if (nr >= N_SYSCALL_NUMBERS)
		return SYSCALL_OTHER;
	barrier_var(nr); /* else the compiler leaves the mask out, and 6.1's verifier forgets the bound of what was sign-extended (arm64) */
	return syscall_classes[abi][nr & (N_SYSCALL_NUMBERS - 1)];
}

/* Fills `call` from the task's saved user registers; false: it is in no system call. */
static __always_inline bool read_call(struct task_struct *task, const struct pt_regs *regs, struct call *call)
{
	__u64 nr;

#if defined(__TARGET_ARCH_x86)
	nr = regs->orig_ax;
	if ((__s64)nr < 0)
		return false;
	nr &= 0xffffffff;
	call->abi = call_abi(task, &nr);
	if (call->abi == SYSCALL_ABI_COMPAT) {
		call->arg[0] = (__u32)regs->bx;
		call->arg[1] = (__u32)regs->cx;
		call->arg[2] = (__u32)regs->dx;
		call->arg[3] = (__u32)regs->si;
		call->arg[4] = (__u32)regs->di;
		call->arg[5] = (__u32)regs->bp;
	} else {
		call->arg[0] = regs->di;
		call->arg[1] = regs->si;
		call->arg[2] = regs->dx;
		call->arg[3] = regs->r10;
		call->arg[4] = regs->r8;
		call->arg[5] = regs->r9;
	}
#else
	if (regs->syscallno < 0)
		return false;
	nr = regs->syscallno;
	call->abi = call_abi(task, &nr);
	call->arg[0] = regs->orig_x0;
	call->arg[1] = regs->user_regs.regs[1];
	call->arg[2] = regs->user_regs.regs[2];
	call->arg[3] = regs->user_regs.regs[3];
	call->arg[4] = regs->user_regs.regs[4];
	call->arg[5] = regs->user_regs.regs[5];
#endif
	call->nr = nr;
	call->class = class_of(call->abi, nr);
	return true;
}

/* What a kernel function says: enum wchan_meaning, 0: nothing. Global, as the next: each loop is verified once, not one within the other. */
__attribute__((weak)) __noinline __u32 meaning_of(__u64 ip)
{
	__u32 k;

	for (k = 0; k < N_WCHANS; k++) {
		if (k >= n_wchans)
			break;
		if (ip >= wchans[k].start && ip < wchans[k].end)
			return wchans[k].meaning;
	}
	return 0;
}

/* What the innermost of n functions that says something says. */
__attribute__((weak)) __noinline __u32 meaning_of_frames(struct stack_scratch *s, __u32 n)
{
	__u32 i, said;

	if (!s)
		return 0;
	for (i = 0; i < WCHAN_FRAMES; i++) {
		if (i >= n)
			break;
		said = meaning_of(s->frames[i]);
		if (said)
			return said;
	}
	return 0;
}

/* An io-wq worker: idle, or doing a request for the process. */
static __always_inline __u8 worker_kind(struct task_struct *task)
{
	struct io_wq_work *work = NULL;
	struct io_worker *worker;
	struct file *file = NULL;

	if (bpf_core_field_exists(task->worker_private))
		worker = task->worker_private;
	else
		worker = ((struct task_struct___pf_io_worker *)task)->pf_io_worker;
	if (worker && bpf_core_field_exists(worker->cur_work))
		bpf_core_read(&work, sizeof(work), &worker->cur_work);
	if (!work)
		return WAIT_CONDITION; /* waits for work; SQPOLL threads have no worker_private */
	if (bpf_core_field_exists(((struct io_kiocb *)0)->work) && bpf_core_field_exists(((struct io_kiocb *)0)->file)) {
		void *request = (void *)work - bpf_core_field_offset(struct io_kiocb, work);

		bpf_core_read(&file, sizeof(file), &((struct io_kiocb *)request)->file);
	}
	return file ? file_kind(file) : WAIT_DISK;
}

/* By the class of the system call, its arguments, and what they point to. */
static __always_inline __u32 kind_of_call(struct task_struct *task, struct call *call, struct wire_state *st, bool uninterruptible)
{
	if (call->class >= SYSCALL_POLL && call->class <= SYSCALL_URING)
		return poll_kind(call, st);
	switch (call->class) {
	case SYSCALL_FD:
		return fd_kind(call, call->arg[0]);
	case SYSCALL_TWO_FDS:
		return two_fds_kind(call, call->arg[0], call->arg[1]);
	case SYSCALL_SPLICE:
		return two_fds_kind(call, call->arg[0], call->arg[2]);
	case SYSCALL_SOCKETCALL:
		return socketcall_kind(call);
	case SYSCALL_OPEN:
		return uninterruptible ? WAIT_DISK : WAIT_LOCAL;
	case SYSCALL_FUTEX:
	case SYSCALL_FUTEX_WAIT:
	case SYSCALL_FUTEX_WAITV:
		return futex_kind(call, st);
	case SYSCALL_CLONE:
		return uninterruptible && clone_is_vfork(call) ? WAIT_CHILD : WAIT_SYSCALL;
	case SYSCALL_FCNTL:
		return fcntl_waits_for_lock(call) ? WAIT_FILE_LOCK : fd_kind(call, call->arg[0]);
	case SYSCALL_RESTART:
		st->open_continues = 1;
		return st->last_kind;
	default:
		return class_kinds[call->class & (N_SYSCALL_CLASSES - 1)];
	}
}

/*
 * The same as find_cause() at once, for the most usual of all: the current task is in a call of the machine's own ABI on one descriptor, and
 * waits, interruptibly, for a pipe or a socket. `st` has just had set_how(). False: it is something else, find_cause() must be asked.
 */
static __always_inline bool find_cause_at_once(struct task_struct *task, const struct pt_regs *regs, struct wire_state *st, __u32 state)
{
	__u64 nr = REGS_CALL(regs);
	__u32 kind;

	if (unlikely((state & (TASK_INTERRUPTIBLE | TASK_UNINTERRUPTIBLE | TASK_STOPPED_BITS)) != TASK_INTERRUPTIBLE ||
		     task->flags & (PF_IO_WORKER | PF_USER_WORKER)))
		return false;
	if (unlikely(call_abi(task, &nr) != SYSCALL_ABI_NATIVE || class_of(SYSCALL_ABI_NATIVE, nr) != SYSCALL_FD))
		return false;
	kind = near_fd_kind(task, REGS_FIRST(regs));
	if (unlikely(kind != WAIT_LOCAL && kind != WAIT_NETWORK))
		return false;
	st->syscall = nr;
	st->kind = kind;
	st->last_kind = kind;
	st->deadline = 0;
	st->address = 0;
	st->open_continues = 0;
	return true;
}

/*
 * Sets kind, syscall, cycle_flags, deadline and address of `st` for a task that blocks now with state bits `state`. True: only the
 * kernel stack can tell, refine_cause must be told what it says (that costs microseconds: asked where nothing cheaper tells).
 * `foreign`: 0 if the task is the current one, else its TID; `call`: room for what is read of the call.
 */
static __always_inline bool find_cause(struct task_struct *task, const struct pt_regs *regs, struct wire_state *st, __u32 state,
				       __u32 foreign, struct call *call)
{
	bool uninterruptible = state & TASK_UNINTERRUPTIBLE;
	bool iowait = BPF_CORE_READ_BITFIELD(task, in_iowait);
	bool in_call = false;

	*call = (struct call){.foreign = foreign};
	st->syscall = WIRE_NO_SYSCALL;
	st->cycle_flags = 0;
	st->deadline = 0;
	st->address = 0;
	st->open_continues = 0;
	if (state & TASK_STOPPED_BITS) {
		st->kind = WAIT_STOPPED;
		return false;
	}
	if (task->flags & (PF_IO_WORKER | PF_USER_WORKER)) {
		st->cycle_flags = WIRE_CYCLE_KERNEL;
		st->kind = worker_kind(task);
	} else if ((in_call = read_call(task, regs, call))) {
		st->syscall = call->nr < WIRE_NO_SYSCALL ? call->nr : WIRE_NO_SYSCALL;
		if (call->abi == SYSCALL_ABI_COMPAT)
			st->cycle_flags |= WIRE_CYCLE_COMPAT;
		else if (call->abi == SYSCALL_ABI_X32)
			st->cycle_flags |= WIRE_CYCLE_X32;
		find_files(call, task);
		if (foreign)
			check_seeded(call);
		st->kind = kind_of_call(task, call, st, uninterruptible);
	} else {
		st->kind = WAIT_FAULT;
	}
	st->last_kind = st->kind;
	/*
	 * The disk is waited for uninterruptibly: what is interruptible there, and in calls that should not wait at all, may be a page of
	 * user memory that userfaultfd brings.
	 */
	if (!uninterruptible)
		return in_call && (st->kind == WAIT_DISK || st->kind == WAIT_SYSCALL);
	if (st->kind == WAIT_CHILD)
		return false;
	/*
	 * Uninterruptible in I/O wait within a system call is disk (in_iowait alone says nothing: io_uring sets it while idle,
	 * 6.1.39+, 8a796565cec3); outside of one it may be a fault on swapped memory, which only the stack tells from one on a file.
	 */
	if (iowait)
		st->kind = WAIT_DISK;
	return !iowait || !in_call;
}

/* A wait of which the kernel stack says `said` (enum wchan_meaning, 0: nothing). */
static __always_inline void refine_cause(struct task_struct *task, struct wire_state *st, __u32 said)
{
	if (said == WCHAN_MEMORY)
		st->kind = WAIT_FAULT;
	else if (said == WCHAN_LOCK)
		st->kind = WAIT_KERNEL_LOCK;
	/* calls that wait for others do it interruptibly: what stops them otherwise is a lock on the way */
	else if (!BPF_CORE_READ_BITFIELD(task, in_iowait) && (st->kind == WAIT_LOCAL || st->kind == WAIT_NETWORK))
		st->kind = WAIT_KERNEL_LOCK;
	st->last_kind = st->kind;
}

#endif
