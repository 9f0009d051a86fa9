/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * places [ROUNDS]: a thread waits ROUNDS times (100000) for a byte, in one of six functions by lot, for another thread that yields before it
 * answers: on one CPU, so it goes to and fro at the highest rate, with stacks that are deep and each time another.
 * Out: how often it waited in each function, and how long by its own clock.
 */
#include <semaphore.h>
#include <sys/socket.h>

#include "truth.h"

#define PLACES 6
#define DEPTH  24

static struct place {
	int fds[2];
	unsigned long count;
	uint64_t ns;
} places[PLACES];

static sem_t orders;
static unsigned char ordered; /* PLACES: no more */

__attribute__((noinline)) static void await_byte(struct place *p, unsigned int depth)
{
	char byte;

	if (depth)
		await_byte(p, depth - 1);
	else
		check(read(p->fds[0], &byte, 1) == 1, "read");
	__asm__ volatile("" ::: "memory"); /* no tail call */
}

#define PLACE(n)                                                                                                     \
	__attribute__((noinline)) static void place_##n(void)                                                        \
	{                                                                                                            \
		await_byte(&places[n], DEPTH);                                                                       \
		__asm__ volatile("" ::: "memory"); /* no tail call */                                                \
	}
PLACE(0)
PLACE(1)
PLACE(2)
PLACE(3)
PLACE(4)
PLACE(5)

static void *answer(void *arg)
{
	for (;;) {
		unsigned char place;

		sem_wait(&orders);
		place = ordered;
		if (place == PLACES)
			return arg;
		sched_yield();
		check(write(places[place].fds[1], "x", 1) == 1, "write");
	}
}

int main(int argc, char **argv)
{
	static void (*const enter[PLACES])(void) = {place_0, place_1, place_2, place_3, place_4, place_5};
	unsigned long rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : 100000, i;
	uint32_t lot = 2463534242;
	pthread_t thread;

	pin_to_cpu(allowed_cpu(0));
	check(!sem_init(&orders, 0, 0), "sem_init");
	for (i = 0; i < PLACES; i++)
		check(!socketpair(AF_UNIX, SOCK_STREAM, 0, places[i].fds), "socketpair");
	errno = pthread_create(&thread, NULL, answer, NULL);
	check(!errno, "pthread_create");
	for (i = 0; i < rounds; i++) {
		unsigned char n;
		uint64_t begin;

		lot ^= lot << 13;
		lot ^= lot >> 17;
		lot ^= lot << 5;
		n = lot % PLACES;
		ordered = n;
		begin = now_ns();
		sem_post(&orders);
		enter[n]();
		places[n].ns += now_ns() - begin;
		places[n].count++;
	}
	ordered = PLACES;
	sem_post(&orders);
	pthread_join(thread, NULL);
	printf("{\"kind\":\"places\",\"rounds\":%lu,\"places\":[", rounds);
	for (i = 0; i < PLACES; i++)
		printf("%s{\"name\":\"place_%lu\",\"count\":%lu,\"ns\":%llu}", i ? "," : "", i, places[i].count, (unsigned long long)places[i].ns);
	printf("]}\n");
	return 0;
}
