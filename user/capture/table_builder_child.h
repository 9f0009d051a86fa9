/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the owner of the unwind tables and the child that makes them: messages over a pair, tables in shared memory. */
#ifndef CONCTRACE_TABLE_BUILDER_CHILD_H
#define CONCTRACE_TABLE_BUILDER_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "capture/elf_told.h"

#define TABLE_BUILDER_MAGIC  0x42554e57u
#define TABLE_BUILDER_MEMORY (96u << 20) /* shared; taken up as far as it is written to */

/* To the child, with the descriptor of a file, and maybe those of what may be its debug file. */
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
	uint64_t text, bare; /* bytes of code, and of those without call frame information; told without a table, too */
	struct elf_told told;
	uint32_t pad_2;
};

_Static_assert(sizeof(struct table_reply) == 336, "table_reply");

/* Where the arrays are; false: they do not fit. */
bool table_layout(const struct table_reply *r, size_t *pages_at, size_t *rows_at);

/* The child's life, in the sandbox: serves `fd` until the other end is closed; its first message says that the sandbox is shut. */
void table_builder_child(int fd, void *memory);

#endif
