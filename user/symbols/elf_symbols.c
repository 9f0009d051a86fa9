/* SPDX-License-Identifier: BSD-2-Clause */
/* In: the symbol tables of an ELF file. Out: a sorted table that answers which function an address lies in.
 */
#include "symbols/elf_symbols.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/fail.h"
#include "symbols/address_order.h"
#include "symbols/elf_main.h"
#include "symbols/elf_plt.h"
#include "symbols/go_table.h"

#define MAX_SYMBOLS    20000000u
#define MAX_STEPS_BACK 64 /* over nested functions, when an address lies after the nearest one's end */
#define BEGIN_BYTES    64 /* as much as _start may have: it sets up a few registers and calls one function */

/* Ranks of names, added up. */
#define RANK_LOCAL   0x100
#define RANK_GO	     0x400
#define RANK_STUB    0x800
#define RANK_UNSIZED 0x1000

enum name_table { NAMES_MADE, NAMES_FIRST, NAMES_TABLES = 6 };

struct entry {
	uint64_t addr, size;
	uint32_t name;	/* place in its table */
	uint16_t table; /* enum name_table, and up */
	uint16_t rank;	/* of its name among those for one address: the lowest wins */
};

struct names {
	const unsigned char *bytes;
	size_t len;
};

struct entries {
	struct entry *all;
	size_t n, cap;
};

struct elf_symbols {
	const struct elf_file *file;
	struct entries functions;
	struct entries labels; /* names in code that are not marked as functions: assembler code */
	struct names names[NAMES_TABLES]; /* [NAMES_MADE] is `made` */
	struct bytes made;		  /* the names of PLT stubs */
	uint16_t n_names;
};

static struct names names_of(const struct elf_symbols *s, uint16_t table)
{
	if (table == NAMES_MADE)
		return (struct names){s->made.data, s->made.len};
	return s->names[table];
}

/* Global names before weak before local ones, but first of all those with few leading underscores: read, not
 * __libc_read. */
static uint16_t rank_of(const char *name, unsigned int bind, uint64_t size)
{
	unsigned int underscores = 0, rank;

	while (underscores < 15 && name[underscores] == '_')
		underscores++;
	rank = bind == STB_LOCAL ? 2 : bind == STB_WEAK ? 1 : 0;
	return (uint16_t)((size ? 0 : RANK_UNSIZED) + (rank == 2 ? RANK_LOCAL : 0) + underscores * 4 + rank);
}

static int add_entry(struct entries *e, const struct entry *entry)
{
	int err = array_grow(&e->all, &e->cap, e->n + 1, sizeof(*e->all));

	if (!err)
		e->all[e->n++] = *entry;
	return err;
}

static void read_symbol(const struct elf_file *e, const unsigned char *at, Elf64_Sym *sym)
{
	Elf32_Sym narrow;

	if (e->is64) {
		memcpy(sym, at, sizeof(*sym));
		return;
	}
	memcpy(&narrow, at, sizeof(narrow));
	sym->st_name = narrow.st_name;
	sym->st_info = narrow.st_info;
	sym->st_other = narrow.st_other;
	sym->st_shndx = narrow.st_shndx;
	sym->st_value = narrow.st_value;
	sym->st_size = narrow.st_size;
}

static bool is_function(const Elf64_Sym *sym)
{
	unsigned int type = ELF64_ST_TYPE(sym->st_info);

	return (type == STT_FUNC || type == STT_GNU_IFUNC) && sym->st_shndx != SHN_UNDEF && sym->st_value;
}

/* Not arm64's marks ($x) and local labels (.L1). */
static bool is_label(const struct elf_file *e, const Elf64_Sym *sym, char first)
{
	return ELF64_ST_TYPE(sym->st_info) == STT_NOTYPE && sym->st_value && sym->st_shndx < e->n_sections &&
	       (e->sections[sym->st_shndx].flags & SHF_EXECINSTR) && first != '$' && first != '.';
}

static int add_symbol(struct elf_symbols *s, const struct elf_file *e, const struct names *names, const Elf64_Sym *sym)
{
	struct entry entry = {.table = s->n_names, .addr = sym->st_value, .name = sym->st_name};
	bool function = is_function(sym);
	const char *name;

	if (sym->st_name >= names->len)
		return 0;
	name = (const char *)names->bytes + sym->st_name;
	if (!name[0] || (!function && !is_label(e, sym, name[0])))
		return 0;
	entry.size = sym->st_size > UINT64_MAX - sym->st_value ? UINT64_MAX - sym->st_value : sym->st_size;
	entry.rank = rank_of(name, ELF64_ST_BIND(sym->st_info), sym->st_size);
	return add_entry(function ? &s->functions : &s->labels, &entry);
}

/* Adds the functions of one .symtab or .dynsym. */
static int add_table(struct elf_symbols *s, const struct elf_file *e, const struct elf_section *section)
{
	size_t len, step = e->is64 ? sizeof(Elf64_Sym) : sizeof(Elf32_Sym);
	const unsigned char *bytes = elf_section_bytes(e, section, &len);
	struct names *names = &s->names[s->n_names];
	int err = 0;

	if (!bytes || s->n_names >= NAMES_TABLES || section->link >= e->n_sections)
		return 0;
	names->bytes = elf_section_bytes(e, &e->sections[section->link], &names->len);
	if (!names->bytes || !names->len || names->bytes[names->len - 1])
		return 0; /* every name must end within its table */
	for (size_t at = 0; !err && len - at >= step && s->functions.n + s->labels.n < MAX_SYMBOLS; at += step) {
		Elf64_Sym sym;

		read_symbol(e, bytes + at, &sym);
		err = add_symbol(s, e, names, &sym);
	}
	s->n_names++;
	return err;
}

static int add_tables(struct elf_symbols *s, const struct elf_file *e)
{
	int err = 0;

	for (size_t i = 0; !err && i < e->n_sections; i++)
		if (e->sections[i].type == SHT_SYMTAB || e->sections[i].type == SHT_DYNSYM)
			err = add_table(s, e, &e->sections[i]);
	return err;
}

/* What a Go program's own table says: the only names that a stripped one has. */
static int add_go(struct elf_symbols *s)
{
	struct go_table go;
	int err = 0;

	if (s->n_names >= NAMES_TABLES || !go_table_find(&go, s->file))
		return 0;
	for (size_t i = 0; !err && i < go.n && i < MAX_SYMBOLS; i++) {
		struct entry entry = {.table = s->n_names, .rank = RANK_GO};
		struct go_function f;

		if (!go_table_at(&go, i, &f) || !go.names[f.name])
			continue;
		entry.addr = f.start;
		entry.size = f.end - f.start;
		entry.name = f.name;
		err = add_entry(&s->functions, &entry);
	}
	s->names[s->n_names++] = (struct names){go.names, go.names_len};
	return err;
}

static int add_stub(void *ctx, uint64_t addr, uint64_t size, const char *name)
{
	struct elf_symbols *s = ctx;
	struct entry entry = {.addr = addr, .size = size, .table = NAMES_MADE, .name = (uint32_t)s->made.len};
	int err;

	if (s->made.len > UINT32_MAX / 2)
		return 0;
	entry.rank = RANK_STUB;
	err = bytes_printf(&s->made, "%.*s@plt", SYMBOL_NAME_MAX, name);
	if (!err)
		err = bytes_add(&s->made, NULL, 1);
	return err ? err : add_entry(&s->functions, &entry);
}

static int add_made_label(struct elf_symbols *s, uint64_t addr, const char *name)
{
	struct entry entry = {.addr = addr, .size = BEGIN_BYTES, .table = NAMES_MADE, .name = (uint32_t)s->made.len, .rank = UINT16_MAX};
	int err;

	if (s->made.len > UINT32_MAX / 2)
		return 0;
	err = bytes_add(&s->made, name, strlen(name) + 1);
	return err ? err : add_entry(&s->labels, &entry);
}

/* Where a program begins to run, and its main, are called so in all of them, and stripping takes the names. */
static int add_begin(struct elf_symbols *s)
{
	uint64_t main_at;
	int err;

	if (!s->file->entry)
		return 0;
	err = add_made_label(s, s->file->entry, "_start");
	return err || !elf_main_find(s->file, &main_at) ? err : add_made_label(s, main_at, "main");
}

static uint64_t section_end(const struct elf_file *e, uint64_t addr)
{
	for (size_t i = 0; i < e->n_sections; i++) {
		const struct elf_section *s = &e->sections[i];

		if ((s->flags & SHF_EXECINSTR) && addr >= s->addr && addr - s->addr < s->size)
			return s->addr + s->size;
	}
	return addr + 1;
}

/* A is the better name for the address that both have. */
static bool is_better(const struct entry *a, const struct entry *b)
{
	if (a->rank != b->rank)
		return a->rank < b->rank;
	if (a->table != b->table)
		return a->table < b->table;
	return a->name < b->name;
}

/* Adds an entry behind the last one, or, if both have the same address, makes the better of the two of them.
 */
static size_t merge(struct entry *sorted, size_t n, const struct entry *entry)
{
	struct entry *last;
	uint64_t size;

	if (!n || sorted[n - 1].addr != entry->addr) {
		sorted[n] = *entry;
		return n + 1;
	}
	last = &sorted[n - 1];
	size = last->size > entry->size ? last->size : entry->size;
	if (is_better(entry, last))
		*last = *entry;
	last->size = size;
	return n;
}

/* Sorts by address and keeps one entry for each, with the best name and the largest size. */
static int sort_entries(struct entries *e)
{
	struct radix_item *order;
	struct entry *sorted;
	size_t n = 0;

	if (!e->n)
		return 0;
	order = address_order(e->all, e->n, sizeof(*e->all));
	sorted = calloc(e->n, sizeof(*sorted));
	if (!order || !sorted) {
		free(order);
		free(sorted);
		return fail(-ENOMEM, "symbols: no memory to sort %zu", e->n);
	}
	for (size_t i = 0; i < e->n; i++)
		n = merge(sorted, n, &e->all[order[i].value]);
	free(order);
	free(e->all);
	e->all = sorted;
	e->n = e->cap = n;
	return 0;
}

/* One without a size (assembler code) lasts until the next, or to its section's end. */
static void give_sizes(struct elf_symbols *s)
{
	const struct entries *e = &s->functions;

	for (size_t i = 0; i < e->n; i++) {
		struct entry *entry = &e->all[i];
		uint64_t end;

		if (entry->size)
			continue;
		end = section_end(s->file, entry->addr);
		if (i + 1 < e->n && e->all[i + 1].addr < end)
			end = e->all[i + 1].addr;
		entry->size = end - entry->addr;
	}
}

int elf_symbols_new(struct elf_symbols **out, const struct elf_file *e, const struct elf_file *debug)
{
	struct elf_symbols *s = calloc(1, sizeof(*s));
	int err;

	*out = NULL;
	if (!s)
		return fail(-ENOMEM, "symbols: no memory");
	s->file = e;
	s->n_names = NAMES_FIRST;
	err = add_tables(s, e);
	if (!err && debug)
		err = add_tables(s, debug);
	if (!err)
		err = add_go(s);
	if (!err)
		err = elf_plt_walk(e, add_stub, s);
	if (!err)
		err = add_begin(s);
	if (!err)
		err = sort_entries(&s->functions);
	if (!err)
		err = sort_entries(&s->labels);
	if (err) {
		elf_symbols_free(s);
		return err;
	}
	give_sizes(s);
	*out = s;
	return 0;
}

void elf_symbols_free(struct elf_symbols *s)
{
	if (!s)
		return;
	free(s->functions.all);
	free(s->labels.all);
	bytes_release(&s->made);
	free(s);
}

bool elf_symbols_in(const struct elf_file *e)
{
	size_t len, step = e->is64 ? sizeof(Elf64_Sym) : sizeof(Elf32_Sym);

	for (size_t i = 0; i < e->n_sections; i++) {
		const unsigned char *bytes;

		if (e->sections[i].type != SHT_SYMTAB)
			continue;
		bytes = elf_section_bytes(e, &e->sections[i], &len);
		for (size_t at = 0; bytes && len - at >= step; at += step) {
			Elf64_Sym sym;

			read_symbol(e, bytes + at, &sym);
			if (is_function(&sym))
				return true;
		}
	}
	return false;
}

size_t elf_symbols_count(const struct elf_symbols *s)
{
	return s->functions.n;
}

/* How many of them begin at the address or below. */
static size_t count_up_to(const struct entries *e, uint64_t vaddr)
{
	size_t low = 0, high = e->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (e->all[middle].addr <= vaddr)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void tell(const struct elf_symbols *s, const struct entry *entry, uint64_t vaddr, struct symbol *out)
{
	struct names names = names_of(s, entry->table);

	memset(out, 0, sizeof(*out));
	out->name = (const char *)names.bytes + entry->name;
	out->name_len = strnlen(out->name, SYMBOL_NAME_MAX);
	out->offset = vaddr - entry->addr;
	out->unsized = entry->rank & RANK_UNSIZED;
}

bool elf_symbols_at(const struct elf_symbols *s, uint64_t vaddr, struct symbol *out)
{
	size_t low = count_up_to(&s->functions, vaddr);

	for (size_t steps = 0; low > 0 && steps < MAX_STEPS_BACK; steps++) {
		const struct entry *entry = &s->functions.all[--low];

		if (vaddr - entry->addr >= entry->size)
			continue;
		tell(s, entry, vaddr, out);
		return true;
	}
	return false;
}

bool elf_symbols_label(const struct elf_symbols *s, uint64_t vaddr, struct symbol *out)
{
	size_t n = count_up_to(&s->labels, vaddr), functions = count_up_to(&s->functions, vaddr);
	uint64_t label;

	if (!n)
		return false;
	label = s->labels.all[n - 1].addr;
	if (s->labels.all[n - 1].size && vaddr - label >= s->labels.all[n - 1].size)
		return false;
	if (section_end(s->file, label) <= vaddr || (functions && s->functions.all[functions - 1].addr >= label))
		return false;
	tell(s, &s->labels.all[n - 1], vaddr, out);
	return true;
}

bool elf_symbols_at_offset(const struct elf_symbols *s, uint64_t offset, struct symbol *out)
{
	uint64_t vaddr;

	return elf_file_vaddr(s->file, offset, &vaddr) && elf_symbols_at(s, vaddr, out);
}
