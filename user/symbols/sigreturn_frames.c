/* SPDX-License-Identifier: BSD-2-Clause */
/* In: the code of a file. Out: frames of signals, at the system call that ends a handler. */
#include "symbols/sigreturn_frames.h"

#include <elf.h>
#include <string.h>

#define INSTRUCTION 4

/* mov x8, #139 (rt_sigreturn); svc #0 */
static const unsigned char code[2 * INSTRUCTION] = {0x68, 0x11, 0x80, 0xd2, 0x01, 0x00, 0x00, 0xd4};

const struct eh_cie *sigreturn_frames_cie(void)
{
	static const unsigned char start[] = {0x0c, 31, 0}; /* CFA = sp */
	static const struct eh_section nowhere;
	static const struct eh_cie cie = {.section = &nowhere,
					  .program = start,
					  .end = start + sizeof(start),
					  .code_align = 4,
					  .data_align = -8,
					  .ra = 30,
					  .signal = true};

	return &cie;
}

/*
 * The handler's return address is the first of the two instructions, and a caller is looked up by the byte
 * before its return address: for that sake the kernel has a nop there.
 */
static int add_at(struct eh_frames *f, uint64_t vaddr)
{
	struct eh_fde fde = {.start = vaddr - INSTRUCTION,
			     .origin = vaddr - INSTRUCTION,
			     .end = vaddr + sizeof(code),
			     .program = code,
			     .program_end = code,
			     .cie = sigreturn_frames_cie()};

	return eh_frames_add(f, &fde);
}

/* All of them in a segment of code, which is within the file. */
static int look_through(struct eh_frames *f, const struct elf_file *e, const struct elf_segment *s)
{
	int err = 0;

	for (uint64_t at = INSTRUCTION; !err && at + sizeof(code) <= s->filesz; at += INSTRUCTION)
		if (!memcmp(e->data + s->offset + at, code, sizeof(code)))
			err = add_at(f, s->vaddr + at);
	return err;
}

int sigreturn_frames_add(struct eh_frames *f, const struct elf_file *e, uint64_t low, uint64_t high)
{
	return e->machine == EM_AARCH64 ? eh_frames_add_by_text(f, e, low, high, look_through) : 0;
}
