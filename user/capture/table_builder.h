/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unwind tables out of untrusted files, made one after the other by a child without privileges (symbols/sandbox.h). It works while its owner goes
 * on; a file that kills it or keeps it busy has no table, and a new child is started for the next one.
 */
#ifndef CONCTRACE_TABLE_BUILDER_H
#define CONCTRACE_TABLE_BUILDER_H

#include <stdbool.h>
#include <sys/types.h>

#include "capture/unwind_tables.h"

struct table_builder; /* opaque */

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
/* When it is idle: asks for the table of an ELF file, and of its separate debug file (-1: none). Descriptors stay the caller's. */
int table_builder_ask(struct table_builder *b, int fd, int debug_fd);
/*
 * What became of what was asked: 1 and the table, which is there until the next question; 0: not done yet; -ENOEXEC, -ENODATA (no unwind
 * information), …: it has none; -EPIPE: the child died of it; -ETIMEDOUT: it took too long.
 */
int table_builder_take(struct table_builder *b, struct packed_table *packed);
/* Waits until there is something to take, at most that long. */
void table_builder_wait(const struct table_builder *b, int ms);

#endif
