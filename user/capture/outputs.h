/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Output files, opened early with the rights of the user they are for (file system ids and groups of this
 * thread, for the moment), so that a path which that user may not write is refused although conctrace is
 * root. Three steps: output_open before anything starts, output_commit once the command runs, or
 * output_discard: as if nothing had been.
 *
 * A regular file that exists is moved aside by output_open if it is to be kept, and becomes FILE.old at the
 * commit; else it is emptied at the commit. Devices and FIFOs are written as they are. /dev/stdout,
 * /dev/stderr and /dev/fd/N are the descriptors that conctrace was started with. Opening a FIFO waits for its
 * reader.
 */
#ifndef CONCTRACE_OUTPUTS_H
#define CONCTRACE_OUTPUTS_H

#include <stdbool.h>

#include "capture/identity.h"

struct output_request {
	const char *path;
	const char *option; /* the option that names another place, for the remedy: "-o" */
	bool keep_old;	    /* an existing file is kept as FILE.old */
};

struct output {
	int fd;	   /* write only, closed on exec; -1 when released; may be taken over: set to -1 */
	bool open; /* opened and neither committed nor discarded */
	bool regular, created;
	char *path;		      /* where it really is; owned */
	char *aside;		      /* what was there before, NULL if nothing was kept; owned */
	const struct identity *owner; /* of the request: must outlive the object */
};

/* 0, or a negative errno with a message: what, on what, why, remedy. On failure everything is as it was. */
int output_open(struct output *o, const struct output_request *request, const struct identity *owner);

/*
 * The run goes ahead: FILE.old takes the place of an older one, or what the file held is cut off behind what
 * has been written by now. A failure (message) concerns only what was there before: the output itself can be
 * written.
 */
int output_commit(struct output *o);

/* Takes everything back and closes: the new file is removed, the former is in its place. */
void output_discard(struct output *o);

/* The same file (two options that name one path). False for devices and FIFOs. */
bool output_same(const struct output *a, const struct output *b);

/* Frees; closes fd if it is still there; discards what was not committed. A zeroed object is allowed (fd 0
 * stays open). */
void output_release(struct output *o);

#endif
