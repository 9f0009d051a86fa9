/* SPDX-License-Identifier: BSD-2-Clause */
/* Out: when it began to run, by CLOCK_MONOTONIC: whoever started it knows how long that took. */
#include "result.h"

int main(void)
{
	printf("{\"benchmark\":\"stamp\",\"now_ns\":%" PRIu64 "}\n", now_ns());
	return fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}
