/* SPDX-License-Identifier: BSD-2-Clause */
/* Hexadecimal numbers in text that has no terminator. */
#ifndef CONCTRACE_HEX_H
#define CONCTRACE_HEX_H

#include <stddef.h>
#include <stdint.h>

/* Reads up to 16 digits at text[0..len): how many there were (0: none, or more than 16), the number in
 * *value. */
static inline size_t hex_read(const char *text, size_t len, uint64_t *value)
{
	uint64_t v = 0;
	size_t n;

	for (n = 0; n < len; n++) {
		char c = text[n];

		if (c >= '0' && c <= '9')
			c = (char)(c - '0');
		else if (c >= 'a' && c <= 'f')
			c = (char)(c - 'a' + 10);
		else if (c >= 'A' && c <= 'F')
			c = (char)(c - 'A' + 10);
		else
			break;
		if (n == 16)
			return 0;
		v = v << 4 | (uint64_t)c;
	}
	*value = v;
	return n;
}

#endif
