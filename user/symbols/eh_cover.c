/* SPDX-License-Identifier: BSD-2-Clause */
/* In: a file's sections and its FDEs. Out: bytes of code, and bytes without an FDE. */
#include "symbols/eh_cover.h"

#include <elf.h>

/*
 * Sections with instructions that are looked at: linked files have a handful. Each may take a pass over all FDEs, and a file that lies may
 * have thousands that overlap.
 */
#define SECTIONS_MAX 64

/* The first FDE that ends behind `at`. */
static size_t first_behind(const struct eh_frames *f, uint64_t at)
{
	size_t low = 0, high = f->n_fdes;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (f->fdes[middle].end <= at)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static uint64_t gap(uint64_t from, uint64_t to)
{
	return to > from && to - from >= EH_PADDING ? to - from : 0;
}

static void add_range(struct eh_cover *c, const struct eh_frames *f, uint64_t at, uint64_t end)
{
	c->text += end - at;
	for (size_t i = first_behind(f, at); i < f->n_fdes && f->fdes[i].start < end; i++) {
		c->bare += gap(at, f->fdes[i].start);
		at = f->fdes[i].end;
	}
	c->bare += gap(at, end);
}

struct eh_cover eh_cover(const struct eh_frames *f, const struct elf_file *e)
{
	struct eh_cover c = {0};
	uint64_t low, high;
	size_t n = 0;

	if (!eh_text_range(e, &low, &high))
		return c;
	for (size_t i = 0; i < e->n_sections && n < SECTIONS_MAX; i++) {
		const struct elf_section *s = &e->sections[i];

		if (!(s->flags & SHF_EXECINSTR) || s->addr < low || s->addr >= high || s->size > high - s->addr)
			continue;
		add_range(&c, f, s->addr, s->addr + s->size);
		n++;
	}
	if (!n)
		add_range(&c, f, low, high);
	return c;
}
