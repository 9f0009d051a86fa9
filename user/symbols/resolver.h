/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names, inlined functions and source lines for the frames of a recording, when it is read: from the files
 * that were traced, where this machine has them or their like (the same build id), from a folder that stands
 * for another machine's root (symfs), or from debuginfod servers. What is read is parsed in a child without
 * privileges (line_reader.h); what can't be read is counted and named, and costs nothing else.
 */
#ifndef CONCTRACE_RESOLVER_H
#define CONCTRACE_RESOLVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "symbols/line_part.h"

struct resolver; /* opaque */

struct resolver_options {
	const char *symfs; /* NULL: none */
	bool debuginfod;   /* ask the servers in $DEBUGINFOD_URLS */
	bool inlines;	   /* the functions that were inlined */
	bool lines;	   /* source file and line */
	uid_t uid;	   /* who parses and fetches, if this process is root; 0: nobody */
	gid_t gid;
};

struct resolver_file {
	const char *path;
	const uint8_t *build_id;
	size_t build_id_len; /* 0: not known; then what is found under the path is taken, and counted */
};

/* What came of the files that were asked about: each is in one of these, and perhaps in RESOLVER_UNCHECKED.
 */
enum resolver_fate {
	RESOLVER_MISSING,   /* not found, nor its debug file */
	RESOLVER_REFUSED,   /* what was found has another build id */
	RESOLVER_PLAIN,	    /* found, without debug information, where inlines or lines are wanted */
	RESOLVER_BROKEN,    /* it killed its reader, or the answers made no sense */
	RESOLVER_LATE,	    /* it took too long, or all of them together did */
	RESOLVER_UNCHECKED, /* used, although the recording has no build id of it */
	RESOLVER_READ,
	N_RESOLVER_FATES,
};

/* 0, or a negative errno with a message: the folder is none, no server is named, … */
int resolver_new(struct resolver **out, const struct resolver_options *o);
void resolver_free(struct resolver *r);

/*
 * What the file has at these offsets (line_part.h has the rules). 0 if nothing could be read, too; else what
 * `fn` returned, or -ENOMEM. Says on stderr what it does when it takes more than 2 s; after a minute (without
 * the time of downloads) all that follows is late.
 */
int resolver_ask(struct resolver *r, const struct resolver_file *file, const uint64_t *offsets, size_t n,
		 line_part_fn fn, void *ctx);
/* How many files ended so. */
size_t resolver_count(const struct resolver *r, enum resolver_fate fate);
/* One line on stderr for each fate that the user can do something about. */
void resolver_talk(const struct resolver *r);

/* For tests: milliseconds for one file, and for all. */
void resolver_set_limits(struct resolver *r, int file_ms, int all_ms);

#endif
