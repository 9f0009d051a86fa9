/* SPDX-License-Identifier: BSD-2-Clause */
/* A growable run of bytes, and a growable array. The owner releases; a zeroed object is empty and may be released. */
#ifndef CONCTRACE_BYTES_H
#define CONCTRACE_BYTES_H

#include <stddef.h>

struct bytes {
	unsigned char *data;
	size_t len, cap;
};

/* 0 or -ENOMEM (with a fail message); `bytes_add` with data NULL appends zeros. */
int bytes_add(struct bytes *b, const void *data, size_t len);
int bytes_printf(struct bytes *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int bytes_reserve(struct bytes *b, size_t more);
void bytes_clear(struct bytes *b); /* empty, memory kept */
void bytes_release(struct bytes *b);

/*
 * Makes room for `need` elements of `size` bytes in *array (of *cap elements now), doubling.
 * New elements are zero. 0, or -ENOMEM and everything as it was.
 */
int array_grow(void *array /* T ** */, size_t *cap, size_t need, size_t size);

#endif
