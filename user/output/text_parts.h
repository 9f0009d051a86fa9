/* SPDX-License-Identifier: BSD-2-Clause */
/* The parts of the report for people, in their order; each prints its section onto the page. Only
 * report_text.c calls these. */
#ifndef CONCTRACE_TEXT_PARTS_H
#define CONCTRACE_TEXT_PARTS_H

#include "analysis/report.h"
#include "output/page.h"

/* text_head.c */
void text_head(struct page *p, const struct report *r);
void text_judgement(struct page *p, const struct report *r); /* form, verdict, advice */

/* text_tables.c */
void text_wall(struct page *p, const struct report *r);
void text_concurrency(struct page *p, const struct report *r);
void text_thread_time(struct page *p, const struct report *r);
void text_life_cycle(struct page *p, const struct report *r);

/* text_lists.c */
void text_threads(struct page *p, const struct report *r);
void text_places(struct page *p, const struct report *r);

/* text_wakers.c */
void text_wakers(struct page *p, const struct report *r);

/* The ink of each state, the same everywhere. */
enum page_ink ink_of_group(enum wait_group group);

#endif
