/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads that block at the end of call chains that are known: each has one blocking call, and goes to it through functions
 * of its own, NAME_main > NAME_a > NAME_b > NAME_c > the call. The program prints these chains, so that what a tracer says
 * can be compared with them.
 *
 * Every thread does the same round: it waits for the round's number (in round_begin), announces itself, calls, and says that
 * it is done. One more thread, the driver, makes each round: `arm` (what makes the call block), the number, `kick` (what ends
 * the wait) once all are asleep.
 */
#ifndef CONCTRACE_TESTS_CHAINS_H
#define CONCTRACE_TESTS_CHAINS_H

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#ifdef __has_attribute
#if __has_attribute(noipa)
#define NOINLINE __attribute__((noipa)) /* neither inlined nor cloned nor given another name */
#endif
#endif
#ifndef NOINLINE
#define NOINLINE __attribute__((noinline))
#endif

struct job;

/*
 * Frames are told innermost first, as words of one text:
 *     name      this function        a|b   one of these names
 *     ~name     this function of a library, or another one in its place: the library may jump to it instead of calling it
 *     *         any number of library functions, none too
 *     name*N    N frames of it       ?      the first word: whether it waits here depends on the machine
 * and the last is where the stack begins: @thread, @main, @context (of makecontext), @clone.
 * Library functions that the call goes through (further in than the first word) are not told.
 */
struct chain {
	const char *name; /* of the thread, too */
	void *(*thread)(void *job);
	const char *frames;   /* where it blocks, up to the thread's main function; @thread is implied unless another root is told */
	const char *frames_2; /* where it blocks as well, or NULL */
	const char *frames_3, *frames_4;
	void (*prepare)(struct job *job); /* once, before the thread starts */
	void (*arm)(struct job *job);
	void (*kick)(struct job *job);
	bool spins;    /* it does not sleep until it is kicked */
	bool repeat;   /* a kick can come too early and be lost: kick again */
};

struct job {
	const struct chain *chain;
	pthread_t thread;
	pid_t tid;
	unsigned int round;
	atomic_uint announced, finished;
	long switches; /* voluntary, before the call */
	unsigned int blocked;
	long sum;
	/* what caller and driver share; its use is the chain's business */
	int fd[2];
	atomic_int word;
	void *pointer;
};

extern const struct chain descriptor_chains[], event_chains[], lock_chains[], signal_chains[], process_chains[], frame_chains[],
	stack_chains[], plugin_chains[];

/* For what must work: says which call did not, and ends the program. */
_Noreturn void give_up(const char *what);

static inline void must(bool ok, const char *what)
{
	if (!ok)
		give_up(what);
}

bool round_begin(struct job *job); /* false: there are no more */
void round_end(struct job *job);

/* The waits of chains that end by themselves, in nanosleep. Other libraries of the program see it, too. */
extern struct timespec briefly;
#define BRIEFLY (&briefly)

/* So that a call is not the last that a function does, and what it has on its stack is used. */
#define AFTER(area) __asm__ volatile("" : : "r"(area) : "memory")

/* A chain whose _c function does the statements. `job` and char area[64] are theirs to use. */
#define CHAIN_FROM(NAME)                                                                                                        \
	NOINLINE static long NAME##_b(struct job *job)                                                                         \
	{                                                                                                                      \
		volatile char pad[200];                                                                                        \
		long sum;                                                                                                      \
                                                                                                                               \
		pad[job->round & 15] = 1;                                                                                      \
		sum = NAME##_c(job);                                                                                           \
		return sum + pad[job->round & 15];                                                                             \
	}                                                                                                                      \
                                                                                                                               \
	NOINLINE static long NAME##_a(struct job *job)                                                                         \
	{                                                                                                                      \
		long sum = NAME##_b(job);                                                                                      \
                                                                                                                               \
		AFTER(&sum);                                                                                                   \
		return sum + job->round;                                                                                       \
	}                                                                                                                      \
                                                                                                                               \
	NOINLINE static void *NAME##_main(void *arg)                                                                           \
	{                                                                                                                      \
		struct job *job = arg;                                                                                         \
                                                                                                                               \
		while (round_begin(job)) {                                                                                     \
			job->sum += NAME##_a(job);                                                                             \
			round_end(job);                                                                                        \
		}                                                                                                              \
		return NULL;                                                                                                   \
	}

#define CHAIN(NAME, ...)                                                                                                       \
	NOINLINE static long NAME##_c(struct job *job)                                                                         \
	{                                                                                                                      \
		char area[64] = {0};                                                                                           \
                                                                                                                               \
		AFTER(job);                                                                                                    \
		__VA_ARGS__;                                                                                                   \
		AFTER(area);                                                                                                   \
		return area[0];                                                                                                \
	}                                                                                                                      \
	CHAIN_FROM(NAME)

/* The row of such a chain: WHERE are the frames within NAME_c. */
#define ROW(NAME, WHERE) .name = #NAME, .thread = NAME##_main, .frames = WHERE " " #NAME "_c " #NAME "_b " #NAME "_a " #NAME "_main"
#define FROM(NAME, WHERE) WHERE " " #NAME "_c " #NAME "_b " #NAME "_a " #NAME "_main"

#endif
