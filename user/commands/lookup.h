/* SPDX-License-Identifier: BSD-2-Clause */
/* Loading a recording, with what can be looked up for its frames on this machine and elsewhere. */
#ifndef CONCTRACE_LOOKUP_H
#define CONCTRACE_LOOKUP_H

#include <stdbool.h>

struct trace;

struct lookup_options {
	const char *symfs; /* --symfs, NULL: not given */
	bool debuginfod, inlines, lines;
};

/*
 * trace_load; and if something is to be looked up, trace_load_from. What could not be found is said on stderr. With
 * `must` a look-up that can't even begin is an error, else that is said, too, and the recording is loaded without.
 */
int lookup_load(struct trace **out, const char *path, const struct lookup_options *o, bool must);

#endif
