/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the kernel tells of mappings and processes through perf: one dummy software event for each online CPU,
 * whose rings carry every executable mapping, exec, new process or thread, and exit of the whole machine.
 * Given out in the order of their time. Needs CAP_PERFMON (or root) and, for the rings, CAP_IPC_LOCK or
 * perf_event_mlock_kb.
 */
#ifndef CONCTRACE_SIDEBAND_H
#define CONCTRACE_SIDEBAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum sideband_type { SIDEBAND_MMAP, SIDEBAND_EXEC, SIDEBAND_FORK, SIDEBAND_EXIT };

/* Which file was mapped: by build id (then major, minor, inode and generation are not known), else by inode.
 */
struct file_identity {
	uint64_t inode, generation;
	uint32_t major, minor;
	uint8_t build_id_len;
	uint8_t build_id[20];
};

struct sideband_event {
	uint64_t ts; /* CLOCK_MONOTONIC ns */
	enum sideband_type type;
	uint32_t pid, tid;	       /* FORK: of the new one */
	uint32_t ppid;		       /* FORK: of its maker, == pid for a new thread */
	uint64_t start, len, offset;   /* MMAP: addresses, bytes, byte offset in the file */
	struct file_identity identity; /* MMAP */
	const char *path;	       /* MMAP: "" if none; valid during the call */
};

typedef int (*sideband_fn)(void *ctx, const struct sideband_event *event);

struct sideband; /* opaque */

/* -EPERM, -EACCES: not permitted; other errors of perf_event_open and mmap. */
int sideband_open(struct sideband **out);
void sideband_close(struct sideband *s);
/*
 * Descriptors that become readable when a quarter of a CPU's ring has filled; what is below that is read when the
 * caller comes for another reason. Valid until sideband_close.
 */
const int *sideband_fds(const struct sideband *s, size_t *n);
/*
 * Reads all rings and calls `fn` for what happened until now, in order. What happened while it read is kept
 * for the next pass, so that a fork on one CPU never comes before the mappings that it inherits from another;
 * it goes on until nothing is kept (or 8 passes). 0, or the error that `fn` returned or -ENOMEM.
 */
int sideband_read(struct sideband *s, sideband_fn fn, void *ctx);
/* Records that the kernel could not put into a full ring, until now. */
uint64_t sideband_lost(const struct sideband *s);

#endif
