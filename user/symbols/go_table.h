/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The functions of a Go program by its own table (.gopclntab, which the runtime needs and so is there in stripped
 * programs): where each begins and ends, its name, and how deep its frame is at each instruction. Go 1.18 and later;
 * layout: src/runtime/symtab.go (pcHeader, functab, _func) and src/cmd/link/internal/ld/pcln.go of Go.
 *
 * The bytes are not trusted: each offset is checked when it is used.
 */
#ifndef CONCTRACE_GO_TABLE_H
#define CONCTRACE_GO_TABLE_H

#include "symbols/dwarf_reader.h"
#include "symbols/elf_file.h"

#define GO_TOP_FRAME 1 /* nothing called it: goexit, mstart */
#define GO_NEW_STACK 2 /* it writes the stack pointer: what it calls is on another stack, which begins there */

struct go_table {
	const unsigned char *names; /* terminated, each: the last byte is 0 */
	size_t names_len;
	size_t n; /* functions */
	/* of go_table.c: */
	const unsigned char *functions, *depths, *end;
	uint64_t text;
	size_t flags_at;
	unsigned int quantum;
};

struct go_function {
	uint64_t start, end; /* end: where the next one begins */
	uint32_t name;	     /* place in `names`, within them */
	uint32_t depth;	     /* place of its depths; 0: none */
	unsigned char flags; /* GO_* */
};

/* Views into the file, which must outlive it. False: it has no such table, or one that can't be read. */
bool go_table_find(struct go_table *g, const struct elf_file *e);
/* Function i < n; false: it makes no sense. */
bool go_table_at(const struct go_table *g, size_t i, struct go_function *f);

/* The frame's depth over the instructions of a function, from its start to its end. */
struct go_depths {
	struct dwarf_reader at;
	uint64_t from, to; /* the instructions that have it */
	int64_t depth;	   /* bytes from the stack pointer to the return address */
	uint64_t end;
	unsigned int quantum;
};
void go_depths_begin(struct go_depths *d, const struct go_table *g, const struct go_function *f);
/* The next stretch, never empty; false: there is none. */
bool go_depths_next(struct go_depths *d);

#endif
