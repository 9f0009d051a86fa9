/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * selfkill [DELAY_MS]: three threads are blocked, on a mutex, a condition and a pipe; after DELAY_MS (50) the
 * first thread kills the process with SIGKILL. Out, just before: the pid, the tids, how long they have been
 * blocked at least.
 */
#include "truth.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER, other = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static int fds[2];
static atomic_int tids[3];

static void *on_mutex(void *arg)
{
	atomic_store(&tids[0], gettid());
	pthread_mutex_lock(&mutex);
	return arg;
}

static void *on_condition(void *arg)
{
	atomic_store(&tids[1], gettid());
	pthread_mutex_lock(&other);
	for (;;)
		pthread_cond_wait(&condition, &other);
	return arg;
}

static void *on_pipe(void *arg)
{
	char byte;

	atomic_store(&tids[2], gettid());
	return read(fds[0], &byte, 1) == 1 ? NULL : arg;
}

int main(int argc, char **argv)
{
	static void *(*const bodies[3])(void *) = {on_mutex, on_condition, on_pipe};
	uint64_t delay_ns = (argc > 1 ? strtoull(argv[1], NULL, 10) : 50) * 1000000, since;
	pthread_t thread;
	int i;

	check(!pipe2(fds, O_CLOEXEC), "pipe");
	pthread_mutex_lock(&mutex);
	for (i = 0; i < 3; i++) {
		errno = pthread_create(&thread, NULL, bodies[i], NULL);
		check(!errno, "pthread_create");
		while (!atomic_load(&tids[i]))
			sleep_ns(POLL_NS);
		await_sleep(getpid(), atomic_load(&tids[i]));
	}
	since = now_ns();
	sleep_ns(delay_ns);
	printf("{\"kind\":\"selfkill\",\"pid\":%d,\"threads\":4,\"mutex_tid\":%d,\"condition_tid\":%d,"
	       "\"local_tid\":%d,"
	       "\"wait_ns\":%llu}\n",
	       getpid(), tids[0], tids[1], tids[2], (unsigned long long)(now_ns() - since));
	if (fflush(stdout))
		return 1;
	kill(getpid(), SIGKILL);
	return 1;
}
