/* SPDX-License-Identifier: BSD-2-Clause */
/* In: a number. Out: the time of that many processes, one after the other: fork, exec of /bin/true, wait; one
 * line of JSON. */
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "result.h"

static int spawn_one(void)
{
	char *const argv[] = {(char *)"/bin/true", NULL};
	int status = 0;
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (!pid) {
		execv(argv[0], argv);
		_exit(127);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) && !WEXITSTATUS(status) ? 0 : -ECHILD;
}

int main(int argc, char **argv)
{
	uint64_t n = 200, i, start;
	int err = 0;

	if (argc > 2 || (argc == 2 && read_count(argv[1], &n))) {
		fprintf(stderr, "usage: %s [N]\n", argv[0]);
		return 2;
	}
	start = now_ns();
	for (i = 0; i < n && !err; i++)
		err = spawn_one();
	if (err) {
		fprintf(stderr, "spawn: /bin/true: %s\n", strerror(-err));
		return EXIT_FAILURE;
	}
	return print_result("spawn", now_ns() - start, n);
}
