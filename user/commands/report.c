/* SPDX-License-Identifier: BSD-2-Clause */
/* In: a recording. Out: its report on stdout. */
#include "commands/show.h"
#include "commands/verbs.h"
#include "model/trace.h"

int command_report(const struct report_options *o, int argc, char **argv)
{
	struct trace *trace = NULL;
	int err = show_load(&trace, show_path(argc, argv), &o->lookup, true, (enum symbol_names)o->names);

	if (!err)
		err = show_readable(trace, show_path(argc, argv));
	if (!err)
		err = show_report(trace, stdout, "standard output", o->json, o->threads == THREADS_ALL);
	if (!err)
		err = show_whole(trace, show_path(argc, argv));
	trace_free(trace);
	return err;
}
