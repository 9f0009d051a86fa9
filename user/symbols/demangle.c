/* SPDX-License-Identifier: BSD-2-Clause */
/* In: a linker's name. Out: the name in its language. */
#include "symbols/demangle.h"

#include <libiberty/demangle.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include "symbols/short_name.h"
#include "symbols/symbol.h"

/*
 * libiberty refuses a C++ name of more than 1,024 characters unless it is told not to bound its recursion. One
 * of SYMBOL_NAME_MAX needs some MiB of stack at most: every level takes at least one character. Not so in
 * Rust's, where a part can refer to itself.
 */
#define BOUNDED_MAX 1000

/*
 * A few hundred bytes can stand for a name of gigabytes (each part the one before, twice): when the buffer is
 * full the way out is a jump, for libiberty does not ask whether to go on. What it has on its heap by then
 * (the text of one punycode identifier) is lost.
 */
struct output {
	char *text;
	size_t len;
	jmp_buf too_long;
};

static void take(const char *text, size_t len, void *ctx)
{
	struct output *o = ctx;

	if (len >= DEMANGLED_MAX - o->len)
		longjmp(o->too_long, 1);
	memcpy(o->text + o->len, text, len);
	o->len += len;
}

/* Up to what was put behind it: "@plt", "@VERSION", " [module]". */
static size_t linker_name_length(const char *name)
{
	return strcspn(name, "@ ");
}

static bool looks_mangled(const char *name)
{
	return name[0] == '_' && (name[1] == 'Z' || name[1] == 'R');
}

/* By libiberty; false if it has no name for it, or one that is too long. */
static bool by_library(struct output *o, const char *linker_name, const int options, const int unbounded)
{
	if (setjmp(o->too_long))
		return false;
	/* Rust's older names are C++ names, too, and say less as such */
	if (rust_demangle_callback(linker_name, options, take, o))
		return true;
	o->len = 0;
	return cplus_demangle_v3_callback(linker_name, options | unbounded, take, o);
}

static bool in_its_language(char *buf, const char *linker_name, size_t len, bool brief)
{
	int options = brief ? DMGL_ANSI : DMGL_ANSI | DMGL_PARAMS;
	struct output o = {.text = buf};

	if (!by_library(&o, linker_name, options, len > BOUNDED_MAX ? DMGL_NO_RECURSE_LIMIT : 0))
		return false;
	buf[o.len] = '\0';
	return o.len > 0 && strlen(buf) == o.len;
}

bool demangle(char *buf, const char *name, enum symbol_names names)
{
	char linker_name[SYMBOL_NAME_MAX + 1];
	size_t len = linker_name_length(name), used;

	if (names == SYMBOL_NAMES_RAW || !looks_mangled(name) || len > SYMBOL_NAME_MAX)
		return false;
	memcpy(linker_name, name, len);
	linker_name[len] = '\0';
	if (!in_its_language(buf, linker_name, len, names == SYMBOL_NAMES_SHORT))
		return false;
	if (names == SYMBOL_NAMES_SHORT)
		short_name(buf);
	used = strlen(buf);
	if (strlen(name + len) >= DEMANGLED_MAX - used)
		return false;
	memcpy(buf + used, name + len, strlen(name + len) + 1);
	return true;
}
