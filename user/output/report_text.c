/* SPDX-License-Identifier: BSD-2-Clause */
/* In: a report. Out: text for people, in the order in which they ask: what was it, what is wrong, where, who.
 */
#include "output/report_output.h"
#include "output/text_parts.h"

static void print_text(const struct report *r, FILE *out, const struct page_style *style)
{
	struct page p;

	page_init(&p, out, style);
	text_head(&p, r);
	text_judgement(&p, r);
	text_wall(&p, r);
	text_concurrency(&p, r);
	text_thread_time(&p, r);
	text_life_cycle(&p, r);
	text_threads(&p, r);
	text_places(&p, r);
	text_wakers(&p, r);
}

const struct report_format report_text = {.name = "text", .print = print_text};
