/* SPDX-License-Identifier: BSD-2-Clause */
/* Deep stacks, stacks that were not made by pthread_create, and computing. */
#include <sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>

#include "chains.h"

/* ---- recursion ----------------------------------------------------------------------------------------------------------- */

NOINLINE static long deep(int n)
{
	volatile int local[6];
	long sum;

	local[n & 3] = n;
	if (!n)
		nanosleep(BRIEFLY, NULL);
	sum = n ? deep(n - 1) : 0;
	AFTER(local);
	return sum + local[n & 3];
}

CHAIN(deep60, area[0] = (char)deep(59))
CHAIN(deep150, area[0] = (char)deep(149))
CHAIN(deep900, area[0] = (char)deep(899))

/* ---- other stacks -------------------------------------------------------------------------------------------------------- */

static ucontext_t here, there;
static char coroutine_stack[64 << 10];

NOINLINE static void coroutine(void)
{
	volatile char area[40];

	area[0] = 1;
	nanosleep(BRIEFLY, NULL);
	AFTER(area);
}

NOINLINE static void coroutine_main(void)
{
	volatile char area[24];

	area[0] = 1;
	coroutine();
	AFTER(area);
}

CHAIN(context, {
	must(!getcontext(&there), "getcontext");
	there.uc_stack.ss_sp = coroutine_stack;
	there.uc_stack.ss_size = sizeof(coroutine_stack);
	there.uc_link = &here;
	makecontext(&there, coroutine_main, 0);
	must(!swapcontext(&here, &there), "swapcontext");
})

/* A process that shares our memory, on a stack that we give it: its calls must not touch errno. */
NOINLINE static long cloned_inner(struct job *job)
{
	syscall(SYS_nanosleep, BRIEFLY, NULL);
	AFTER(job);
	return job->round;
}

NOINLINE static int cloned(void *arg)
{
	struct job *job = arg;

	job->sum += cloned_inner(job);
	AFTER(job);
	return 0;
}

CHAIN(clone, {
	static char stack[64 << 10] __attribute__((aligned(64)));
	pid_t pid = clone(cloned, stack + sizeof(stack), CLONE_VM | CLONE_FS | CLONE_FILES | SIGCHLD, job);

	must(pid > 0, "clone");
	must(waitpid(pid, NULL, 0) == pid, "waitpid");
})

/* ---- computing: what samples see ----------------------------------------------------------------------------------------- */

NOINLINE static long burn_inner(long n)
{
	long i;

	for (i = 0; i < 1000; i++) {
		n = n * 31 + i;
		__asm__ volatile("" : "+r"(n));
	}
	return n;
}

CHAIN(burn, {
	struct timespec start;
	struct timespec now;
	long n = 1;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &start);
	do {
		n = burn_inner(n);
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	} while ((now.tv_sec - start.tv_sec) * 1000000000L + now.tv_nsec - start.tv_nsec < 4000000);
	area[0] = (char)n;
})

const struct chain stack_chains[] = {
	{ROW(deep60, "nanosleep deep*60")},
	{ROW(deep150, "nanosleep deep*150")},
	{ROW(deep900, "nanosleep deep*900")},
	{.name = "context", .thread = context_main, .frames = "nanosleep coroutine coroutine_main @context"},
	{ROW(clone, "~waitpid|wait4"), .frames_2 = "syscall cloned_inner cloned @clone"},
	{.name = "burn", .thread = burn_main, .frames = FROM(burn, "burn_inner"), .spins = true},
	{0},
};
