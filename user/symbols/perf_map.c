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

#define MAX_ENTRIES    8000000u
#define MAX_STEPS_BACK 256 /* over code that was replaced, when looking for what covers an address */

struct entry {
	uint64_t start, size;
	uint64_t name; /* place in the text: a later line has a higher one */
	uint32_t name_len;
	uint32_t pad;
};

struct perf_map {
	const char *text;
	struct entry *entries;
	size_t n, cap;
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
	free(m);
}

size_t perf_map_count(const struct perf_map *m)
{
	return m->n;
}

bool perf_map_at(const struct perf_map *m, uint64_t addr, struct symbol *out)
{
	const struct entry *best = NULL;
	size_t low = 0, high = m->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (m->entries[middle].start <= addr)
			low = middle + 1;
		else
			high = middle;
	}
	for (size_t steps = 0; low > 0 && steps < MAX_STEPS_BACK; steps++) {
		const struct entry *entry = &m->entries[--low];

		if (addr - entry->start < entry->size && (!best || entry->name > best->name))
			best = entry;
	}
	if (!best)
		return false;
	out->name = m->text + best->name;
	out->name_len = best->name_len;
	out->offset = addr - best->start;
	return true;
}
