/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * In: threads that want to compute. Out: one of them at a time. The rules are those of CPython's ceval_gil.c,
 * but waiters sleep on the lock itself, so that their wait is a lock's wait, tried again every 5 ms.
 */
#include "workloads/clock.h"
#include "workloads/gil.h"

void gil_init(struct gil *g)
{
	pthread_mutex_init(&g->lock, NULL);
	pthread_mutex_init(&g->switch_lock, NULL);
	pthread_cond_init(&g->switched, NULL);
	g->switches = 0;
	atomic_init(&g->taken, 0);
	atomic_init(&g->drop_requested, false);
}

void gil_destroy(struct gil *g)
{
	pthread_cond_destroy(&g->switched);
	pthread_mutex_destroy(&g->switch_lock);
	pthread_mutex_destroy(&g->lock);
}

uint64_t gil_take(struct gil *g)
{
	uint64_t start = now_ns();

	if (pthread_mutex_trylock(&g->lock)) {
		for (;;) {
			uint64_t before = atomic_load(&g->taken);
			struct timespec until = timespec_of(now_ns() + GIL_INTERVAL_NS);

			if (!pthread_mutex_clocklock(&g->lock, CLOCK_MONOTONIC, &until))
				break;
			/* Whoever took it meanwhile has a whole interval. */
			if (atomic_load(&g->taken) == before)
				atomic_store(&g->drop_requested, true);
		}
	}
	/* A thread that asked comes by here before the next holder can see its request: none is left over. */
	atomic_store(&g->drop_requested, false);
	pthread_mutex_lock(&g->switch_lock);
	atomic_store(&g->taken, ++g->switches);
	pthread_cond_broadcast(&g->switched);
	pthread_mutex_unlock(&g->switch_lock);
	return now_ns() - start;
}

void gil_release(struct gil *g)
{
	pthread_mutex_unlock(&g->lock);
}

uint64_t gil_hand_over(struct gil *g)
{
	uint64_t start = now_ns(), mine;

	mine = atomic_load(&g->taken); /* nobody takes it while it is ours */
	gil_release(g);
	/* Without this wait the holder would have it again before the woken thread runs: the request was for
	 * nothing. */
	pthread_mutex_lock(&g->switch_lock);
	while (g->switches == mine)
		pthread_cond_wait(&g->switched, &g->switch_lock);
	pthread_mutex_unlock(&g->switch_lock);
	gil_take(g);
	return now_ns() - start;
}
