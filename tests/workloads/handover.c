/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * handover [ROUNDS]: two pairs of threads, each pair plays a byte through two pipes, ROUNDS times (20011). On one CPU, so it goes from
 * thread to thread at the highest rate: a wrong bit at each switch adds up.
 * Out: each thread's id and CPU time, a little before its end.
 */
#include "truth.h"

#define PAIRS 2

struct player {
	pthread_t thread;
	pid_t tid;
	int in, out;
	bool serves;
	uint64_t cpu_ns;
};

static struct player players[2 * PAIRS];
static unsigned long rounds = 20011;

static void *play(void *arg)
{
	struct player *p = arg;
	unsigned long i;
	char ball = 'o';

	p->tid = gettid();
	for (i = 0; i < rounds; i++) {
		if (p->serves)
			check(write(p->out, &ball, 1) == 1, "write");
		check(read(p->in, &ball, 1) == 1, "read");
		if (!p->serves)
			check(write(p->out, &ball, 1) == 1, "write");
	}
	p->cpu_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	return NULL;
}

int main(int argc, char **argv)
{
	int i, there[2], back[2];

	if (argc > 1)
		rounds = strtoul(argv[1], NULL, 10);
	pin_to_cpu(allowed_cpu(0));
	for (i = 0; i < 2 * PAIRS; i += 2) {
		check(!pipe(there) && !pipe(back), "pipe");
		players[i] = (struct player){.in = back[0], .out = there[1], .serves = true};
		players[i + 1] = (struct player){.in = there[0], .out = back[1]};
	}
	for (i = 0; i < 2 * PAIRS; i++) {
		errno = pthread_create(&players[i].thread, NULL, play, &players[i]);
		check(!errno, "pthread_create");
	}
	for (i = 0; i < 2 * PAIRS; i++)
		pthread_join(players[i].thread, NULL);
	printf("{\"kind\":\"handover\",\"rounds\":%lu,\"pid\":%d,\"threads\":[", rounds, getpid());
	for (i = 0; i < 2 * PAIRS; i++)
		printf("%s{\"tid\":%d,\"cpu_ns\":%llu}", i ? "," : "", players[i].tid,
		       (unsigned long long)players[i].cpu_ns);
	printf("]}\n");
	return fflush(stdout) ? 1 : 0;
}
