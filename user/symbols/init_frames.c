/* SPDX-License-Identifier: BSD-2-Clause */
/* In: the sections .init and .fini. Out: call frame information for them. */
#include "symbols/init_frames.h"

#include <elf.h>
#include <string.h>

#include "symbols/plt_frames.h"

/* Behind that many bytes of code the CFA is rsp + 16; it begins with rsp + 8. */
static const unsigned char behind_4[] = {0x44, 0x0e, 16}, behind_8[] = {0x48, 0x0e, 16};

static int add(struct eh_frames *f, struct eh_fde fde, const unsigned char *program, size_t len)
{
	fde.origin = fde.start;
	fde.program = program;
	fde.program_end = program + len;
	return eh_frames_add(f, &fde);
}

/* [endbr64;] sub $8,%rsp; what the files of the program have put in; add $8,%rsp; ret. sysdeps/x86_64/crti.S and crtn.S of glibc */
static int add_section(struct eh_frames *f, const struct elf_file *e, const struct elf_section *s)
{
	static const unsigned char sub[] = {0x48, 0x83, 0xec, 8}, end[] = {0x48, 0x83, 0xc4, 8, 0xc3}, endbr[] = {0xf3, 0x0f, 0x1e, 0xfa};
	struct eh_fde fde = {.start = s->addr, .end = s->addr + s->size - 1, .cie = plt_frames_cie(e->machine)};
	size_t len, from;
	const unsigned char *code = elf_section_bytes(e, s, &len);
	int err;

	if (!code || len < sizeof(endbr) + sizeof(sub) + sizeof(end))
		return 0;
	from = memcmp(code, endbr, sizeof(endbr)) ? 0 : sizeof(endbr);
	if (memcmp(code + from, sub, sizeof(sub)) != 0 || memcmp(code + len - sizeof(end), end, sizeof(end)) != 0)
		return 0;
	err = from ? add(f, fde, behind_8, sizeof(behind_8)) : add(f, fde, behind_4, sizeof(behind_4));
	fde.start = fde.end++;
	return err ? err : add(f, fde, behind_4, 0); /* the ret */
}

int init_frames_add(struct eh_frames *f, const struct elf_file *e, uint64_t low, uint64_t high)
{
	size_t first = f->n_fdes;
	int err = 0;

	for (size_t i = 0; e->machine == EM_X86_64 && !err && i < e->n_sections; i++) {
		const struct elf_section *s = &e->sections[i];

		if ((!strcmp(s->name, ".init") || !strcmp(s->name, ".fini")) && s->size && s->addr >= low && s->addr < high &&
		    s->size <= high - s->addr)
			err = add_section(f, e, s);
	}
	return err || f->n_fdes == first ? err : eh_frames_resolve(f, first);
}
