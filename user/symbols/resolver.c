/* SPDX-License-Identifier: BSD-2-Clause */
/* In: files as a recording names them, offsets. Out: what their symbols and their DWARF say, and an account
 * of it. */
#include "symbols/resolver.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fail.h"
#include "symbols/child_link.h"
#include "symbols/debug_fetch.h"
#include "symbols/debug_places.h"
#include "symbols/line_reader.h"

#define FIRST_WORD_MS 2000
#define NEXT_WORD_MS  10000
#define ALL_MS	      60000
#define TURN	      (4 * LINES_OFFSETS) /* addresses between two looks at the clock */
#define SHOWN_MAX     300		  /* of a path, in what is said at the end */

struct resolver {
	struct resolver_options options;
	struct line_reader *reader;
	struct debug_fetch *fetch; /* NULL: not asked for */
	int64_t spent_ms, all_ms;  /* reading, over all files */
	int64_t word;		   /* when the next line on stderr is due */
	int64_t began, paused;	   /* of the file at hand: when, and what downloads took */
	size_t count[N_RESOLVER_FATES];
	char first[N_RESOLVER_FATES][SHOWN_MAX];
};

/* A file on its way through the search. */
struct search {
	const struct resolver_file *file;
	struct lines_info info; /* of what is open: has, or its debug file's */
	bool refused;		/* something had another build id */
	char shown[DEBUG_PLACES_PATH];
};

int resolver_new(struct resolver **out, const struct resolver_options *o)
{
	struct resolver *r = calloc(1, sizeof(*r));
	struct stat st;
	int err = 0;

	*out = NULL;
	if (!r)
		return fail(-ENOMEM, "symbols: no memory");
	r->options = *o;
	r->all_ms = ALL_MS;
	if (o->symfs && stat(o->symfs, &st))
		err = fail(-errno, "--symfs %s: %s", o->symfs, strerror(errno));
	else if (o->symfs && !S_ISDIR(st.st_mode))
		err = fail(-ENOTDIR, "--symfs %s: it is no folder", o->symfs);
	if (!err && o->debuginfod)
		err = debug_fetch_new(&r->fetch, o->uid, o->gid);
	if (!err)
		err = line_reader_new(&r->reader, o->uid, o->gid);
	if (err)
		resolver_free(r);
	else
		*out = r;
	return err;
}

void resolver_free(struct resolver *r)
{
	if (!r)
		return;
	line_reader_free(r->reader);
	debug_fetch_free(r->fetch);
	free(r);
}

void resolver_set_limits(struct resolver *r, int file_ms, int all_ms)
{
	line_reader_set_limit(r->reader, file_ms);
	r->all_ms = all_ms;
}

/* Errors that say something of this candidate alone; others end the search. */
static bool try_next(int err)
{
	return err < 0 && err != -EPIPE && err != -ETIMEDOUT && err != -EPROTO && err != -EPERM &&
	       err != -ENOMEM;
}

enum role { ROLE_FILE, ROLE_DEBUG, ROLE_ALT };

/* Gives a candidate to the reader and closes it. */
static int offer(struct resolver *r, struct search *s, enum role role, int fd, const uint8_t *id,
		 size_t id_len)
{
	struct lines_info info;
	int err = role == ROLE_FILE    ? line_reader_file(r->reader, fd, id, id_len, &info)
		  : role == ROLE_DEBUG ? line_reader_debug(r->reader, fd, &info)
				       : line_reader_alt(r->reader, fd, id, id_len);

	close(fd);
	if (err == -ESTALE)
		s->refused = true;
	if (err || role == ROLE_ALT)
		return err;
	if (role == ROLE_DEBUG) /* what the DWARF refers to counts from now on */
		info.has |= s->info.has;
	s->info = info;
	return 0;
}

/* -ENOENT: none of the places had the right one. */
static int search_places(struct resolver *r, struct search *s, enum role role,
			 const struct debug_places_want *w,
			 int (*next)(const struct debug_places_want *, size_t *, char *))
{
	char shown[DEBUG_PLACES_PATH];
	size_t at = 0;
	int fd;

	while ((fd = next(w, &at, shown)) >= 0) {
		int err = offer(r, s, role, fd, w->build_id, w->build_id_len);

		if (!err)
			memcpy(s->shown, shown, sizeof(shown));
		if (!try_next(err))
			return err;
	}
	return -ENOENT;
}

static int search_servers(struct resolver *r, struct search *s, enum role role, enum debug_fetch_kind kind,
			  const uint8_t *id, size_t id_len)
{
	int64_t start = child_link_now_ms();
	int fd;

	if (!r->fetch || !id_len)
		return -ENOENT;
	fd = debug_fetch_file(r->fetch, kind, id, id_len, s->file->path);
	r->paused += child_link_now_ms() - start;
	if (fd < 0)
		return -ENOENT;
	/* what it is called in messages and in the search for what it refers to: only absolute links work */
	s->shown[0] = 0;
	return offer(r, s, role, fd, id, id_len);
}

/*
 * The file that the offsets are in. A debug file will do in its place if it still says which offset is which
 * address; those that binutils makes do not.
 */
static int find_file(struct resolver *r, struct search *s)
{
	const struct debug_places_want w = {
		.symfs = r->options.symfs,
		.path = s->file->path,
		.build_id = s->file->build_id,
		.build_id_len = s->file->build_id_len,
	};
	int err = search_places(r, s, ROLE_FILE, &w, debug_places_next);

	if (err == -ENOENT && w.build_id_len) {
		err = search_places(r, s, ROLE_FILE, &w, debug_places_next_debug);
		if (!err && !(s->info.has & LINES_HAS_SEGMENTS))
			err = -ENOENT;
	}
	return err == -ENOENT ? search_servers(r, s, ROLE_FILE, FETCH_EXECUTABLE, w.build_id, w.build_id_len)
			      : err;
}

static bool wants_dwarf(const struct resolver *r)
{
	return r->options.inlines || r->options.lines;
}

static int find_debug(struct resolver *r, struct search *s)
{
	const struct debug_places_want w = {
		.symfs = r->options.symfs,
		.path = s->file->path,
		.build_id = s->info.build_id,
		.build_id_len = s->info.build_id_len,
		.link = s->info.debug_link,
	};
	const uint32_t need = LINES_HAS_SYMTAB | (wants_dwarf(r) ? LINES_HAS_DWARF : 0);
	int err;

	if ((s->info.has & need) == need || !w.build_id_len)
		return 0;
	err = search_places(r, s, ROLE_DEBUG, &w, debug_places_next_debug);
	if (err == -ENOENT)
		err = search_servers(r, s, ROLE_DEBUG, FETCH_DEBUG, w.build_id, w.build_id_len);
	return try_next(err) ? 0 : err;
}

/* A path below symfs as it is there. */
static const char *inside(const struct resolver *r, const char *shown)
{
	size_t len = r->options.symfs ? strlen(r->options.symfs) : 0;

	return len && !strncmp(shown, r->options.symfs, len) && shown[len] == '/' ? shown + len : shown;
}

static int find_alt(struct resolver *r, struct search *s)
{
	const struct lines_info info = s->info;
	const struct debug_places_want w = {
		.symfs = r->options.symfs,
		.path = inside(r, s->shown),
		.build_id = info.alt_id,
		.build_id_len = info.alt_id_len,
		.link = info.alt_link,
	};
	struct search alt = {.file = s->file};
	int err;

	if (!wants_dwarf(r) || !info.alt_id_len)
		return 0;
	memcpy(alt.shown, s->shown, sizeof(alt.shown));
	err = search_places(r, &alt, ROLE_ALT, &w, debug_places_next_alt);
	if (err == -ENOENT)
		err = search_servers(r, &alt, ROLE_ALT, FETCH_DEBUG, w.build_id, w.build_id_len);
	return try_next(err) ? 0 : err;
}

/* The answers of one turn, with the index that they have among all; what the callback returned is not to be
 * taken for what befell the file. */
struct answers {
	line_part_fn fn;
	void *ctx;
	size_t first;
	int result;
};

static int pass_on(void *ctx, size_t index, const struct line_part *part)
{
	struct answers *a = ctx;

	a->result = a->fn(a->ctx, a->first + index, part);
	return a->result;
}

static int64_t spent(const struct resolver *r)
{
	return r->spent_ms + child_link_now_ms() - r->began - r->paused;
}

static void say_progress(struct resolver *r, const struct resolver_file *file, size_t done, size_t n)
{
	int64_t now = child_link_now_ms();

	if (spent(r) < FIRST_WORD_MS || now < r->word)
		return;
	talk("looking up %s in %s: %zu of %zu addresses", wants_dwarf(r) ? "lines" : "functions", file->path,
	     done, n);
	r->word = now + NEXT_WORD_MS;
}

static int ask_in_turns(struct resolver *r, const struct search *s, const uint64_t *offsets, size_t n,
			struct answers *a)
{
	const unsigned int flags =
		(r->options.inlines ? LINES_WANT_INLINES : 0) | (r->options.lines ? LINES_WANT_PLACES : 0);
	int err = 0;

	for (; !err && a->first < n; a->first += TURN) {
		const size_t turn = n - a->first < TURN ? n - a->first : TURN;

		say_progress(r, s->file, a->first, n);
		err = spent(r) >= r->all_ms
			      ? -ETIMEDOUT
			      : line_reader_ask(r->reader, offsets + a->first, turn, flags, pass_on, a);
	}
	return err;
}

static enum resolver_fate fate_of(const struct resolver *r, const struct search *s, int err)
{
	switch (err) {
	case 0:
		return wants_dwarf(r) && !(s->info.has & LINES_HAS_DWARF) ? RESOLVER_PLAIN : RESOLVER_READ;
	case -EPIPE:
	case -EPROTO:
	case -EPERM:
		return RESOLVER_BROKEN;
	case -ETIMEDOUT:
		return RESOLVER_LATE;
	default:
		return s->refused ? RESOLVER_REFUSED : RESOLVER_MISSING;
	}
}

static void count(struct resolver *r, enum resolver_fate fate, const struct resolver_file *file)
{
	if (!r->count[fate]++)
		snprintf(r->first[fate], sizeof(r->first[fate]), "%s", file->path);
}

int resolver_ask(struct resolver *r, const struct resolver_file *file, const uint64_t *offsets, size_t n,
		 line_part_fn fn, void *ctx)
{
	struct search s = {.file = file};
	struct answers a = {.fn = fn, .ctx = ctx};
	enum resolver_fate fate = RESOLVER_LATE;
	int err = 0;

	if (r->spent_ms < r->all_ms) {
		r->began = child_link_now_ms();
		r->paused = 0;
		err = find_file(r, &s);
		if (!err)
			err = find_debug(r, &s);
		if (!err)
			err = find_alt(r, &s);
		if (!err)
			err = ask_in_turns(r, &s, offsets, n, &a);
		fate = fate_of(r, &s, a.result ? 0 : err);
		r->spent_ms = spent(r);
	}
	count(r, fate, file);
	if (!file->build_id_len && (fate == RESOLVER_READ || fate == RESOLVER_PLAIN))
		count(r, RESOLVER_UNCHECKED, file);
	return a.result ? a.result : err == -ENOMEM ? err : 0;
}

size_t resolver_count(const struct resolver *r, enum resolver_fate fate)
{
	return r->count[fate];
}

void resolver_talk(const struct resolver *r)
{
	static const char *const words[N_RESOLVER_FATES] = {
		[RESOLVER_MISSING] = "not here, nor any debug file of the same build id",
		[RESOLVER_REFUSED] = "here only with another build id, and not used",
		[RESOLVER_PLAIN] =
			"without debug information (-g, or a debug package): no inlined functions, no lines",
		[RESOLVER_BROKEN] = "broken: what read it died or made no sense",
		[RESOLVER_LATE] = "not read in time",
		[RESOLVER_UNCHECKED] = "taken as found: the recording has no build id to check by",
	};

	for (int i = 0; i < RESOLVER_READ; i++)
		if (r->count[i] == 1)
			talk("symbols: %s is %s", r->first[i], words[i]);
		else if (r->count[i])
			talk("symbols: %zu files are %s; the first is %s", r->count[i], words[i],
			     r->first[i]);
}
