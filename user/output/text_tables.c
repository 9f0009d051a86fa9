/* SPDX-License-Identifier: BSD-2-Clause */
/* In: a report. Out: the tables of time: wall clock, concurrency, thread time, life cycle. */
#include <inttypes.h>
#include <string.h>

#include "analysis/kinds.h"
#include "base/text.h"
#include "output/text_parts.h"

#define NAME	18 /* columns, indented by 2 */
#define TIME	11
#define SHARE	9
#define NARROW	70 /* pages below have narrower counts */
#define COUNT	13
#define BAR_GAP 2
#define BAR_MAX 50
#define WIDE	86 /* pages from here on have the column of averages */

enum page_ink ink_of_group(enum wait_group group)
{
	switch (group) {
	case WAIT_GROUP_IO:
		return INK_BLUE;
	case WAIT_GROUP_LOCK:
		return INK_RED;
	case WAIT_GROUP_SYNC:
		return INK_CYAN;
	case WAIT_GROUP_MEMORY:
		return INK_MAGENTA;
	case WAIT_GROUP_SLEEP:
	case WAIT_GROUP_OTHER:
		break;
	}
	return INK_DIM;
}

static enum page_ink ink_of_class(enum wall_class c)
{
	static const enum page_ink inks[N_WALL_CLASSES] = {
		[WALL_RUNNING] = INK_GREEN,  [WALL_READY] = INK_YELLOW, [WALL_IO] = INK_BLUE,
		[WALL_MEMORY] = INK_MAGENTA, [WALL_LOCK] = INK_RED,	[WALL_SLEEP] = INK_DIM,
		[WALL_POLL] = INK_BLUE,	     [WALL_SYNC] = INK_CYAN,	[WALL_OTHER] = INK_DIM,
	};

	return inks[c];
}

static void bar(struct page *p, enum page_ink ink, uint64_t part, uint64_t whole)
{
	int room = page_room(p) - BAR_GAP;

	if (room < 6 || !whole)
		return;
	page_spaces(p, BAR_GAP);
	page_bar(p, ink, room < BAR_MAX ? room : BAR_MAX, (double)part / (double)whole);
}

static int count_width(const struct page *p)
{
	return p->width < NARROW ? COUNT - 4 : COUNT;
}

static void time_and_share(struct page *p, uint64_t part, uint64_t whole)
{
	char cell[32];

	page_right(p, INK_PLAIN, TIME, cell_ns(cell, sizeof(cell), part));
	page_right(p, INK_PLAIN, SHARE, cell_share(cell, sizeof(cell), part, whole));
}

void text_wall(struct page *p, const struct report *r)
{
	static const char rule[] = "each instant once: running, else ready, else waiting";
	char cell[32];
	int i;

	page_section(p, "Wall clock");
	page_spaces(p, 2 + NAME - p->column);
	page_right(p, INK_PLAIN, TIME, text_ns(cell, sizeof(cell), r->wall_ns));
	page_spaces(p, SHARE + BAR_GAP);
	if (page_room(p) >= (int)strlen(rule))
		page_text(p, INK_DIM, rule);
	page_line(p);
	for (i = 0; i < N_WALL_CLASSES; i++) {
		if (!r->wall[i])
			continue;
		page_spaces(p, 2);
		page_left(p, INK_PLAIN, NAME, wall_class_title(i));
		time_and_share(p, r->wall[i], r->wall_ns);
		bar(p, ink_of_class(i), r->wall[i], r->wall_ns);
		page_line(p);
	}
	if (!r->wall_no_detail_ns)
		return;
	page_spaces(p, 4);
	page_left(p, INK_DIM, NAME - 2, "no detail");
	time_and_share(p, r->wall_no_detail_ns, r->wall_ns);
	page_line(p);
}

void text_concurrency(struct page *p, const struct report *r)
{
	const struct report_concurrency *c = &r->concurrency;
	char cell[48];
	uint32_t i;

	page_section(p, "Concurrency");
	page_spaces(p, 3);
	page_printf(p, INK_PLAIN, "%.2f threads running on average, %.2f in I/O, %.2f ready", c->running_avg,
		    c->io_avg, c->ready_avg);
	page_line(p);
	for (i = 0; i < c->n_bands; i++) {
		const struct report_band *b = &c->bands[i];

		if (!b->ns)
			continue;
		if (b->from == b->to)
			snprintf(cell, sizeof(cell), "%" PRIu32 " running", b->from);
		else
			snprintf(cell, sizeof(cell), "%" PRIu32 "–%" PRIu32 " running", b->from, b->to);
		page_spaces(p, 2);
		page_left(p, INK_PLAIN, NAME, cell);
		time_and_share(p, b->ns, r->wall_ns);
		bar(p, b->from ? INK_GREEN : INK_DIM, b->ns, r->wall_ns);
		page_line(p);
	}
}

/* A row of the table of thread time; NULL for max and mean: it has neither. */
struct time_row {
	int indent;
	const char *name;
	enum page_ink ink, name_ink;
	uint64_t ns, count, mean_ns, max_ns;
	bool has_count, has_lengths;
};

static void print_row(struct page *p, const struct time_row *row, uint64_t whole)
{
	char cell[32];

	page_spaces(p, row->indent);
	page_left(p, row->name_ink, 2 + NAME - row->indent, row->name);
	time_and_share(p, row->ns, whole);
	page_right(p, INK_PLAIN, count_width(p),
		   row->has_count ? cell_count(cell, sizeof(cell), row->count) : "");
	if (p->width >= WIDE)
		page_right(p, INK_PLAIN, TIME,
			   row->has_lengths ? cell_ns(cell, sizeof(cell), row->mean_ns) : "");
	page_right(p, INK_PLAIN, TIME, row->has_lengths ? cell_ns(cell, sizeof(cell), row->max_ns) : "");
	bar(p, row->ink, row->ns, whole);
	page_line(p);
}

static void print_running(struct page *p, const struct report_account *a)
{
	struct time_row row = {.indent = 2, .name = "running", .ink = INK_GREEN, .ns = a->running_ns};

	row.count = a->transitions[TRANSITION_READY_RUNNING];
	row.has_count = true;
	print_row(p, &row, a->lifetime_ns);
	row = (struct time_row){.indent = 4, .name_ink = INK_DIM, .ink = INK_GREEN};
	if (a->unsampled_ns) {
		page_spaces(p, 4);
		page_text(p, INK_DIM, "no samples: not split into user and kernel");
		page_line(p);
		return;
	}
	row.name = "user";
	row.ns = a->user_ns;
	if (row.ns)
		print_row(p, &row, a->lifetime_ns);
	row.name = "kernel";
	row.ns = a->kernel_ns;
	if (row.ns)
		print_row(p, &row, a->lifetime_ns);
}

static void print_ready(struct page *p, const struct report_account *a)
{
	struct time_row row = {
		.indent = 2, .name = "ready", .ink = INK_YELLOW, .ns = a->ready_ns, .has_count = true};
	int i;

	for (i = 0; i < N_READY_REASONS; i++)
		row.count += a->ready_count[i];
	print_row(p, &row, a->lifetime_ns);
	for (i = 0; i < N_READY_REASONS; i++) {
		if (!a->ready_ns || !(a->ready_by[i] || a->ready_count[i]))
			continue;
		row = (struct time_row){
			.indent = 4,
			.name = ready_reason_name(i),
			.name_ink = INK_DIM,
			.ink = INK_YELLOW,
			.ns = a->ready_by[i],
			.count = a->ready_count[i],
			.has_count = true,
		};
		print_row(p, &row, a->lifetime_ns);
	}
}

static void print_kind(struct page *p, const struct report_account *a, enum wait_kind kind)
{
	const struct report_wait *w = &a->waits[kind];
	struct time_row row = {
		.indent = 4,
		.name = wait_kind_name(kind),
		.ink = ink_of_group(wait_kind_group(kind)),
		.ns = w->ns,
		.count = w->count,
		.mean_ns = w->mean_ns,
		.max_ns = w->max_ns,
		.has_count = true,
		.has_lengths = true,
	};
	char cell[32];

	if (!w->ns && !w->count)
		return;
	print_row(p, &row, a->lifetime_ns);
	if (!w->retries)
		return;
	page_spaces(p, 6);
	page_left(p, INK_DIM, NAME - 4 + TIME + SHARE, "retries");
	page_right(p, INK_DIM, count_width(p), cell_count(cell, sizeof(cell), w->retries));
	page_line(p);
}

static void print_group(struct page *p, const struct report_account *a, enum wait_group group)
{
	char name[64];
	struct time_row row = {
		.indent = 2,
		.name = name,
		.ink = INK_PLAIN,
		.ns = a->groups_ns[group],
		.count = a->groups_count[group],
		.has_count = true,
	};
	int k;

	if (!row.ns && !row.count)
		return;
	row.ink = ink_of_group(group);
	snprintf(name, sizeof(name), "waiting: %s", wait_group_title(group));
	if (group == WAIT_GROUP_SYNC)
		snprintf(name, sizeof(name), "waiting: threads");
	print_row(p, &row, a->lifetime_ns);
	for (k = 0; k < N_WAIT_KINDS; k++)
		if (wait_kind_group(k) == group)
			print_kind(p, a, k);
}

void text_thread_time(struct page *p, const struct report *r)
{
	const struct report_account *a = &r->totals;
	struct time_row unknown = {.indent = 2, .name = "unknown", .name_ink = INK_RED, .ns = a->unknown_ns};
	char cell[32];
	int g;

	page_section(p, "Thread time");
	page_spaces(p, 2 + NAME - p->column);
	page_right(p, INK_PLAIN, TIME, text_ns(cell, sizeof(cell), a->lifetime_ns));
	page_right(p, INK_DIM, SHARE, "share");
	page_right(p, INK_DIM, count_width(p), "count");
	if (p->width >= WIDE)
		page_right(p, INK_DIM, TIME, "average");
	page_right(p, INK_DIM, TIME, "longest");
	page_line(p);
	print_running(p, a);
	print_ready(p, a);
	for (g = 0; g < N_WAIT_GROUPS; g++)
		print_group(p, a, g);
	if (unknown.ns)
		print_row(p, &unknown, a->lifetime_ns);
}

void text_life_cycle(struct page *p, const struct report *r)
{
	const struct report_account *a = &r->totals;
	char cell[32], other[32];
	int i;

	page_section(p, "Life cycle");
	page_spaces(p, 2 + NAME + 4 + COUNT - 5 - p->column);
	page_text(p, INK_DIM, "count");
	page_line(p);
	for (i = 0; i < N_TRANSITIONS; i++) {
		page_spaces(p, 2);
		page_left(p, INK_PLAIN, NAME + 4, transition_title(i));
		page_right(p, INK_PLAIN, COUNT, text_count(cell, sizeof(cell), a->transitions[i]));
		page_spaces(p, 2);
		if (i == TRANSITION_RUNNING_READY)
			page_printf(p, INK_DIM, "involuntary: preempted %s, yielded %s",
				    text_count(cell, sizeof(cell), a->ready_count[READY_PREEMPTED]),
				    text_count(other, sizeof(other), a->ready_count[READY_YIELDED]));
		if (i == TRANSITION_RUNNING_WAITING)
			page_text(p, INK_DIM, "voluntary");
		page_line(p);
	}
}
