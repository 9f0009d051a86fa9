/* SPDX-License-Identifier: BSD-2-Clause */
/* What a unit test needs: CHECK and friends count, main ends with `return check_done();`. One TAP-like line a failure. */
#ifndef CONCTRACE_CHECK_H
#define CONCTRACE_CHECK_H

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static int check_failures, check_count;

#define CHECK(cond)                                                                                \
	do {                                                                                       \
		check_count++;                                                                     \
		if (!(cond)) {                                                                     \
			check_failures++;                                                          \
			fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #cond);       \
		}                                                                                  \
	} while (0)

#define CHECK_EQ(a, b)                                                                             \
	do {                                                                                       \
		long long check_a = (long long)(a), check_b = (long long)(b);                      \
		check_count++;                                                                     \
		if (check_a != check_b) {                                                          \
			check_failures++;                                                          \
			fprintf(stderr, "%s:%d: %s is %lld, not %s = %lld\n", __FILE__, __LINE__, #a, check_a, #b, check_b); \
		}                                                                                  \
	} while (0)

#define CHECK_STR(a, b)                                                                            \
	do {                                                                                       \
		const char *check_a = (a), *check_b = (b);                                         \
		check_count++;                                                                     \
		if (!check_a || !check_b || strcmp(check_a, check_b)) {                            \
			check_failures++;                                                          \
			fprintf(stderr, "%s:%d: %s is \"%s\", not \"%s\"\n", __FILE__, __LINE__, #a, \
				check_a ? check_a : "(null)", check_b ? check_b : "(null)");       \
		}                                                                                  \
	} while (0)

/* 0 if every check held (and there was one), else 1: main's return value. */
static inline int check_done(void)
{
	fprintf(stderr, "%d checks, %d failed\n", check_count, check_failures);
	return check_failures != 0 || check_count == 0;
}

#endif
