/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * In: a file and a command. Out: in the file, as JSON, the command's wall time, CPU time and largest resident
 * set. Its status is the command's.
 *
 * A small program, since Linux hands the largest resident set of whoever calls exec on to what is executed.
 */
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "result.h"

static uint64_t timeval_ns(const struct timeval *t)
{
	return (uint64_t)t->tv_sec * 1000000000 + (uint64_t)t->tv_usec * 1000;
}

static int write_usage(const char *path, uint64_t wall_ns, const struct rusage *usage)
{
	FILE *f = fopen(path, "we");

	if (!f)
		return -errno;
	fprintf(f,
		"{\"wall_ns\":%" PRIu64 ",\"user_ns\":%" PRIu64 ",\"system_ns\":%" PRIu64
		",\"max_rss_bytes\":%ld}\n",
		wall_ns, timeval_ns(&usage->ru_utime), timeval_ns(&usage->ru_stime), usage->ru_maxrss * 1024);
	return fclose(f) ? -errno : 0;
}

int main(int argc, char **argv)
{
	struct rusage usage;
	uint64_t start = now_ns(), wall_ns;
	int status, err;
	pid_t pid;

	if (argc < 3) {
		fprintf(stderr, "usage: %s FILE COMMAND [ARG...]\n", argv[0]);
		return 2;
	}
	pid = fork();
	if (!pid) {
		execvp(argv[2], argv + 2);
		fprintf(stderr, "measure: %s: %s\n", argv[2], strerror(errno));
		_exit(127);
	}
	if (pid < 0 || wait4(pid, &status, 0, &usage) < 0) {
		fprintf(stderr, "measure: %s: %s\n", argv[2], strerror(errno));
		return EXIT_FAILURE;
	}
	wall_ns = now_ns() - start;
	err = write_usage(argv[1], wall_ns, &usage);
	if (err) {
		fprintf(stderr, "measure: %s: %s\n", argv[1], strerror(-err));
		return EXIT_FAILURE;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
