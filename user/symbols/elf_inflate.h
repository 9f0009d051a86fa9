/* SPDX-License-Identifier: BSD-2-Clause */
/* The bytes of a section that is stored compressed, and checksums. The door to zlib on this side of the recording. */
#ifndef CONCTRACE_ELF_INFLATE_H
#define CONCTRACE_ELF_INFLATE_H

#include "symbols/elf_file.h"

/*
 * Inflates a section that is compressed with zlib (SHF_COMPRESSED, or named .zdebug_*): *out is the caller's,
 * to free. NULL and 0: it is not, or its stream is broken, or longer than a section of this kind can be. 0 or
 * -ENOMEM.
 */
int elf_section_inflate(const struct elf_file *e, const struct elf_section *s, unsigned char **out,
			size_t *len);

/* The CRC-32 of bytes, as .gnu_debuglink has it. */
uint32_t elf_checksum(const unsigned char *bytes, size_t len);

#endif
