/* SPDX-License-Identifier: BSD-2-Clause */
/* The library that plugins.c loads. Linked for lazy binding: the first call of plugin_lazy_call goes through the dynamic
 * linker, which asks plugin_choose for the function. */
#include <time.h>

#define NOINLINE __attribute__((noinline))
#define AFTER(area) __asm__ volatile("" : : "r"(area) : "memory")
#define BRIEFLY (&briefly)

extern struct timespec briefly; /* the program's */

static volatile int begun;

__attribute__((constructor)) static void plugin_begin(void)
{
	nanosleep(BRIEFLY, NULL);
	begun = 1;
}

static long plugin_chosen(long n)
{
	return n + begun;
}

NOINLINE static long (*plugin_choose(void))(long)
{
	nanosleep(BRIEFLY, NULL);
	AFTER(&begun);
	return plugin_chosen;
}

long plugin_lazy_call(long n) __attribute__((ifunc("plugin_choose")));

NOINLINE static long plugin_lazy(long n)
{
	long sum = plugin_lazy_call(n);

	AFTER(&sum);
	return sum;
}

NOINLINE static long plugin_inner(long (*back)(long), long n)
{
	long sum = back(n);

	AFTER(&sum);
	return sum;
}

long plugin_call(long (*back)(long), long n)
{
	long sum = plugin_inner(back, n) + plugin_lazy(n);

	AFTER(&sum);
	return sum;
}
