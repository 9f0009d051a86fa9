/* SPDX-License-Identifier: BSD-2-Clause */
/* In: two ELF files. Out: whether the second says more of the first. */
#include "symbols/elf_debug.h"

#include <string.h>

#include "symbols/elf_inflate.h"

/* The checksum stands behind the name, on a multiple of 4. */
static bool linked_checksum(const struct elf_file *e, uint32_t *crc)
{
	const struct elf_section *s = elf_section_named(e, ".gnu_debuglink");
	const unsigned char *bytes;
	size_t len, at;

	bytes = s && e->debug_link[0] ? elf_section_bytes(e, s, &len) : NULL;
	if (!bytes)
		return false;
	at = (strnlen((const char *)bytes, len) + 4) & ~(size_t)3;
	if (at > len || len - at < sizeof(*crc))
		return false;
	memcpy(crc, bytes + at, sizeof(*crc));
	return true;
}

bool elf_debug_fits(const struct elf_file *debug, const struct elf_file *e)
{
	uint32_t crc;

	if (debug->build_id_len && e->build_id_len)
		return elf_file_is_debug_of(debug, e);
	return debug->is64 == e->is64 && debug->machine == e->machine &&
	       linked_checksum(e, &crc) && elf_checksum(debug->data, debug->size) == crc;
}

bool elf_debug_open(struct elf_file *debug, const struct elf_file *e, const int *fds, size_t n)
{
	memset(debug, 0, sizeof(*debug));
	for (size_t i = 0; i < n; i++) {
		if (elf_file_open(debug, fds[i]))
			continue;
		if (elf_debug_fits(debug, e))
			return true;
		elf_file_release(debug);
	}
	return false;
}
