/* SPDX-License-Identifier: BSD-2-Clause */
/* Names of frames as a picture needs them: safe in XML, and short enough for their box. */
#ifndef CONCTRACE_FLAME_TEXT_H
#define CONCTRACE_FLAME_TEXT_H

#include <stddef.h>
#include <stdio.h>

/*
 * Writes bytes that we did not write as the text of an XML element: markup is escaped; control characters,
 * invalid UTF-8 and what XML does not allow become '?'. Never fails; I/O errors stay in the FILE.
 */
void flame_escape(const char *bytes, size_t len, FILE *out);
/* How many bytes flame_escape writes. */
size_t flame_escaped(const char *bytes, size_t len);

/*
 * The name in at most `columns` characters: whole if it fits; else without template arguments and parameters;
 * else without namespaces; else cut, with ".." at its end; else "". The script in the picture does the same
 * when boxes grow. Returns buf.
 */
char *flame_short(char *buf, size_t size, const char *name, size_t columns);

#endif
