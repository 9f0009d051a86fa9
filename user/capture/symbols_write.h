/* SPDX-License-Identifier: BSD-2-Clause */
/* After the run: a name for every distinct frame that has one, into the recording. */
#ifndef CONCTRACE_SYMBOLS_WRITE_H
#define CONCTRACE_SYMBOLS_WRITE_H

#include "capture/mappings.h"
#include "capture/symbolizer.h"
#include "recording/recording.h"

struct symbols_result {
	uint64_t files, files_lost; /* with frames; whose symbols could not be read (LOSS_SYMBOLS) */
	uint64_t frames, frames_named;
};

/*
 * Writes SECTION_NAMES. Files that can't be read are counted, not errors; after 60 s the rest is given up and
 * counted. 0, or an error of the recording or of memory.
 */
int symbols_write(struct mappings *m, struct symbolizer *s, struct recording_writer *w,
		  struct symbols_result *result);

#endif
