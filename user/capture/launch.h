/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The command: forked, made the user it runs as, held in read(2) on a pipe until every probe is armed, then
 * released into its exec. It keeps descriptors 0 to 2 and whatever else was inherited, terminal, session,
 * process group and working directory, and it outlives a conctrace that is killed (but is never started by
 * one that dies before the release).
 *
 * A process that is forked while the command is held must close the descriptors of this one (close_range from
 * 3 on is simplest), or the held command sees the end of conctrace only with the end of that process.
 */
#ifndef CONCTRACE_LAUNCH_H
#define CONCTRACE_LAUNCH_H

#include <sys/types.h>

#include "capture/identity.h"
#include "capture/origin.h"

enum launch_status {
	LAUNCH_TOOL_FAILED = 125,
	LAUNCH_CANNOT_RUN = 126,
	LAUNCH_NOT_FOUND = 127,
};

struct launch_request {
	char *const *argv; /* argv[0] is searched in PATH as execvp does */
	const struct identity *identity;
	const struct origin *origin; /* limits and signals that the command gets */
};

struct launch; /* opaque */

/*
 * Forks and waits until the child is held: ids, environment, limits and signals are set and the file is
 * found; what is left is the exec. Failure: a negative errno with a message, *status the exit status for it
 * (enum launch_status), *out NULL.
 */
int launch_prepare(struct launch **out, const struct launch_request *request, int *status);

pid_t launch_pid(const struct launch *l);
int launch_pidfd(const struct launch *l); /* polls readable when the command has ended; owned by `l` */

/* 0 while it is held; else it was killed meanwhile: -EINTR with a message, *status 128 + signal. */
int launch_check_held(struct launch *l, int *status);

/*
 * Lets it go and waits for the exec. 0: the command runs. Else a negative errno with a message, *status what
 * to exit with, and the child is gone: a failed exec (126, 127), or killed while it was held (-EINTR, 128 +
 * signal).
 */
int launch_release(struct launch *l, int *status);

/* Does not block: 1 and *wait_status (as of waitpid) when the command has ended, from then on always; 0 while
 * it runs. */
int launch_wait(struct launch *l, int *wait_status);

/* What conctrace exits with for a wait status: the command's own, 128 + N for signal N. */
int launch_exit_status(int wait_status);

/* Kills and reaps the child if it is still held; a released command runs on. Frees; NULL is allowed. */
void launch_free(struct launch *l);

#endif
