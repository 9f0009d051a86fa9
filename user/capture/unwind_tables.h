/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The unwind tables that the probes read (include/wire_unwind.h): files' tables put in, address spaces made of mappings, processes led to
 * their address space. And the same walk as the probes do, on a copy of a stack. What leads to an element is stored last, and what is
 * taken away is not used again for a while, so the probes never read half of anything.
 */
#ifndef CONCTRACE_UNWIND_TABLES_H
#define CONCTRACE_UNWIND_TABLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "capture/unwind_arrays.h"
#include "wire_record.h"
#include "wire_way_out.h"

struct unwind_tables; /* opaque */

/* The arrays are used until unwind_tables_free. NULL: no memory. */
struct unwind_tables *unwind_tables_new(const struct unwind_arrays *arrays);
void unwind_tables_free(struct unwind_tables *t);

/* ---- files ---- */

/* A file's table as it comes from who made it: nothing in it is trusted. Pages are of the file's offsets from first_page KiB on. */
struct packed_table {
	const struct unwind_rule *rules;
	const struct unwind_page *pages; /* `row`: index in rows */
	const uint32_t *rows;		 /* with numbers of these rules */
	size_t n_rules, n_pages, n_rows;
	uint32_t first_page;
};

/* A place for a file's table, UNWIND_FILE_PENDING; the same one, UNWIND_FILE_NO_ROOM, for all for which there is none. */
uint32_t unwind_tables_add_file(struct unwind_tables *t);
/*
 * Puts its table there. -EBADMSG: it contradicts itself; -ENOSPC: no room, the file stays pending until it is given up.
 */
int unwind_tables_install(struct unwind_tables *t, uint32_t file, const struct packed_table *packed);
/*
 * The two halves of that: puts the table there, and the file stays pending; the table that was put last is shown to the probes. It may be
 * put more than once before (the rows of those before it stay taken).
 */
int unwind_tables_put(struct unwind_tables *t, uint32_t file, const struct packed_table *packed);
void unwind_tables_show(struct unwind_tables *t, uint32_t file);
/* There is no table for it: its frames are walked by frame pointer. */
void unwind_tables_refuse(struct unwind_tables *t, uint32_t file);
/* There is one, but no room for it: stacks end at its frames, and say so. */
void unwind_tables_give_up(struct unwind_tables *t, uint32_t file);
bool unwind_tables_is_pending(const struct unwind_tables *t, uint32_t file);
/* Rows in use, and those that there is room for. */
size_t unwind_tables_rows(const struct unwind_tables *t, size_t *room);

/* ---- address spaces ---- */

/*
 * The mappings of an address space (sorted, without overlap) that began at `since` (struct unwind_region). Its number, or 0: no room.
 * Belongs to the caller, who gives it back when no process has it any more.
 */
uint32_t unwind_tables_add_region(struct unwind_tables *t, uint64_t since, const struct unwind_mapping *mappings, size_t n);
void unwind_tables_drop_region(struct unwind_tables *t, uint32_t region);

/* From now on the process has that address space (0: none that is known). False: no room, it has none. */
bool unwind_tables_publish(struct unwind_tables *t, uint32_t tgid, uint32_t region);

/* ---- the walk ---- */

/* The code of the copy's process at `pc`, WAY_OUT_BYTES of it, as far as it can be read; false: it can't. */
typedef bool (*unwind_code_fn)(const struct wire_copy *copy, uint64_t pc, uint8_t *bytes);

/*
 * Walks a copy with the mappings of `region`; `code` is asked where there is no unwind information. At most WIRE_MAX_FRAMES normalised frames into `frames`, innermost first, their number into
 * *n. How it ended; STACK_END_NO_TABLE: a mapping or a table is not there (yet).
 */
enum stack_end unwind_tables_walk(const struct unwind_tables *t, uint32_t region, const struct wire_copy *copy, unwind_code_fn code,
				  uint64_t *frames, size_t *n);

#endif
