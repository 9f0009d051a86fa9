/* SPDX-License-Identifier: BSD-2-Clause */
/* In: code that nothing tells of. Out: where functions may begin in it, and call frame information for them. */
#include "symbols/bare_frames.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "symbols/plt_frames.h"
#include "symbols/prologue_frames.h"

#define LARGE_GAP 256 /* bytes: holds functions of their own, not an entry or two of assembler code */
#define SMALL_GAP 32  /* holds a function, in a file that has large ones; in others it is an entry of assembler code */
#define ALIGNED	  16  /* to which LLVM aligns functions, with int3 in between */
#define MADE_MAX  (16u << 20)
#define CALL_LEN  5

/* The code; NULL: it is not in the file. */
static const unsigned char *code_of(const struct elf_file *e, uint64_t from, uint64_t to)
{
	for (size_t i = 0; i < e->n_segments; i++) {
		const struct elf_segment *s = &e->segments[i];
		uint64_t at = from - s->vaddr;

		if (s->type != PT_LOAD || !(s->flags & PF_X) || from < s->vaddr || at >= s->filesz || to - from > s->filesz - at)
			continue;
		return s->offset <= e->size && s->filesz <= e->size - s->offset ? e->data + s->offset + at : NULL;
	}
	return NULL;
}

static bool is_bare(const struct elf_file *e, uint64_t from, uint64_t to, uint64_t least)
{
	static const unsigned char set_up[] = {0x55, 0x48, 0x89, 0xe5}; /* push %rbp; mov %rsp,%rbp */
	const unsigned char *code = to > from && to - from >= least ? code_of(e, from, to) : NULL;

	return code && !memmem(code, to - from, set_up, sizeof(set_up));
}

bool bare_frames_are(const struct eh_frames *f, const struct elf_file *e, uint64_t from, uint64_t to)
{
	return e->machine == EM_X86_64 && is_bare(e, from, to, f->made[EH_MADE_BARE] ? SMALL_GAP : LARGE_GAP);
}

struct gap {
	uint64_t from, len;
	const unsigned char *code;
	unsigned char *begins; /* one a byte of code */
};

/* What another function of the gap calls begins one, and so does what is aligned behind padding, a return, or a trap. */
static void find_begins(struct gap *g)
{
	g->begins[0] = g->code[0] != 0xcc;
	for (uint64_t at = 0; at < g->len; at++) {
		int32_t to;

		if (at > 1 && (g->from + at) % ALIGNED == 0 && g->code[at] != 0xcc)
			g->begins[at] |= g->code[at - 1] == 0xcc || g->code[at - 1] == 0xc3 || !memcmp(g->code + at - 2, "\x0f\x0b", 2);
		if (g->code[at] != 0xe8 || g->len - at < CALL_LEN)
			continue;
		memcpy(&to, g->code + at + 1, sizeof(to));
		if (at + CALL_LEN + (uint64_t)(int64_t)to < g->len && (g->from + at + CALL_LEN + (uint64_t)(int64_t)to) % ALIGNED == 0)
			g->begins[at + CALL_LEN + (uint64_t)(int64_t)to] = 1;
	}
}

/* All FDEs' programs, for now by their places. */
struct maker {
	struct eh_frames *f;
	struct bytes made;
	size_t *ends;
	size_t n, cap;
};

static int add_functions(struct maker *m, const struct gap *g)
{
	struct eh_frames *f = m->f;
	int err = 0;

	for (uint64_t at = 0, end; !err && at < g->len && m->made.len < MADE_MAX; at = end) {
		struct eh_fde fde = {.start = g->from + at, .origin = g->from + at, .cie = plt_frames_cie(EM_X86_64)};
		const size_t made = m->made.len;
		bool believed;

		for (end = at + 1; end < g->len && !g->begins[end];)
			end++;
		if (!g->begins[at])
			continue;
		fde.end = g->from + end;
		err = prologue_read(&m->made, g->code + at, end - at, &believed);
		if (!err && !believed) {
			m->made.len = made;
			continue;
		}
		if (!err)
			err = array_grow(&f->fdes, &f->cap_fdes, f->n_fdes + 1, sizeof(*f->fdes));
		if (!err)
			err = array_grow(&m->ends, &m->cap, m->n + 1, sizeof(*m->ends));
		if (err)
			return err;
		f->fdes[f->n_fdes++] = fde;
		m->ends[m->n++] = m->made.len;
	}
	return err;
}

static int look_through(struct maker *m, const struct elf_file *e, uint64_t from, uint64_t to)
{
	struct gap g = {.from = from, .len = to - from};
	int err;

	if (!is_bare(e, from, to, SMALL_GAP))
		return 0;
	g.code = code_of(e, from, to);
	g.begins = calloc(g.len, 1);
	if (!g.begins)
		return -ENOMEM;
	find_begins(&g);
	err = add_functions(m, &g);
	free(g.begins);
	return err;
}

static bool any_large(const struct eh_frames *f, const struct elf_file *e)
{
	for (size_t i = 1; i < f->n_fdes; i++)
		if (is_bare(e, f->fdes[i - 1].end, f->fdes[i].start, LARGE_GAP))
			return true;
	return false;
}

int bare_frames_add(struct eh_frames *f, const struct elf_file *e)
{
	static const unsigned char none[1];
	struct maker m = {.f = f};
	const size_t known = f->n_fdes;
	size_t begin = 0;
	int err = 0;

	if (e->machine != EM_X86_64 || f->made[EH_MADE_BARE] || !any_large(f, e))
		return 0;
	for (size_t i = 1; !err && i < known; i++)
		err = look_through(&m, e, f->fdes[i - 1].end, f->fdes[i].start);
	for (size_t i = known; !err && i < f->n_fdes; i++) {
		f->fdes[i].program = m.made.data ? m.made.data + begin : none;
		f->fdes[i].program_end = m.made.data ? m.made.data + m.ends[i - known] : none;
		begin = m.ends[i - known];
	}
	free(m.ends);
	if (!err && !m.made.data) /* marks the file as one of these */
		err = bytes_reserve(&m.made, 1);
	f->made[EH_MADE_BARE] = m.made.data;
	return err || f->n_fdes == known ? err : eh_frames_resolve(f, known);
}
