/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * In: --rounds N, --frames N, --places N, --pause NS, --cpu N. Out: one line of JSON.
 *
 * Two threads on one CPU pass a token to and fro through pipes. Each blocks with that many frames on its stack (by the usual
 * start of a thread, down to read), the next time by way of another of that many places: with one place it always blocks
 * where it blocked before. Between two rounds it computes for a while, so that the machine is not kept busy with switches alone.
 */
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "result.h"

#define OTHER_FRAMES 6 /* clone3, start_thread, player_main, place_N, pass, read */

struct player {
	int in, out, side;
	uint64_t rounds, frames, places, pause_ns, cpu;
	int err;
};

static int pass(struct player *p)
{
	char token = 1;

	if (!p->side && write(p->out, &token, 1) != 1)
		return -EIO;
	if (read(p->in, &token, 1) != 1)
		return -EIO;
	if (p->side && write(p->out, &token, 1) != 1)
		return -EIO;
	return 0;
}

__attribute__((noinline)) static int descend(struct player *p, uint64_t left)
{
	volatile int result = left ? descend(p, left - 1) : pass(p); /* no tail call */

	return result;
}

#define PLACE(n)                                                                                                     \
	__attribute__((noinline)) static int place_##n(struct player *p)                                             \
	{                                                                                                            \
		volatile int result = descend(p, p->frames);                                                         \
                                                                                                                     \
		return result;                                                                                       \
	}
PLACE(0)
PLACE(1)
PLACE(2)
PLACE(3)

static void *player_main(void *arg)
{
	static int (*const places[])(struct player *) = {place_0, place_1, place_2, place_3};
	struct player *p = arg;
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((unsigned int)p->cpu, &set);
	p->err = -pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
	for (uint64_t i = 0; !p->err && i < p->rounds; i++) {
		uint64_t until = p->side ? 0 : now_ns() + p->pause_ns;

		while (now_ns() < until)
			;
		p->err = places[i % p->places](p);
	}
	return NULL;
}

static int parse(int argc, char **argv, struct player *p)
{
	for (int i = 1; i + 1 < argc; i += 2) {
		uint64_t *to = !strcmp(argv[i], "--rounds")   ? &p->rounds
			       : !strcmp(argv[i], "--frames") ? &p->frames
			       : !strcmp(argv[i], "--places") ? &p->places
			       : !strcmp(argv[i], "--pause")  ? &p->pause_ns
			       : !strcmp(argv[i], "--cpu")    ? &p->cpu
							      : NULL;
		char *rest;

		if (!to || read_number(argv[i + 1], 0, to, &rest) || *rest)
			return -EINVAL;
	}
	if (argc % 2 == 0 || p->frames <= OTHER_FRAMES || p->places < 1 || p->places > 4)
		return -EINVAL;
	p->frames -= OTHER_FRAMES + 1;
	return 0;
}

int main(int argc, char **argv)
{
	struct player players[2] = {{.rounds = 10000, .frames = 12, .places = 1, .pause_ns = 10000, .cpu = 0}};
	pthread_t threads[2];
	int there[2], back[2];
	uint64_t start;

	if (parse(argc, argv, &players[0])) {
		fprintf(stderr, "usage: deep [--rounds N] [--frames N] [--places 1..4] [--pause NS] [--cpu N]\n");
		return EXIT_FAILURE;
	}
	if (pipe(there) || pipe(back))
		return EXIT_FAILURE;
	players[1] = players[0];
	players[0].in = back[0];
	players[0].out = there[1];
	players[1].in = there[0];
	players[1].out = back[1];
	players[1].side = 1;
	start = now_ns();
	for (int i = 0; i < 2; i++)
		if (pthread_create(&threads[i], NULL, player_main, &players[i]))
			return EXIT_FAILURE;
	for (int i = 0; i < 2; i++) {
		pthread_join(threads[i], NULL);
		if (players[i].err)
			return EXIT_FAILURE;
	}
	return print_result("deep", now_ns() - start, players[0].rounds);
}
