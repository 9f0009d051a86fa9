/* SPDX-License-Identifier: BSD-2-Clause */
/* Strings kept once: a number for each distinct string, 0 is "". */
#ifndef CONCTRACE_STRINGS_H
#define CONCTRACE_STRINGS_H

#include <stddef.h>
#include <stdint.h>

struct strings; /* opaque */

struct strings *strings_new(void); /* NULL: no memory */
void strings_free(struct strings *s);
/* The string's number, or -ENOMEM. */
int64_t strings_add(struct strings *s, const char *text, size_t len);
/* Valid until strings_free; "" for a number that was never given. */
const char *strings_get(const struct strings *s, uint32_t number);
uint32_t strings_count(const struct strings *s); /* numbers 0 .. count-1 */

#endif
