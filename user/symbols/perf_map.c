/* SPDX-License-Identifier: BSD-2-Clause */
/* In: the text of a perf map. Out: a sorted table that answers which piece of code an address lies in. */
#include "symbols/perf_map.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/fail.h"
#include "symbols/address_order.h"
#include "symbols/hex.h"

#define MAX_ENTRIES 4000000u

struct entry {
	uint64_t start, size;
	uint64_t name; /* place in the text: a later line has a higher one */
	uint32_t name_len;
	uint32_t pad;
};

/* Addresses that belong to one entry; none overlaps another. */
struct piece {
	uint64_t start, end;
	uint64_t entry; /* index */
};

struct perf_map {
	const char *text;
	struct entry *entries; /* by start */
	size_t n, cap;
	struct piece *pieces; /* by start */
	size_t n_pieces, cap_pieces;
};

/* The entries that reach to where the sweep is, the latest line on top. */
struct heap {
	const struct entry *entries;
	uint32_t *items;
	size_t n;
};

/* A number and the spaces behind it, at line[*at]; false if there is none. */
static bool parse_number(const char *line, size_t len, size_t *at, uint64_t *value)
{
	size_t digits;

	if (len - *at > 2 && line[*at] == '0' && (line[*at + 1] == 'x' || line[*at + 1] == 'X'))
		*at += 2;
	digits = hex_read(line + *at, len - *at, value);
	*at += digits;
	if (!digits || *at >= len || line[*at] != ' ')
		return false;
	while (*at < len && line[*at] == ' ')
		(*at)++;
	return true;
}

/* One line without its end; false if it says nothing. */
static bool parse_line(const char *line, size_t len, struct entry *entry, size_t *name)
{
	size_t at = 0;

	if (!parse_number(line, len, &at, &entry->start) || !parse_number(line, len, &at, &entry->size))
		return false;
	while (len > at && (line[len - 1] == '\r' || line[len - 1] == ' '))
		len--;
	if (at >= len || !entry->size || entry->size > UINT64_MAX - entry->start)
		return false;
	entry->name_len = len - at > SYMBOL_NAME_MAX ? SYMBOL_NAME_MAX : (uint32_t)(len - at);
	*name = at;
	return true;
}

/* By start; those of one start stay in the order of their lines. */
static int sort_entries(struct perf_map *m)
{
	struct radix_item *order = address_order(m->entries, m->n, sizeof(*m->entries));
	struct entry *sorted = calloc(m->n, sizeof(*sorted));

	if (!order || !sorted) {
		free(order);
		free(sorted);
		return fail(-ENOMEM, "perf map: no memory to sort %zu lines", m->n);
	}
	for (size_t i = 0; i < m->n; i++)
		sorted[i] = m->entries[order[i].value];
	free(order);
	free(m->entries);
	m->entries = sorted;
	m->cap = m->n;
	return 0;
}

static int read_lines(struct perf_map *m, const char *text, size_t len)
{
	for (size_t at = 0; at < len && m->n < MAX_ENTRIES;) {
		const char *end = memchr(text + at, '\n', len - at);
		struct entry entry = {0};
		size_t name;
		int err;

		if (!end)
			break; /* it is being written right now: its name may be cut */
		if (parse_line(text + at, (size_t)(end - text) - at, &entry, &name)) {
			err = array_grow(&m->entries, &m->cap, m->n + 1, sizeof(*m->entries));
			if (err)
				return err;
			entry.name = at + name;
			m->entries[m->n++] = entry;
		}
		at = (size_t)(end - text) + 1;
	}
	return 0;
}

static bool is_later(const struct heap *h, size_t a, size_t b)
{
	return h->entries[h->items[a]].name > h->entries[h->items[b]].name;
}

static void swap_items(struct heap *h, size_t a, size_t b)
{
	uint32_t item = h->items[a];

	h->items[a] = h->items[b];
	h->items[b] = item;
}

static void heap_push(struct heap *h, uint32_t entry)
{
	size_t at = h->n++;

	h->items[at] = entry;
	for (; at && is_later(h, at, (at - 1) / 2); at = (at - 1) / 2)
		swap_items(h, at, (at - 1) / 2);
}

static void heap_pop(struct heap *h)
{
	size_t at = 0, child;

	h->items[0] = h->items[--h->n];
	while ((child = 2 * at + 1) < h->n) {
		child += child + 1 < h->n && is_later(h, child + 1, child);
		if (!is_later(h, child, at))
			break;
		swap_items(h, at, child);
		at = child;
	}
}

static int add_piece(struct perf_map *m, uint64_t start, uint64_t end, uint64_t entry)
{
	struct piece *last = m->n_pieces ? &m->pieces[m->n_pieces - 1] : NULL;
	int err;

	if (last && last->entry == entry && last->end == start) {
		last->end = end;
		return 0;
	}
	err = array_grow(&m->pieces, &m->cap_pieces, m->n_pieces + 1, sizeof(*m->pieces));
	if (!err)
		m->pieces[m->n_pieces++] = (struct piece){.start = start, .end = end, .entry = entry};
	return err;
}

static uint64_t end_of(const struct entry *entry)
{
	return entry->start + entry->size;
}

/* One sweep from the lowest address up: of the entries that cover a place, the latest has it. */
static int cut_pieces(struct perf_map *m)
{
	struct heap h = {.entries = m->entries, .items = malloc(m->n * sizeof(*h.items))};
	uint64_t at = 0;
	size_t next = 0;
	int err = h.items ? 0 : fail(-ENOMEM, "perf map: no memory for %zu lines", m->n);

	while (!err && (next < m->n || h.n)) {
		uint64_t end;

		if (!h.n)
			at = m->entries[next].start;
		while (next < m->n && m->entries[next].start == at)
			heap_push(&h, (uint32_t)next++);
		while (h.n && end_of(&m->entries[h.items[0]]) <= at)
			heap_pop(&h);
		if (!h.n)
			continue;
		end = end_of(&m->entries[h.items[0]]);
		if (next < m->n && m->entries[next].start < end)
			end = m->entries[next].start;
		err = add_piece(m, at, end, h.items[0]);
		at = end;
	}
	free(h.items);
	return err;
}

int perf_map_new(struct perf_map **out, const char *text, size_t len)
{
	struct perf_map *m = calloc(1, sizeof(*m));
	int err;

	*out = NULL;
	if (!m)
		return fail(-ENOMEM, "perf map: no memory");
	m->text = text;
	err = read_lines(m, text, len);
	if (!err && m->n)
		err = sort_entries(m);
	if (!err && m->n)
		err = cut_pieces(m);
	if (err) {
		perf_map_free(m);
		return err;
	}
	*out = m;
	return 0;
}

void perf_map_free(struct perf_map *m)
{
	if (!m)
		return;
	free(m->entries);
	free(m->pieces);
	free(m);
}

size_t perf_map_count(const struct perf_map *m)
{
	return m->n;
}

bool perf_map_at(const struct perf_map *m, uint64_t addr, struct symbol *out)
{
	size_t low = 0, high = m->n_pieces;
	const struct entry *entry;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (m->pieces[middle].start <= addr)
			low = middle + 1;
		else
			high = middle;
	}
	if (!low || addr >= m->pieces[low - 1].end)
		return false;
	entry = &m->entries[m->pieces[low - 1].entry];
	memset(out, 0, sizeof(*out));
	out->name = m->text + entry->name;
	out->name_len = entry->name_len;
	out->offset = addr - entry->start;
	return true;
}
