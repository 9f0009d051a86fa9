/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a child that parses says of an ELF file, so that its owner, who parses nothing, can open the debug files that the child may need.
 * Part of the messages of both; not to be trusted.
 */
#ifndef CONCTRACE_ELF_TOLD_H
#define CONCTRACE_ELF_TOLD_H

#include <stdbool.h>
#include <stdint.h>

#include "symbols/elf_file.h"

struct elf_told {
	uint32_t build_id_len; /* 0: none */
	uint8_t build_id[24];
	char link[256]; /* the name of its debug file in .gnu_debuglink, "" if none */
};

_Static_assert(sizeof(struct elf_told) == 284, "elf_told");

/* In the child. */
void elf_told_fill(struct elf_told *t, const struct elf_file *e);
/* In its owner: lengths that fit, a link that is terminated, and a name without a folder. */
bool elf_told_makes_sense(const struct elf_told *t);

#endif
