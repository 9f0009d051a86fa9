/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers and bytes made readable. */
#ifndef CONCTRACE_TEXT_H
#define CONCTRACE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* "1.234 s", "12.34 ms", "123.4 µs", "0 ns": four digits; returns buf. */
char *text_ns(char *buf, size_t size, uint64_t ns);
/* "1,234,567" */
char *text_count(char *buf, size_t size, uint64_t n);
/*
 * Copies bytes that we did not write (comm, argv, paths, symbol names) for a terminal or a folded line: control
 * bytes, invalid UTF-8 and the characters in `also` (may be NULL) become '?' ; cut at size-1 on a character boundary.
 */
char *text_clean(char *buf, size_t size, const char *bytes, size_t len, const char *also);
/*
 * Reads one UTF-8 character at bytes[0 .. len): its length in bytes with *code set, or 0 if the bytes are not valid
 * there (overlong forms, surrogates and cut characters are not) or len is 0.
 */
size_t text_utf8(const char *bytes, size_t len, uint32_t *code);
/* Columns that a terminal uses for valid UTF-8 text (one a character is near enough). */
size_t text_columns(const char *s);
/* Columns of the terminal behind `f` ($COLUMNS, TIOCGWINSZ), or `otherwise` if it is none. */
int text_terminal_columns(FILE *f, int otherwise);
/* May colours be used on f: a terminal, NO_COLOR unset or empty, TERM not "dumb". */
bool text_colours(FILE *f);

#endif
