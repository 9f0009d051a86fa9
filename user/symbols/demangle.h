/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The names of functions as people write them, made of those that linkers use (C++, Rust). The only door to
 * libiberty. Names are not trusted: their length, the length of what they become and the depth of their parts
 * are bounded, whatever they say.
 */
#ifndef CONCTRACE_DEMANGLE_H
#define CONCTRACE_DEMANGLE_H

#include <stdbool.h>
#include <stddef.h>

enum symbol_names {
	SYMBOL_NAMES_FULL = 0,	/* with template arguments and parameters */
	SYMBOL_NAMES_SHORT = 1, /* without them: see short_name.h */
	SYMBOL_NAMES_RAW = 2,	/* as the linker has it */
};

#define DEMANGLED_MAX 16384 /* bytes of a name with its terminator; what would be longer stays as it is */

/*
 * Writes the readable form of `name` to buf (of DEMANGLED_MAX bytes) and returns it: true. What follows the
 * linker's name ("@plt", " [module]") is kept behind it. False: it is not mangled, or not to be believed, or
 * `names` is RAW; buf is then undefined. Neither hashes of Rust's crates and instances are in it, in any form.
 */
bool demangle(char *buf, const char *name, enum symbol_names names);

#endif
