/* SPDX-License-Identifier: BSD-2-Clause */
/* In: sections of stubs. Out: call frame information for them, as GNU ld writes it for x86. */
#include "symbols/plt_frames.h"

#include <elf.h>
#include <string.h>

#define STUB 16 /* bytes; the first of arm64 has two of them */

/* Bytes of call frame instructions. */
struct program {
	const char *bytes;
	size_t len;
};
#define PROGRAM(s)                                                                                           \
	{                                                                                                    \
		s, sizeof(s) - 1                                                                             \
	}

/* All of it as at its start: a jump, or on arm64 what needs no stack. */
static const struct program plain = PROGRAM("");
/*
 * The first stub is jumped to with the number of the function pushed, and pushes 8 bytes itself, which takes
 * 6 bytes of code. The others push that number: rsp + 8 + ((rip & 15) >= N) * 8, N where the push ends.
 */
#define X86_LAZY(n) PROGRAM("\x0e\x10\x46\x0e\x18\x4a\x0f\x0b\x77\x08\x80\x00\x3f\x1a" n "\x2a\x33\x24\x22")
static const struct program x86_lazy = X86_LAZY("\x3b"), x86_endbr = X86_LAZY("\x39"),
			    x86_push = X86_LAZY("\x35");
/* The first stub pushes x16 and x30, behind a branch target if there are such. */
static const struct program arm64_lazy = PROGRAM("\x41\x0e\x10\x9e\x01\x47\x0e\x00\xde");
static const struct program arm64_bti = PROGRAM("\x42\x0e\x10\x9e\x01\x46\x0e\x00\xde");

static const struct program *x86_program(const unsigned char *code, size_t len, uint64_t vaddr)
{
	static const unsigned char endbr_push[] = {0xf3, 0x0f, 0x1e, 0xfa, 0x68};

	if (len < 2 * STUB || vaddr % STUB || memcmp(code, "\xff\x35", 2))
		return NULL;
	code += STUB;
	if (!memcmp(code, "\xff\x25", 2) && code[6] == 0x68)
		return &x86_lazy;
	if (!memcmp(code, endbr_push, sizeof(endbr_push)))
		return &x86_endbr;
	return code[0] == 0x68 ? &x86_push : NULL;
}

static const struct program *arm64_program(const unsigned char *code, size_t len)
{
	static const uint32_t bti = 0xd503245f, push = 0xa9bf7bf0;
	uint32_t instructions[2];

	if (len < 2 * STUB)
		return NULL;
	memcpy(instructions, code, sizeof(instructions));
	if (instructions[0] == push)
		return &arm64_lazy;
	return instructions[0] == bti && instructions[1] == push ? &arm64_bti : NULL;
}

static const struct program *program_of(const struct elf_file *e, const struct elf_section *s)
{
	const unsigned char *code;
	size_t len;

	if (!strcmp(s->name, ".plt.sec") || !strcmp(s->name, ".plt.got") || !strcmp(s->name, ".iplt"))
		return &plain;
	code = !strcmp(s->name, ".plt") ? elf_section_bytes(e, s, &len) : NULL;
	if (!code)
		return NULL;
	return e->machine == EM_AARCH64 ? arm64_program(code, len) : x86_program(code, len, s->addr);
}

const struct eh_cie *plt_frames_cie(uint16_t machine)
{
	/* CFA = rsp + 8, return address at CFA - 8; CFA = sp, return address in x30 */
	static const unsigned char x86_start[] = {0x0c, 7, 8, 0x90, 1}, arm64_start[] = {0x0c, 31, 0};
	static const struct eh_section nowhere;
	static const struct eh_cie x86 = {.section = &nowhere,
					  .program = x86_start,
					  .end = x86_start + sizeof(x86_start),
					  .code_align = 1,
					  .data_align = -8,
					  .ra = 16};
	static const struct eh_cie arm64 = {.section = &nowhere,
					    .program = arm64_start,
					    .end = arm64_start + sizeof(arm64_start),
					    .code_align = 4,
					    .data_align = -8,
					    .ra = 30};

	if (machine == EM_X86_64)
		return &x86;
	return machine == EM_AARCH64 ? &arm64 : NULL;
}

int plt_frames_add(struct eh_frames *f, const struct elf_file *e, uint64_t low, uint64_t high)
{
	const struct eh_cie *cie = plt_frames_cie(e->machine);
	size_t first = f->n_fdes;
	int err = 0;

	for (size_t i = 0; cie && !err && i < e->n_sections; i++) {
		const struct elf_section *s = &e->sections[i];
		const struct program *program = program_of(e, s);
		struct eh_fde fde = {.start = s->addr, .origin = s->addr, .cie = cie};

		if (!program || !s->size || s->addr < low || s->addr >= high || s->size > high - s->addr)
			continue;
		fde.end = s->addr + s->size;
		fde.program = (const unsigned char *)program->bytes;
		fde.program_end = fde.program + program->len;
		err = eh_frames_add(f, &fde);
	}
	return err || f->n_fdes == first ? err : eh_frames_resolve(f, first);
}
