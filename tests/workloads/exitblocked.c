/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * exitblocked [FORM [DELAY_MS]]: threads that end while others are blocked; DELAY_MS is 50.
 *
 * process: a thread ends, another is blocked in read(2) of a pipe for good; later the process ends under it.
 *
 * leader: the first thread ends with pthread_exit; another is blocked in read(2), which the third one ends.
 *
 * Out: the pids and tids, and how long the blocked thread has been so at least when this is printed.
 */
#include "truth.h"

static int fds[2];
static atomic_int blocked_tid, ended_tid;
static uint64_t delay_ns = 50000000;

static void *blocked(void *arg)
{
	char byte;

	(void)arg;
	atomic_store(&blocked_tid, gettid());
	return read(fds[0], &byte, 1) == 1 ? NULL : arg;
}

static void *ending(void *arg)
{
	atomic_store(&ended_tid, gettid());
	return arg;
}

static int print_ids(const char *form, uint64_t blocked_ns)
{
	printf("{\"kind\":\"exitblocked\",\"form\":\"%s\",\"pid\":%d,\"threads\":3,\"blocked_tid\":%d,"
	       "\"ended_tid\":%d,"
	       "\"wait_ns\":%llu}\n",
	       form, getpid(), atomic_load(&blocked_tid), atomic_load(&ended_tid),
	       (unsigned long long)blocked_ns);
	return fflush(stdout) ? 1 : 0;
}

static pthread_t start(void *(*body)(void *))
{
	pthread_t thread;

	errno = pthread_create(&thread, NULL, body, NULL);
	check(!errno, "pthread_create");
	return thread;
}

static uint64_t await_blocked(void)
{
	while (!atomic_load(&blocked_tid))
		sleep_ns(POLL_NS);
	await_sleep(getpid(), atomic_load(&blocked_tid));
	return now_ns();
}

/* After the first thread has gone: the process is still there, its leader a zombie. */
static void *last(void *arg)
{
	uint64_t since = await_blocked();

	atomic_store(&ended_tid, getpid());
	sleep_ns(delay_ns);
	pthread_join(*(pthread_t *)arg, NULL); /* the leader: it has ended */
	check(write(fds[1], "x", 1) == 1, "write");
	exit(print_ids("leader", now_ns() - since));
}

int main(int argc, char **argv)
{
	const char *form = argc > 1 ? argv[1] : "process";
	static pthread_t leader;
	uint64_t since;

	if (!strcmp(form, "--list")) {
		printf("process\nleader\n");
		return 0;
	}
	if (argc > 2)
		delay_ns = strtoull(argv[2], NULL, 10) * 1000000;
	check(!pipe2(fds, O_CLOEXEC), "pipe");
	start(blocked);
	if (!strcmp(form, "leader")) {
		errno = pthread_create(&(pthread_t){0}, NULL, last, (leader = pthread_self(), &leader));
		check(!errno, "pthread_create");
		pthread_exit(NULL);
	}
	pthread_join(start(ending), NULL);
	since = await_blocked();
	sleep_ns(delay_ns);
	return print_ids("process", now_ns() - since);
}
