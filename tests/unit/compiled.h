/* SPDX-License-Identifier: BSD-2-Clause */
/* Small programs made by the compilers of this machine, for tests that read what compilers write. */
#ifndef CONCTRACE_COMPILED_H
#define CONCTRACE_COMPILED_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scratch.h"

/* A shell command; true if it succeeded. */
static inline bool __attribute__((format(printf, 1, 2))) compiled_run(const char *fmt, ...)
{
	char command[4096];
	va_list args;

	va_start(args, fmt);
	vsnprintf(command, sizeof(command), fmt, args);
	va_end(args);
	return system(command) == 0; /* NOLINT(cert-env33-c): commands of this test */
}

static inline bool compiled_write(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	return f && fputs(text, f) >= 0 && !fclose(f);
}

/* The first line that the command prints, without its end; "" if there is none. */
static inline void __attribute__((format(printf, 3, 4)))
compiled_ask(char *line, size_t size, const char *fmt, ...)
{
	char command[4096];
	va_list args;
	FILE *f;

	va_start(args, fmt);
	vsnprintf(command, sizeof(command), fmt, args);
	va_end(args);
	line[0] = 0;
	f = popen(command, "r"); /* NOLINT(cert-env33-c): commands of this test */
	if (f && !fgets(line, (int)size, f))
		line[0] = 0;
	if (f)
		pclose(f);
	line[strcspn(line, "\n")] = 0;
}

/* The value of a symbol as nm has it; 0: there is none. */
static inline unsigned long long compiled_symbol(const char *path, const char *name)
{
	char line[64];

	compiled_ask(line, sizeof(line), "nm %s 2>/dev/null | sed -n 's/ [a-zA-Z] %s$//p'", path, name);
	return strtoull(line, NULL, 16);
}

/*
 * A chain of inlined functions with a label in the innermost: label `spot` on line 5 in leaf, which was
 * inlined into middle on line 9, and that into outer, on line 13, which is called in main on line 17.
 */
static const char compiled_chain[] = "static volatile int sink;\n"
				     "static inline __attribute__((always_inline)) int leaf(int x)\n"
				     "{\n"
				     "	sink = x;\n"
				     "	__asm__ volatile(\".globl spot\\nspot: nop\");\n"
				     "	return sink * 2; }\n"
				     "static inline __attribute__((always_inline)) int middle(int x)\n"
				     "{\n"
				     "	return leaf(x) + 1; }\n"
				     "\n"
				     "__attribute__((noinline)) int outer(int x)\n"
				     "{\n"
				     "	return middle(x) * 3; }\n"
				     "\n"
				     "int main(int n, char **v)\n"
				     "{\n"
				     "	return (v ? outer(n) : 0) & 1; }\n";

#endif
