/* SPDX-License-Identifier: BSD-2-Clause */
/* In: a recording, or two. Out: a flame graph in a file of the user who called. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "analysis/flame.h"
#include "analysis/kinds.h"
#include "base/bytes.h"
#include "base/fail.h"
#include "base/text.h"
#include "capture/outputs.h"
#include "commands/show.h"
#include "commands/verbs.h"
#include "model/trace.h"
#include "output/flame_svg.h"

_Static_assert((int)FLAMEGRAPH_BY_NAME == (int)PATH_BY_NAME &&
		       (int)FLAMEGRAPH_BY_PROCESS == (int)PATH_BY_PROCESS &&
		       (int)FLAMEGRAPH_BY_THREAD == (int)PATH_BY_THREAD,
	       "what --by chooses");
_Static_assert((int)PART_RUNNING == (int)N_WAIT_KINDS && (int)PART_READY == (int)PART_RUNNING + 1,
	       "the order of verb_kinds");

/* ---- what is asked for ----------------------------------------------------------------------------------
 */

/* The states of one word of --kind. */
static uint32_t states_of(unsigned int word)
{
	uint32_t states = 0;
	int kind;

	if (word <= PART_READY)
		return PART_BIT(word);
	for (kind = 0; kind < N_WAIT_KINDS; kind++)
		if (!strcmp(wait_group_name(wait_kind_group((enum wait_kind)kind)), verb_kinds[word]))
			states |= PART_BIT(kind);
	return states;
}

static uint32_t chosen_states(const struct flamegraph_options *o)
{
	uint32_t states = 0;
	unsigned int word;

	if (!o->kinds)
		return o->wakers		       ? PARTS_BLOCKED
		       : o->what == FOLDED_CHOICE_CPU  ? PARTS_CPU
		       : o->what == FOLDED_CHOICE_WAIT ? PARTS_WAIT
						       : PARTS_ALL;
	for (word = 0; verb_kinds[word]; word++)
		if (o->kinds >> word & 1)
			states |= states_of(word);
	return states;
}

/* Two runs are taken for the same work, which may have become longer; what was attached to goes on and on,
 * and how long somebody looked says nothing. */
static enum flame_scale chosen_scale(const struct flamegraph_options *o, const struct trace *a,
				     const struct trace *b)
{
	switch ((enum flamegraph_scale)o->scale) {
	case FLAMEGRAPH_SCALE_NONE:
		return FLAME_SCALE_NONE;
	case FLAMEGRAPH_SCALE_WALL:
		return FLAME_SCALE_WALL;
	case FLAMEGRAPH_SCALE_TOTAL:
		return FLAME_SCALE_TOTAL;
	default:
		break;
	}
	return !strcmp(a->meta.verb, "run") && !strcmp(b->meta.verb, "run") ? FLAME_SCALE_NONE
									    : FLAME_SCALE_WALL;
}

/* ---- what stands above it
 * ---------------------------------------------------------------------------------- */

static int add_command(struct bytes *to, const struct trace *t)
{
	int err = strcmp(t->meta.verb, "run") ? bytes_printf(to, "attached to ") : 0;
	size_t i;

	for (i = 0; i < t->meta.n_command && !err; i++)
		err = bytes_printf(to, "%s%s", i ? " " : "", t->meta.command[i]);
	return err;
}

static int add_what(struct bytes *to, const struct flamegraph_options *o)
{
	unsigned int word, n = 0;
	int err = 0;

	if (!o->kinds)
		return bytes_printf(to, "%s",
				    o->wakers			    ? "Waiting, and who ended it"
				    : o->what == FOLDED_CHOICE_CPU  ? "Running"
				    : o->what == FOLDED_CHOICE_WAIT ? "Waiting and ready"
								    : "Thread time");
	for (word = 0; verb_kinds[word] && !err; word++)
		if (o->kinds >> word & 1)
			err = bytes_printf(to, "%s%s", n++ ? ", " : "Time in ", verb_kinds[word]);
	return err;
}

/* "Thread time: 247.8 ms of 3 threads, wall clock 126.6 ms" */
static int describe(struct bytes *to, const struct flamegraph_options *o, const struct flame *f,
		    const struct trace *t)
{
	uint64_t wall = t->meta.end - t->meta.start, threads = 0;
	char time[32], clock[32], count[32];
	size_t i;
	int err = add_what(to, o);

	for (i = 0; i < t->n_threads; i++)
		threads += t->threads[i].count;
	if (!err)
		err = bytes_printf(to, ": %s of %s %s, wall clock %s%s%s",
				   text_ns(time, sizeof(time), f->total_ns),
				   text_count(count, sizeof(count), threads),
				   threads == 1 ? "thread" : "threads", text_ns(clock, sizeof(clock), wall),
				   o->reverse ? "; callers above what they call" : "",
				   t->damage ? "; the recording is incomplete" : "");
	return err;
}

/* "Thread time: 12.30 s, was 10.00 s in before.data; …" */
static int describe_change(struct bytes *to, const struct flamegraph_options *o, const struct flame *f,
			   enum flame_scale scale, const struct trace *const traces[2])
{
	static const char *const scales[] = {
		[FLAME_SCALE_NONE] = "not scaled",
		[FLAME_SCALE_WALL] = "scaled by wall clock",
		[FLAME_SCALE_TOTAL] = "scaled to the same total",
	};
	char now[32], before[32];
	int err = add_what(to, o);

	if (!err)
		err = bytes_printf(to, ": %s, was %s (%s", text_ns(now, sizeof(now), f->total_ns),
				   text_ns(before, sizeof(before), f->before_ns), scales[scale]);
	if (!err && scale != FLAME_SCALE_NONE)
		err = bytes_printf(to, ", by %.4g", f->scale);
	if (!err)
		err = bytes_printf(to, ")%s",
				   traces[0]->damage || traces[1]->damage ? "; a recording is incomplete"
									  : "");
	return err;
}

/* ---- where it goes ---------------------------------------------------------------------------------------
 */

static int print(const struct flame *f, const struct flame_page *page, int fd, const char *name)
{
	FILE *out = fdopen(fd, "w");
	int err;

	if (!out) {
		err = fail(-errno, "%s: %s", name, strerror(errno));
		close(fd);
		return err;
	}
	flame_svg_print(f, page, out);
	err = show_flush(out, name);
	if (fclose(out) && !err)
		err = fail(-EIO, "%s: %s: not everything could be written", name, strerror(errno));
	return err;
}

static int write_file(const struct flame *f, const struct flame_page *page, const char *path)
{
	const struct output_request request = {.path = path, .option = "-o"};
	struct identity caller = {0};
	struct output output = {.fd = -1};
	int err = identity_invoking(&caller), fd;

	if (!err)
		err = output_open(&output, &request, &caller);
	if (!err) {
		fd = dup(output.fd);
		err = fd < 0 ? fail(-errno, "%s: %s", path, strerror(errno)) : print(f, page, fd, path);
	}
	if (err)
		output_discard(&output);
	else
		err = output_commit(&output);
	output_release(&output);
	identity_release(&caller);
	return err;
}

static int write_page(const struct flame *f, const struct flame_page *page, const char *path)
{
	if (strcmp(path, "-"))
		return write_file(f, page, path);
	flame_svg_print(f, page, stdout);
	return show_flush(stdout, "standard output");
}

/* ---- the verb
 * ---------------------------------------------------------------------------------------------- */

static int draw_one(const struct flamegraph_options *o, const struct flame_choice *choice,
		    const struct trace *t, struct flame **flame, struct bytes *title, struct bytes *about)
{
	int err = flame_build(flame, t, choice);

	if (!err)
		err = describe(about, o, *flame, t);
	return err || o->title ? err : add_command(title, t);
}

/* The names of two files are enough to tell them apart, if they differ; else their paths are. */
static int add_files(struct bytes *to, const char *a, const char *b)
{
	const char *name_a = strrchr(a, '/'), *name_b = strrchr(b, '/');

	name_a = name_a ? name_a + 1 : a;
	name_b = name_b ? name_b + 1 : b;
	return strcmp(name_a, name_b) ? bytes_printf(to, "%s compared to %s", name_b, name_a)
				      : bytes_printf(to, "%s compared to %s", b, a);
}

static int draw_change(const struct flamegraph_options *o, const struct flame_choice *choice,
		       const struct trace *const traces[2], char **paths, struct flame **flame,
		       struct bytes *title, struct bytes *about)
{
	enum flame_scale scale = chosen_scale(o, traces[0], traces[1]);
	int err = flame_compare(flame, traces[0], traces[1], choice, scale);

	if (!err)
		err = describe_change(about, o, *flame, scale, traces);
	return err || o->title ? err : add_files(title, paths[0], paths[1]);
}

static const char *path_of(const struct flamegraph_options *o, int argc, char **argv, int i)
{
	return o->diff ? argv[i] : show_path(argc, argv);
}

static int load(struct trace *traces[2], const struct flamegraph_options *o, int argc, char **argv)
{
	int i, err = 0;

	for (i = 0; i < 1 + o->diff && !err; i++) {
		const char *path = path_of(o, argc, argv, i);

		err = show_load(&traces[i], path, &o->lookup, true, (enum symbol_names)o->names);
		if (!err)
			err = show_readable(traces[i], path);
		if (!err && o->wakers)
			err = show_need_wakers(traces[i], path);
	}
	return err;
}

int command_flamegraph(const struct flamegraph_options *o, int argc, char **argv)
{
	struct flame_page page = {.width = (uint32_t)o->width, .icicle = o->icicle};
	const struct flame_choice choice = {
		.states = chosen_states(o),
		.base = (enum path_base)o->base,
		.reverse = o->reverse,
		.wakers = o->wakers,
		.least = flame_svg_least(&page, o->min_width),
		.room = flame_svg_room(),
		.cost = flame_svg_cost,
		.page = &page,
	};
	struct trace *traces[2] = {NULL, NULL};
	struct flame *flame = NULL;
	struct bytes title = {0}, about = {0};
	int err = load(traces, o, argc, argv);

	if (!err && o->diff)
		err = draw_change(o, &choice, (const struct trace *const *)traces, argv, &flame, &title,
				  &about);
	else if (!err)
		err = draw_one(o, &choice, traces[0], &flame, &title, &about);
	if (!err)
		err = bytes_add(&title, "", 1) ? -ENOMEM : bytes_add(&about, "", 1);
	if (!err) {
		page.title = o->title ? o->title : (const char *)title.data;
		page.about = (const char *)about.data;
		err = write_page(flame, &page, o->output);
	}
	for (int i = 0; i < 1 + o->diff && !err; i++)
		err = show_whole(traces[i], path_of(o, argc, argv, i));
	flame_free(flame);
	bytes_release(&title);
	bytes_release(&about);
	trace_free(traces[0]);
	trace_free(traces[1]);
	return err;
}
