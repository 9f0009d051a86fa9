/* SPDX-License-Identifier: BSD-2-Clause */
/* In: a comparison. Out: a table for people, broken into blocks where it is wider than the page. */
#include <inttypes.h>
#include <string.h>

#include "base/text.h"
#include "output/compare_output.h"

#define TITLE  24
#define VALUE  10
#define RATIO  8
#define GAP    2
#define LABELS 3 /* lines that a label may take */

static void print_value(struct page *p, const struct compare_value *v, enum measure m)
{
	char cell[32], ratio[32] = "";

	switch (measure_unit_of(m)) {
	case UNIT_NS:
		text_ns(cell, sizeof(cell), v->number);
		break;
	case UNIT_COUNT:
		text_count(cell, sizeof(cell), v->number);
		break;
	case UNIT_REAL:
		snprintf(cell, sizeof(cell), "%.2f", v->real);
		break;
	}
	if (v->has_ratio && v->ratio < 99.995)
		snprintf(ratio, sizeof(ratio), "%.2f×", v->ratio);
	else if (v->has_ratio && v->ratio < 99999.5)
		snprintf(ratio, sizeof(ratio), "%.0f×", v->ratio);
	else if (v->has_ratio)
		snprintf(ratio, sizeof(ratio), "> 99999×");
	page_spaces(p, GAP);
	page_right(p, INK_PLAIN, VALUE, cell);
	page_right(p, INK_DIM, RATIO, ratio);
}

/* Columns 0 and first .. last of the comparison, or first .. last if that begins with 0. */
struct block {
	size_t first, last;
};

static size_t block_columns(const struct block *b)
{
	return b->last - b->first + (b->first > 0);
}

static size_t block_column(const struct block *b, size_t i)
{
	return b->first ? (i ? b->first + i - 1 : 0) : i;
}

/* How many bytes of the text fit into a line of the label; words stay whole where they can. */
static size_t label_line(const char *text, size_t width)
{
	size_t columns = 0, at = 0, space = 0;

	while (text[at] && columns < width) {
		uint32_t code;
		size_t n = text_utf8(text + at, strnlen(text + at, 4), &code);

		if (text[at] == ' ')
			space = at;
		at += n ? n : 1;
		columns++;
	}
	if (!text[at] || text[at] == ' ' || !space)
		return at;
	return space;
}

/* Labels over their columns, on as many lines as the longest needs. */
static void print_labels(struct page *p, const struct comparison *c, const struct block *b)
{
	size_t n = block_columns(b), i;
	int line;

	for (line = 0; line < LABELS; line++) {
		bool any = false;

		page_left(p, INK_PLAIN, TITLE, "");
		for (i = 0; i < n; i++) {
			const char *at = c->columns[block_column(b, i)].label;
			char text[64];
			int skip;

			for (skip = 0; skip < line; skip++) {
				at += label_line(at, VALUE + RATIO);
				while (*at == ' ')
					at++;
			}
			snprintf(text, sizeof(text), "%.*s",
				 line + 1 < LABELS ? (int)label_line(at, VALUE + RATIO) : 60, at);
			page_spaces(p, GAP);
			page_right(p, INK_BOLD, VALUE + RATIO, text);
			any |= at[label_line(at, VALUE + RATIO)] != '\0';
		}
		page_line(p);
		if (!any)
			break;
	}
}

static void print_words(struct page *p, const struct comparison *c, const struct block *b, const char *title,
			bool form)
{
	size_t i;

	page_left(p, INK_PLAIN, TITLE, title);
	for (i = 0; i < block_columns(b); i++) {
		const struct compare_column *column = &c->columns[block_column(b, i)];

		page_spaces(p, GAP);
		page_right(p, INK_BOLD, VALUE + RATIO,
			   form ? form_name(column->form) : bound_title(column->bound));
	}
	page_line(p);
}

static void print_block(struct page *p, const struct comparison *c, const struct block *b)
{
	size_t i;
	int m;

	print_labels(p, c, b);
	print_words(p, c, b, "form", true);
	print_words(p, c, b, "verdict", false);
	for (m = 0; m < N_MEASURES; m++) {
		if (!c->used[m])
			continue;
		page_left(p, INK_PLAIN, TITLE, measure_title(m));
		for (i = 0; i < block_columns(b); i++)
			print_value(p, &c->columns[block_column(b, i)].values[m], m);
		page_line(p);
	}
}

static void print_notes(struct page *p, const struct comparison *c)
{
	char line[256];
	size_t i;

	for (i = 0; i < c->n; i++) {
		if (!c->columns[i].incomplete)
			continue;
		snprintf(line, sizeof(line),
			 "%s: something was lost, or the recording is incomplete: see its report",
			 c->columns[i].label);
		page_wrapped(p, INK_YELLOW, 0, line);
	}
	for (i = 1; i < c->n; i++) {
		if (c->columns[i].cpus == c->columns[0].cpus)
			continue;
		snprintf(line, sizeof(line), "%s: recorded on %" PRIu32 " CPUs, %s on %" PRIu32,
			 c->columns[i].label, c->columns[i].cpus, c->columns[0].label, c->columns[0].cpus);
		page_wrapped(p, INK_YELLOW, 0, line);
	}
}

void compare_text(const struct comparison *c, FILE *out, const struct page_style *style)
{
	struct block b = {0};
	struct page p;
	size_t fit;

	page_init(&p, out, style);
	fit = (size_t)(p.width - TITLE) / (GAP + VALUE + RATIO);
	if (fit < 2)
		fit = 2;
	while (b.last < c->n) {
		if (b.first)
			page_line(&p);
		/* Later blocks have the base in front. */
		b.last = b.first + fit - (b.first > 0);
		if (b.last > c->n)
			b.last = c->n;
		print_block(&p, c, &b);
		b.first = b.last;
	}
	print_notes(&p, c);
}
