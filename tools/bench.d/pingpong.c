/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * In: --rounds N, --cpus N[,N...], --each. Out: the time of N round trips, as one line of JSON.
 *
 * One pair of threads: both on the CPU if one is given, else one on the first and one on the second. With
 * --each there is a pair on every CPU given, all at the same time: every CPU does nothing but switch.
 */
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>

#include "pingpong.h"
#include "result.h"

#define MAX_CPUS 64

struct options {
	uint64_t rounds;
	int cpus[MAX_CPUS];
	int n_cpus;
	bool each;
};

struct pair;

struct player {
	struct pair *pair;
	pthread_t thread;
	int side, cpu, err;
	uint64_t start_ns, end_ns;
};

struct pair {
	struct channel channel;
	struct player players[2];
	pthread_barrier_t *start;
	uint64_t rounds;
};

/* One turn is under way: side 0 passes it on and waits for it, side 1 waits for it and passes it back. */
static int play(struct player *p)
{
	struct channel *c = &p->pair->channel;
	uint64_t left = p->pair->rounds;
	int err = 0;

	while (!err && left--) {
		err = p->side ? channel_wait(c, 1) : channel_wake(c, 1);
		if (!err)
			err = p->side ? channel_wake(c, 0) : channel_wait(c, 0);
	}
	return err;
}

static void *player_main(void *arg)
{
	struct player *p = arg;
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((unsigned int)p->cpu, &set);
	p->err = -pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
	pthread_barrier_wait(p->pair->start);
	p->start_ns = now_ns();
	if (!p->err)
		p->err = play(p);
	p->end_ns = now_ns();
	return NULL;
}

static int read_cpus(struct options *o, const char *text)
{
	char *rest = NULL;
	uint64_t cpu;

	for (o->n_cpus = 0; o->n_cpus < MAX_CPUS; text = rest + 1) {
		if (read_number(text, 0, &cpu, &rest) || cpu >= CPU_SETSIZE)
			return -EINVAL;
		o->cpus[o->n_cpus++] = (int)cpu;
		if (!*rest)
			return 0;
		if (*rest != ',')
			return -EINVAL;
	}
	return -EINVAL;
}

static int read_options(struct options *o, int argc, char **argv)
{
	int i, err = 0;

	*o = (struct options){.rounds = 100000, .n_cpus = 1};
	for (i = 1; i < argc && !err; i++) {
		if (!strcmp(argv[i], "--each"))
			o->each = true;
		else if (!strcmp(argv[i], "--rounds") && i + 1 < argc)
			err = read_count(argv[++i], &o->rounds);
		else if (!strcmp(argv[i], "--cpus") && i + 1 < argc)
			err = read_cpus(o, argv[++i]);
		else
			err = -EINVAL;
	}
	return err;
}

static int pair_start(struct pair *pair)
{
	int i, err = channel_open(&pair->channel);

	for (i = 0; i < 2 && !err; i++) {
		pair->players[i].pair = pair;
		pair->players[i].side = i;
		err = -pthread_create(&pair->players[i].thread, NULL, player_main, &pair->players[i]);
	}
	return err;
}

/* The time from the first start to the last end. */
static int pairs_finish(struct pair *pairs, int n, uint64_t *elapsed_ns)
{
	uint64_t start = UINT64_MAX, end = 0;
	int i, err = 0;

	for (i = 0; i < 2 * n; i++) {
		struct player *p = &pairs[i / 2].players[i % 2];

		pthread_join(p->thread, NULL);
		err = p->err ? p->err : err;
		start = p->start_ns < start ? p->start_ns : start;
		end = p->end_ns > end ? p->end_ns : end;
	}
	*elapsed_ns = end - start;
	return err;
}

int main(int argc, char **argv)
{
	static struct pair pairs[MAX_CPUS];
	pthread_barrier_t barrier;
	struct options o;
	uint64_t elapsed_ns = 0;
	int i, n, err;

	if (read_options(&o, argc, argv)) {
		fprintf(stderr, "usage: %s [--rounds N] [--cpus N[,N...]] [--each]\n", argv[0]);
		return 2;
	}
	n = o.each ? o.n_cpus : 1;
	err = -pthread_barrier_init(&barrier, NULL, 2 * (unsigned int)n);
	for (i = 0; i < n && !err; i++) {
		pairs[i].start = &barrier;
		pairs[i].rounds = o.rounds;
		pairs[i].players[0].cpu = o.cpus[i];
		pairs[i].players[1].cpu = o.cpus[o.each ? i : o.n_cpus > 1];
		err = pair_start(&pairs[i]);
	}
	/* On an error here threads wait at the barrier: they end with the process. */
	if (!err)
		err = pairs_finish(pairs, n, &elapsed_ns);
	if (err) {
		fprintf(stderr, "%s: %s\n", pingpong_name, strerror(-err));
		return EXIT_FAILURE;
	}
	return print_result(pingpong_name, elapsed_ns, o.rounds * (uint64_t)n);
}
