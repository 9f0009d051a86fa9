/* SPDX-License-Identifier: BSD-2-Clause */
/* What all benchmark programs share: the clock, numbers on the command line, the line that they print. */
#ifndef BENCH_RESULT_H
#define BENCH_RESULT_H

#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

/* CLOCK_MONOTONIC in nanoseconds. */
static inline uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/* A decimal number of at least `least` that ends at one of `ends` or at the end of the text; *rest is what
 * follows. */
static inline int read_number(const char *text, uint64_t least, uint64_t *value, char **rest)
{
	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	*value = strtoull(text, rest, 10);
	return errno || *value < least ? -EINVAL : 0;
}

static inline int read_count(const char *text, uint64_t *value)
{
	char *rest = NULL;

	return read_number(text, 1, value, &rest) || *rest ? -EINVAL : 0;
}

/* One line of JSON; `switches` is what the kernel counted for this process and the children that it waited
 * for. */
static inline int print_result(const char *benchmark, uint64_t elapsed_ns, uint64_t operations)
{
	struct rusage self, children;
	long switches;

	getrusage(RUSAGE_SELF, &self);
	getrusage(RUSAGE_CHILDREN, &children);
	switches = self.ru_nvcsw + self.ru_nivcsw + children.ru_nvcsw + children.ru_nivcsw;
	printf("{\"benchmark\":\"%s\",\"elapsed_ns\":%" PRIu64 ",\"operations\":%" PRIu64
	       ",\"switches\":%ld}\n",
	       benchmark, elapsed_ns, operations, switches);
	return fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
