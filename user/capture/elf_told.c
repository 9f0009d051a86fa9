/* SPDX-License-Identifier: BSD-2-Clause */
/* In: an ELF file. Out: what its debug file can be found by. */
#include "capture/elf_told.h"

#include <stdio.h>
#include <string.h>

void elf_told_fill(struct elf_told *t, const struct elf_file *e)
{
	memset(t, 0, sizeof(*t));
	t->build_id_len = (uint32_t)e->build_id_len;
	memcpy(t->build_id, e->build_id, e->build_id_len);
	snprintf(t->link, sizeof(t->link), "%s", e->debug_link);
}

bool elf_told_makes_sense(const struct elf_told *t)
{
	return t->build_id_len <= sizeof(t->build_id) && memchr(t->link, 0, sizeof(t->link)) && !strchr(t->link, '/');
}
