/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * In: loops, threads. Out: the time that the threads take for that many loops each, as one line of JSON.
 *
 * A fixed amount of work: a program that measures first how much it can do would do so under the tracer too,
 * and hide a part of its cost.
 */
#include <pthread.h>
#include <string.h>

#include "result.h"

#define MAX_THREADS 64

struct worker {
	pthread_t thread;
	uint64_t loops, state;
};

/* The step of xorshift64*: each needs the one before. */
static void *compute(void *arg)
{
	struct worker *w = arg;
	uint64_t state = w->state, i;

	for (i = 0; i < w->loops; i++) {
		state ^= state >> 12;
		state ^= state << 25;
		state ^= state >> 27;
		state *= 0x2545f4914f6cdd1dULL;
	}
	w->state = state;
	return NULL;
}

int main(int argc, char **argv)
{
	struct worker workers[MAX_THREADS] = {0};
	uint64_t loops, threads, i, start, sum = 0;
	int err = 0;

	if (argc != 3 || read_count(argv[1], &loops) || read_count(argv[2], &threads) ||
	    threads > MAX_THREADS) {
		fprintf(stderr, "usage: %s LOOPS THREADS\n", argv[0]);
		return 2;
	}
	start = now_ns();
	for (i = 0; i < threads && !err; i++) {
		workers[i] = (struct worker){.loops = loops, .state = i + 1};
		err = pthread_create(&workers[i].thread, NULL, compute, &workers[i]);
	}
	if (err) {
		fprintf(stderr, "compute: a thread: %s\n", strerror(err));
		return EXIT_FAILURE;
	}
	for (i = 0; i < threads; i++) {
		pthread_join(workers[i].thread, NULL);
		sum += workers[i].state;
	}
	/* An impossible sum, tested so that the work is not thrown away. */
	return print_result("compute", now_ns() - start, threads * loops + !sum);
}
