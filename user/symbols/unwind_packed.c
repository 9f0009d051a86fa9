/* SPDX-License-Identifier: BSD-2-Clause */
/* In: a table of rows. Out: the same by pages of text, as the probe looks them up (wire_unwind.h). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "symbols/unwind_table.h"

#define PAGE_BYTES (1u << UNWIND_PAGE_BITS)

_Static_assert(PAGE_BYTES < UNWIND_CHUNK_ROWS, "a page's rows fit between two multiples");

struct packer {
	const struct unwind_table *t;
	struct unwind_packed *out; /* its rows NULL: they are only counted */
	size_t next;		   /* row of the table */
	uint32_t rule;		   /* in force */
	uint64_t n_rows;
};

static void put(struct packer *p, uint64_t at, uint32_t low, uint32_t rule)
{
	if (p->out->rows)
		p->out->rows[at] = low << UNWIND_RULE_BITS | rule;
}

/* The page that begins at `from`, counted from the text's beginning. */
static struct unwind_page pack_page(struct packer *p, uint32_t from)
{
	const struct unwind_row *rows = p->t->rows;
	size_t first = p->next, end = first;
	uint64_t place = p->out->first_row + p->n_rows, n, at;
	bool starts;

	while (end < p->t->n_rows && rows[end].at - from < PAGE_BYTES)
		end++;
	starts = end > first && rows[first].at == from;
	if (end == first && !p->rule)
		return (struct unwind_page){0};
	n = end - first + !starts;
	if (place % UNWIND_CHUNK_ROWS + n > UNWIND_CHUNK_ROWS)
		place += UNWIND_CHUNK_ROWS - place % UNWIND_CHUNK_ROWS;
	at = place - p->out->first_row;
	p->n_rows = at + n;
	if (!starts)
		put(p, at++, 0, p->rule);
	for (size_t i = first; i < end; i++)
		put(p, at++, rows[i].at - from, rows[i].rule);
	if (end > first)
		p->rule = rows[end - 1].rule;
	p->next = end;
	return (struct unwind_page){.row = (uint32_t)place, .n = (uint16_t)n};
}

/* Counts the rows, or (with room for them) writes them. */
static void pack(struct packer *p)
{
	p->next = 0;
	p->rule = 0;
	p->n_rows = 0;
	for (size_t i = 0; i < p->out->n_pages; i++) {
		struct unwind_page page = pack_page(p, (uint32_t)(i << UNWIND_PAGE_BITS));

		if (p->out->rows)
			p->out->pages[i] = page;
	}
}

int unwind_table_pack(struct unwind_packed *out, const struct unwind_table *t, uint32_t first_row)
{
	struct packer p = {.t = t, .out = out};

	memset(out, 0, sizeof(*out));
	out->first_row = first_row;
	out->first_page = t->low >> UNWIND_PAGE_BITS;
	out->n_pages = (t->high - t->low) >> UNWIND_PAGE_BITS;
	pack(&p);
	if (p.n_rows > UINT32_MAX - first_row)
		return fail(-E2BIG, "unwind table: rows beyond number %u", UINT32_MAX);
	out->n_rows = p.n_rows;
	out->pages = calloc(out->n_pages, sizeof(*out->pages));
	out->rows = calloc(out->n_rows + 1, sizeof(*out->rows));
	if (!out->pages || !out->rows)
		return fail(-ENOMEM, "unwind table: no memory for %zu pages and %zu rows", out->n_pages,
			    out->n_rows);
	pack(&p);
	return 0;
}

void unwind_packed_release(struct unwind_packed *p)
{
	free(p->pages);
	free(p->rows);
	memset(p, 0, sizeof(*p));
}

uint32_t unwind_packed_rule_at(const struct unwind_packed *p, uint64_t vaddr)
{
	uint64_t number = (vaddr >> UNWIND_PAGE_BITS) - p->first_page;
	uint32_t low = vaddr & (PAGE_BYTES - 1), base, n;
	const uint32_t *rows;

	if (number >= p->n_pages || !p->pages[number].n)
		return 0;
	rows = p->rows + (p->pages[number].row - p->first_row);
	base = 0;
	for (n = p->pages[number].n; n > 1; n -= n / 2) /* the first row is for the first byte */
		base += rows[base + n / 2] >> UNWIND_RULE_BITS <= low ? n / 2 : 0;
	return rows[base] & UNWIND_RULE_MASK;
}
