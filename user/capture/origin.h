/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What this process was started with and changes for itself: limits, signal mask, ignored signals. Saved
 * first of all, so that the workload gets it back and runs as if it had been started alone.
 */
#ifndef CONCTRACE_ORIGIN_H
#define CONCTRACE_ORIGIN_H

#include <signal.h>
#include <sys/resource.h>

struct origin {
	struct rlimit files, memlock;
	sigset_t mask;	  /* blocked */
	sigset_t ignored; /* SIG_IGN: what nohup and background jobs of scripts hand down */
};

/*
 * Call before anything changes limits or signals. Descriptors 0 to 2 that are closed get a /dev/null that is
 * closed on exec: no file of ours can become standard output, and the workload finds them closed as they
 * were. 0 or a negative errno.
 */
int origin_save(struct origin *origin);

/*
 * RLIMIT_NOFILE up to the hard limit, as root to at least `files`; RLIMIT_MEMLOCK without limit where that is
 * allowed (perf buffers count against it). What is not allowed stays as it is: opening says so when it
 * matters.
 */
void origin_raise_limits(const struct origin *origin, unsigned long files);

/* In a child that is about to exec: everything back; all other signals get their default. 0 or a negative
 * errno. */
int origin_restore(const struct origin *origin);

#endif
