/* SPDX-License-Identifier: BSD-2-Clause */
/* The order of a table's entries by address. */
#ifndef CONCTRACE_ADDRESS_ORDER_H
#define CONCTRACE_ADDRESS_ORDER_H

#include <stddef.h>

#include "base/radix.h"

/*
 * For n > 0 entries of `size` bytes, each beginning with its uint64_t address: items of (address, index),
 * lowest address first, equal ones in the table's order. The caller frees. NULL: no memory (fail message).
 */
struct radix_item *address_order(const void *entries, size_t n, size_t size);

#endif
