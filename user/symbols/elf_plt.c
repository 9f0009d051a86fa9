/* SPDX-License-Identifier: BSD-2-Clause */
/* In: an ELF file's .plt sections and relocations. Out: address and imported name of each stub. */
#include "symbols/elf_plt.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "base/intmap.h"

#define STUB 16 /* bytes of a stub, in every layout of both machines */

struct plt {
	const struct elf_file *file;
	struct intmap slots; /* address of a slot -> place of its name in dynstr */
	const unsigned char *names;
	size_t names_len;
};

static bool is_import(uint16_t machine, uint32_t type)
{
	if (machine == EM_X86_64)
		return type == R_X86_64_JUMP_SLOT || type == R_X86_64_GLOB_DAT;
	return type == R_AARCH64_JUMP_SLOT || type == R_AARCH64_GLOB_DAT;
}

/* Enters the slots that the relocations of one section fill. */
static int add_relocations(struct plt *p, const struct elf_section *s, const struct elf_section *symbols)
{
	size_t len, symbols_len;
	const unsigned char *rela = elf_section_bytes(p->file, s, &len);
	const unsigned char *syms = elf_section_bytes(p->file, symbols, &symbols_len);

	if (!rela || !syms)
		return 0;
	for (size_t at = 0; len - at >= sizeof(Elf64_Rela); at += sizeof(Elf64_Rela)) {
		Elf64_Rela r;
		Elf64_Sym sym;
		size_t number;
		int err;

		memcpy(&r, rela + at, sizeof(r));
		number = ELF64_R_SYM(r.r_info);
		if (!is_import(p->file->machine, ELF64_R_TYPE(r.r_info)) ||
		    number >= symbols_len / sizeof(sym))
			continue;
		memcpy(&sym, syms + number * sizeof(sym), sizeof(sym));
		if (!sym.st_name || sym.st_name >= p->names_len)
			continue;
		err = intmap_put(&p->slots, r.r_offset, sym.st_name);
		if (err)
			return err;
	}
	return 0;
}

static int read_slots(struct plt *p)
{
	const struct elf_file *e = p->file;

	for (size_t i = 0; i < e->n_sections; i++) {
		const struct elf_section *s = &e->sections[i], *symbols;
		int err;

		if (s->type != SHT_RELA || s->link >= e->n_sections)
			continue;
		symbols = &e->sections[s->link];
		if (symbols->type != SHT_DYNSYM || symbols->link >= e->n_sections)
			continue;
		p->names = elf_section_bytes(e, &e->sections[symbols->link], &p->names_len);
		/* all relocations speak of the one dynamic symbol table; names end within it */
		if (!p->names || !p->names_len || p->names[p->names_len - 1])
			return 0;
		err = add_relocations(p, s, symbols);
		if (err)
			return err;
	}
	return 0;
}

/* [endbr64] [bnd] jmp *disp32(%rip), perhaps after a push: the slot it jumps through. */
static bool x86_slot(const unsigned char *stub, uint64_t addr, uint64_t *slot)
{
	static const unsigned char endbr[] = {0xf3, 0x0f, 0x1e, 0xfa};
	size_t at = memcmp(stub, endbr, sizeof(endbr)) ? 0 : sizeof(endbr);
	int32_t disp;

	if (stub[at] == 0xf2)
		at++;
	if (stub[at] != 0xff || stub[at + 1] != 0x25)
		return false;
	memcpy(&disp, stub + at + 2, sizeof(disp));
	*slot = addr + at + 6 + (uint64_t)(int64_t)disp;
	return true;
}

/* [bti c] adrp x16, page; ldr x17, [x16, #offset]: the slot it loads. */
static bool arm64_slot(const unsigned char *stub, uint64_t addr, uint64_t *slot)
{
	uint32_t code[3];
	size_t at;
	int64_t pages;

	memcpy(code, stub, sizeof(code));
	at = code[0] == 0xd503245f;
	if ((code[at] & 0x9f00001f) != 0x90000010 || (code[at + 1] & 0xffc003ff) != 0xf9400211)
		return false;
	pages = (int64_t)(((code[at] >> 29) & 3) | ((code[at] >> 3) & 0x1ffffc));
	pages = (pages ^ (1 << 20)) - (1 << 20);
	*slot = ((addr + at * 4) & ~(uint64_t)0xfff) + ((uint64_t)pages << 12) +
		(((code[at + 1] >> 10) & 0xfff) << 3);
	return true;
}

static int walk_section(struct plt *p, const struct elf_section *s, elf_plt_fn fn, void *ctx)
{
	size_t len;
	const unsigned char *code = elf_section_bytes(p->file, s, &len);
	/* stubs with a branch target are 24 bytes apart on arm64, and .plt.got's of x86-64 without endbr 8 */
	size_t step = p->file->machine == EM_AARCH64 ? 4 : 8;

	for (size_t at = 0; code && len - at >= STUB; at += step) {
		uint64_t slot, *name;
		bool stub;
		int err;

		stub = p->file->machine == EM_X86_64 ? x86_slot(code + at, s->addr + at, &slot)
						     : arm64_slot(code + at, s->addr + at, &slot);
		name = stub ? intmap_get(&p->slots, slot) : NULL;
		if (!name)
			continue;
		err = fn(ctx, s->addr + at, STUB, (const char *)p->names + *name);
		if (err)
			return err;
	}
	return 0;
}

int elf_plt_walk(const struct elf_file *e, elf_plt_fn fn, void *ctx)
{
	static const char *const sections[] = {".plt", ".plt.sec", ".plt.got"};
	struct plt p = {.file = e};
	int err;

	if (!e->is64 || (e->machine != EM_X86_64 && e->machine != EM_AARCH64))
		return 0;
	err = read_slots(&p);
	for (size_t i = 0; !err && p.slots.len && i < sizeof(sections) / sizeof(sections[0]); i++) {
		const struct elf_section *s = elf_section_named(e, sections[i]);

		if (s)
			err = walk_section(&p, s, fn, ctx);
	}
	intmap_release(&p.slots);
	return err;
}
