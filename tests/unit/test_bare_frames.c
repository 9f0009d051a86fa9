/* SPDX-License-Identifier: BSD-2-Clause */
/* Where functions begin in code that nothing tells of. */
#include <elf.h>
#include <stdlib.h>

#include "check.h"
#include "symbols/bare_frames.h"

#define TEXT 0x401000u
#define SIZE 0x400u

static unsigned char code[SIZE];

/* A function of push %rbx; `len` bytes in all; pop %rbx; ret. */
static void put_function(size_t at, size_t len)
{
	memset(code + at, 0x90, len);
	code[at] = 0x53;
	code[at + len - 2] = 0x5b;
	code[at + len - 1] = 0xc3;
}

/* The FDEs that are made between the known first and last 16 bytes of the code. */
static size_t add(struct eh_frames *f)
{
	static struct elf_segment segment = {.type = PT_LOAD, .flags = PF_R | PF_X, .vaddr = TEXT, .filesz = SIZE, .memsz = SIZE};
	static const struct elf_file e = {
		.data = code, .size = SIZE, .is64 = true, .machine = EM_X86_64, .segments = &segment, .n_segments = 1};

	memset(f, 0, sizeof(*f));
	f->fdes = calloc(2, sizeof(*f->fdes));
	f->n_fdes = f->cap_fdes = 2;
	f->fdes[0] = (struct eh_fde){.start = TEXT, .end = TEXT + 16};
	f->fdes[1] = (struct eh_fde){.start = TEXT + SIZE - 16, .end = TEXT + SIZE};
	CHECK_EQ(bare_frames_add(f, &e), 0);
	return f->n_fdes - 2;
}

static const struct eh_fde *fde_at(const struct eh_frames *f, uint64_t offset)
{
	for (size_t i = 0; i < f->n_fdes; i++)
		if (f->fdes[i].start == TEXT + offset)
			return &f->fdes[i];
	return NULL;
}

int main(void)
{
	struct eh_frames f;

	memset(code, 0xcc, sizeof(code));
	put_function(16, 0x60);	   /* behind what is known */
	put_function(0x80, 0x40);  /* behind padding */
	put_function(0xc0, 0x40);  /* behind a return */
	put_function(0x100, 0x40); /* the one before it ends with a jump; this is called */
	code[0xff] = 0x90;
	code[0x90] = 0xe8;
	memcpy(code + 0x91, &(int32_t){0x100 - 0x95}, 4);
	memset(code + 0x140, 0x90, 0x40); /* without a frame */
	CHECK_EQ(add(&f), 4);
	CHECK(fde_at(&f, 16) && fde_at(&f, 0x80) && fde_at(&f, 0xc0) && fde_at(&f, 0x100));
	CHECK(fde_at(&f, 0x100) && fde_at(&f, 0x100)->end == TEXT + 0x140);
	CHECK(fde_at(&f, 0x80) && fde_at(&f, 0x80)->program_end > fde_at(&f, 0x80)->program);
	eh_frames_release(&f);
	/* where something sets up a frame pointer, that is followed */
	memcpy(code + 0x200, "\x55\x48\x89\xe5", 4);
	CHECK_EQ(add(&f), 0);
	eh_frames_release(&f);
	return check_done();
}
