/* SPDX-License-Identifier: BSD-2-Clause */
/* Chains that end in starting a process and in waiting for one, and those of the process itself. */
#include <spawn.h>
#include <sys/wait.h>

#include "chains.h"

/* What the child of a fork does: it waits in a function of its own. */
NOINLINE static void forked_child(const volatile char *area)
{
	nanosleep(BRIEFLY, NULL);
	AFTER(area);
	_exit(0);
}

NOINLINE static long fork_and(struct job *job, pid_t (*start)(void), void (*wait)(pid_t))
{
	volatile char area[32];
	pid_t pid;

	area[0] = (char)job->round;
	pid = start();
	if (!pid)
		forked_child(area);
	must(pid > 0, "fork");
	wait(pid);
	AFTER(area);
	return area[0];
}

NOINLINE static void by_waitpid(pid_t pid)
{
	int status = 1;

	must(waitpid(pid, &status, 0) == pid && !status, "waitpid");
}

NOINLINE static void by_waitid(pid_t pid)
{
	siginfo_t info = {0};

	must(!waitid(P_PID, (id_t)pid, &info, WEXITED) && info.si_status == 0, "waitid");
}

CHAIN(waitpid, area[0] = (char)fork_and(job, fork, by_waitpid))
CHAIN(waitid, area[0] = (char)fork_and(job, fork, by_waitid))

/* The child runs on this very stack, in a frame below, while the parent waits in vfork. */
NOINLINE static void vfork_child(const volatile char *area)
{
	nanosleep(BRIEFLY, NULL);
	AFTER(area);
	_exit(0);
}

CHAIN(vfork, {
	pid_t pid = vfork(); /* NOLINT: it is what is to be seen, and that the child does something */

	if (!pid)
		vfork_child(area); /* NOLINT */
	must(pid > 0, "vfork");
	by_waitpid(pid);
})

NOINLINE static void start_program(char *const argv[], int (*spawn)(pid_t *, const char *, const posix_spawn_file_actions_t *,
							   const posix_spawnattr_t *, char *const *, char *const *))
{
	pid_t pid;

	must(!spawn(&pid, argv[0], NULL, NULL, argv, environ), "posix_spawn");
	by_waitpid(pid);
}

CHAIN(posix_spawn, {
	char *const argv[] = {(char[]){"/bin/true"}, NULL};

	start_program(argv, posix_spawn);
})

CHAIN(posix_spawnp, {
	char *const argv[] = {(char[]){"sleep"}, (char[]){"0.002"}, NULL};

	start_program(argv, posix_spawnp);
})

CHAIN(system, must(!system("sleep 0.002"), "system")) /* NOLINT(cert-env33-c): as above */

CHAIN(popen, {
	FILE *f = popen("sleep 0.002; echo line; sleep 0.002", "r"); /* NOLINT(cert-env33-c) */

	must(f && fgets(area, sizeof(area), f), "popen");
	must(!pclose(f), "pclose");
})

const struct chain process_chains[] = {
	{ROW(waitpid, "~waitpid|wait4 by_waitpid fork_and"), .frames_2 = FROM(waitpid, "nanosleep forked_child fork_and")},
	{ROW(waitid, "~waitid by_waitid fork_and"), .frames_2 = FROM(waitid, "nanosleep forked_child fork_and")},
	{ROW(vfork, "vfork"), .frames_2 = FROM(vfork, "nanosleep vfork_child"), .frames_3 = FROM(vfork, "? ~waitpid|wait4 by_waitpid")},
	{ROW(posix_spawn, "? ~posix_spawn start_program"), .frames_2 = FROM(posix_spawn, "~waitpid|wait4 by_waitpid start_program")},
	{ROW(posix_spawnp, "? ~posix_spawnp start_program"), .frames_2 = FROM(posix_spawnp, "~waitpid|wait4 by_waitpid start_program")},
	{ROW(system, "~system")},
	{ROW(popen, "fgets"), .frames_2 = FROM(popen, "~pclose"), .frames_3 = FROM(popen, "? popen")},
	{0},
};
