/* SPDX-License-Identifier: BSD-2-Clause */
/* In: a way to wait for a child. Out: the main thread waits for children that end a delay later, and how long
 * it took. */
#include "truth.h"

static pid_t child_start(struct series *s)
{
	pid_t pid = fork();

	check(pid >= 0, "fork");
	if (pid)
		return pid;
	await_count(&s->announced, atomic_load(&s->finished));
	await_sleep(s->pid, s->tid);
	sleep_ns(s->delay_ns);
	_exit(0);
}

static void wait_wait4(pid_t pid)
{
	check(wait4(pid, NULL, 0, NULL) == pid, "wait4");
}

static void wait_waitid(pid_t pid)
{
	siginfo_t info = {0};

	check(!waitid(P_PID, (id_t)pid, &info, WEXITED), "waitid");
}

static int children(struct series *s, void (*wait_for)(pid_t))
{
	unsigned int i;

	series_begin(s);
	for (i = 0; i < s->count; i++) {
		pid_t pid = child_start(s);

		wait_begin(s);
		wait_for(pid);
		wait_end(s);
		round_end(s);
	}
	return 0;
}

static int run_wait4(struct series *s)
{
	return children(s, wait_wait4);
}

static int run_waitid(struct series *s)
{
	return children(s, wait_waitid);
}

/* The parent is held until the child ends; the child then vanishes by itself, so that there is no second
 * wait. */
static int run_vfork(struct series *s)
{
	struct timespec delay = timespec_of(s->delay_ns);
	unsigned int i;

	signal(SIGCHLD, SIG_IGN);
	series_begin(s);
	for (i = 0; i < s->count; i++) {
		pid_t pid;

		wait_begin(s);
		pid = vfork(); /* NOLINT: held here is what is measured */
		if (!pid) {
			/* NOLINTNEXTLINE(clang-analyzer-unix.Vfork): touches nothing of the parent's */
			syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &delay, NULL);
			_exit(0);
		}
		check(pid > 0, "vfork");
		wait_end(s);
	}
	return 0;
}

int main(int argc, char **argv)
{
	static const struct form forms[] = {
		{"wait4", run_wait4, NULL},
		{"waitid", run_waitid, NULL},
		{"vfork", run_vfork, NULL},
		{NULL, NULL, NULL},
	};

	return series_main(argc, argv, "child", forms);
}
