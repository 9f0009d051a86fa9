/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Keeps the probes' unwind tables in step with what the followed processes have mapped: a table for each file, made by the table
 * builder; an address space for each process. What the probes could not walk they send as copies: walked here.
 */
#ifndef CONCTRACE_UNWINDER_H
#define CONCTRACE_UNWINDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "capture/mapping_files.h"
#include "capture/process_table.h"
#include "capture/table_builder.h"
#include "capture/unwind_arrays.h"
#include "wire_record.h"

struct unwinder; /* opaque */

/*
 * Takes what the process table has from now on. All belong to the caller, and are used until unwinder_free. Debug files are opened with the
 * rights of `reader` (debug_files.h). NULL: no memory.
 */
struct unwinder *unwinder_new(const struct unwind_arrays *arrays, struct table_builder *builder, struct mapping_files *files,
			      struct process_table *processes, const struct identity *reader);
/* After the process table, which tells it of the end of address spaces, and before the arrays. */
void unwinder_free(struct unwinder *u);

/* The builder has been asked for this file's table already. */
void unwinder_expect(struct unwinder *u, uint32_t number);

/* After events were taken in: shows the probes what has changed, puts in the tables that are done, asks for the next. 0 or -ENOMEM. */
int unwinder_update(struct unwinder *u);
/* Are tables being made? */
bool unwinder_is_busy(const struct unwinder *u);
/* Waits until they are, at most that long. */
void unwinder_finish(struct unwinder *u, int ms);

/*
 * Walks a copy of a stack, see unwind_tables_walk. *soon: it ended with STACK_END_NO_TABLE, and a later try may get farther.
 */
enum stack_end unwinder_walk(struct unwinder *u, const struct wire_copy *copy, uint64_t *frames, size_t *n, bool *soon);

/* What was made. */
struct unwinder_counts {
	uint64_t tables, no_tables, no_room; /* files */
	uint64_t debug_tables;		     /* of `tables`: with what a debug file adds */
	uint64_t rows;
};
struct unwinder_counts unwinder_counts(const struct unwinder *u);

#endif
