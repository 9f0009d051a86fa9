/* SPDX-License-Identifier: BSD-2-Clause */
/* In: how many threads. Out: the main thread joins each, which ends a delay later, and how long that took. */
#include "truth.h"

static void *ending(void *arg)
{
	struct series *s = arg;

	await_count(&s->announced, atomic_load(&s->finished));
	await_sleep(s->pid, s->tid);
	sleep_ns(s->delay_ns);
	return NULL;
}

static int join_each(struct series *s, bool timed)
{
	struct timespec until = timespec_of(now_ns() + GIVE_UP_NS);
	pthread_t thread;
	unsigned int i;

	series_begin(s);
	for (i = 0; i < s->count; i++) {
		errno = pthread_create(&thread, NULL, ending, s);
		check(!errno, "pthread_create");
		wait_begin(s);
		errno = timed ? pthread_clockjoin_np(thread, NULL, CLOCK_MONOTONIC, &until)
			      : pthread_join(thread, NULL);
		check(!errno, "pthread_join");
		wait_end(s);
		round_end(s);
	}
	return 0;
}

static int run_join(struct series *s)
{
	return join_each(s, false);
}

static int run_join_timed(struct series *s)
{
	return join_each(s, true);
}

int main(int argc, char **argv)
{
	static const struct form forms[] = {
		{"join", run_join, NULL},
		{"join_timed", run_join_timed, NULL},
		{NULL, NULL, NULL},
	};

	return series_main(argc, argv, "join", forms);
}
