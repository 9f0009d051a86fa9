/* SPDX-License-Identifier: BSD-2-Clause */
/* In: records of a key and a value. Out: the same, by key (least significant byte first; bytes that never
 * differ cost nothing). */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "base/radix.h"

#define DIGITS 8
#define RADIX  256
#define SMALL  48 /* below, insertion is faster and needs no memory */

static bool in_order(const struct radix_item *items, size_t n)
{
	size_t i;

	for (i = 1; i < n; i++)
		if (items[i].key < items[i - 1].key)
			return false;
	return true;
}

static void insertion_sort(struct radix_item *items, size_t n)
{
	size_t i, at;

	for (i = 1; i < n; i++) {
		struct radix_item item = items[i];

		for (at = i; at && items[at - 1].key > item.key; at--)
			items[at] = items[at - 1];
		items[at] = item;
	}
}

/* One stable pass by the byte at `shift`; counts become the places where each byte's items go. */
static void scatter(const struct radix_item *from, struct radix_item *to, size_t n, size_t *counts,
		    unsigned int shift)
{
	size_t sum = 0, i;

	for (i = 0; i < RADIX; i++) {
		size_t count = counts[i];

		counts[i] = sum;
		sum += count;
	}
	for (i = 0; i < n; i++)
		to[counts[from[i].key >> shift & (RADIX - 1)]++] = from[i];
}

int radix_sort(struct radix_item *items, size_t n)
{
	size_t counts[DIGITS][RADIX] = {{0}}, i;
	struct radix_item *scratch, *from = items, *to, *swap;
	unsigned int d;

	if (in_order(items, n))
		return 0;
	if (n <= SMALL) {
		insertion_sort(items, n);
		return 0;
	}
	scratch = calloc(n, sizeof(*scratch));
	if (!scratch)
		return fail(-ENOMEM, "out of memory: sorting %zu records", n);
	for (i = 0; i < n; i++)
		for (d = 0; d < DIGITS; d++)
			counts[d][items[i].key >> (8 * d) & (RADIX - 1)]++;
	to = scratch;
	for (d = 0; d < DIGITS; d++) {
		if (counts[d][items[0].key >> (8 * d) & (RADIX - 1)] == n)
			continue;
		scatter(from, to, n, counts[d], 8 * d);
		swap = from;
		from = to;
		to = swap;
	}
	if (from != items)
		memcpy(items, from, n * sizeof(*items));
	free(scratch);
	return 0;
}
