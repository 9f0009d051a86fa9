/* SPDX-License-Identifier: BSD-2-Clause */
/* In: bytes of one section. Out: its zlib stream, or back; no more is read or written than the caller gave
 * room for. */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <zlib.h>

#include "recording/pack.h"

struct pack {
	z_stream deflate, inflate;
	bool has_deflate, has_inflate;
};

uint32_t pack_crc(const void *data, size_t len)
{
	/* crc32 takes 32-bit lengths; no section is that long. */
	return len ? (uint32_t)crc32(0, data, (uInt)len) : 0;
}

struct pack *pack_new(void)
{
	return calloc(1, sizeof(struct pack));
}

void pack_free(struct pack *p)
{
	if (!p)
		return;
	if (p->has_deflate)
		deflateEnd(&p->deflate);
	if (p->has_inflate)
		inflateEnd(&p->inflate);
	free(p);
}

size_t pack_deflate(struct pack *p, const void *data, size_t len, void *out, size_t room)
{
	z_stream *z = &p->deflate;

	if (!p->has_deflate) {
		if (deflateInit(z, Z_BEST_SPEED) != Z_OK)
			return 0;
		p->has_deflate = true;
	} else if (deflateReset(z) != Z_OK) {
		return 0;
	}
	z->next_in = (Bytef *)(uintptr_t)data;
	z->avail_in = (uInt)len;
	z->next_out = out;
	z->avail_out = (uInt)room;
	if (deflate(z, Z_FINISH) != Z_STREAM_END)
		return 0;
	return room - z->avail_out;
}

int pack_inflate(struct pack *p, const void *data, size_t len, void *out, size_t raw)
{
	z_stream *z = &p->inflate;
	unsigned char beyond = 0;

	if (!p->has_inflate) {
		if (inflateInit(z) != Z_OK)
			return -ENOMEM;
		p->has_inflate = true;
	} else if (inflateReset(z) != Z_OK) {
		return -EBADMSG;
	}
	z->next_in = (Bytef *)(uintptr_t)data;
	z->avail_in = (uInt)len;
	z->next_out = raw ? out : &beyond;
	z->avail_out = (uInt)raw;
	if (inflate(z, Z_FINISH) != Z_STREAM_END || z->avail_out || z->avail_in)
		return -EBADMSG;
	return 0;
}
