/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files by build id from the servers in $DEBUGINFOD_URLS. The only door to libdebuginfod, which is loaded in
 * a child process when files are asked for: it brings a whole HTTP client with it, which this program is not
 * to start with, and as root not to run at all. Where it was not there at build time, debug_fetch_new says
 * so.
 */
#ifndef CONCTRACE_DEBUG_FETCH_H
#define CONCTRACE_DEBUG_FETCH_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct debug_fetch; /* opaque */

enum debug_fetch_kind { FETCH_EXECUTABLE, FETCH_DEBUG };

/*
 * If this process is root, the child becomes that user and uses their cache; uid 0 means nobody, and a cache
 * that goes with the child (unless $DEBUGINFOD_CACHE_PATH names one). 0, or a negative errno with a message:
 * -EINVAL no server is named, -ENOTSUP no libdebuginfod.
 */
int debug_fetch_new(struct debug_fetch **out, uid_t uid, gid_t gid);
void debug_fetch_free(struct debug_fetch *f);

/*
 * A descriptor of the file of that build id (the caller closes it), or a negative errno: -ENOENT no server
 * has it. Waits for as long as something comes in; after 2 s, and then every 10, there is a line about it on
 * stderr, which calls it `shown`.
 */
int debug_fetch_file(struct debug_fetch *f, enum debug_fetch_kind kind, const uint8_t *build_id, size_t len,
		     const char *shown);

#endif
