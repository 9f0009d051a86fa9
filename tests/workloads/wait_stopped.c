/* SPDX-License-Identifier: BSD-2-Clause */
/* In: who stops it. Out: a child that is stopped and goes on a delay later, and how long that took, by its
 * own clock. */
#include <sys/ptrace.h>

#include "truth.h"

static void let_go(struct series *s)
{
	kill(s->pid, SIGCONT);
}

static void let_go_traced(struct series *s)
{
	check(!ptrace(PTRACE_CONT, s->pid, NULL, NULL), "PTRACE_CONT");
}

static int stopped_child(struct series *s, bool traced)
{
	struct partner p = {.series = s, .act = traced ? let_go_traced : let_go};
	int status = 0;
	unsigned int i;

	p.pid = fork();
	check(p.pid >= 0, "fork");
	if (!p.pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (traced)
			check(!ptrace(PTRACE_TRACEME, 0, NULL, NULL), "PTRACE_TRACEME");
		series_begin(s);
		for (i = 0; i < s->count; i++) {
			round_begin(s);
			wait_begin(s);
			kill(getpid(), traced ? SIGUSR1 : SIGSTOP);
			wait_end(s);
			round_end(s);
		}
		_exit(0);
	}
	partner_rounds(&p);
	check(waitpid(p.pid, &status, 0) == p.pid && WIFEXITED(status) && !WEXITSTATUS(status), "the child");
	return 0;
}

static int run_stop(struct series *s)
{
	return stopped_child(s, false);
}

static int run_ptrace(struct series *s)
{
	return stopped_child(s, true);
}

int main(int argc, char **argv)
{
	static const struct form forms[] = {
		{"stop", run_stop, NULL},
		{"ptrace", run_ptrace, NULL},
		{NULL, NULL, NULL},
	};

	return series_main(argc, argv, "stopped", forms);
}
