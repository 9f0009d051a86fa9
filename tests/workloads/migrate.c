/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * migrate [MOVES [FORM]]: four threads that go from one of two CPUs to the other, each at least MOVES times (2003) by
 * sched_setaffinity, and compute in between. FORM `until`: for that many milliseconds instead. Out: each thread's own
 * account.
 */
#include "truth.h"

#define THREADS 4

struct mover {
	pthread_t thread;
	pid_t tid;
	unsigned long moves;
	uint64_t cpu_ns, voluntary, involuntary;
	volatile uint64_t work;
};

static struct mover movers[THREADS];
static unsigned long moves = 2003;
static uint64_t until_ns;
static int cpus[2];

static void *move_often(void *arg)
{
	struct mover *m = arg;
	struct rusage usage;
	cpu_set_t set;

	m->tid = gettid();
	for (; until_ns ? now_ns() < until_ns : m->moves < moves; m->moves++) {
		CPU_ZERO(&set);
		CPU_SET(cpus[m->moves & 1], &set);
		check(!sched_setaffinity(0, sizeof(set), &set), "sched_setaffinity");
		check(sched_getcpu() == cpus[m->moves & 1], "sched_getcpu");
		for (int i = 0; i < 5000; i++)
			m->work += (uint64_t)i;
	}
	m->cpu_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	getrusage(RUSAGE_THREAD, &usage);
	m->voluntary = (uint64_t)usage.ru_nvcsw;
	m->involuntary = (uint64_t)usage.ru_nivcsw;
	return NULL;
}

int main(int argc, char **argv)
{
	cpus[0] = allowed_cpu(0);
	cpus[1] = allowed_cpu(1);
	if (cpus[1] < 0)
		return skip("there is only one CPU");
	if (argc > 1)
		moves = strtoul(argv[1], NULL, 10);
	if (argc > 2 && !strcmp(argv[2], "until"))
		until_ns = now_ns() + moves * 1000000;
	for (int i = 0; i < THREADS; i++) {
		errno = pthread_create(&movers[i].thread, NULL, move_often, &movers[i]);
		check(!errno, "pthread_create");
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(movers[i].thread, NULL);
	printf("{\"kind\":\"migrate\",\"pid\":%d,\"threads\":[", getpid());
	for (int i = 0; i < THREADS; i++)
		printf("%s{\"tid\":%d,\"moves\":%lu,\"cpu_ns\":%llu,\"voluntary\":%llu,\"involuntary\":%llu}", i ? "," : "",
		       movers[i].tid, movers[i].moves, (unsigned long long)movers[i].cpu_ns,
		       (unsigned long long)movers[i].voluntary, (unsigned long long)movers[i].involuntary);
	printf("]}\n");
	return fflush(stdout) ? 1 : 0;
}
