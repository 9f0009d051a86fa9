/* SPDX-License-Identifier: BSD-2-Clause */
/* Waits below frames of every shape: of a size known only at run time, aligned to more than the machine asks for, larger than a
 * page, and below functions of the C library that call back. */
#include <alloca.h>
#include <link.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>

#include "chains.h"

NOINLINE static long doze(const volatile void *area)
{
	nanosleep(BRIEFLY, NULL);
	AFTER(area);
	return (long)((uintptr_t)area & 63);
}

CHAIN(alloca, {
	char *more = alloca(16 * (job->round & 7) + 16);

	memset(more, 1, 16);
	area[0] = (char)(doze(more) + more[3]);
})

struct aligned {
	char bytes[256];
} __attribute__((aligned(64)));

CHAIN(aligned, {
	struct aligned local;

	memset(&local, (int)job->round, sizeof(local));
	area[0] = (char)(doze(&local) + local.bytes[7]);
})

/* Both at once: neither the stack pointer nor the frame pointer alone tells where the caller's frame is. */
CHAIN(aligned_alloca, {
	struct aligned local;
	char *more = alloca(32 * (job->round & 7) + 16);

	memset(&local, (int)job->round, sizeof(local));
	memset(more, 1, 16);
	area[0] = (char)(doze(&local) + doze(more) + local.bytes[7] + more[3]);
})

#if defined(__x86_64__) && !defined(__clang__)
#define REALIGN __attribute__((force_align_arg_pointer))
#else
#define REALIGN
#endif

NOINLINE REALIGN static long realigned_inner(struct job *job, volatile int *at, ...)
{
	volatile long pad[9];
	va_list list;

	va_start(list, at);
	pad[job->round % 9] = va_arg(list, int) + doze(at);
	va_end(list);
	AFTER(pad);
	return pad[job->round % 9];
}

CHAIN(realigned, area[0] = (char)realigned_inner(job, (volatile int *)(void *)area, 1, 2, 3, 4, 5, 6, 7, 8))

CHAIN(large, {
	volatile char pages[100000];

	pages[job->round] = 1;
	pages[99999] = 2;
	area[0] = (char)(doze(pages) + pages[99999]);
})

/* Arguments on the stack, pushed around the call. */
NOINLINE static long many(struct job *job, long a, long b, long c, long d, long e, long f, long g, long h, long i)
{
	return doze(&job->sum) + a + b + c + d + e + f + g + h + i;
}

CHAIN(many, {
	long r = job->round;

	area[0] = (char)(many(job, r, r, r, r, r, r, r, r, r + 1) + many(job, r, r, r, 1, 2, 3, 4, 5, 6));
})

/* The call that waits is the last instruction of its function: it returns elsewhere. */
static jmp_buf way_back;

NOINLINE _Noreturn static void dead_end(volatile char *area)
{
	doze(area);
	longjmp(way_back, 1);
}

NOINLINE _Noreturn static void never_back(struct job *job)
{
	volatile char area[24];

	area[0] = (char)job->round;
	dead_end(area);
}

CHAIN(noreturn, {
	if (!setjmp(way_back))
		never_back(job);
})

/* ---- called back by the library ------------------------------------------------------------------------------------------ */

NOINLINE static int compare(const void *a, const void *b)
{
	int difference = *(const int *)a - *(const int *)b;

	doze(a);
	AFTER(&difference);
	return difference;
}

CHAIN(qsort, {
	int values[2] = {2, 1};

	qsort(values, 2, sizeof(values[0]), compare);
	area[0] = (char)values[0];
})

/* The header has it inline as well. */
static void *(*volatile search)(const void *, const void *, size_t, size_t, int (*)(const void *, const void *)) = bsearch;

CHAIN(bsearch, {
	int values[1] = {3};
	int wanted = (int)job->round;

	area[0] = search(&wanted, values, 1, sizeof(values[0]), compare) != NULL;
})

NOINLINE static void once_function(void)
{
	int area = 0;

	doze(&area);
	AFTER(&area);
}

CHAIN(once, {
	static pthread_once_t onces[1000];
	static const pthread_once_t fresh = PTHREAD_ONCE_INIT;

	must(job->round < 1000, "fewer than 1000 rounds");
	onces[job->round] = fresh;
	must(!pthread_once(&onces[job->round], once_function), "pthread_once");
})

NOINLINE static int phdr_function(struct dl_phdr_info *info, size_t size, void *data)
{
	long sum = doze(data);

	(void)size;
	AFTER(&sum);
	return info->dlpi_phnum ? 1 : 2;
}

CHAIN(phdr, area[0] = (char)dl_iterate_phdr(phdr_function, area))

const struct chain frame_chains[] = {
	{ROW(alloca, "nanosleep doze")},
	{ROW(aligned, "nanosleep doze")},
	{ROW(aligned_alloca, "nanosleep doze")},
	{ROW(realigned, "nanosleep doze realigned_inner")},
	{ROW(large, "nanosleep doze")},
	{ROW(many, "nanosleep doze many")},
	{ROW(noreturn, "nanosleep doze dead_end never_back")},
	{ROW(qsort, "nanosleep doze compare * ~qsort")},
	{ROW(bsearch, "nanosleep doze compare * bsearch")},
	{ROW(once, "nanosleep doze once_function * ~pthread_once")},
	{ROW(phdr, "nanosleep doze phdr_function * dl_iterate_phdr"), .frames_2 = FROM(phdr, "? * dl_iterate_phdr")},
	{0},
};
