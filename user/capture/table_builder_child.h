/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the owner of the unwind tables and the child that makes them: messages over a pair, tables in shared memory. */
#ifndef CONCTRACE_TABLE_BUILDER_CHILD_H
#define CONCTRACE_TABLE_BUILDER_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TABLE_BUILDER_MAGIC  0x42554e57u
#define TABLE_BUILDER_MEMORY (96u << 20) /* shared; taken up as far as it is written to */

/* To the child, with one or two descriptors. */
struct table_request {
	uint32_t magic;
	uint32_t number; /* comes back */
};

/* To the owner. The arrays lie one behind the other in the shared memory, each on a multiple of 16 bytes: rules, pages, rows. */
struct table_reply {
	uint32_t magic;
	uint32_t number;
	int32_t err;
	uint32_t n_rules, n_pages, n_rows;
	uint32_t first_page;
	uint32_t pad;
};

/* Where the arrays are; false: they do not fit. */
bool table_layout(const struct table_reply *r, size_t *pages_at, size_t *rows_at);

/* The child's life, in the sandbox: serves `fd` until the other end is closed; its first message says that the sandbox is shut. */
void table_builder_child(int fd, void *memory);

#endif
