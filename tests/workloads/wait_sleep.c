/* SPDX-License-Identifier: BSD-2-Clause */
/* In: a way to sleep. Out: the main thread sleeps a number of times, and how long that took. */
#include <poll.h>
#include <sys/select.h>
#include <sys/timerfd.h>

#include "truth.h"

static int sleeps(struct series *s, void (*sleep_once)(struct series *))
{
	unsigned int i;

	series_begin(s);
	for (i = 0; i < s->count; i++) {
		wait_begin(s);
		sleep_once(s);
		wait_end(s);
	}
	return 0;
}

static void once_nanosleep(struct series *s)
{
	sleep_ns(s->delay_ns);
}

static int run_nanosleep(struct series *s)
{
	return sleeps(s, once_nanosleep);
}

static void once_clock(struct series *s)
{
	struct timespec t = timespec_of(s->delay_ns);

	clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL);
}

static int run_clock(struct series *s)
{
	return sleeps(s, once_clock);
}

static void once_absolute(struct series *s)
{
	struct timespec t = timespec_of(clock_ns(CLOCK_REALTIME) + s->delay_ns);

	clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &t, NULL);
}

static int run_absolute(struct series *s)
{
	return sleeps(s, once_absolute);
}

static void once_usleep(struct series *s)
{
	usleep((useconds_t)(s->delay_ns / 1000));
}

static int run_usleep(struct series *s)
{
	return sleeps(s, once_usleep);
}

static void once_select(struct series *s)
{
	struct timeval t = {.tv_usec = (suseconds_t)(s->delay_ns / 1000)};

	select(0, NULL, NULL, NULL, &t);
}

static int run_select(struct series *s)
{
	return sleeps(s, once_select);
}

static void once_poll(struct series *s)
{
	poll(NULL, 0, (int)(s->delay_ns / 1000000));
}

static int run_poll(struct series *s)
{
	return sleeps(s, once_poll);
}

static void once_ppoll(struct series *s)
{
	struct timespec t = timespec_of(s->delay_ns);

	ppoll(NULL, 0, &t, NULL);
}

static int run_ppoll(struct series *s)
{
	return sleeps(s, once_ppoll);
}

static int run_timerfd(struct series *s)
{
	struct itimerspec t = {.it_value = timespec_of(s->delay_ns)};
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	uint64_t fired;
	unsigned int i;

	check(fd >= 0, "timerfd_create");
	series_begin(s);
	for (i = 0; i < s->count; i++) {
		check(!timerfd_settime(fd, 0, &t, NULL), "timerfd_settime");
		wait_begin(s);
		check(read(fd, &fired, sizeof(fired)) == sizeof(fired), "read");
		wait_end(s);
	}
	return 0;
}

int main(int argc, char **argv)
{
	static const struct form forms[] = {
		{"nanosleep", run_nanosleep, NULL},
		{"clock_nanosleep", run_clock, NULL},
		{"absolute", run_absolute, NULL},
		{"usleep", run_usleep, NULL},
		{"select", run_select, NULL},
		{"poll", run_poll, NULL},
		{"ppoll", run_ppoll, NULL},
		{"timerfd", run_timerfd, NULL},
		{NULL, NULL, NULL},
	};

	return series_main(argc, argv, "sleep", forms);
}
