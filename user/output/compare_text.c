/* SPDX-License-Identifier: BSD-2-Clause */
/* In: a comparison. Out: a table for people, broken into blocks where it is wider than the page. */
#include <inttypes.h>
#include <string.h>

#include "base/text.h"
#include "output/compare_output.h"

#define TITLE  20 /* 20 + 12 + 4 * 17 columns: five recordings beside each other on a page of 100 */
#define BASE   12 /* the base has no ratios; "multiprocess" fits */
#define GAP    1
#define VALUE  10
#define RATIO  6
#define LABELS 3 /* lines that a label may take */

static void print_value(struct page *p, const struct compare_value *v, enum measure m, bool base)
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
	if (base) {
		page_right(p, INK_PLAIN, BASE, cell);
		return;
	}
	if (v->has_ratio && v->ratio >= 999.5)
		snprintf(ratio, sizeof(ratio), ">999×");
	else if (v->has_ratio)
		snprintf(ratio, sizeof(ratio), "%.*f×", v->ratio < 9.995 ? 2 : v->ratio < 99.95, v->ratio);
	page_spaces(p, GAP);
	page_right(p, INK_PLAIN, VALUE, cell);
	page_right(p, INK_DIM, RATIO, ratio);
}

/* Words, in the width of their column. */
static void print_word(struct page *p, bool base, const char *text)
{
	page_spaces(p, base ? 0 : GAP);
	page_right(p, INK_BOLD, base ? BASE : VALUE + RATIO, text);
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

/* How many bytes of the text fit into a line of the label; words, and the parts of file names, stay whole where they can. */
static size_t label_line(const char *text, size_t width)
{
	size_t columns = 0, at = 0, space = 0;

	while (text[at] && columns < width) {
		uint32_t code;
		size_t n = text_utf8(text + at, strnlen(text + at, 4), &code);

		if (text[at] == ' ')
			space = at;
		at += n ? n : 1;
		if (strchr("-._/", text[at - 1]))
			space = at;
		columns++;
	}
	if (!text[at] || text[at] == ' ' || !space)
		return at;
	return space;
}

/* The line of a label that is printed as its `line`th; what is left on the last line is cut there. */
static void label_text(char *text, size_t size, const char *label, int line, size_t width)
{
	int skip;

	for (skip = 0; skip < line; skip++) {
		label += label_line(label, width);
		while (*label == ' ')
			label++;
	}
	snprintf(text, size, "%.*s", line + 1 < LABELS ? (int)label_line(label, width) : (int)size - 1,
		 label);
}

/* Labels over their columns, on as many lines as the longest needs. */
static void print_labels(struct page *p, const struct comparison *c, const struct block *b)
{
	size_t n = block_columns(b), i;
	char text[96];
	int line, used;

	for (line = 0; line < LABELS; line++) {
		for (used = 0, i = 0; i < n; i++) {
			label_text(text, sizeof(text), c->columns[block_column(b, i)].label, line,
				   i ? VALUE + RATIO : BASE);
			used += text[0] != '\0';
		}
		if (!used)
			break;
		page_left(p, INK_PLAIN, TITLE, "");
		for (i = 0; i < n; i++) {
			label_text(text, sizeof(text), c->columns[block_column(b, i)].label, line,
				   i ? VALUE + RATIO : BASE);
			print_word(p, !i, text);
		}
		page_line(p);
	}
}

static void print_words(struct page *p, const struct comparison *c, const struct block *b, const char *title,
			bool form)
{
	size_t i;

	page_left(p, INK_PLAIN, TITLE, title);
	for (i = 0; i < block_columns(b); i++) {
		const struct compare_column *column = &c->columns[block_column(b, i)];

		print_word(p, !i, form ? form_name(column->form) : bound_name(column->bound));
	}
	page_line(p);
}

static void print_block(struct page *p, const struct comparison *c, const struct block *b)
{
	size_t i;
	int m;

	print_labels(p, c, b);
	print_words(p, c, b, "form", true);
	print_words(p, c, b, "bound by", false);
	for (m = 0; m < N_MEASURES; m++) {
		if (!c->used[m])
			continue;
		page_left(p, INK_PLAIN, TITLE, measure_title(m));
		for (i = 0; i < block_columns(b); i++)
			print_value(p, &c->columns[block_column(b, i)].values[m], m, !i);
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
	fit = 1 + (size_t)(p.width - TITLE - BASE) / (GAP + VALUE + RATIO);
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
