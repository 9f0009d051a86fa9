/* SPDX-License-Identifier: BSD-2-Clause */
/* The one door to zlib: checksums, deflate and inflate of whole sections. */
#ifndef CONCTRACE_PACK_H
#define CONCTRACE_PACK_H

#include <stddef.h>
#include <stdint.h>

/* No deflate stream of n bytes holds more than n * PACK_MAX_RATIO bytes (zlib's own limit is 1032 and a
 * little). */
#define PACK_MAX_RATIO 1040u

uint32_t pack_crc(const void *data, size_t len);

struct pack; /* opaque: the state that is expensive to make, for many sections */

struct pack *pack_new(void); /* NULL: no memory */
void pack_free(struct pack *p);

/* Deflates at the fastest level into out[0 .. room): the length, or 0 if it does not fit (store the bytes
 * instead). */
size_t pack_deflate(struct pack *p, const void *data, size_t len, void *out, size_t room);

/* Inflates a whole stream into exactly out[0 .. raw): 0, -EBADMSG (damaged, or of another length) or -ENOMEM.
 */
int pack_inflate(struct pack *p, const void *data, size_t len, void *out, size_t raw);

#endif
