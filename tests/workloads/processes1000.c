/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * processes1000 [FORM [COUNT]]: COUNT processes (1000), one after the other: fork (they end at once), exec
 * (of /bin/true), vfork (and exec). Out: how many there were, the first one included.
 */
#include "truth.h"

static char *const arguments[] = {"true", NULL};
static char *const environment[] = {NULL};

static pid_t start_fork(void)
{
	pid_t pid = fork();

	if (!pid)
		_exit(0);
	return pid;
}

static pid_t start_exec(void)
{
	pid_t pid = fork();

	if (!pid) {
		execve("/bin/true", arguments, environment);
		_exit(127);
	}
	return pid;
}

static pid_t start_vfork(void)
{
	pid_t pid = vfork(); /* NOLINT: one of the ways to start a process */

	if (!pid) {
		execve("/bin/true", arguments, environment);
		_exit(127);
	}
	return pid;
}

int main(int argc, char **argv)
{
	const char *form = argc > 1 ? argv[1] : "fork";
	pid_t (*start)(void) = !strcmp(form, "exec")	? start_exec
			       : !strcmp(form, "vfork") ? start_vfork
							: start_fork;
	unsigned long count = argc > 2 ? strtoul(argv[2], NULL, 10) : 1000, i;
	int status = 0;

	if (argc > 1 && !strcmp(argv[1], "--list")) {
		printf("fork\nexec\nvfork\n");
		return 0;
	}
	for (i = 0; i < count; i++) {
		pid_t pid = start();

		check(pid > 0, "starting a process");
		check(waitpid(pid, &status, 0) == pid && !status, "the process");
	}
	printf("{\"kind\":\"processes\",\"form\":\"%s\",\"processes\":%lu,\"threads\":%lu,\"execs\":%lu,"
	       "\"pid\":%d}\n",
	       form, count + 1, count + 1, start == start_fork ? 0 : count, getpid());
	return fflush(stdout) ? 1 : 0;
}
