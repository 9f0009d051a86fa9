/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The messages between the privileged process and its child that parses (symbolizer.h), over a SOCK_SEQPACKET
 * pair. Both are the same program, so the layout is free; but the child is not trusted, and the parent checks
 * all of it.
 */
#ifndef CONCTRACE_SYMBOLIZER_PROTOCOL_H
#define CONCTRACE_SYMBOLIZER_PROTOCOL_H

#include <stdint.h>

#define SYMBOLIZER_MAGIC   0x53594d31u
#define SYMBOLIZER_OFFSETS 2048	      /* of one request */
#define SYMBOLIZER_MESSAGE (48 << 10) /* bytes of the largest message */

/* To the child: with one or two descriptors (the file, its debug file) if `fds`, else about the file before.
 */
struct symbolizer_request {
	uint32_t magic;
	uint32_t kind; /* enum symbol_source */
	uint32_t fds;
	uint32_t count;	       /* u64 that follow */
	uint32_t build_id_len; /* what the file must be; 0: not known */
	uint8_t build_id[20];
	uint64_t offsets[SYMBOLIZER_OFFSETS];
};

/* To the parent: answers to a request, in its order, in as many messages as it takes. */
struct symbolizer_reply {
	uint32_t magic;
	int32_t err;	/* the file could not be read */
	uint32_t count; /* struct symbolizer_answer + name, padded to 8, that follow */
	uint32_t last;	/* 1: nothing more comes for this request */
};

struct symbolizer_answer {
	uint32_t index; /* in the request's offsets */
	uint32_t name_len;
	uint64_t offset; /* in the function */
};

_Static_assert(sizeof(struct symbolizer_request) == 40 + 8 * SYMBOLIZER_OFFSETS, "symbolizer_request");
_Static_assert(sizeof(struct symbolizer_reply) == 16, "symbolizer_reply");
_Static_assert(sizeof(struct symbolizer_answer) == 16, "symbolizer_answer");

/* The child's life, in symbolizer_child.c: answers requests on fd until the other end is closed. */
void symbolizer_child(int fd);

#endif
