/* SPDX-License-Identifier: BSD-2-Clause */
/* In: a kind of lock. Out: the main thread waits for it, while the partner holds it, and how long that took.
 */
#include "truth.h"

struct locks {
	pthread_mutex_t mutex;
	pthread_rwlock_t rwlock;
};

static struct locks *locks(struct series *s)
{
	_Static_assert(sizeof(struct locks) <= sizeof(s->area), "fits");
	return (struct locks *)(void *)&s->area;
}

static void mutex_make(struct series *s, int type, int protocol, int robust, int shared)
{
	pthread_mutexattr_t attr;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_settype(&attr, type);
	pthread_mutexattr_setprotocol(&attr, protocol);
	pthread_mutexattr_setrobust(&attr, robust);
	pthread_mutexattr_setpshared(&attr, shared);
	errno = pthread_mutex_init(&locks(s)->mutex, &attr);
	check(!errno, "pthread_mutex_init");
	pthread_mutexattr_destroy(&attr);
}

static void mutex_lock(struct series *s)
{
	errno = pthread_mutex_lock(&locks(s)->mutex);
	check(!errno, "pthread_mutex_lock");
}

static void mutex_unlock(struct series *s)
{
	pthread_mutex_unlock(&locks(s)->mutex);
}

/* As an interpreter waits for its global lock: 5 ms, and again. One wait, some retries. */
static void mutex_clocklock(struct series *s)
{
	for (;;) {
		struct timespec until = timespec_of(now_ns() + 5000000);

		if (!pthread_mutex_clocklock(&locks(s)->mutex, CLOCK_MONOTONIC, &until))
			return;
		s->retries++;
	}
}

static int run_mutex(struct series *s)
{
	return series_with_thread(s, mutex_lock, mutex_unlock, mutex_lock, mutex_unlock);
}

static int run_normal(struct series *s)
{
	mutex_make(s, PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_NONE, PTHREAD_MUTEX_STALLED,
		   PTHREAD_PROCESS_PRIVATE);
	return run_mutex(s);
}

static int run_recursive(struct series *s)
{
	mutex_make(s, PTHREAD_MUTEX_RECURSIVE, PTHREAD_PRIO_NONE, PTHREAD_MUTEX_STALLED,
		   PTHREAD_PROCESS_PRIVATE);
	return run_mutex(s);
}

static int run_errorcheck(struct series *s)
{
	mutex_make(s, PTHREAD_MUTEX_ERRORCHECK, PTHREAD_PRIO_NONE, PTHREAD_MUTEX_STALLED,
		   PTHREAD_PROCESS_PRIVATE);
	return run_mutex(s);
}

static int run_adaptive(struct series *s)
{
	mutex_make(s, PTHREAD_MUTEX_ADAPTIVE_NP, PTHREAD_PRIO_NONE, PTHREAD_MUTEX_STALLED,
		   PTHREAD_PROCESS_PRIVATE);
	return run_mutex(s);
}

static int run_robust(struct series *s)
{
	mutex_make(s, PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_NONE, PTHREAD_MUTEX_ROBUST, PTHREAD_PROCESS_PRIVATE);
	return run_mutex(s);
}

static int run_pi(struct series *s)
{
	mutex_make(s, PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_INHERIT, PTHREAD_MUTEX_STALLED,
		   PTHREAD_PROCESS_PRIVATE);
	return run_mutex(s);
}

static int run_clocklock(struct series *s)
{
	mutex_make(s, PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_NONE, PTHREAD_MUTEX_STALLED,
		   PTHREAD_PROCESS_PRIVATE);
	return series_with_thread(s, mutex_lock, mutex_unlock, mutex_clocklock, mutex_unlock);
}

static int run_shared(struct series *s)
{
	struct partner p = {.series = s, .prepare = mutex_lock, .act = mutex_unlock};
	unsigned int i;

	mutex_make(s, PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_NONE, PTHREAD_MUTEX_STALLED, PTHREAD_PROCESS_SHARED);
	series_begin(s);
	partner_start_process(&p);
	for (i = 0; i < s->count; i++) {
		round_begin(s);
		wait_begin(s);
		mutex_lock(s);
		wait_end(s);
		mutex_unlock(s);
		round_end(s);
	}
	partner_end_process(&p);
	return 0;
}

static void rwlock_write(struct series *s)
{
	errno = pthread_rwlock_wrlock(&locks(s)->rwlock);
	check(!errno, "pthread_rwlock_wrlock");
}

static void rwlock_read(struct series *s)
{
	errno = pthread_rwlock_rdlock(&locks(s)->rwlock);
	check(!errno, "pthread_rwlock_rdlock");
}

static void rwlock_unlock(struct series *s)
{
	pthread_rwlock_unlock(&locks(s)->rwlock);
}

static int run_rwlock_read(struct series *s)
{
	pthread_rwlock_init(&locks(s)->rwlock, NULL);
	return series_with_thread(s, rwlock_write, rwlock_unlock, rwlock_read, rwlock_unlock);
}

static int run_rwlock_write(struct series *s)
{
	pthread_rwlock_init(&locks(s)->rwlock, NULL);
	return series_with_thread(s, rwlock_write, rwlock_unlock, rwlock_write, rwlock_unlock);
}

/* A writer that waits for a reader: it sleeps on the other futex of the rwlock. */
static int run_rwlock_reader(struct series *s)
{
	pthread_rwlock_init(&locks(s)->rwlock, NULL);
	return series_with_thread(s, rwlock_read, rwlock_unlock, rwlock_write, rwlock_unlock);
}

int main(int argc, char **argv)
{
	static const struct form forms[] = {
		{"normal", run_normal, NULL},
		{"recursive", run_recursive, NULL},
		{"errorcheck", run_errorcheck, NULL},
		{"adaptive", run_adaptive, NULL},
		{"robust", run_robust, NULL},
		{"pi", run_pi, NULL},
		{"clocklock", run_clocklock, NULL},
		{"shared", run_shared, NULL},
		{"rwlock_read", run_rwlock_read, NULL},
		{"rwlock_write", run_rwlock_write, NULL},
		{"rwlock_reader", run_rwlock_reader, NULL},
		{NULL, NULL, NULL},
	};

	return series_main(argc, argv, "mutex", forms);
}
