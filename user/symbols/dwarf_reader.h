/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bytes in DWARF's encodings, read front to back. Reading past the end gives zeros, moves to the end and sets
 * `bad`, so that a run of reads is checked once, behind it.
 */
#ifndef CONCTRACE_DWARF_READER_H
#define CONCTRACE_DWARF_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct dwarf_reader {
	const unsigned char *p, *end;
	bool bad;
};

static inline size_t dwarf_left(const struct dwarf_reader *r)
{
	return (size_t)(r->end - r->p);
}

static inline void dwarf_skip(struct dwarf_reader *r, uint64_t n)
{
	if (n > dwarf_left(r)) {
		r->bad = true;
		n = dwarf_left(r);
	}
	r->p += n;
}

/* An unsigned number of `n` (1, 2, 4 or 8) bytes, in this machine's byte order: elf_file knows no other. */
static inline uint64_t dwarf_u(struct dwarf_reader *r, size_t n)
{
	const unsigned char *at = r->p;
	uint16_t u16;
	uint32_t u32;
	uint64_t u64;

	if (n > dwarf_left(r)) {
		r->bad = true;
		r->p = r->end;
		return 0;
	}
	r->p += n;
	switch (n) {
	case 1:
		return *at;
	case 2:
		memcpy(&u16, at, sizeof(u16));
		return u16;
	case 4:
		memcpy(&u32, at, sizeof(u32));
		return u32;
	default:
		memcpy(&u64, at, sizeof(u64));
		return u64;
	}
}

/* The same, sign-extended. */
static inline int64_t dwarf_s(struct dwarf_reader *r, size_t n)
{
	uint64_t v = dwarf_u(r, n);
	unsigned int shift = 64 - 8 * (unsigned int)n;

	return (int64_t)(v << shift) >> shift;
}

/* Bits beyond the 64th are dropped. */
static inline uint64_t dwarf_uleb(struct dwarf_reader *r)
{
	unsigned int shift = 0;
	uint64_t v = 0;

	while (r->p < r->end) {
		unsigned char byte = *r->p++;

		if (shift < 64)
			v |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return v;
		shift += shift < 64 ? 7 : 0;
	}
	r->bad = true;
	return 0;
}

static inline int64_t dwarf_sleb(struct dwarf_reader *r)
{
	unsigned int shift = 0;
	uint64_t v = 0;

	while (r->p < r->end) {
		unsigned char byte = *r->p++;

		if (shift < 64)
			v |= (uint64_t)(byte & 0x7f) << shift;
		shift += shift < 64 ? 7 : 0;
		if (!(byte & 0x80)) {
			if (shift < 64 && (byte & 0x40))
				v |= -(1ull << shift);
			return (int64_t)v;
		}
	}
	r->bad = true;
	return 0;
}

#endif
