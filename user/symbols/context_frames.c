/* SPDX-License-Identifier: BSD-2-Clause */
/* In: the code of a file. Out: frames of contexts that makecontext(3) made, at the place that they return to. */
#include "symbols/context_frames.h"

#include <elf.h>
#include <string.h>

/* mov %rbx,%rsp; mov (%rsp),%rdi: it drops the arguments and gets the next context (sysdeps/unix/sysv/linux/x86_64/__start_context.S) */
static const unsigned char code[] = {0x48, 0x89, 0xdc, 0x48, 0x8b, 0x3c, 0x24};
static const unsigned char endbr64[] = {0xf3, 0x0f, 0x1e, 0xfa}; /* before it, where indirect branches are tracked */

const struct eh_cie *context_frames_cie(void)
{
	static const unsigned char start[] = {0x0c, 7, 8, 0x07, 16}; /* CFA = rsp + 8, the return address is undefined */
	static const struct eh_section nowhere;
	static const struct eh_cie cie = {.section = &nowhere,
					  .program = start,
					  .end = start + sizeof(start),
					  .code_align = 1,
					  .data_align = -8,
					  .ra = 16};

	return &cie;
}

static int add_before(struct eh_frames *f, uint64_t vaddr)
{
	struct eh_fde fde = {.start = vaddr - 1,
			     .origin = vaddr - 1,
			     .end = vaddr,
			     .program = code,
			     .program_end = code,
			     .cie = context_frames_cie()};

	return eh_frames_add(f, &fde);
}

/* All of them in a segment of code, which is within the file. */
static int look_through(struct eh_frames *f, const struct elf_file *e, const struct elf_segment *s)
{
	const unsigned char *begin = e->data + s->offset, *at;
	uint64_t from = 1, start;
	int err = 0;

	while (!err && from < s->filesz && (at = memmem(begin + from, s->filesz - from, code, sizeof(code)))) {
		start = (uint64_t)(at - begin);
		from = start + sizeof(code);
		if (start > sizeof(endbr64) && !memcmp(at - sizeof(endbr64), endbr64, sizeof(endbr64)))
			start -= sizeof(endbr64);
		err = add_before(f, s->vaddr + start);
	}
	return err;
}

int context_frames_add(struct eh_frames *f, const struct elf_file *e, uint64_t low, uint64_t high)
{
	return e->machine == EM_X86_64 ? eh_frames_add_by_text(f, e, low, high, look_through) : 0;
}
