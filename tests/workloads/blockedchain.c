/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * blockedchain: three threads, each blocked for good below two functions of its own: in read(2) of a pipe, on a condition, and in
 * sleep(3). For an attach, which must find where they are. Out: a line when all are blocked.
 */
#include "truth.h"

#include <pthread.h>

#define OWN_FRAME __attribute__((noinline))

static int fds[2];
static atomic_int tids[2];
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static volatile int after; /* is written behind each call: none is the last of its function */

OWN_FRAME int chain_read(void);
OWN_FRAME int chain_reader(void);
OWN_FRAME void chain_wait(void);
OWN_FRAME void chain_waiter(void);
OWN_FRAME void chain_sleep(void);
OWN_FRAME void chain_sleeper(void);

int chain_read(void)
{
	char byte;
	ssize_t n = read(fds[0], &byte, 1);

	after = 1;
	return n == 1;
}

int chain_reader(void)
{
	int ok = chain_read();

	after = 2;
	return ok;
}

void chain_wait(void)
{
	pthread_mutex_lock(&mutex);
	pthread_cond_wait(&condition, &mutex);
	pthread_mutex_unlock(&mutex);
	after = 3;
}

void chain_waiter(void)
{
	chain_wait();
	after = 4;
}

void chain_sleep(void)
{
	sleep(1000);
	after = 5;
}

void chain_sleeper(void)
{
	chain_sleep();
	after = 6;
}

static void *on_condition(void *arg)
{
	atomic_store(&tids[0], gettid());
	chain_waiter();
	return arg;
}

static void *asleep(void *arg)
{
	atomic_store(&tids[1], gettid());
	chain_sleeper();
	return arg;
}

int main(void)
{
	pthread_t thread;

	check(!pipe(fds), "pipe");
	check(!pthread_create(&thread, NULL, on_condition, NULL) && !pthread_create(&thread, NULL, asleep, NULL),
	      "pthread_create");
	for (int i = 0; i < 2; i++) {
		while (!atomic_load(&tids[i]))
			sleep_ns(POLL_NS);
		await_sleep(getpid(), atomic_load(&tids[i]));
	}
	puts("{\"kind\":\"blockedchain\",\"threads\":3}");
	fflush(stdout);
	return !chain_reader();
}
