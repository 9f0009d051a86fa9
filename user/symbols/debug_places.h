/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the files of a recording, and their debug files, may be on this machine: paths to try, in order, and
 * their safe opening (the paths come from recordings and files that are not trusted). Whether a file is the
 * right one, its build id says.
 */
#ifndef CONCTRACE_DEBUG_PLACES_H
#define CONCTRACE_DEBUG_PLACES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DEBUG_PLACES_PATH 4096

/* What is looked for. */
struct debug_places_want {
	const char *symfs; /* a folder that stands for the root of another machine; NULL: none */
	const char *path;  /* of the file that was recorded */
	const uint8_t *build_id;
	size_t build_id_len; /* 0: it had none */
	const char *link;    /* of debug files: the name that .gnu_debuglink gives, of shared ones (alt) the
				path; "" or NULL */
};

/*
 * A walk over the places: *at starts at 0. A descriptor of the next regular file that is there (read only,
 * close-on-exec; the caller closes it), or -1 at the end. `shown` (DEBUG_PLACES_PATH bytes) becomes its path,
 * for messages.
 */
int debug_places_next(const struct debug_places_want *w, size_t *at, char *shown);       /* the file itself */
int debug_places_next_debug(const struct debug_places_want *w, size_t *at, char *shown); /* its debug file */
/* What a debug file shares with others: `build_id` is that of the shared file, `path` of the debug file. */
int debug_places_next_alt(const struct debug_places_want *w, size_t *at, char *shown);

/* A regular file below the root `dir` (NULL: this machine's), or -1. Symbolic links stay below `dir` where
 * the kernel can do that (5.6), devices and pipes are not opened. */
int debug_places_open(const char *dir, const char *path);

#endif
