/* SPDX-License-Identifier: BSD-2-Clause */
/* In: a report. Out: its list of who ended the waits, if that was recorded. */
#include "analysis/kinds.h"
#include "output/text_parts.h"

#define LISTED 12
#define TIME   11
#define SHARE  8
#define COUNT  9
#define KIND   12
#define PLACE  22

static void print_waker(struct page *p, const struct report *r, const struct report_waker *w)
{
	char cell[32];

	page_right(p, INK_PLAIN, TIME, cell_ns(cell, sizeof(cell), w->ns));
	page_right(p, INK_PLAIN, SHARE, cell_share(cell, sizeof(cell), w->ns, r->totals.lifetime_ns));
	page_right(p, INK_PLAIN, COUNT, cell_count(cell, sizeof(cell), w->count));
	page_spaces(p, 2);
	page_left(p, ink_of_group(wait_kind_group(w->kind)), KIND, wait_kind_name(w->kind));
	page_left(p, INK_PLAIN, PLACE, w->place);
	page_spaces(p, 1);
	page_text(p, INK_PLAIN, w->who);
	if (w->by_place[0])
		page_printf(p, INK_PLAIN, ", %s", w->by_place);
	if (w->by_syscall)
		page_printf(p, INK_DIM, ", %s", w->by_syscall);
	if (w->softirq && w->by_syscall)
		page_printf(p, INK_DIM, " (softirq)");
	page_line(p);
}

void text_wakers(struct page *p, const struct report *r)
{
	size_t i, n = r->n_wakers < LISTED ? r->n_wakers : LISTED;

	if (!n)
		return;
	page_section(p, "Who ended the waits");
	page_line(p);
	page_right(p, INK_DIM, TIME, "total");
	page_right(p, INK_DIM, SHARE, "share");
	page_right(p, INK_DIM, COUNT, "count");
	page_spaces(p, 2);
	page_left(p, INK_DIM, KIND, "kind");
	page_left(p, INK_DIM, PLACE, "place");
	page_text(p, INK_DIM, " ended by, place, system call");
	page_line(p);
	for (i = 0; i < n; i++)
		print_waker(p, r, &r->wakers[i]);
}
