/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * threads10000 [COUNT [AT_ONCE]]: COUNT threads (10000) that end at once, started AT_ONCE at a time (20).
 * Out: how many there were, the first one included.
 */
#include "truth.h"

#define MAX_AT_ONCE 1000

static void *end_at_once(void *arg)
{
	return arg;
}

int main(int argc, char **argv)
{
	unsigned long count = argc > 1 ? strtoul(argv[1], NULL, 10) : 10000, done = 0;
	unsigned long at_once = argc > 2 ? strtoul(argv[2], NULL, 10) : 20;
	pthread_t threads[MAX_AT_ONCE];
	unsigned long i, n;

	if (!at_once || at_once > MAX_AT_ONCE)
		at_once = MAX_AT_ONCE;
	while (done < count) {
		n = count - done < at_once ? count - done : at_once;
		for (i = 0; i < n; i++) {
			errno = pthread_create(&threads[i], NULL, end_at_once, NULL);
			check(!errno, "pthread_create");
		}
		for (i = 0; i < n; i++)
			pthread_join(threads[i], NULL);
		done += n;
	}
	printf("{\"kind\":\"threads\",\"processes\":1,\"threads\":%lu,\"pid\":%d}\n", done + 1, getpid());
	return fflush(stdout) ? 1 : 0;
}
