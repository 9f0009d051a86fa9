/* SPDX-License-Identifier: BSD-2-Clause */
/* In: the code at which a program begins. Out: the address of main. */
#include "symbols/elf_main.h"

#include <elf.h>
#include <string.h>

#define BEGIN_BYTES 64
#define LOAD_BYTES  7

/* The program's code from its beginning on, and how much of it (up to BEGIN_BYTES) there is; NULL: not in the file. */
static const unsigned char *begin_of(const struct elf_file *e, size_t *len)
{
	for (size_t i = 0; i < e->n_segments; i++) {
		const struct elf_segment *s = &e->segments[i];
		uint64_t at = e->entry - s->vaddr;

		if (s->type != PT_LOAD || !(s->flags & PF_X) || e->entry < s->vaddr || at >= s->filesz)
			continue;
		if (s->offset > e->size || s->filesz > e->size - s->offset)
			return NULL;
		*len = s->filesz - at < BEGIN_BYTES ? s->filesz - at : BEGIN_BYTES;
		return e->data + s->offset + at;
	}
	return NULL;
}

/* call *n(%rip), call, or call with a prefix that makes up for what the linker saved */
static bool is_call(const unsigned char *code)
{
	return !memcmp(code, "\xff\x15", 2) || code[0] == 0xe8 || !memcmp(code, "\x67\xe8", 2);
}

static bool is_code(const struct elf_file *e, uint64_t vaddr)
{
	for (size_t i = 0; i < e->n_segments; i++) {
		const struct elf_segment *s = &e->segments[i];

		if (s->type == PT_LOAD && s->flags & PF_X && vaddr >= s->vaddr && vaddr - s->vaddr < s->filesz)
			return true;
	}
	return false;
}

/* sysdeps/x86_64/start.S of glibc: main is the first argument, loaded last: lea main(%rip),%rdi, or mov $main,%rdi. */
bool elf_main_find(const struct elf_file *e, uint64_t *vaddr)
{
	size_t len = 0;
	const unsigned char *code = e->is64 && e->machine == EM_X86_64 && e->entry ? begin_of(e, &len) : NULL;

	for (size_t at = 0; code && at + LOAD_BYTES + 2 <= len; at++) {
		bool relative = !memcmp(code + at, "\x48\x8d\x3d", 3);
		int32_t place;

		if ((!relative && memcmp(code + at, "\x48\xc7\xc7", 3) != 0) || !is_call(code + at + LOAD_BYTES))
			continue;
		memcpy(&place, code + at + 3, sizeof(place));
		*vaddr = (relative ? e->entry + at + LOAD_BYTES : 0) + (uint64_t)(int64_t)place;
		return is_code(e, *vaddr);
	}
	return false;
}
