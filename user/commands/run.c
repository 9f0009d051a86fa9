/* SPDX-License-Identifier: BSD-2-Clause */
/* conctrace run: a command from its exec to its end. */
#include "commands/record.h"
#include "commands/verbs.h"

int command_run(const struct run_options *o, int argc, char **argv)
{
	struct record_target target = {.argv = argv, .user = o->user, .wait_all = o->wait_all, .as_root = o->as_root};

	(void)argc;
	return record_and_show(&o->record, &target);
}
