/* SPDX-License-Identifier: BSD-2-Clause */
/* What every symbol table answers: the function that an address lies in. */
#ifndef CONCTRACE_SYMBOL_H
#define CONCTRACE_SYMBOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SYMBOL_NAME_MAX 4000 /* longer names are cut */

struct symbol {
	const char *name; /* not terminated; lives as long as the table that answered */
	size_t name_len;  /* 1 .. SYMBOL_NAME_MAX */
	uint64_t offset;  /* of the address in the function, bytes */
	const char *module; /* kernel: the module that it is in, "bpf" for a BPF program; NULL: none. Not terminated */
	size_t module_len;
	bool unsized; /* the symbol doesn't say where the function ends: that it reaches to the address is a guess */
};

#endif
