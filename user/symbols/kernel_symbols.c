/* SPDX-License-Identifier: BSD-2-Clause */
/* In: the text of /proc/kallsyms. Out: a sorted table that answers which function an address lies in. */
#include "symbols/kernel_symbols.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/fail.h"
#include "symbols/address_order.h"
#include "symbols/hex.h"

#define MAX_FUNCTION (1u << 20) /* no function is larger: an address farther away lies in none */
#define RANK_DATA    3
#define MAX_MODULE   64

struct entry {
	uint64_t addr;
	uint32_t name; /* place in the text */
	uint16_t name_len;
	uint16_t module; /* place of the module's name behind the end of `name`, 0: none */
	uint8_t module_len;
	uint8_t code; /* a function, else only the end of the one before */
	uint8_t rank; /* of the names for one address the lowest wins */
};

struct kernel_symbols {
	const char *text;
	struct entry *entries;
	size_t n, cap;
};

/* Global functions before weak and local ones before what is none; then those with few leading underscores.
 */
static uint8_t rank_of(char type, const char *name, size_t len)
{
	unsigned int underscores = 0, rank;

	switch (type) {
	case 'T':
		rank = 0;
		break;
	case 'W':
	case 'w':
		rank = 1;
		break;
	case 't':
		rank = 2;
		break;
	default:
		rank = RANK_DATA;
	}
	while (underscores < len && underscores < 15 && name[underscores] == '_')
		underscores++;
	return (uint8_t)(rank * 16 + underscores);
}

/* arm64's marks in code ($x, $d) and local labels are no functions. */
static bool is_mark(const char *name, size_t len)
{
	return name[0] == '$' || (len > 2 && name[0] == '.' && name[1] == 'L');
}

/* Behind the name: white space and [MODULE]. */
static void parse_module(const char *text, size_t at, size_t end, struct entry *entry)
{
	size_t start = at, len;

	while (at < end && (text[at] == '\t' || text[at] == ' '))
		at++;
	if (at >= end || text[at] != '[' || at + 1 - start > UINT16_MAX)
		return;
	at++;
	for (len = 0; at + len < end && text[at + len] != ']'; len++)
		if (text[at + len] == '[' || text[at + len] == ' ')
			return;
	if (!len || len > MAX_MODULE || at + len >= end)
		return;
	entry->module = (uint16_t)(at - start);
	entry->module_len = (uint8_t)len;
}

/* ADDRESS ' ' TYPE ' ' NAME [\t[MODULE]] */
static bool parse_line(const char *text, size_t at, size_t end, struct entry *entry)
{
	size_t digits = hex_read(text + at, end - at, &entry->addr), name, len = 0;

	at += digits;
	if (!digits || end - at < 4 || text[at] != ' ' || text[at + 2] != ' ')
		return false;
	name = at + 3;
	while (name + len < end && text[name + len] != '\t' && text[name + len] != ' ')
		len++;
	if (!len || is_mark(text + name, len))
		return false;
	entry->name = (uint32_t)name;
	entry->name_len = len > SYMBOL_NAME_MAX ? SYMBOL_NAME_MAX : (uint16_t)len;
	if (len <= SYMBOL_NAME_MAX)
		parse_module(text, name + len, end, entry);
	entry->rank = rank_of(text[at + 1], text + name, len);
	entry->code = entry->rank < RANK_DATA * 16;
	return true;
}

static int read_lines(struct kernel_symbols *k, const char *text, size_t len)
{
	bool all_zero = true;

	for (size_t at = 0; at < len;) {
		const char *newline = memchr(text + at, '\n', len - at);
		size_t end = newline ? (size_t)(newline - text) : len;
		struct entry entry = {0};

		if (parse_line(text, at, end, &entry)) {
			int err = array_grow(&k->entries, &k->cap, k->n + 1, sizeof(*k->entries));

			if (err)
				return err;
			all_zero = all_zero && !entry.addr;
			k->entries[k->n++] = entry;
		}
		at = end + 1;
	}
	if (!k->n)
		return fail(-ENODATA, "/proc/kallsyms: no symbols in it");
	if (all_zero)
		return fail(
			-EPERM,
			"/proc/kallsyms: the kernel hides its addresses: kernel.kptr_restrict, or not root");
	return 0;
}

/* Sorts by address and keeps the best name of each. */
static int sort_entries(struct kernel_symbols *k)
{
	struct radix_item *order = address_order(k->entries, k->n, sizeof(*k->entries));
	struct entry *sorted = calloc(k->n, sizeof(*sorted));
	size_t n = 0;

	if (!order || !sorted) {
		free(order);
		free(sorted);
		return fail(-ENOMEM, "kernel symbols: no memory to sort %zu", k->n);
	}
	for (size_t i = 0; i < k->n; i++) {
		const struct entry *entry = &k->entries[order[i].value];

		if (!n || sorted[n - 1].addr != entry->addr)
			sorted[n++] = *entry;
		else if (entry->rank < sorted[n - 1].rank)
			sorted[n - 1] = *entry;
	}
	free(order);
	free(k->entries);
	k->entries = sorted;
	k->n = k->cap = n;
	return 0;
}

int kernel_symbols_new(struct kernel_symbols **out, const char *text, size_t len)
{
	struct kernel_symbols *k = calloc(1, sizeof(*k));
	int err;

	*out = NULL;
	if (!k)
		return fail(-ENOMEM, "kernel symbols: no memory");
	k->text = text;
	err = read_lines(k, text, len < UINT32_MAX ? len : UINT32_MAX);
	if (!err && k->n)
		err = sort_entries(k);
	if (err) {
		kernel_symbols_free(k);
		return err;
	}
	*out = k;
	return 0;
}

void kernel_symbols_free(struct kernel_symbols *k)
{
	if (!k)
		return;
	free(k->entries);
	free(k);
}

size_t kernel_symbols_count(const struct kernel_symbols *k)
{
	return k->n;
}

bool kernel_symbols_at(const struct kernel_symbols *k, uint64_t addr, struct symbol *out)
{
	const struct entry *entry;
	size_t low = 0, high = k->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (k->entries[middle].addr <= addr)
			low = middle + 1;
		else
			high = middle;
	}
	if (!low)
		return false;
	entry = &k->entries[low - 1];
	if (!entry->code || addr - entry->addr >= MAX_FUNCTION)
		return false;
	memset(out, 0, sizeof(*out));
	out->name = k->text + entry->name;
	out->name_len = entry->name_len;
	if (entry->module) {
		out->module = out->name + entry->name_len + entry->module;
		out->module_len = entry->module_len;
	}
	out->offset = addr - entry->addr;
	return true;
}
