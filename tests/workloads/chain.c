/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chain [COUNT [DELAY_MS]]: main calls chain_outer, that chain_middle, that chain_inner, which sleeps COUNT times (7) for DELAY_MS
 * (10) and computes as long in chain_spin. Out: the waits, as all series have them, and the names of the functions, outermost
 * first: what the stack of each wait and each sample must be.
 */
#include "truth.h"

/* What follows a call keeps the compiler from making it a jump, which leaves no frame. */
#define NO_TAIL_CALL() __asm__ volatile("" ::: "memory")

static volatile uint64_t work;

__attribute__((noinline)) static void chain_spin(uint64_t until)
{
	while (now_ns() < until)
		for (int i = 0; i < 100000; i++) /* nearly never in now_ns */
			work += (uint64_t)i;
}

__attribute__((noinline)) static void chain_inner(struct series *s)
{
	for (unsigned int i = 0; i < s->count; i++) {
		wait_begin(s);
		sleep_ns(s->delay_ns);
		wait_end(s);
	}
	chain_spin(now_ns() + s->count * s->delay_ns);
	NO_TAIL_CALL();
}

__attribute__((noinline)) static void chain_middle(struct series *s)
{
	chain_inner(s);
	NO_TAIL_CALL();
}

__attribute__((noinline)) static void chain_outer(struct series *s)
{
	chain_middle(s);
	NO_TAIL_CALL();
}

int main(int argc, char **argv)
{
	struct series *s = series_new();

	prctl(PR_SET_TIMERSLACK, 1);
	s->count = argc > 1 ? (unsigned int)strtoul(argv[1], NULL, 10) : 7;
	s->delay_ns = argc > 2 ? (uint64_t)(strtod(argv[2], NULL) * 1e6) : DEFAULT_DELAY;
	series_begin(s);
	chain_outer(s);
	printf("{\"kind\":\"sleep\",\"form\":\"chain\",\"waits\":%llu,\"wait_ns\":%llu,\"longest_ns\":%llu,\"cpu_ns\":%llu,"
	       "\"ready_ns\":%llu,\"switches\":%llu,\"retries\":0,\"pid\":%d,\"tid\":%d,"
	       "\"chain\":[\"main\",\"chain_outer\",\"chain_middle\",\"chain_inner\"],\"spin\":\"chain_spin\"}\n",
	       (unsigned long long)s->waits, (unsigned long long)s->wait_ns, (unsigned long long)s->longest_ns,
	       (unsigned long long)s->cpu_ns, (unsigned long long)s->ready_ns, (unsigned long long)s->switches, s->pid,
	       s->tid);
	return fflush(stdout) ? 1 : 0;
}
