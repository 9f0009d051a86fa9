/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Functions, inlined functions and source lines for offsets in an ELF file, read by a child process in a
 * sandbox: the file and its DWARF are not trusted. A file that kills the child or keeps it busy costs its own
 * answers; there is a new child for the next one. What the child says is checked here and still only text:
 * clean it.
 */
#ifndef CONCTRACE_LINE_READER_H
#define CONCTRACE_LINE_READER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "symbols/line_part.h"
#include "symbols/lines_protocol.h"

struct line_reader; /* opaque */

/* The child becomes that user (nobody if uid is 0) if this process is root. 0, or a negative errno with a
 * message. */
int line_reader_new(struct line_reader **out, uid_t uid, gid_t gid);
void line_reader_free(struct line_reader *r);

/*
 * The file that questions are about (`fd` stays the caller's): what it has is in *info. It must have this
 * build id (or none, if id_len is 0), else -ESTALE. -ENOEXEC and the like: it is no file to read; -EPIPE: the
 * child died of it; -ETIMEDOUT; -EPROTO: the child made no sense.
 */
int line_reader_file(struct line_reader *r, int fd, const uint8_t *id, size_t id_len,
		     struct lines_info *info);
/* Its debug file, which must have the same build id; and what that shares with others, by its build id. */
int line_reader_debug(struct line_reader *r, int fd, struct lines_info *info);
int line_reader_alt(struct line_reader *r, int fd, const uint8_t *id, size_t id_len);

/*
 * Asks about n offsets, best in ascending order; `flags` are LINES_WANT_*. 0; what `fn` returned; or as
 * above: then the file has to be given again.
 */
int line_reader_ask(struct line_reader *r, const uint64_t *offsets, size_t n, unsigned int flags,
		    line_part_fn fn, void *ctx);

pid_t line_reader_pid(const struct line_reader *r);	   /* 0: there is no child at the moment */
void line_reader_set_limit(struct line_reader *r, int ms); /* for LINES_OFFSETS offsets (20,000) */

/*
 * Checks a reply of `len` bytes to a request of n offsets and gives out what it holds; *next_index and
 * *next_depth: what may come next (0 before the first reply). 0, -EPROTO, or what `fn` returned.
 */
int line_reader_take(const void *message, size_t len, size_t n, size_t *next_index, size_t *next_depth,
		     line_part_fn fn, void *ctx);

#endif
