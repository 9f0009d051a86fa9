/* SPDX-License-Identifier: BSD-2-Clause */
/* In: a table whose entries begin with an address. Out: the order of its entries by address. */
#include "symbols/address_order.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"

struct radix_item *address_order(const void *entries, size_t n, size_t size)
{
	const unsigned char *bytes = entries;
	struct radix_item *order = calloc(n, sizeof(*order));

	if (!order) {
		fail(-ENOMEM, "symbols: no memory to sort %zu", n);
		return NULL;
	}
	for (size_t i = 0; i < n; i++) {
		memcpy(&order[i].key, bytes + i * size, sizeof(order[i].key));
		order[i].value = i;
	}
	if (radix_sort(order, n)) {
		free(order);
		return NULL;
	}
	return order;
}
