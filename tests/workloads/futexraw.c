/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * In: a futex operation. Out: the main thread's waits by that operation, without the C library, and how long
 * they took. What a bare futex waits for can only be told by convention: the value 2 is a mutex with waiters,
 * a thread's own id (in a futex that is not private) is a join, the PI operations are mutexes and, with
 * requeue, a condition; anything else is a condition.
 */
#include <linux/futex.h>

#include "truth.h"

#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif
#ifndef FUTEX_32
#define FUTEX_32 2
struct futex_waitv {
	uint64_t val, uaddr;
	uint32_t flags, __reserved;
};
#endif
#define NR_FUTEX_WAKE	  454
#define NR_FUTEX_WAIT	  455
#define FUTEX2_32_PRIVATE (FUTEX_32 | FUTEX_PRIVATE_FLAG)
#define FUTEX2_MATCH_ANY  0xffffffffUL
#define VALUE_MUTEX	  2
#define VALUE_OTHER	  1

/* word[0] is what is waited on, word[1] the PI futex of requeue. */
static void *word(struct series *s)
{
	return &s->area.word[0];
}

static long futex(void *address, int op, int value, const struct timespec *timeout, void *address2,
		  int value3)
{
	return syscall(SYS_futex, address, op, value, timeout, address2, value3);
}

static void make_one(struct series *s)
{
	atomic_store(&s->area.word[0], VALUE_OTHER);
}

static void make_two(struct series *s)
{
	atomic_store(&s->area.word[0], VALUE_MUTEX);
}

static void wake(struct series *s)
{
	atomic_store(&s->area.word[0], 0);
	check(futex(word(s), FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0) == 1, "FUTEX_WAKE");
}

static void wake_shared(struct series *s)
{
	atomic_store(&s->area.word[0], 0);
	check(futex(word(s), FUTEX_WAKE, 1, NULL, NULL, 0) == 1, "FUTEX_WAKE");
}

static void wait_value(struct series *s)
{
	check(!futex(word(s), FUTEX_WAIT_PRIVATE, atomic_load(&s->area.word[0]), NULL, NULL, 0),
	      "FUTEX_WAIT");
}

static void wait_shared(struct series *s)
{
	check(!futex(word(s), FUTEX_WAIT, atomic_load(&s->area.word[0]), NULL, NULL, 0), "FUTEX_WAIT");
}

static void wait_bitset(struct series *s)
{
	struct timespec until = timespec_of(now_ns() + GIVE_UP_NS);

	check(!futex(word(s), FUTEX_WAIT_BITSET_PRIVATE, VALUE_OTHER, &until, NULL, -1), "FUTEX_WAIT_BITSET");
}

static int run_wait(struct series *s)
{
	return series_with_thread(s, make_one, wake, wait_value, NULL);
}

static int run_wait_two(struct series *s)
{
	return series_with_thread(s, make_two, wake, wait_value, NULL);
}

static int run_shared(struct series *s)
{
	return series_with_thread(s, make_one, wake_shared, wait_shared, NULL);
}

static int run_bitset(struct series *s)
{
	return series_with_thread(s, make_one, wake, wait_bitset, NULL);
}

/* ---- priority inheritance ---------------------------------------------------------------------------------
 */

/* The word holds its owner's tid; the kernel adds a flag when there are waiters. */
static void pi_lock(struct series *s)
{
	int expected = 0;

	if (!atomic_compare_exchange_strong(&s->area.word[0], &expected, gettid()))
		check(!futex(word(s), FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0), "FUTEX_LOCK_PI");
}

static void pi_lock2(struct series *s)
{
	struct timespec until = timespec_of(now_ns() + GIVE_UP_NS);

	check(!futex(word(s), FUTEX_LOCK_PI2_PRIVATE, 0, &until, NULL, 0), "FUTEX_LOCK_PI2");
}

static void pi_unlock_word(atomic_int *at)
{
	int expected = gettid();

	if (!atomic_compare_exchange_strong(at, &expected, 0))
		check(!futex(at, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0), "FUTEX_UNLOCK_PI");
}

static void pi_unlock(struct series *s)
{
	pi_unlock_word(&s->area.word[0]);
}

static int run_lock_pi(struct series *s)
{
	return series_with_thread(s, pi_lock, pi_unlock, pi_lock, pi_unlock);
}

static int run_lock_pi2(struct series *s)
{
	int free_word = 0;

	if (futex(&free_word, FUTEX_LOCK_PI2_PRIVATE, 0, NULL, NULL, 0))
		return skip("no FUTEX_LOCK_PI2 in this kernel");
	return series_with_thread(s, pi_lock, pi_unlock, pi_lock2, pi_unlock);
}

/* The PI futex is free: the waiter gets it and wakes, once. */
static void requeue(struct series *s)
{
	check(futex(word(s), FUTEX_CMP_REQUEUE_PI_PRIVATE, 1, NULL, &s->area.word[1], VALUE_OTHER) >= 0,
	      "FUTEX_CMP_REQUEUE_PI");
}

static void wait_requeue(struct series *s)
{
	check(!futex(word(s), FUTEX_WAIT_REQUEUE_PI_PRIVATE, VALUE_OTHER, NULL, &s->area.word[1], 0),
	      "FUTEX_WAIT_REQUEUE_PI");
}

static void unlock_second(struct series *s)
{
	pi_unlock_word(&s->area.word[1]);
}

static int run_requeue_pi(struct series *s)
{
	return series_with_thread(s, make_one, requeue, wait_requeue, unlock_second);
}

/* ---- the newer system calls -------------------------------------------------------------------------------
 */

static void wake_new(struct series *s)
{
	atomic_store(&s->area.word[0], 0);
	check(syscall(NR_FUTEX_WAKE, word(s), FUTEX2_MATCH_ANY, 1, FUTEX2_32_PRIVATE) == 1, "futex_wake");
}

static void wait_new(struct series *s)
{
	struct timespec until = timespec_of(now_ns() + GIVE_UP_NS);

	check(!syscall(NR_FUTEX_WAIT, word(s), (unsigned long)VALUE_OTHER, FUTEX2_MATCH_ANY,
		       FUTEX2_32_PRIVATE, &until, CLOCK_MONOTONIC),
	      "futex_wait");
}

static int run_futex_wait(struct series *s)
{
	if (syscall(NR_FUTEX_WAKE, word(s), FUTEX2_MATCH_ANY, 1, FUTEX2_32_PRIVATE) < 0)
		return skip("no futex_wait (455) in this kernel: it came with 6.7");
	return series_with_thread(s, make_one, wake_new, wait_new, NULL);
}

static void wait_vector(struct series *s)
{
	struct futex_waitv vector[2] = {
		{.val = VALUE_OTHER, .uaddr = (uintptr_t)word(s), .flags = FUTEX2_32_PRIVATE},
		{.val = 0, .uaddr = (uintptr_t)&s->area.word[2], .flags = FUTEX2_32_PRIVATE},
	};

	check(!syscall(SYS_futex_waitv, vector, 2, 0, NULL, 0), "futex_waitv");
}

static int run_futex_waitv(struct series *s)
{
	if (syscall(SYS_futex_waitv, NULL, 0, 0, NULL, 0) < 0 && errno == ENOSYS)
		return skip("no futex_waitv (449) in this kernel: it came with 5.16");
	return series_with_thread(s, make_one, wake, wait_vector, NULL);
}

int main(int argc, char **argv)
{
	static const struct form forms[] = {
		{"wait", run_wait, NULL},
		{"wait_two", run_wait_two, "mutex"},
		{"shared", run_shared, NULL},
		{"wait_bitset", run_bitset, NULL},
		{"lock_pi", run_lock_pi, "mutex"},
		{"lock_pi2", run_lock_pi2, "mutex"},
		{"wait_requeue_pi", run_requeue_pi, NULL},
		{"futex_wait", run_futex_wait, NULL},
		{"futex_waitv", run_futex_waitv, NULL},
		{NULL, NULL, NULL},
	};

	return series_main(argc, argv, "condition", forms);
}
