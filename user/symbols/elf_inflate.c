/* SPDX-License-Identifier: BSD-2-Clause */
/* In: a compressed section. Out: what it was, in no more memory than its length justifies. */
#include "symbols/elf_inflate.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/fail.h"

#define RATIO	    1032 /* the most that deflate makes of a byte */
#define LEN_MAX	    (256u << 20)
#define CRC_STEP    (1u << 30) /* what zlib takes at once is an unsigned int */
#define ZDEBUG_HEAD 12 /* "ZLIB" and the length, most significant byte first */

/* Where the stream begins in the section, 0: it is none of zlib; the length that it says it will have. */
static size_t head_of(const struct elf_file *e, const struct elf_section *s, const unsigned char *bytes,
		      size_t *len)
{
	Elf64_Chdr head;
	Elf32_Chdr narrow;

	if (!(s->flags & SHF_COMPRESSED)) {
		if (strncmp(s->name, ".zdebug_", 8) != 0 || s->size < ZDEBUG_HEAD || memcmp(bytes, "ZLIB", 4))
			return 0;
		*len = 0;
		for (size_t i = 4; i < ZDEBUG_HEAD; i++)
			*len = *len << 8 | bytes[i];
		return ZDEBUG_HEAD;
	}
	if (e->is64) {
		if (s->size < sizeof(head))
			return 0;
		memcpy(&head, bytes, sizeof(head));
		*len = head.ch_size;
		return head.ch_type == ELFCOMPRESS_ZLIB ? sizeof(head) : 0;
	}
	if (s->size < sizeof(narrow))
		return 0;
	memcpy(&narrow, bytes, sizeof(narrow));
	*len = narrow.ch_size;
	return narrow.ch_type == ELFCOMPRESS_ZLIB ? sizeof(narrow) : 0;
}

int elf_section_inflate(const struct elf_file *e, const struct elf_section *s, unsigned char **out,
			size_t *len)
{
	const unsigned char *bytes;
	unsigned char *inflated;
	uLongf got;
	size_t head;

	*out = NULL;
	*len = 0;
	if (s->type == SHT_NOBITS || s->type == SHT_NULL || s->offset > e->size ||
	    s->size > e->size - s->offset)
		return 0;
	bytes = e->data + s->offset;
	head = head_of(e, s, bytes, len);
	if (!head || !*len || *len > LEN_MAX || *len / RATIO > s->size)
		return 0;
	inflated = malloc(*len);
	if (!inflated)
		return fail(-ENOMEM, "ELF file: no memory for a section of %zu bytes", *len);
	got = *len;
	if (uncompress(inflated, &got, bytes + head, s->size - head) != Z_OK || got != *len) {
		free(inflated);
		*len = 0;
		return 0;
	}
	*out = inflated;
	return 0;
}

uint32_t elf_checksum(const unsigned char *bytes, size_t len)
{
	uLong crc = crc32(0, NULL, 0);

	for (size_t at = 0; at < len; at += CRC_STEP)
		crc = crc32(crc, bytes + at, (uInt)(len - at < CRC_STEP ? len - at : CRC_STEP));
	return (uint32_t)crc;
}
