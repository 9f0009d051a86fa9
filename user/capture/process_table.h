/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The followed processes and their address spaces over time: a fork shares its parent's, exec begins an empty
 * one. A process that ended is kept until a while later (stacks of its last moments may still come), then
 * forgotten.
 */
#ifndef CONCTRACE_PROCESS_TABLE_H
#define CONCTRACE_PROCESS_TABLE_H

#include "capture/address_space.h"

struct process_table; /* opaque */

/* Told at each event: the address space of a process is another one, or has changed (NULL: the process is gone). */
typedef void (*process_table_fn)(void *ctx, uint32_t pid, const struct address_space *space);

struct process_table *process_table_new(void); /* NULL: no memory */
void process_table_listen(struct process_table *t, process_table_fn fn, void *ctx);
void process_table_free(struct process_table *t);

/* A process that is there already, with that many threads. -ESRCH if 0. */
int process_table_follow(struct process_table *t, uint32_t pid, uint32_t threads);
/* Events, in the order of their time. Those of processes that are not followed do nothing. 0 or -ENOMEM. */
int process_table_map(struct process_table *t, uint32_t pid, const struct mapping *m);
int process_table_exec(struct process_table *t, uint32_t pid, uint64_t ts);
int process_table_fork(struct process_table *t, uint32_t ppid, uint32_t pid, uint64_t ts);
void process_table_exit(struct process_table *t, uint32_t pid, uint64_t ts);

bool process_table_has(const struct process_table *t, uint32_t pid);
/* The mapping of an address then; NULL: none known. Valid until the next event. */
const struct mapping *process_table_at(const struct process_table *t, uint32_t pid, uint64_t ts,
				       uint64_t addr);
/* Its present address space; NULL: not followed. */
struct address_space *process_table_space(const struct process_table *t, uint32_t pid);
/* The one that it had then. */
struct address_space *process_table_space_at(const struct process_table *t, uint32_t pid, uint64_t ts);
/* When its present address space began: its exec, its fork, or 0. */
uint64_t process_table_epoch(const struct process_table *t, uint32_t pid);
/* Walks the PIDs of those that have not ended; *at starts at 0. */
bool process_table_next(const struct process_table *t, size_t *at, uint32_t *pid);
size_t process_table_count(const struct process_table *t); /* with those that ended and are still kept */

/* May its mappings be read anew: it lives, and was not read at this drain or too often of late. Counts as
 * read. */
bool process_table_may_rescan(struct process_table *t, uint32_t pid, uint64_t drain);
/* Events were lost: the numbers of threads may be wrong, ends may have been missed. */
void process_table_counts_unsure(struct process_table *t);
/* To be called once a drain: drops what ended long enough ago. */
void process_table_forget(struct process_table *t);

#endif
