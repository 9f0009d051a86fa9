/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The messages between the privileged process and its child that parses (symbolizer.h), over a SOCK_SEQPACKET
 * pair. Both are the same program, so the layout is free; but the child is not trusted, and the parent checks
 * all of it.
 */
#ifndef CONCTRACE_SYMBOLIZER_PROTOCOL_H
#define CONCTRACE_SYMBOLIZER_PROTOCOL_H

#include <stdint.h>

#include "capture/elf_told.h"

#define SYMBOLIZER_MAGIC   0x53594d31u
#define SYMBOLIZER_OFFSETS 2048	      /* of one request */
#define SYMBOLIZER_MESSAGE (48 << 10) /* bytes of the largest message */

enum symbolizer_step {
	SYMBOLIZER_OPEN = 1,  /* with the descriptor of a file; answered by struct symbolizer_file if it is an ELF file */
	SYMBOLIZER_DEBUG = 2, /* with descriptors of what may be its debug file */
	SYMBOLIZER_NAMES = 3, /* with offsets in it; answered by names */
};

/* To the child. */
struct symbolizer_request {
	uint32_t magic;
	uint32_t step;	       /* enum symbolizer_step */
	uint32_t kind;	       /* OPEN: enum symbol_source */
	uint32_t count;	       /* NAMES: u64 that follow */
	uint32_t build_id_len; /* OPEN: what the file must be; 0: not known */
	uint8_t build_id[28];
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
	uint64_t start;	 /* of the function, if name_len is 0 */
};

/* Follows the reply to OPEN. */
struct symbolizer_file {
	uint32_t complete; /* 1: it has a .symtab */
	struct elf_told told;
};

_Static_assert(sizeof(struct symbolizer_request) == 48 + 8 * SYMBOLIZER_OFFSETS, "symbolizer_request");
_Static_assert(sizeof(struct symbolizer_reply) == 16, "symbolizer_reply");
_Static_assert(sizeof(struct symbolizer_answer) == 24, "symbolizer_answer");
_Static_assert(sizeof(struct symbolizer_file) == 288, "symbolizer_file");

/* The child's life, in symbolizer_child.c: answers requests on fd until the other end is closed. */
void symbolizer_child(int fd);

#endif
