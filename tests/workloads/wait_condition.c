/* SPDX-License-Identifier: BSD-2-Clause */
/* In: a means of telling another thread. Out: the main thread waits to be told, and how long that took. */
#include <semaphore.h>

#include "truth.h"

struct means {
	pthread_mutex_t mutex;
	pthread_cond_t condition;
	bool told;
	sem_t semaphore;
	pthread_barrier_t barrier;
};

static struct means *means(struct series *s)
{
	_Static_assert(sizeof(struct means) <= sizeof(s->area), "fits");
	return (struct means *)(void *)&s->area;
}

/* The mutex is free when the sleeper wakes: it does not wait a second time, for that. */
static void condition_tell(struct series *s)
{
	pthread_mutex_lock(&means(s)->mutex);
	means(s)->told = true;
	pthread_mutex_unlock(&means(s)->mutex);
	pthread_cond_signal(&means(s)->condition);
}

static void condition_wait(struct series *s)
{
	pthread_mutex_lock(&means(s)->mutex);
	while (!means(s)->told)
		pthread_cond_wait(&means(s)->condition, &means(s)->mutex);
	means(s)->told = false;
	pthread_mutex_unlock(&means(s)->mutex);
}

static void condition_timed(struct series *s)
{
	struct timespec until = timespec_of(now_ns() + GIVE_UP_NS);

	pthread_mutex_lock(&means(s)->mutex);
	while (!means(s)->told)
		check(!pthread_cond_clockwait(&means(s)->condition, &means(s)->mutex, CLOCK_MONOTONIC,
					      &until),
		      "pthread_cond_clockwait");
	means(s)->told = false;
	pthread_mutex_unlock(&means(s)->mutex);
}

static void condition_make(struct series *s)
{
	pthread_mutex_init(&means(s)->mutex, NULL);
	pthread_cond_init(&means(s)->condition, NULL);
}

static int run_condition(struct series *s)
{
	condition_make(s);
	return series_with_thread(s, NULL, condition_tell, condition_wait, NULL);
}

static int run_condition_timed(struct series *s)
{
	condition_make(s);
	return series_with_thread(s, NULL, condition_tell, condition_timed, NULL);
}

static void semaphore_tell(struct series *s)
{
	sem_post(&means(s)->semaphore);
}

static void semaphore_wait(struct series *s)
{
	check(!sem_wait(&means(s)->semaphore), "sem_wait");
}

static void semaphore_timed(struct series *s)
{
	struct timespec until = timespec_of(now_ns() + GIVE_UP_NS);

	check(!sem_clockwait(&means(s)->semaphore, CLOCK_MONOTONIC, &until), "sem_clockwait");
}

static int run_semaphore(struct series *s)
{
	sem_init(&means(s)->semaphore, 0, 0);
	return series_with_thread(s, NULL, semaphore_tell, semaphore_wait, NULL);
}

static int run_semaphore_timed(struct series *s)
{
	sem_init(&means(s)->semaphore, 0, 0);
	return series_with_thread(s, NULL, semaphore_tell, semaphore_timed, NULL);
}

static int run_semaphore_shared(struct series *s)
{
	struct partner p = {.series = s, .act = semaphore_tell};
	unsigned int i;

	sem_init(&means(s)->semaphore, 1, 0);
	series_begin(s);
	partner_start_process(&p);
	for (i = 0; i < s->count; i++) {
		round_begin(s);
		wait_begin(s);
		semaphore_wait(s);
		wait_end(s);
		round_end(s);
	}
	partner_end_process(&p);
	return 0;
}

/* Waiter and partner do the same: who comes last does not wait, and that is the partner. */
static void barrier_meet(struct series *s)
{
	pthread_barrier_wait(&means(s)->barrier);
}

static int run_barrier(struct series *s)
{
	pthread_barrier_init(&means(s)->barrier, NULL, 2);
	return series_with_thread(s, NULL, barrier_meet, barrier_meet, NULL);
}

int main(int argc, char **argv)
{
	static const struct form forms[] = {
		{"cond", run_condition, NULL},
		{"cond_timed", run_condition_timed, NULL},
		{"sem", run_semaphore, NULL},
		{"sem_timed", run_semaphore_timed, NULL},
		{"sem_shared", run_semaphore_shared, NULL},
		{"barrier", run_barrier, NULL},
		{NULL, NULL, NULL},
	};

	return series_main(argc, argv, "condition", forms);
}
