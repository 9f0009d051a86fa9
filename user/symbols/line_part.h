/* SPDX-License-Identifier: BSD-2-Clause */
/* A function at an address, as it was found in a file's symbols and DWARF. */
#ifndef CONCTRACE_LINE_PART_H
#define CONCTRACE_LINE_PART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Texts are not terminated and not to be trusted: any bytes but NUL. */
struct line_part {
	size_t depth;	    /* 0 is the innermost */
	bool inlined;	    /* into the next; the last one of an address is not */
	const char *name;   /* as the linker has it, or of the source */
	size_t name_len;    /* 0: not known */
	uint64_t offset;    /* of the address in the function; 0 for an inlined one */
	const char *source; /* path of the source file */
	size_t source_len;  /* 0: not known */
	uint32_t line;	    /* 0: not known */
};

/*
 * offsets[index], of those that were asked about, has this: part after part of an offset, in order of the
 * indexes; an offset of which nothing is known has none. What it returns but 0 ends it.
 */
typedef int (*line_part_fn)(void *ctx, size_t index, const struct line_part *part);

#endif
