/* SPDX-License-Identifier: BSD-2-Clause */
/* After the run: a name for every distinct frame that has one, into the recording. */
#ifndef CONCTRACE_SYMBOLS_WRITE_H
#define CONCTRACE_SYMBOLS_WRITE_H

#include "capture/identity.h"
#include "capture/mappings.h"
#include "capture/symbolizer.h"
#include "recording/recording.h"

struct symbols_result {
	uint64_t files, files_lost; /* with frames; whose symbols could not be read (LOSS_SYMBOLS) */
	uint64_t frames, frames_named;
};

/*
 * Writes SECTION_NAMES. Separate debug files are opened with the rights of `reader`, who will see the names.
 * Files that can't be read are counted, not errors; after 60 s the rest is given up and counted. Build ids that
 * the files have and the mapping events did not tell are known from then on (mappings_write_files). 0, or an
 * error of the recording or of memory.
 */
int symbols_write(struct mappings *m, struct symbolizer *s, const struct identity *reader,
		  struct recording_writer *w, struct symbols_result *result);

#endif
