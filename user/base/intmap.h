/* SPDX-License-Identifier: BSD-2-Clause */
/* A hash table from u64 to u64: open addressing, no deletion of single keys. A zeroed object is empty. */
#ifndef CONCTRACE_INTMAP_H
#define CONCTRACE_INTMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct intmap_slot {
	uint64_t key, value;
};
struct intmap {
	struct intmap_slot *slots;
	unsigned char *used;
	size_t len, cap; /* cap: a power of two, at most 3/4 used */
};

/* The value's place, or NULL. Valid until the next intmap_put. */
uint64_t *intmap_get(const struct intmap *m, uint64_t key);
/* Sets key to value (replaces). 0 or -ENOMEM. */
int intmap_put(struct intmap *m, uint64_t key, uint64_t value);
/* Walks: *at starts at 0; false at the end. */
bool intmap_next(const struct intmap *m, size_t *at, uint64_t *key, uint64_t *value);
void intmap_release(struct intmap *m);

#endif
