/* SPDX-License-Identifier: BSD-2-Clause */
/* A stable sort of many records by a 64-bit key, in linear time: for the sweeps over events in time order. */
#ifndef CONCTRACE_RADIX_H
#define CONCTRACE_RADIX_H

#include <stddef.h>
#include <stdint.h>

struct radix_item {
	uint64_t key;
	uint64_t value; /* carried along: an index, usually */
};

/*
 * Sorts by key, smallest first; items of equal keys keep their order. Allocates as much again while it runs
 * (nothing if the items are in order already). 0, or -ENOMEM and the items as they were.
 */
int radix_sort(struct radix_item *items, size_t n);

#endif
