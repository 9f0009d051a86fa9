/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is shown of a recording: its report, its folded stacks. Files are opened by the caller, who knows in
 * whose name.
 */
#ifndef CONCTRACE_SHOW_H
#define CONCTRACE_SHOW_H

#include <stdbool.h>
#include <stdio.h>

#include "commands/lookup.h"
#include "model/trace.h"
#include "output/page.h"

struct show_options {
	FILE *report; /* NULL: none */
	FILE *folded; /* NULL: none; all of the time */
	bool json;    /* the report as JSON */
	bool threads_all;
	struct lookup_options lookup;
};

/*
 * Loads the recording at `path`, writes what is asked for, and flushes it. The streams stay open. 0, or a
 * negative errno with a message (a stream that could not be written whole is an error).
 */
int show_recording(const char *path, const struct show_options *o);

/*
 * A recording, loaded and checked, with what is to be looked up (lookup_load, which has `must`) and names of that
 * sort. 0, or a negative errno with a message.
 */
int show_load(struct trace **out, const char *path, const struct lookup_options *lookup, bool must,
	      enum symbol_names names);

/* The report of a trace that is loaded, flushed. `name` is what messages call the stream. */
int show_report(const struct trace *t, FILE *out, const char *name, bool json, bool threads_all);

/* The same for folded stacks; `what` is an enum folded_choice. */
int show_folded(const struct trace *t, FILE *out, const char *name, int what);

/*
 * Of a recording that is incomplete what can be read is shown, and is a failure all the same. show_readable, before: 0 if there is something to
 * show. show_whole, after: 0 if that was all of it. Else -ENODATA and a message.
 */
int show_readable(const struct trace *t, const char *path);
int show_whole(const struct trace *t, const char *path);

/* 0 if the recording at `path` knows who ended the waits, else -EINVAL and a message. */
int show_need_wakers(const struct trace *t, const char *path);

/* How text for people should look on this stream: width, colours, UTF-8. */
struct page_style show_style(FILE *out);

/* The recording that a verb was given, or the default. */
const char *show_path(int argc, char **argv);

/* 0 if everything that was written to `out` has reached it, else a negative errno and a message with `name`.
 */
int show_flush(FILE *out, const char *name);

#endif
