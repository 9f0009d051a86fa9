/* SPDX-License-Identifier: BSD-2-Clause */
/* In: an ELF file and its debug file. Out: the runs of bytes that hold call frame information. */
#include <elf.h>
#include <errno.h>
#include <stdlib.h>

#include "symbols/eh_frame.h"
#include "symbols/elf_debug.h"
#include "symbols/elf_inflate.h"

#define HDR_VERSION 1

static void add(struct eh_frames *f, const struct elf_file *e, struct eh_section s)
{
	const struct elf_section *text = elf_section_named(e, ".text"), *got = elf_section_named(e, ".got");

	s.address = e->is64 ? 8 : 4;
	s.text = text ? text->addr : 0;
	s.data = got ? got->addr : 0;
	f->sections[f->n_sections++] = s;
}

/* The file's bytes at an address, up to the end of what is loaded there; NULL: none. */
static const unsigned char *loaded_bytes(const struct elf_file *e, uint64_t vaddr, size_t *len)
{
	for (size_t i = 0; i < e->n_segments; i++) {
		const struct elf_segment *s = &e->segments[i];
		uint64_t at = vaddr - s->vaddr, size = s->filesz;

		if (s->type != PT_LOAD || vaddr < s->vaddr || s->offset > e->size)
			continue;
		if (size > e->size - s->offset)
			size = e->size - s->offset;
		if (at >= size)
			continue;
		*len = size - at;
		return e->data + s->offset + at;
	}
	return NULL;
}

/* How long the run of entries is: to the end of the last one that the header's table of FDEs names. */
static size_t run_length(const struct eh_section *s, struct dwarf_reader *table,
			 const struct eh_section *header, uint64_t count, unsigned char encoding)
{
	size_t last = 0;
	struct dwarf_reader r = {.p = s->bytes, .end = s->bytes + s->size};
	uint64_t len;

	for (; count && dwarf_left(table); count--) {
		uint64_t fde;

		eh_pointer(header, table, encoding, header->address);
		fde = eh_pointer(header, table, encoding, header->address) - s->vaddr;
		if (table->bad || fde >= s->size)
			break;
		last = fde > last ? fde : last;
	}
	dwarf_skip(&r, last);
	len = dwarf_u(&r, 4);
	if (len == UINT32_MAX)
		len = dwarf_u(&r, 8);
	dwarf_skip(&r, len);
	return r.bad ? s->size : (size_t)(r.p - s->bytes);
}

/*
 * .eh_frame by way of .eh_frame_hdr, for files without section headers: there what follows it is not told
 * apart from it but by the header's table. (Of a vdso it is code, and there is no entry of no length at the
 * end.)
 */
static void find_by_header(struct eh_frames *f, const struct elf_file *e, const struct elf_segment *segment)
{
	struct eh_section header = {.vaddr = segment->vaddr,
				    .data = segment->vaddr,
				    .address = e->is64 ? 8 : 4},
			  s = {0};
	unsigned char count_encoding, table_encoding;
	struct dwarf_reader r;
	unsigned char pointer_encoding;
	uint64_t count;

	if (segment->offset > e->size || segment->filesz > e->size - segment->offset)
		return;
	header.bytes = e->data + segment->offset;
	header.size = segment->filesz;
	r = (struct dwarf_reader){.p = header.bytes, .end = header.bytes + header.size};
	if (dwarf_u(&r, 1) != HDR_VERSION)
		return;
	pointer_encoding = (unsigned char)dwarf_u(&r, 1);
	count_encoding = (unsigned char)dwarf_u(&r, 1);
	table_encoding = (unsigned char)dwarf_u(&r, 1);
	s.vaddr = eh_pointer(&header, &r, pointer_encoding, header.address);
	s.bytes = r.bad ? NULL : loaded_bytes(e, s.vaddr, &s.size);
	if (!s.bytes)
		return;
	count = eh_pointer(&header, &r, count_encoding, header.address);
	s.ends_at_zero = r.bad || !count;
	if (!s.ends_at_zero)
		s.size = run_length(&s, &r, &header, count, table_encoding);
	add(f, e, s);
}

static void find_eh_frame(struct eh_frames *f, const struct elf_file *e)
{
	const struct elf_section *section = elf_section_named(e, ".eh_frame");
	struct eh_section s = {0};

	s.bytes = section ? elf_section_bytes(e, section, &s.size) : NULL;
	if (s.bytes) {
		s.vaddr = section->addr;
		add(f, e, s);
		return;
	}
	for (size_t i = 0; i < e->n_segments && !f->n_sections; i++)
		if (e->segments[i].type == PT_GNU_EH_FRAME)
			find_by_header(f, e, &e->segments[i]);
}

static const struct elf_section *debug_frame(const struct elf_file *e)
{
	const struct elf_section *section = elf_section_named(e, ".debug_frame");

	return section ? section : elf_section_named(e, ".zdebug_frame");
}

bool eh_sections_has_debug_frame(const struct elf_file *debug)
{
	const struct elf_section *section = debug_frame(debug);

	return section && section->type != SHT_NOBITS && section->size;
}

static int find_debug_frame(struct eh_frames *f, const struct elf_file *e)
{
	const struct elf_section *section = debug_frame(e);
	struct eh_section s = {.debug = true};
	int err = 0;

	if (!section)
		return 0;
	s.bytes = elf_section_bytes(e, section, &s.size);
	if (!s.bytes || section->name[1] == 'z') {
		err = elf_section_inflate(e, section, &s.inflated, &s.size);
		s.bytes = s.inflated;
	}
	if (s.bytes)
		add(f, e, s);
	return err;
}

int eh_sections_find(struct eh_frames *f, const struct elf_file *e, const struct elf_file *debug)
{
	int err;

	find_eh_frame(f, e);
	err = find_debug_frame(f, e);
	if (!err && debug && elf_debug_fits(debug, e))
		err = find_debug_frame(f, debug);
	return err;
}
