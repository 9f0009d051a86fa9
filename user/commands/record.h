/* SPDX-License-Identifier: BSD-2-Clause */
/* What run and attach share: the output files, the session, and what is shown of it. */
#ifndef CONCTRACE_RECORD_H
#define CONCTRACE_RECORD_H

#include "commands/verbs.h"

struct record_target {
	char *const *argv; /* run */
	const pid_t *pids; /* attach */
	size_t n_pids;
	uint64_t duration_ns;
	const char *user;
	bool wait_all, as_root;
};

/* The exit status of the process, or a negative errno with a message, for which *status is the exit status. */
int record_and_show(const struct record_options *o, const struct record_target *target);

#endif
