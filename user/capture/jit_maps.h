/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The perf maps of processes with a JIT: /tmp/perf-PID.map as the process sees /tmp and its own PID, opened
 * while it lives and read at the end of the run. Taken only if it is a regular file that belongs to the
 * process's user or root: others could write what they like into /tmp.
 */
#ifndef CONCTRACE_JIT_MAPS_H
#define CONCTRACE_JIT_MAPS_H

#include <stdint.h>
#include <sys/types.h>

struct jit_maps; /* opaque */

struct jit_maps *jit_maps_new(void); /* NULL: no memory */
void jit_maps_free(struct jit_maps *j);
/* Tells that code without a file ran in pid; tries (from time to time) to open its map. `tick` counts up. */
int jit_maps_note(struct jit_maps *j, uint32_t pid, uint64_t tick);
/*
 * A descriptor of the map, the caller closes it, or -ENOENT. For a process of which only the end was seen the
 * map must belong to `uid` or root.
 */
int jit_maps_open(struct jit_maps *j, uint32_t pid, uid_t uid);

#endif
