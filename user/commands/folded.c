/* SPDX-License-Identifier: BSD-2-Clause */
/* In: a recording. Out: its folded stacks on stdout. */
#include "base/fail.h"
#include "commands/show.h"
#include "commands/verbs.h"
#include "model/trace.h"

int command_folded(const struct folded_options *o, int argc, char **argv)
{
	struct trace *trace = NULL;
	int err = show_load(&trace, show_path(argc, argv), &o->lookup, true, (enum symbol_names)o->names);

	if (!err)
		err = show_readable(trace, show_path(argc, argv));
	if (!err && o->what == FOLDED_CHOICE_WAKERS)
		err = show_need_wakers(trace, show_path(argc, argv));
	if (!err)
		err = show_folded(trace, stdout, "standard output", o->what);
	if (!err)
		err = show_whole(trace, show_path(argc, argv));
	trace_free(trace);
	return err;
}
