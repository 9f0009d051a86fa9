/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wakings [ROUNDS]: one thread ("driver") ends the waits of others, each below a function of its own, from below a function of its own. Out: one line
 * of JSON: who waits where, for what, and who ends it from where, how many times.
 *
 * The driver acts when it has seen the waiter asleep, so every wait is one.
 */
#include "truth.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <semaphore.h>
#include <sys/socket.h>

#define OWN_FRAME __attribute__((noinline))

static int rounds = 23;
static int pipe_fds[2], sockets[2];
static sem_t go[8];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER, held = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t given = PTHREAD_COND_INITIALIZER;
static int gifts;
static volatile int after; /* is written behind each call: none is the last of its function */

OWN_FRAME static void take_gift(void)
{
	pthread_mutex_lock(&lock);
	while (!gifts)
		pthread_cond_wait(&given, &lock);
	gifts--;
	pthread_mutex_unlock(&lock);
	after = 1;
}

OWN_FRAME static void give_gift(void)
{
	pthread_mutex_lock(&lock);
	gifts++;
	pthread_mutex_unlock(&lock);
	pthread_cond_signal(&given); /* not under the lock: one waking */
	after = 2;
}

OWN_FRAME static void take_byte(void)
{
	char byte;

	check(read(pipe_fds[0], &byte, 1) == 1, "read");
	after = 3;
}

OWN_FRAME static void give_byte(void)
{
	check(write(pipe_fds[1], "x", 1) == 1, "write");
	after = 4;
}

OWN_FRAME static void take_lock(void)
{
	pthread_mutex_lock(&held);
	pthread_mutex_unlock(&held);
	after = 5;
}

OWN_FRAME static void drop_lock(void)
{
	pthread_mutex_unlock(&held);
	after = 6;
}

OWN_FRAME static void take_packet(void)
{
	char byte;

	check(recv(sockets[0], &byte, 1, 0) == 1, "recv");
	after = 7;
}

OWN_FRAME static void give_packet(void)
{
	check(send(sockets[1], "x", 1, 0) == 1, "send");
	after = 8;
}

OWN_FRAME static void take_nap(void)
{
	sleep_ns(5000000);
	after = 9;
}

static void hold_lock(void)
{
	pthread_mutex_lock(&held);
}

static const struct pair {
	const char *thread, *kind, *place, *by, *by_place;
	void (*wait)(void);
	void (*prepare)(void); /* by the driver, before the waiter may begin; or NULL */
	void (*end)(void);     /* NULL: it ends by itself */
} pairs[] = {
	{"cond", "condition", "take_gift", "driver", "give_gift", take_gift, NULL, give_gift},
	{"pipe", "local", "take_byte", "driver", "give_byte", take_byte, NULL, give_byte},
	{"mutex", "mutex", "take_lock", "driver", "drop_lock", take_lock, hold_lock, drop_lock},
	{"tcp", "network", "take_packet", "driver", "give_packet", take_packet, NULL, give_packet},
	{"nap", "sleep", "take_nap", NULL, NULL, take_nap, NULL, NULL},
};
#define N_PAIRS (sizeof(pairs) / sizeof(pairs[0]))

static atomic_int tids[N_PAIRS], begun[N_PAIRS], done[N_PAIRS]; /* of rounds; begun: what it sleeps in is its own wait */

static void *waiter(void *arg)
{
	size_t i = (size_t)(uintptr_t)arg;

	prctl(PR_SET_NAME, pairs[i].thread);
	atomic_store(&tids[i], (int)gettid());
	for (int k = 0; k < rounds; k++) {
		while (sem_wait(&go[i]))
			;
		atomic_fetch_add(&begun[i], 1);
		pairs[i].wait();
		atomic_fetch_add(&done[i], 1);
	}
	return NULL;
}

static void *driver(void *arg)
{
	(void)arg;
	prctl(PR_SET_NAME, "driver");
	for (int k = 0; k < rounds; k++) {
		for (size_t i = 0; i < N_PAIRS; i++) {
			const struct pair *p = &pairs[i];

			if (p->prepare)
				p->prepare();
			sem_post(&go[i]);
			if (!p->end)
				continue;
			while (atomic_load(&begun[i]) <= k)
				sleep_ns(200000);
			await_sleep(getpid(), atomic_load(&tids[i]));
			p->end();
			while (atomic_load(&done[i]) <= k)
				sleep_ns(200000);
		}
	}
	return NULL;
}

static void connect_sockets(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(at);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	check(listener >= 0 && !bind(listener, (struct sockaddr *)&at, len) && !listen(listener, 1) &&
		      !getsockname(listener, (struct sockaddr *)&at, &len),
	      "a socket that listens");
	sockets[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	check(sockets[1] >= 0 && !connect(sockets[1], (struct sockaddr *)&at, len), "connect");
	sockets[0] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	check(sockets[0] >= 0, "accept");
	close(listener);
}

static void print_truth(void)
{
	printf("{\"program\": \"wakings\", \"pairs\": [");
	for (size_t i = 0; i < N_PAIRS; i++) {
		const struct pair *p = &pairs[i];

		printf("%s{\"thread\": \"%s\", \"kind\": \"%s\", \"place\": \"%s\", \"waker\": \"%s%s\", \"waker_place\": \"%s\", \"count\": %d}",
		       i ? ", " : "", p->thread, p->kind, p->place, p->by ? "wakings/" : "[interrupt]", p->by ? p->by : "",
		       p->by_place ? p->by_place : "", rounds);
	}
	printf("]}\n");
}

int main(int argc, char **argv)
{
	pthread_t threads[N_PAIRS + 1];

	if (argc > 1)
		rounds = atoi(argv[1]);
	check(rounds > 0 && !pipe(pipe_fds), "pipe");
	connect_sockets();
	for (size_t i = 0; i < N_PAIRS; i++) {
		check(!sem_init(&go[i], 0, 0), "sem_init");
		check(!pthread_create(&threads[i], NULL, waiter, (void *)(uintptr_t)i), "pthread_create");
		while (!atomic_load(&tids[i]))
			sleep_ns(200000);
	}
	sleep_ns(300000000); /* unwind tables are there by then, on a slow machine, too: what is counted are places */
	check(!pthread_create(&threads[N_PAIRS], NULL, driver, NULL), "pthread_create");
	for (size_t i = 0; i <= N_PAIRS; i++)
		pthread_join(threads[i], NULL);
	print_truth();
	return 0;
}
