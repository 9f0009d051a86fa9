/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unwind tables out of untrusted files, made one after the other by a child without privileges (symbols/sandbox.h). It works while its owner goes
 * on; a file that kills it or keeps it busy has no table, and a new child is started for the next one.
 */
#ifndef CONCTRACE_TABLE_BUILDER_H
#define CONCTRACE_TABLE_BUILDER_H

#include <stdbool.h>
#include <sys/types.h>

#include "capture/elf_told.h"
#include "capture/unwind_tables.h"

#define TABLE_BUILDER_DEBUG_FILES 8

struct table_builder; /* opaque */

/* What the child says of a file, with or without a table; not to be trusted. All zero: nothing. */
struct table_file {
	uint64_t text, bare; /* bytes of code, and of those without call frame information */
	struct elf_told told;
};

/* Start it early: the child sees a copy of the owner's memory. Negative errno: it could not shut itself in. */
int table_builder_start(struct table_builder **out, uid_t uid, gid_t gid);
void table_builder_stop(struct table_builder *b);

/* The child's nice value; those that come after it have their owner's. */
void table_builder_set_nice(const struct table_builder *b, int nice);

/* Readable when there is something to take; the same for all of its life. */
int table_builder_fd(const struct table_builder *b);
/* How long a table may take, 5 s otherwise. After three in a row that took longer none is asked for any more. */
void table_builder_set_limit(struct table_builder *b, int ms);
bool table_builder_is_idle(const struct table_builder *b);
/*
 * When it is idle: asks for the table of an ELF file; with descriptors of what may be its debug file (TABLE_BUILDER_DEBUG_FILES at most,
 * the most likely first), of which the first that belongs to the file is taken. Descriptors stay the caller's.
 */
int table_builder_ask(struct table_builder *b, int fd, const int *debug_fds, size_t n);
/*
 * What became of what was asked: 1 and the table, which is there until the next question; 0: not done yet; -ENOEXEC, -ENOENT (no unwind
 * information), -ENODATA (the debug files add none), …: there is no table; -EPIPE: the child died of it; -ETIMEDOUT: it took too long.
 */
int table_builder_take(struct table_builder *b, struct packed_table *packed, struct table_file *file);
/* Waits until there is something to take, at most that long. */
void table_builder_wait(const struct table_builder *b, int ms);

#endif
