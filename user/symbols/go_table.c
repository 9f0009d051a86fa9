/* SPDX-License-Identifier: BSD-2-Clause */
/* In: a Go program's .gopclntab. Out: its functions. */
#include "symbols/go_table.h"

#include <elf.h>

#define MAGIC_1_18 0xfffffff0u
#define MAGIC_1_20 0xfffffff1u
#define HEADER	   8 /* bytes before its words */
#define NAME_OFF   4 /* in a function's entry; before it: its own start */
#define DEPTH_OFF  16

/* Words of the header. */
enum { N_FUNCTIONS, N_FILES, TEXT, NAMES, UNITS, FILES, DEPTHS, FUNCTIONS, N_WORDS };

/* With -buildmode=pie it is with the data that the dynamic linker writes to. */
static const char *const section_names[] = {".gopclntab", ".data.rel.ro.gopclntab"};

static uint32_t u32_at(const unsigned char *bytes)
{
	uint32_t value;

	memcpy(&value, bytes, sizeof(value));
	return value;
}

/* What the dynamic linker puts at that address; 0: nothing is known. */
static uint64_t relocated(const struct elf_file *e, uint64_t vaddr)
{
	for (size_t i = 0; i < e->n_sections; i++) {
		size_t len = 0;
		const unsigned char *bytes =
			e->sections[i].type == SHT_RELA ? elf_section_bytes(e, &e->sections[i], &len) : NULL;

		for (size_t at = 0; bytes && len - at >= sizeof(Elf64_Rela); at += sizeof(Elf64_Rela)) {
			Elf64_Rela rela;

			memcpy(&rela, bytes + at, sizeof(rela));
			if (rela.r_offset == vaddr && (ELF64_R_TYPE(rela.r_info) == R_X86_64_RELATIVE ||
						       ELF64_R_TYPE(rela.r_info) == R_AARCH64_RELATIVE))
				return (uint64_t)rela.r_addend;
		}
	}
	return 0;
}

/* Entry i of the table of functions: its start and the place of what is known of it, both as offsets. */
static void entry(const struct go_table *g, size_t i, uint32_t *start, uint32_t *place)
{
	*start = u32_at(g->functions + 8 * i);
	*place = u32_at(g->functions + 8 * i + 4);
}

/* What is known of the function at `place`; NULL: it is not in the file. */
static const unsigned char *facts(const struct go_table *g, uint32_t place)
{
	size_t len = (size_t)(g->end - g->functions);

	return place < len && len - place > g->flags_at ? g->functions + place : NULL;
}

/*
 * Where functions count from, if the table does not say it (from Go 1.26 on): the program begins in the function
 * of that name.
 */
static uint64_t text_by_entry(const struct go_table *g, const struct elf_file *e)
{
	static const char begin[] = "_rt0_";

	for (size_t i = 0; i < g->n; i++) {
		uint32_t start, place, name;
		const unsigned char *at;

		entry(g, i, &start, &place);
		at = facts(g, place);
		name = at ? u32_at(at + NAME_OFF) : UINT32_MAX;
		if (name < g->names_len && !strncmp((const char *)g->names + name, begin, sizeof(begin) - 1) &&
		    strstr((const char *)g->names + name, "_linux") && start <= e->entry)
			return e->entry - start;
	}
	return 0;
}

/* The header's words; false: it is of no version that is known. */
static bool read_header(struct go_table *g, const unsigned char *bytes, size_t len, uint64_t words[N_WORDS])
{
	struct dwarf_reader r = {.p = bytes, .end = bytes + len};
	uint32_t magic = (uint32_t)dwarf_u(&r, 4);

	dwarf_skip(&r, 2);
	g->quantum = (unsigned int)dwarf_u(&r, 1);
	if ((magic != MAGIC_1_18 && magic != MAGIC_1_20) || !g->quantum || g->quantum > 4 || dwarf_u(&r, 1) != 8)
		return false;
	g->flags_at = magic == MAGIC_1_18 ? 37 : 41;
	for (size_t i = 0; i < N_WORDS; i++)
		words[i] = dwarf_u(&r, 8);
	return !r.bad;
}

/* Where the parts are. */
static bool find_parts(struct go_table *g, const unsigned char *bytes, size_t len, const uint64_t words[N_WORDS])
{
	if (words[NAMES] >= words[UNITS] || words[UNITS] > len || words[DEPTHS] > len || words[FUNCTIONS] > len)
		return false;
	if (words[N_FUNCTIONS] >= (len - words[FUNCTIONS]) / 8)
		return false; /* behind the last function there is an entry for its end */
	g->names = bytes + words[NAMES];
	g->names_len = words[UNITS] - words[NAMES];
	g->depths = bytes + words[DEPTHS];
	g->functions = bytes + words[FUNCTIONS];
	g->end = bytes + len;
	g->n = words[N_FUNCTIONS];
	return !g->names[g->names_len - 1];
}

static bool read_table(struct go_table *g, const struct elf_file *e, const struct elf_section *s)
{
	uint64_t words[N_WORDS];
	size_t len;
	const unsigned char *bytes = e->is64 ? elf_section_bytes(e, s, &len) : NULL;

	if (!bytes || !read_header(g, bytes, len, words) || !find_parts(g, bytes, len, words))
		return false;
	g->text = words[TEXT];
	if (!g->text)
		g->text = relocated(e, s->addr + HEADER + 8 * TEXT);
	if (!g->text)
		g->text = text_by_entry(g, e);
	return g->text != 0;
}

bool go_table_find(struct go_table *g, const struct elf_file *e)
{
	for (size_t i = 0; i < sizeof(section_names) / sizeof(section_names[0]); i++) {
		const struct elf_section *s = elf_section_named(e, section_names[i]);

		memset(g, 0, sizeof(*g));
		if (s && read_table(g, e, s))
			return true;
	}
	return false;
}

bool go_table_at(const struct go_table *g, size_t i, struct go_function *f)
{
	uint32_t start, end, place, next_place;
	const unsigned char *at;

	entry(g, i, &start, &place);
	entry(g, i + 1, &end, &next_place);
	at = facts(g, place);
	if (!at || end <= start || __builtin_add_overflow(g->text, start, &f->start) ||
	    __builtin_add_overflow(g->text, end, &f->end))
		return false;
	f->name = u32_at(at + NAME_OFF);
	f->depth = u32_at(at + DEPTH_OFF);
	f->flags = at[g->flags_at];
	return f->name < g->names_len;
}

void go_depths_begin(struct go_depths *d, const struct go_table *g, const struct go_function *f)
{
	size_t len = (size_t)(g->end - g->depths);

	memset(d, 0, sizeof(*d));
	d->depth = -1;
	d->from = d->to = f->start;
	d->end = f->end;
	d->quantum = g->quantum;
	d->at.end = g->end;
	d->at.p = f->depth && f->depth < len ? g->depths + f->depth : g->end;
}

bool go_depths_next(struct go_depths *d)
{
	uint64_t zigzag = dwarf_uleb(&d->at), len = dwarf_uleb(&d->at) * d->quantum;

	/* a change of 0 ends it, but for the first one */
	if (d->at.bad || (!zigzag && d->to != d->from) || !len || d->to >= d->end)
		return false;
	d->depth += (int64_t)(zigzag >> 1) ^ -(int64_t)(zigzag & 1);
	d->from = d->to;
	d->to = len < d->end - d->to ? d->to + len : d->end;
	return true;
}
