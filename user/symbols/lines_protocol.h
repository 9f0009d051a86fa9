/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The messages between line_reader.c and its child (child_link.h). Both are the same program, so the layout
 * is free; but the child is not trusted, and the parent checks all of it.
 */
#ifndef CONCTRACE_LINES_PROTOCOL_H
#define CONCTRACE_LINES_PROTOCOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LINES_MAGIC    0x4c494e31u
#define LINES_OFFSETS  512	   /* of one request */
#define LINES_MESSAGE  (128 << 10) /* bytes of the largest message */
#define LINES_TEXT_MAX 4000	   /* bytes of a name or a path; longer ones are cut */

enum lines_request_kind {
	LINES_FILE =
		1, /* with a descriptor: the file that the following is about; what was before is forgotten */
	LINES_DEBUG = 2, /* with a descriptor: its debug file, refused unless the build ids are the same */
	LINES_ALT =
		3, /* with a descriptor: what the debug file shares with others, the same for its build id */
	LINES_ASK = 4, /* about the offsets in the file */
};

/* lines_request.flags, for LINES_ASK */
#define LINES_WANT_INLINES 1u
#define LINES_WANT_PLACES  2u

struct lines_request {
	uint32_t magic;
	uint32_t kind;
	uint32_t flags;
	uint32_t count;	       /* offsets that follow */
	uint32_t build_id_len; /* LINES_FILE, LINES_ALT: what the file must have; 0: not known */
	uint8_t build_id[20];
	uint64_t offsets[LINES_OFFSETS];
};

/* lines_reply.info.has */
#define LINES_HAS_SYMTAB   1u
#define LINES_HAS_DWARF	   2u
#define LINES_HAS_SEGMENTS 4u /* program headers that turn file offsets into addresses */

struct lines_info {
	uint32_t has;
	uint32_t build_id_len; /* of the file; 0: none */
	uint8_t build_id[20];
	uint32_t alt_id_len;
	uint8_t alt_id[20];
	uint32_t pad;
	char debug_link[256]; /* terminated; "" if there is none */
	char alt_link[1024];  /* the same */
};

/* One for LINES_FILE, _DEBUG and _ALT; for LINES_ASK as many as it takes, with `count` answers behind each.
 */
struct lines_reply {
	uint32_t magic;
	int32_t err;	/* why the file can't be used, 0 if it can */
	uint32_t count; /* struct lines_answer, each with its texts, padded to 8 */
	uint32_t last;	/* 1: nothing more comes for this request */
	struct lines_info info;
};

/* A function at an offset; those of one offset come one after the other, the innermost first. */
struct lines_answer {
	uint32_t index; /* in the request's offsets */
	uint16_t depth;
	uint16_t inlined; /* 1: into the next one, which follows */
	uint32_t line;
	uint16_t name_len, source_len; /* bytes that follow, no terminators */
	uint64_t offset;	       /* in the function; 0 for one that was inlined */
};

_Static_assert(sizeof(struct lines_request) == 40 + 8 * LINES_OFFSETS, "lines_request");
_Static_assert(sizeof(struct lines_info) == 1336, "lines_info");
_Static_assert(sizeof(struct lines_reply) == 1352, "lines_reply");
_Static_assert(sizeof(struct lines_answer) == 24, "lines_answer");

/* The child's life, in line_reader_child.c: answers requests on fd until the other end is closed. */
void line_reader_child(int fd);

#endif
