/* SPDX-License-Identifier: BSD-2-Clause */
/* In: u64 keys with u64 values. Out: the value of a key; linear probing over a power of two of slots. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "base/intmap.h"

/* The finaliser of splitmix64: every bit of the key reaches the low bits that choose the slot. */
static uint64_t mix(uint64_t x)
{
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
	return x ^ (x >> 31);
}

/* The slot of key, or the free one where it would go. */
static size_t find_slot(const struct intmap *m, uint64_t key)
{
	size_t i = (size_t)mix(key) & (m->cap - 1);

	while (m->used[i] && m->slots[i].key != key)
		i = (i + 1) & (m->cap - 1);
	return i;
}

static int intmap_grow(struct intmap *m)
{
	struct intmap larger = {.cap = m->cap ? m->cap * 2 : 16, .len = m->len};
	size_t i, at;

	larger.slots = calloc(larger.cap, sizeof(*larger.slots));
	larger.used = calloc(larger.cap, 1);
	if (!larger.slots || !larger.used) {
		intmap_release(&larger);
		return fail(-ENOMEM, "out of memory: a table of %zu keys asked for", m->len + 1);
	}
	for (i = 0; i < m->cap; i++) {
		if (!m->used[i])
			continue;
		/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): as used[] does */
		at = find_slot(&larger, m->slots[i].key);
		larger.slots[at] = m->slots[i];
		larger.used[at] = 1;
	}
	intmap_release(m);
	*m = larger;
	return 0;
}

uint64_t *intmap_get(const struct intmap *m, uint64_t key)
{
	size_t at;

	if (!m->len)
		return NULL;
	at = find_slot(m, key);
	return m->used[at] ? &m->slots[at].value : NULL;
}

int intmap_put(struct intmap *m, uint64_t key, uint64_t value)
{
	uint64_t *place = intmap_get(m, key);
	size_t at;
	int err;

	if (place) {
		*place = value;
		return 0;
	}
	if (m->len + 1 > m->cap / 4 * 3) {
		err = intmap_grow(m);
		if (err)
			return err;
	}
	at = find_slot(m, key);
	/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): it has room now */
	m->slots[at].key = key;
	m->slots[at].value = value;
	m->used[at] = 1;
	m->len++;
	return 0;
}

bool intmap_next(const struct intmap *m, size_t *at, uint64_t *key, uint64_t *value)
{
	while (*at < m->cap && !m->used[*at])
		++*at;
	if (*at >= m->cap)
		return false;
	*key = m->slots[*at].key;
	*value = m->slots[*at].value;
	++*at;
	return true;
}

void intmap_release(struct intmap *m)
{
	free(m->slots);
	free(m->used);
	memset(m, 0, sizeof(*m));
}
