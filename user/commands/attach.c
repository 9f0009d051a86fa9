/* SPDX-License-Identifier: BSD-2-Clause */
/* conctrace attach: processes that run already, and what they start. */
#include <errno.h>

#include "base/fail.h"
#include "commands/record.h"
#include "commands/verbs.h"

int command_attach(const struct attach_options *o, int argc, char **argv)
{
	struct record_target target = {.pids = o->pids.pids, .n_pids = o->pids.n, .duration_ns = o->duration_ns};

	(void)argc;
	(void)argv;
	if (!o->pids.n)
		return fail(-EINVAL, "attach: no process was given: -p PID[,PID...]");
	return record_and_show(&o->record, &target);
}
