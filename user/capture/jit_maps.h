/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The perf maps of processes with a JIT: /tmp/perf-PID.map as the process sees /tmp and its own PID. What is
 * needed to read one is taken while the process lives: its folder when code without a file is first seen, the
 * map as soon as it is there. They are read at the end of the run, when they have grown to their last; a map
 * that was made anew in between is read beside the one before, and a child without an exec has its parent's,
 * too. Taken only if it is a regular file that belongs to the process's user or root: others could write what
 * they like into /tmp.
 */
#ifndef CONCTRACE_JIT_MAPS_H
#define CONCTRACE_JIT_MAPS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define JIT_MAPS_MAX 8

struct jit_maps; /* opaque */

struct jit_maps *jit_maps_new(void); /* NULL: no memory */
void jit_maps_free(struct jit_maps *j);
/* Tells that code without a file ran in pid; looks (from time to time) for its map. `tick` counts up. */
int jit_maps_note(struct jit_maps *j, uint32_t pid, uint64_t tick);
/* A new process starts with the code of its parent; another program has code of its own. 0 or -ENOMEM. */
int jit_maps_fork(struct jit_maps *j, uint32_t parent, uint32_t child);
int jit_maps_exec(struct jit_maps *j, uint32_t pid);
/*
 * Descriptors of the maps that hold for pid, those to be believed first in front, in fds [JIT_MAPS_MAX]; the
 * caller closes them. Their number. For a process of which only the end was seen the map must belong to `uid`
 * or root.
 */
size_t jit_maps_open(struct jit_maps *j, uint32_t pid, uid_t uid, int *fds);

#endif
