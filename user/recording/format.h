/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The bytes of a recording outside its sections' contents; for writer.c and reader.c alone. All numbers are
 * in the byte order of the machine that recorded; the byte-order mark tells. See conctrace-recording(5).
 */
#ifndef CONCTRACE_RECORDING_FORMAT_H
#define CONCTRACE_RECORDING_FORMAT_H

#include <stdint.h>

/* No text starts so, and a transfer that changes line ends or clears the eighth bit destroys it. */
#define FORMAT_MAGIC	     "\211CNCT\r\n\032"
#define FORMAT_MAGIC_LEN     8
#define FORMAT_BYTE_ORDER    0x01020304u
#define FORMAT_SWAPPED_ORDER 0x04030201u

struct format_header {
	char magic[FORMAT_MAGIC_LEN];
	uint32_t version;
	uint32_t byte_order;
};

#define FORMAT_DEFLATE 1u /* format_section.flags: the stored bytes are a zlib stream */

struct format_section {
	uint32_t type;
	uint32_t flags;
	uint32_t raw_size;
	uint32_t stored_size;
	uint32_t stored_crc; /* CRC-32 (zlib's) of the stored bytes */
	uint32_t check;	     /* CRC-32 of the 20 bytes before */
};

#define FORMAT_CHECKED_BYTES 20

_Static_assert(sizeof(struct format_header) == 16, "format_header");
_Static_assert(sizeof(struct format_section) == 24, "format_section");

#endif
