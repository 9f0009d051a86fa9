/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Records on their way from the rings to the recording: checked, stacks told apart and made independent of addresses, written in
 * sections. Memory stays bounded: what is kept is one section, and a set of the stacks already written.
 */
#ifndef CONCTRACE_STREAM_H
#define CONCTRACE_STREAM_H

#include <stddef.h>
#include <stdint.h>

#include "capture/mappings.h"
#include "recording/recording.h"
#include "wire_state.h"

struct stream; /* opaque */

struct stream_counts {
	uint64_t cycles, samples, stacks, threads, processes;
	uint64_t collisions; /* stacks that came under the id of another one */
	uint64_t refused; /* records that were not what they should be */
	uint64_t ends[N_STACK_ENDS]; /* of the copies of stacks that were walked here, by enum stack_end */
	uint64_t first_ns, last_ns; /* when the first thread began, when the last one that ended did */
};

/* NULL: no memory. Both are used until stream_free and belong to the caller. `mappings` may be NULL where no stacks come. */
struct stream *stream_new(struct recording_writer *writer, struct mappings *mappings);
void stream_free(struct stream *s);

/*
 * Takes one record or several (probes_fn). A disk that is full does not stop it: the workload lives on, and what can't be
 * written is counted by stream_dropped.
 */
int stream_record(void *stream, const void *records, size_t len);

/*
 * After each pass over the rings, when the mappings are up to date: stacks that came in it are resolved. `busy` says that the rings fill faster
 * than they are emptied: sections are then stored, not compressed.
 */
int stream_settle(struct stream *s, bool busy);

/* Writes what has gathered: now and then, so that the recording of a conctrace that is killed has nearly all. */
int stream_flush(struct stream *s);
/* At the end: waits for the unwind tables that stacks still need, and writes all. */
int stream_finish(struct stream *s);

/*
 * Ids under which two stacks have come, in the order in which that was noticed: no more than N_COLLIDED. For probes_set_collided; until then
 * the second one shows as the first.
 */
size_t stream_collided(const struct stream *s, const uint64_t **ids);

const struct stream_counts *stream_counts(const struct stream *s);
uint64_t stream_dropped(const struct stream *s); /* bytes */

#endif
