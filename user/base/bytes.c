/* SPDX-License-Identifier: BSD-2-Clause */
/* In: bytes and elements to append. Out: memory that grows by doubling, every size checked for overflow. */
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/fail.h"

int bytes_reserve(struct bytes *b, size_t more)
{
	size_t cap = b->cap ? b->cap : 64;
	unsigned char *data;

	if (more <= b->cap - b->len)
		return 0;
	if (more > SIZE_MAX / 2 - b->len)
		return fail(-ENOMEM, "out of memory: %zu more bytes asked for", more);
	while (cap < b->len + more)
		cap *= 2;
	data = realloc(b->data, cap);
	if (!data)
		return fail(-ENOMEM, "out of memory: %zu bytes asked for", cap);
	b->data = data;
	b->cap = cap;
	return 0;
}

int bytes_add(struct bytes *b, const void *data, size_t len)
{
	int err = bytes_reserve(b, len);

	if (err)
		return err;
	if (!len)
		return 0;
	if (data)
		memcpy(b->data + b->len, data, len);
	else
		memset(b->data + b->len, 0, len);
	b->len += len;
	return 0;
}

int bytes_printf(struct bytes *b, const char *fmt, ...)
{
	va_list ap;
	int len, err;

	va_start(ap, fmt);
	len = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (len < 0)
		return fail(-EINVAL, "bytes_printf: the format \"%s\" can't be printed", fmt);
	err = bytes_reserve(b, (size_t)len + 1);
	if (err)
		return err;
	va_start(ap, fmt);
	vsnprintf((char *)b->data + b->len, (size_t)len + 1, fmt, ap);
	va_end(ap);
	b->len += (size_t)len;
	return 0;
}

void bytes_clear(struct bytes *b)
{
	b->len = 0;
}

void bytes_release(struct bytes *b)
{
	free(b->data);
	memset(b, 0, sizeof(*b));
}

int array_grow(void *array, size_t *cap, size_t need, size_t size)
{
	size_t grown = *cap ? *cap : 8;
	void *old, *data;

	if (need <= *cap)
		return 0;
	if (!size || need > SIZE_MAX / 2 / size)
		return fail(-ENOMEM, "out of memory: %zu elements of %zu bytes asked for", need, size);
	while (grown < need)
		grown *= 2;
	/* memcpy, not a cast: the caller's pointer is a T *, and must not be read as a void *. */
	memcpy(&old, array, sizeof(old));
	data = realloc(old, grown * size);
	if (!data)
		return fail(-ENOMEM, "out of memory: %zu bytes asked for", grown * size);
	memset((char *)data + *cap * size, 0, (grown - *cap) * size);
	memcpy(array, &data, sizeof(data));
	*cap = grown;
	return 0;
}
