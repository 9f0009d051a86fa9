/* SPDX-License-Identifier: BSD-2-Clause */
/* In: mappings in the order of their time. Out: the mapping at an address and a time. */
#include "capture/address_space.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/fail.h"
#include "capture/mapping_files.h"

#define MAX_MAPS 65536 /* the kernel's default limit of mappings is 65,530 */
#define MAX_PAST 512   /* replaced mappings that are remembered */

struct past {
	struct mapping m;
	uint64_t until;
};

struct address_space {
	size_t refs;
	struct mapping *maps; /* by start, without overlap */
	size_t n, cap;
	struct past *past; /* by `until` */
	size_t n_past, cap_past;
	uint64_t since;
	uint32_t number;
	address_space_drop_fn drop;
	void *drop_ctx;
};

struct address_space *address_space_new(uint64_t since)
{
	struct address_space *a = calloc(1, sizeof(*a));

	if (a) {
		a->refs = 1;
		a->since = since;
	} else {
		fail(-ENOMEM, "mappings: no memory for an address space");
	}
	return a;
}

static void drop_number(struct address_space *a)
{
	if (a->number)
		a->drop(a->drop_ctx, a->number);
	a->number = 0;
}

void address_space_set_number(struct address_space *a, uint32_t number, address_space_drop_fn drop, void *ctx)
{
	drop_number(a);
	a->number = number;
	a->drop = drop;
	a->drop_ctx = ctx;
}

uint32_t address_space_number(const struct address_space *a)
{
	return a->number;
}

uint64_t address_space_since(const struct address_space *a)
{
	return a->since;
}

struct address_space *address_space_share(struct address_space *a)
{
	a->refs++;
	return a;
}

void address_space_release(struct address_space *a)
{
	if (!a || --a->refs)
		return;
	drop_number(a);
	free(a->maps);
	free(a->past);
	free(a);
}

size_t address_space_count(const struct address_space *a)
{
	return a->n;
}

const struct mapping *address_space_mappings(const struct address_space *a)
{
	return a->maps;
}

/* The index of the first mapping that ends after addr. */
static size_t first_after(const struct address_space *a, uint64_t addr)
{
	size_t low = 0, high = a->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (a->maps[middle].end <= addr)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Is what n says true of all of m: the same file, and for a file the same place in it. */
static bool continues(const struct mapping *m, const struct mapping *n)
{
	return m->file == n->file &&
	       (m->file == MAPPING_FILE_ANON || m->start - m->offset == n->start - n->offset);
}

static int own(struct address_space **a)
{
	struct address_space *copy;
	int err;

	if ((*a)->refs == 1) {
		drop_number(*a);
		return 0;
	}
	copy = address_space_new((*a)->since);
	if (!copy)
		return -ENOMEM;
	err = array_grow(&copy->maps, &copy->cap, (*a)->n + 1, sizeof(*copy->maps));
	if (!err && (*a)->n_past)
		err = array_grow(&copy->past, &copy->cap_past, (*a)->n_past, sizeof(*copy->past));
	if (err) {
		address_space_release(copy);
		return err;
	}
	copy->n = (*a)->n;
	if (copy->n)
		memcpy(copy->maps, (*a)->maps, copy->n * sizeof(*copy->maps));
	copy->n_past = (*a)->n_past;
	if (copy->n_past)
		memcpy(copy->past, (*a)->past, copy->n_past * sizeof(*copy->past));
	address_space_release(*a);
	*a = copy;
	return 0;
}

static int remember(struct address_space *a, const struct mapping *m, uint64_t until, uint64_t forget)
{
	size_t old = 0;
	int err;

	while (old < a->n_past && (a->past[old].until < forget || a->n_past - old >= MAX_PAST))
		old++;
	if (old) {
		memmove(a->past, a->past + old, (a->n_past - old) * sizeof(*a->past));
		a->n_past -= old;
	}
	err = array_grow(&a->past, &a->cap_past, a->n_past + 1, sizeof(*a->past));
	if (!err)
		a->past[a->n_past++] = (struct past){*m, until};
	return err;
}

/* Makes maps[at .. at+old) the `n` mappings of `with`. */
static int replace(struct address_space *a, size_t at, size_t old, const struct mapping *with, size_t n)
{
	int err = array_grow(&a->maps, &a->cap, a->n + n, sizeof(*a->maps));

	if (err)
		return err;
	memmove(a->maps + at + n, a->maps + at + old, (a->n - at - old) * sizeof(*a->maps));
	memcpy(a->maps + at, with, n * sizeof(*with));
	a->n = a->n - old + n;
	return 0;
}

/*
 * Looks at the mappings from `at` on that m will cover, in part or whole: remembers those that it replaces.
 * What continues in m has only grown: m may then be asked about since that began. The number of them, or
 * -ENOMEM.
 */
static int64_t cover(struct address_space *a, size_t at, struct mapping *m, uint64_t forget)
{
	uint64_t begin = m->since;
	size_t n = 0;

	for (; at + n < a->n && a->maps[at + n].start < m->end; n++) {
		const struct mapping *old = &a->maps[at + n];
		int err;

		if (!continues(old, m)) {
			err = remember(a, old, begin, forget);
			if (err)
				return err;
		} else if (old->since < m->since) {
			m->since = old->since;
		}
	}
	return (int64_t)n;
}

/* Puts m in the place of the `old` mappings from `at` on, of which the first and the last may stick out. */
static int put(struct address_space *a, size_t at, size_t old, const struct mapping *m)
{
	struct mapping with[3];
	size_t n = 0;

	if (old && a->maps[at].start < m->start) {
		with[n] = a->maps[at];
		with[n++].end = m->start;
	}
	with[n++] = *m;
	if (old && a->maps[at + old - 1].end > m->end) {
		with[n] = a->maps[at + old - 1];
		with[n].offset += m->end - with[n].start;
		with[n++].start = m->end;
	}
	return a->n - old + n > MAX_MAPS ? 0 : replace(a, at, old, with, n);
}

/* Does maps[at] say all that m says: told once more (a JIT that makes its pages writable and executable in
 * turns). */
static bool is_known(const struct address_space *a, size_t at, const struct mapping *m)
{
	return at < a->n && a->maps[at].start <= m->start && a->maps[at].end >= m->end &&
	       continues(&a->maps[at], m);
}

int address_space_map(struct address_space **a, const struct mapping *m, uint64_t forget)
{
	size_t at = first_after(*a, m->start);
	struct mapping mapping = *m;
	int64_t old;
	int err;

	if (m->end <= m->start || is_known(*a, at, m))
		return 0;
	err = own(a);
	if (err)
		return err;
	old = cover(*a, at, &mapping, forget);
	return old < 0 ? (int)old : put(*a, at, (size_t)old, &mapping);
}

const struct mapping *address_space_at(const struct address_space *a, uint64_t ts, uint64_t addr)
{
	size_t at = first_after(a, addr);
	const struct mapping *now = at < a->n && a->maps[at].start <= addr ? &a->maps[at] : NULL;

	if (now && now->since <= ts)
		return now;
	for (size_t i = a->n_past; i-- > 0 && a->past[i].until > ts;) {
		const struct mapping *m = &a->past[i].m;

		if (m->since <= ts && addr >= m->start && addr < m->end)
			return m;
	}
	return now; /* clocks of two CPUs may differ a little: a mapping that came a moment later */
}
