/* SPDX-License-Identifier: BSD-2-Clause */
/* In: strings, again and again. Out: one number for each distinct one; the text lives in blocks that never
 * move. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/fail.h"
#include "base/strings.h"

#define BLOCK_SIZE 65536

struct block {
	struct block *next;
	size_t used, size;
	char text[];
};

struct entry {
	const char *text;
	size_t len;
	uint64_t hash;
};

struct strings {
	struct block *blocks;
	struct entry *entries;
	size_t count, cap;
	uint32_t *slots; /* number + 1, 0: free */
	size_t n_slots;	 /* a power of two, at most half used */
};

static uint64_t hash_of(const char *text, size_t len)
{
	uint64_t h = 0xcbf29ce484222325ull;
	size_t i;

	for (i = 0; i < len; i++)
		h = (h ^ (unsigned char)text[i]) * 0x100000001b3ull;
	return h ^ (h >> 32);
}

/* The text, kept, with a terminator; NULL: no memory. */
static const char *keep(struct strings *s, const char *text, size_t len)
{
	struct block *b = s->blocks;
	char *place;

	if (len > SIZE_MAX / 2)
		return NULL;
	if (!b || len + 1 > b->size - b->used) {
		size_t size = len + 1 > BLOCK_SIZE ? len + 1 : BLOCK_SIZE;

		b = malloc(sizeof(*b) + size);
		if (!b)
			return NULL;
		b->used = 0;
		b->size = size;
		b->next = s->blocks;
		s->blocks = b;
	}
	place = b->text + b->used;
	if (len)
		memcpy(place, text, len);
	place[len] = '\0';
	b->used += len + 1;
	return place;
}

static int slots_grow(struct strings *s)
{
	size_t n = s->n_slots ? s->n_slots * 2 : 256, i, at;
	uint32_t *slots = calloc(n, sizeof(*slots));

	if (!slots)
		return -ENOMEM;
	for (i = 0; i < s->count; i++) {
		for (at = s->entries[i].hash & (n - 1); slots[at];)
			at = (at + 1) & (n - 1);
		slots[at] = (uint32_t)i + 1;
	}
	free(s->slots);
	s->slots = slots;
	s->n_slots = n;
	return 0;
}

/* The slot of the text, or the free one where it would go. */
static size_t find_slot(const struct strings *s, const char *text, size_t len, uint64_t hash)
{
	size_t at = hash & (s->n_slots - 1);

	while (s->slots[at]) {
		const struct entry *e = &s->entries[s->slots[at] - 1];

		if (e->hash == hash && e->len == len && (!len || !memcmp(e->text, text, len)))
			break;
		at = (at + 1) & (s->n_slots - 1);
	}
	return at;
}

int64_t strings_add(struct strings *s, const char *text, size_t len)
{
	uint64_t hash = hash_of(text, len);
	struct entry *e;
	size_t at;

	if ((s->count + 1) * 2 > s->n_slots && slots_grow(s))
		goto no_memory;
	at = find_slot(s, text, len, hash);
	if (s->slots[at])
		return s->slots[at] - 1;
	if (s->count >= UINT32_MAX - 1 || array_grow(&s->entries, &s->cap, s->count + 1, sizeof(*s->entries)))
		goto no_memory;
	e = &s->entries[s->count];
	e->text = keep(s, text, len);
	if (!e->text)
		goto no_memory;
	e->len = len;
	e->hash = hash;
	s->slots[at] = (uint32_t)++s->count;
	return (int64_t)s->count - 1;

no_memory:
	return fail(-ENOMEM, "out of memory: %zu strings are kept, one more of %zu bytes asked for", s->count,
		    len);
}

struct strings *strings_new(void)
{
	struct strings *s = calloc(1, sizeof(*s));

	if (s && strings_add(s, "", 0) != 0) {
		strings_free(s);
		return NULL;
	}
	return s;
}

void strings_free(struct strings *s)
{
	struct block *b, *next;

	if (!s)
		return;
	for (b = s->blocks; b; b = next) {
		next = b->next;
		free(b);
	}
	free(s->entries);
	free(s->slots);
	free(s);
}

const char *strings_get(const struct strings *s, uint32_t number)
{
	return number < s->count ? s->entries[number].text : "";
}

uint32_t strings_count(const struct strings *s)
{
	return (uint32_t)s->count;
}
