/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The mapping tracker: which file, and where in it, an address of a followed process was at a moment, also
 * when the process is gone. Turns raw addresses into frames (include/wire_record.h) and remembers which
 * frames there were.
 *
 * How to use it: wait on mappings_fds (and a timer); when something is there, take the stacks out of the
 * rings of the probes first, then call mappings_drain, then mappings_frame for those stacks: all mappings
 * that they can speak of are known then. A process's mappings are forgotten some drains and seconds after its
 * end.
 *
 * Frames of code that called on are return addresses: they are kept as the address before, the last byte of
 * the call, which is in the calling function even if the call was its last instruction. So a frame's address
 * in a recording is the instruction for the innermost frame, and the call's last byte for the others.
 *
 * PIDs are those of this process's PID namespace.
 */
#ifndef CONCTRACE_MAPPINGS_H
#define CONCTRACE_MAPPINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "capture/mapping_files.h"
#include "capture/unwinder.h"
#include "recording/recording.h"

struct mappings; /* opaque */

/*
 * Opens the events: from now on nothing is missed. Raises RLIMIT_NOFILE, so the command should be forked
 * before, or have its limit put back. Negative errno: not permitted, no memory.
 */
int mappings_new(struct mappings **out);
void mappings_free(struct mappings *m);
/*
 * Keeps unwind tables for the probes from now on, before anything is followed. All belong to the caller, and are used until mappings_free.
 * Separate debug files are opened with the rights of `reader`. -ENOMEM.
 */
int mappings_unwind(struct mappings *m, const struct unwind_arrays *arrays, struct table_builder *builder,
		    const struct identity *reader);
/* The builder was asked for the table of this file, which will be mapped: it is the first one to come. The descriptor is the caller's. */
void mappings_expect(struct mappings *m, const char *path, int fd);
/*
 * Walks a copy of a stack (unwinder.h): normalised frames, at most WIRE_MAX_FRAMES. *soon: a table is on its way, a later try may get
 * farther.
 */
enum stack_end mappings_walk(struct mappings *m, const struct wire_copy *copy, uint64_t *frames, size_t *n, bool *soon);
/* Waits for tables that are being made, at most that long; they are put in. */
void mappings_finish_tables(struct mappings *m, int ms);
/* A frame that the probes normalised is in the recording. */
void mappings_note_frame(struct mappings *m, uint64_t frame);
/*
 * Descriptors for epoll, readable when there is much to drain: so much that more would soon be lost. What tracing needs at once the probes wake the reader
 * for, an exec and a stack whose tables are not there yet; each wake-up by a record of the kernel's own would be an interrupt in the midst of an exec.
 */
const int *mappings_fds(const struct mappings *m, size_t *n);

/* Follows a process, with what it has mapped already, and all that descend from it from now on. -ESRCH: it is
 * gone. */
int mappings_follow(struct mappings *m, uint32_t pid);
/* Takes in what happened until now. 0, or -ENOMEM. */
int mappings_drain(struct mappings *m);

/*
 * The frame of an address in user space. `is_leaf`: the innermost one, the address of an instruction (else a
 * return address). Never fails: without memory or a known mapping it is a frame of an UNKNOWN file.
 */
uint64_t mappings_frame(struct mappings *m, uint32_t pid, uint64_t ts, uint64_t addr, bool is_leaf);
/* Is it a frame of an UNKNOWN file: no mapping was known there? */
bool mappings_is_unknown(const struct mappings *m, uint64_t frame);
/* The frame of an address in the kernel. */
uint64_t mappings_kernel_frame(struct mappings *m, uint64_t addr, bool is_leaf);

/* Mapping records that were lost (LOSS_MAPPINGS). */
uint64_t mappings_lost(const struct mappings *m);
/* Processes whose mappings are kept right now. */
size_t mappings_processes(const struct mappings *m);

/* Writes SECTION_FILES: the files that frames were given of. */
int mappings_write_files(const struct mappings *m, struct recording_writer *w);

/* For the symbolizer: the distinct frames that can have names, sorted; the caller frees. *frames NULL if
 * none. */
int mappings_frames(const struct mappings *m, uint64_t **frames, size_t *n);
struct mapping_files *mappings_files(const struct mappings *m);
/* Descriptors of the perf maps of pid (jit_maps_open), their number. */
size_t mappings_open_jit(struct mappings *m, uint32_t pid, uid_t uid, int *fds);

#endif
