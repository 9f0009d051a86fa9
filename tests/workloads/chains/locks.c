/* SPDX-License-Identifier: BSD-2-Clause */
/* Chains that end in a futex: locks, conditions, semaphores, other threads. */
#include <linux/futex.h>
#include <semaphore.h>
#include <sys/syscall.h>

#include "chains.h"

static struct timespec in_a_minute(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_sec += 60;
	return t;
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static void mutex_take(struct job *job)
{
	(void)job;
	must(!pthread_mutex_lock(&mutex), "pthread_mutex_lock");
}

static void mutex_drop(struct job *job)
{
	(void)job;
	must(!pthread_mutex_unlock(&mutex), "pthread_mutex_unlock");
}

CHAIN(mutex, {
	must(!pthread_mutex_lock(&mutex), "pthread_mutex_lock");
	must(!pthread_mutex_unlock(&mutex), "pthread_mutex_unlock");
})

static pthread_mutex_t told_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t told_condition = PTHREAD_COND_INITIALIZER;

static void condition_tell(struct job *job)
{
	pthread_mutex_lock(&told_mutex);
	atomic_store(&job->word, 1);
	pthread_mutex_unlock(&told_mutex);
	pthread_cond_signal(&told_condition);
}

CHAIN(cond, {
	pthread_mutex_lock(&told_mutex);
	while (!atomic_load(&job->word))
		pthread_cond_wait(&told_condition, &told_mutex);
	atomic_store(&job->word, 0);
	pthread_mutex_unlock(&told_mutex);
})

static pthread_mutex_t timed_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t timed_condition = PTHREAD_COND_INITIALIZER;

static void timed_tell(struct job *job)
{
	pthread_mutex_lock(&timed_mutex);
	atomic_store(&job->word, 1);
	pthread_mutex_unlock(&timed_mutex);
	pthread_cond_signal(&timed_condition);
}

CHAIN(cond_timed, {
	struct timespec until = in_a_minute();

	pthread_mutex_lock(&timed_mutex);
	while (!atomic_load(&job->word))
		must(!pthread_cond_timedwait(&timed_condition, &timed_mutex, &until), "pthread_cond_timedwait");
	atomic_store(&job->word, 0);
	pthread_mutex_unlock(&timed_mutex);
})

static void prepare_semaphore(struct job *job)
{
	job->pointer = calloc(1, sizeof(sem_t));
	must(job->pointer && !sem_init(job->pointer, 0, 0), "sem_init");
}

static void semaphore_post(struct job *job)
{
	must(!sem_post(job->pointer), "sem_post");
}

CHAIN(sem, must(!sem_wait(job->pointer), "sem_wait"))

CHAIN(sem_timed, {
	struct timespec until = in_a_minute();

	must(!sem_timedwait(job->pointer, &until), "sem_timedwait");
})

static pthread_barrier_t barrier;

static void prepare_barrier(struct job *job)
{
	(void)job;
	must(!pthread_barrier_init(&barrier, NULL, 2), "pthread_barrier_init");
}

static void barrier_meet(struct job *job)
{
	(void)job;
	pthread_barrier_wait(&barrier);
}

CHAIN(barrier, pthread_barrier_wait(&barrier))

static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER, wrlock = PTHREAD_RWLOCK_INITIALIZER;

static void rwlock_take(struct job *job)
{
	(void)job;
	must(!pthread_rwlock_wrlock(&rwlock), "pthread_rwlock_wrlock");
}

static void rwlock_drop(struct job *job)
{
	(void)job;
	must(!pthread_rwlock_unlock(&rwlock), "pthread_rwlock_unlock");
}

CHAIN(rdlock, {
	must(!pthread_rwlock_rdlock(&rwlock), "pthread_rwlock_rdlock");
	must(!pthread_rwlock_unlock(&rwlock), "pthread_rwlock_unlock");
})

static void wrlock_take(struct job *job)
{
	(void)job;
	must(!pthread_rwlock_rdlock(&wrlock), "pthread_rwlock_rdlock");
}

static void wrlock_drop(struct job *job)
{
	(void)job;
	must(!pthread_rwlock_unlock(&wrlock), "pthread_rwlock_unlock");
}

CHAIN(wrlock, {
	must(!pthread_rwlock_wrlock(&wrlock), "pthread_rwlock_wrlock");
	must(!pthread_rwlock_unlock(&wrlock), "pthread_rwlock_unlock");
})

/* A thread that ends when it is kicked. */
static pthread_t short_thread;

NOINLINE static void *short_main(void *arg)
{
	struct job *job = arg;

	must(!sem_wait(job->pointer), "sem_wait");
	AFTER(job);
	return NULL;
}

static void start_short_thread(struct job *job)
{
	must(!pthread_create(&short_thread, NULL, short_main, job), "pthread_create");
	pthread_setname_np(short_thread, "helper");
}

CHAIN(join, must(!pthread_join(short_thread, NULL), "pthread_join"))

static void futex_tell(struct job *job)
{
	atomic_store(&job->word, 1);
	syscall(SYS_futex, &job->word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

CHAIN(futex, {
	while (!atomic_load(&job->word))
		syscall(SYS_futex, &job->word, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
	atomic_store(&job->word, 0);
})

const struct chain lock_chains[] = {
	{ROW(mutex, "~pthread_mutex_lock"), .arm = mutex_take, .kick = mutex_drop},
	{ROW(cond, "~pthread_cond_wait"), .kick = condition_tell},
	{ROW(cond_timed, "~pthread_cond_timedwait"), .kick = timed_tell},
	{ROW(sem, "~sem_wait"), .prepare = prepare_semaphore, .kick = semaphore_post},
	{ROW(sem_timed, "~sem_timedwait"), .prepare = prepare_semaphore, .kick = semaphore_post},
	{ROW(barrier, "~pthread_barrier_wait"), .prepare = prepare_barrier, .kick = barrier_meet},
	{ROW(rdlock, "~pthread_rwlock_rdlock"), .arm = rwlock_take, .kick = rwlock_drop},
	{ROW(wrlock, "~pthread_rwlock_wrlock"), .arm = wrlock_take, .kick = wrlock_drop},
	{ROW(join, "~pthread_join"), .prepare = prepare_semaphore, .arm = start_short_thread, .kick = semaphore_post},
	{ROW(futex, "syscall"), .kick = futex_tell},
	{0},
};
