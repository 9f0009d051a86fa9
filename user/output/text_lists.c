/* SPDX-License-Identifier: BSD-2-Clause */
/* In: a report. Out: its lists: processes with their threads, and the waits that cost most. */
#include <inttypes.h>
#include <string.h>
#include <sys/wait.h>

#include "analysis/kinds.h"
#include "base/text.h"
#include "output/text_parts.h"

#define WHO	28
#define TIME	10
#define MOSTLY	12
#define BAR_MAX 40
#define PLACES	12 /* listed */
#define WIDE	86
#define CUT_MIN 8 /* columns of a name that still say something */

/* One line: who, where its time went. */
struct who {
	int indent;
	enum page_ink ink;
	const char *name;
	const struct report_account *account;
	const char *mostly; /* NULL: nothing */
};

static void print_who(struct page *p, const struct who *w)
{
	const struct report_account *a = w->account;
	const struct page_piece pieces[] = {
		{INK_GREEN, '#', "█", a->running_ns},
		{INK_YELLOW, '+', "▓", a->ready_ns},
		{INK_BLUE, '=', "▒", a->groups_ns[WAIT_GROUP_IO]},
		{INK_RED, '!', "▒", a->groups_ns[WAIT_GROUP_LOCK]},
		{INK_DIM, '.', "·",
		 a->waiting_ns - a->groups_ns[WAIT_GROUP_IO] - a->groups_ns[WAIT_GROUP_LOCK]},
	};
	char cell[32];

	page_spaces(p, w->indent);
	page_left(p, w->ink, WHO - w->indent, w->name);
	page_right(p, INK_PLAIN, TIME, cell_ns(cell, sizeof(cell), a->running_ns));
	page_right(p, INK_PLAIN, TIME, cell_ns(cell, sizeof(cell), a->ready_ns));
	page_right(p, INK_PLAIN, TIME, cell_ns(cell, sizeof(cell), a->waiting_ns));
	if (p->width >= WIDE) {
		page_spaces(p, 2);
		page_left(p, INK_PLAIN, MOSTLY, w->mostly ? w->mostly : "");
		page_spaces(p, 1);
		page_pieces(p, page_room(p) < BAR_MAX ? page_room(p) : BAR_MAX, a->lifetime_ns, pieces,
			    sizeof(pieces) / sizeof(pieces[0]));
	}
	page_line(p);
}

static void print_thread(struct page *p, const struct report_thread *t, int indent)
{
	char name[96];
	struct who w = {.indent = indent, .name = name, .account = &t->account};

	if (t->orphans)
		snprintf(name, sizeof(name), "%" PRIu64 " threads without detail", t->count);
	else
		snprintf(name, sizeof(name), "%" PRIu32 " %s%s", t->tid, t->comm,
			 t->async	    ? " (event loop)"
			 : t->kernel_worker ? " (kernel)"
					    : "");
	w.mostly = t->wait_top_ns ? wait_kind_name(t->wait_top) : NULL;
	print_who(p, &w);
}

static void print_rest(struct page *p, const struct report_rest *rest, const char *what)
{
	char name[96], count[32];
	struct who w = {.indent = 4, .ink = INK_DIM, .name = name, .account = &rest->account};

	if (!rest->threads)
		return;
	text_count(count, sizeof(count), rest->threads);
	snprintf(name, sizeof(name), "%s %s%s", count, what, rest->threads == 1 ? "" : "s");
	print_who(p, &w);
}

static void name_process(char *name, size_t size, const struct report_process *process)
{
	char end[48] = "";

	if (process->terminated && WIFSIGNALED(process->exit_status))
		snprintf(end, sizeof(end), " (signal %d)", WTERMSIG(process->exit_status));
	else if (process->terminated && WEXITSTATUS(process->exit_status))
		snprintf(end, sizeof(end), " (exit %d)", WEXITSTATUS(process->exit_status));
	snprintf(name, size, "%" PRIu32 " %s%s", process->pid, process->comm, end);
}

static void print_process(struct page *p, const struct report *r, const struct report_process *process)
{
	char name[128], threads[32];
	struct who w = {.indent = 2, .ink = INK_BOLD, .name = name, .account = &process->account};
	const struct report_thread *first = &r->threads[process->first_thread];
	uint32_t i;

	if (process->orphans) {
		for (i = 0; i < process->n_threads; i++)
			print_thread(p, first + i, 2);
		return;
	}
	name_process(name, sizeof(name), process);
	snprintf(threads, sizeof(threads), "%" PRIu32 " threads", process->n_threads);
	if (process->n_threads > 1)
		w.mostly = threads;
	else
		w.mostly = first->wait_top_ns ? wait_kind_name(first->wait_top) : NULL;
	print_who(p, &w);
	if (process->n_threads == 1)
		return;
	for (i = 0; i < process->n_listed; i++)
		print_thread(p, &r->threads[process->order[i]], 4);
	print_rest(p, &process->rest, "more thread");
	print_rest(p, &process->idle, "idle worker");
}

void text_threads(struct page *p, const struct report *r)
{
	char name[96], count[32];
	uint32_t i;
	size_t g;

	page_section(p, "Processes and threads");
	page_spaces(p, WHO - p->column);
	page_right(p, INK_DIM, TIME, "running");
	page_right(p, INK_DIM, TIME, "ready");
	page_right(p, INK_DIM, TIME, "waiting");
	if (p->width >= WIDE) {
		page_spaces(p, 2);
		page_left(p, INK_DIM, MOSTLY, "mostly");
		page_spaces(p, 1);
		page_text(p, INK_DIM,
			  p->style.utf8 ? "█ run ▓ ready ▒ I/O · other" : "# run + ready = I/O . other");
	}
	page_line(p);
	for (i = 0; i < r->n_listed; i++)
		print_process(p, r, &r->processes[r->process_order[i]]);
	for (g = 0; g < r->n_groups; g++) {
		const struct report_rest *sum = &r->groups[g].sum;
		struct who w = {.indent = 2, .ink = INK_DIM, .name = name, .account = &sum->account};

		text_count(count, sizeof(count), sum->processes);
		snprintf(name, sizeof(name), "%s × %s", count, r->groups[g].comm);
		print_who(p, &w);
	}
}

/* In which file: the source if it is known, else the program or library. "libc.so.6+0x85e96" says that already. */
static void name_file(char *text, size_t size, const struct report_place *place)
{
	const char *slash = place->source ? strrchr(place->source, '/') : NULL;

	text[0] = '\0';
	if (place->source && place->line)
		snprintf(text, size, "%s:%" PRIu32, slash ? slash + 1 : place->source, place->line);
	else if (place->source)
		snprintf(text, size, "%s", slash ? slash + 1 : place->source);
	else if (strncmp(place->place, place->file, strlen(place->file)) != 0)
		snprintf(text, size, "%s", place->file);
}

static void print_cut(struct page *p, enum page_ink ink, const char *text, int columns)
{
	if ((int)text_columns(text) > columns)
		page_left(p, ink, columns, text);
	else
		page_text(p, ink, text);
}

/* Places of one function differ in their system calls: where there is not enough room, the file gives way first, then the function. */
static void print_where(struct page *p, const struct report_place *place)
{
	char file[300], call[80] = "";
	int room, files;

	name_file(file, sizeof(file), place);
	if (place->file[0] && place->syscall)
		snprintf(call, sizeof(call), ", %s", place->syscall);
	room = page_room(p) - (int)text_columns(call);
	files = room - (int)text_columns(place->place) - (int)strlen(" ()");
	print_cut(p, INK_PLAIN, place->place, room < CUT_MIN ? page_room(p) : room);
	if (file[0] && (files >= CUT_MIN || files >= (int)text_columns(file))) {
		page_text(p, INK_DIM, " (");
		print_cut(p, INK_DIM, file, files);
		page_text(p, INK_DIM, ")");
	}
	page_text(p, INK_DIM, call);
}

static void print_place(struct page *p, const struct report *r, const struct report_place *place)
{
	char cell[32];

	page_right(p, INK_PLAIN, 12, cell_ns(cell, sizeof(cell), place->ns));
	page_right(p, INK_PLAIN, 9, cell_share(cell, sizeof(cell), place->ns, r->totals.lifetime_ns));
	page_right(p, INK_PLAIN, 11, cell_count(cell, sizeof(cell), place->count));
	if (p->width >= WIDE)
		page_right(p, INK_PLAIN, 11, cell_ns(cell, sizeof(cell), place->max_ns));
	page_spaces(p, 2);
	page_left(p, ink_of_group(wait_kind_group(place->kind)), MOSTLY, wait_kind_name(place->kind));
	print_where(p, place);
	page_line(p);
}

void text_places(struct page *p, const struct report *r)
{
	size_t i, n = r->n_places < PLACES ? r->n_places : PLACES;

	if (!n)
		return;
	page_section(p, "Waits that cost most");
	page_line(p);
	page_right(p, INK_DIM, 12, "total");
	page_right(p, INK_DIM, 9, "share");
	page_right(p, INK_DIM, 11, "count");
	if (p->width >= WIDE)
		page_right(p, INK_DIM, 11, "longest");
	page_spaces(p, 2);
	page_left(p, INK_DIM, MOSTLY, "kind");
	page_text(p, INK_DIM, "place (file), system call");
	page_line(p);
	for (i = 0; i < n; i++)
		print_place(p, r, &r->places[i]);
}
