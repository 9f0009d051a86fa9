/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What a futex wait waits for. The kernel knows an address, a value and an operation; what they mean is a convention of the
 * C library that put them there. The rules, from the clearest to the weakest:
 *   LOCK_PI, LOCK_PI2                        a PI mutex
 *   WAIT_REQUEUE_PI                          a condition variable
 *   value with FUTEX_WAITERS (bit 31)        a robust mutex, or any mutex of musl: the owner's TID is in the value
 *   value with bit 30                        Rust's RwLock
 *   shared, value is a TID                   pthread_join: the kernel clears the word when that thread ends (CLONE_CHILD_CLEARTID)
 *   value 2, and not a barrier               a mutex with waiters: glibc and musl low-level locks, Go's mutex, Rust's Mutex
 *   value 2 or 3 inside a glibc rwlock       a reader-writer lock
 *   anything else                            a condition variable, semaphore, barrier
 */
#ifndef CONCTRACE_FUTEX_H
#define CONCTRACE_FUTEX_H

#include "timeout.h"

#define FUTEX_CMD(op)         ((op) & 127)
#define FUTEX_OP_PRIVATE      128
#define FUTEX_OP_REALTIME     256
#define FUTEX_OP_WAIT         0
#define FUTEX_OP_LOCK_PI      6
#define FUTEX_OP_WAIT_BITSET  9
#define FUTEX_OP_REQUEUE_PI   11
#define FUTEX_OP_LOCK_PI2     13
#define FUTEX2_OP_PRIVATE     128
#define TID_LIMIT             (4 * 1024 * 1024) /* PID_MAX_LIMIT */

/* The eight words from address - 12 on: the futex word is word[3]. */
struct futex_words {
	__u32 word[8];
};

static __always_inline bool is_tid(__u32 value)
{
	return value > 2 && value < TID_LIMIT;
}

/* glibc's pthread_barrier_t: in, current_round, count, shared; the threads wait on current_round. */
static __always_inline bool in_barrier(const struct futex_words *w)
{
	__u32 in = w->word[2], round = w->word[3], count = w->word[4], shared = w->word[5];

	return in > round && in - round <= count && (shared == 0 || shared == FUTEX_OP_PRIVATE);
}

/*
 * glibc's pthread_rwlock_t: readers, writers, wrphase_futex, writers_futex, pad, pad, cur_writer, shared (bytes).
 * Waits are on wrphase_futex (word 2) or writers_futex (word 3) with the bit "used" (2) set; someone must be in: a
 * writer (cur_writer is a TID, and a flag in bits 0 and 1 of `readers`) or readers (their number is in bits 3 and up).
 */
static __always_inline bool in_rwlock(const struct futex_words *w)
{
	__u32 readers1 = w->word[1], writer1 = w->word[7]; /* were the futex word wrphase_futex */
	__u32 readers2 = w->word[0], writer2 = w->word[6]; /* were it writers_futex */

	return (is_tid(writer1) && readers1 & 3) || (is_tid(writer2) && readers2 & 3) ||
	       (readers1 >= 8 && readers1 < 8 * 65536) || (readers2 >= 8 && readers2 < 8 * 65536);
}

__attribute__((weak)) __noinline __u32 kind_of_futex_value(__u64 address, __u32 value, __u32 shared, __u32 tid)
{
	struct futex_words w;

	if (value & 0xc0000000 && value != 0xffffffff) /* all ones: Rust's parked thread */
		return WAIT_MUTEX;
	if (shared && is_tid(value))
		return WAIT_JOIN;
	if (value != 2 && value != 3)
		return WAIT_CONDITION;
	if (read_memory(tid, &w, sizeof(w), address - 12))
		return value == 2 ? WAIT_MUTEX : WAIT_CONDITION;
	if (value == 2)
		return in_barrier(&w) ? WAIT_CONDITION : WAIT_MUTEX;
	return !in_barrier(&w) && in_rwlock(&w) ? WAIT_MUTEX : WAIT_CONDITION;
}

static __always_inline void set_futex_deadline(struct wire_state *st, const struct call *call, __u64 address, bool time64,
					       bool relative, bool realtime)
{
	__u64 ns;

	if (!address || (relative && call->foreign)) /* since when it has waited is not known */
		return;
	ns = read_time(call, address, time64, 1);
	if (!ns)
		return;
	if (relative)
		st->deadline = bpf_ktime_get_ns() + ns;
	else
		st->deadline = realtime ? ns - realtime_offset : ns;
}

static __always_inline __u8 kind_of_futex(struct call *call, struct wire_state *st)
{
	__u32 op = call->arg[1], cmd = FUTEX_CMD(op);
	bool time64 = call->nr >= 400; /* futex_time64 */
	bool realtime = op & FUTEX_OP_REALTIME || cmd == FUTEX_OP_LOCK_PI;

	st->address = call->arg[0];
	set_futex_deadline(st, call, call->arg[3], time64, cmd == FUTEX_OP_WAIT, realtime);
	switch (cmd) {
	case FUTEX_OP_LOCK_PI:
	case FUTEX_OP_LOCK_PI2:
		return WAIT_MUTEX;
	case FUTEX_OP_REQUEUE_PI:
		return WAIT_CONDITION;
	case FUTEX_OP_WAIT:
	case FUTEX_OP_WAIT_BITSET:
		return kind_of_futex_value(call->arg[0], call->arg[2], !(op & FUTEX_OP_PRIVATE), call->foreign);
	default:
		return WAIT_SYSCALL; /* a wake that had to wait, for memory or a hash bucket */
	}
}

__attribute__((weak)) __noinline __u32 futex_kind(struct call *call, struct wire_state *st)
{
	if (!call || !st)
		return WAIT_UNKNOWN;
	if (call->class == SYSCALL_FUTEX)
		return kind_of_futex(call, st);
	if (call->class == SYSCALL_FUTEX_WAITV) /* the vector; several at a time are no lock */
		return WAIT_CONDITION;
	st->address = call->arg[0];
	set_futex_deadline(st, call, call->arg[4], true, false, call->arg[5] == 0 /* CLOCK_REALTIME */);
	return kind_of_futex_value(call->arg[0], call->arg[1], !(call->arg[3] & FUTEX2_OP_PRIVATE), call->foreign);
}

#endif
