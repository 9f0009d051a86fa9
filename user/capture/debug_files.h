/* SPDX-License-Identifier: BSD-2-Clause */
/* Where the separate debug file of a program or library may be. */
#ifndef CONCTRACE_DEBUG_FILES_H
#define CONCTRACE_DEBUG_FILES_H

#include <stddef.h>
#include <stdint.h>

#include "capture/identity.h"
#include "capture/process_roots.h"

#define DEBUG_FILES_MAX 8

/* A file, as it was mapped. */
struct debug_files_of {
	uint32_t root;	  /* of a process that mapped it */
	const char *path; /* there */
	const uint8_t *build_id;
	size_t build_id_len; /* 0: not known */
};

/*
 * Opens those that are there, the most likely first: by build id in /usr/lib/debug of the process's root, then
 * of our own; then by `link`, the name in .gnu_debuglink ("" if there is none): beside the file, in .debug
 * there, below /usr/lib/debug. The paths come from the traced program, so they are opened with the rights of
 * `reader`, who is shown what is in them (NULL: with our own). The number of descriptors in fds
 * [DEBUG_FILES_MAX], the caller closes them; whether one of them fits is for the reader of the symbols to say.
 */
size_t debug_files_open(const struct process_roots *r, const struct debug_files_of *of, const char *link,
			const struct identity *reader, int *fds);

#endif
