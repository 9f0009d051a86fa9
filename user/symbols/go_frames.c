/* SPDX-License-Identifier: BSD-2-Clause */
/* In: the functions of a Go program. Out: call frame information for them. */
#include "symbols/go_frames.h"

#include <elf.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "symbols/go_table.h"

#define PROGRAMS_MAX (64u << 20) /* bytes of call frame instructions: a hundred times what large programs need */
#define DEPTH_MAX    (1 << 30)

enum cie { CIE_FUNCTION, CIE_ROOT, CIE_SIGNAL, CIE_AWAY };

/* Of a call frame instruction. */
enum {
	ADVANCE_4 = 0x04,
	UNDEFINED = 0x07,
	DEFINE = 0x0c,
	DEFINE_OFFSET = 0x0e,
	OFFSET = 0x80,
	RESTORE = 0xc0,
	RBP = 6,
	RSP = 7,
	RIP = 16,
};

const struct eh_cie *go_frames_cie(size_t i)
{
	/* CFA = rsp + 8; and the return address at CFA - 8, or nowhere */
	static const unsigned char signal[] = {DEFINE, RSP, 8}, start[] = {DEFINE, RSP, 8, OFFSET | RIP, 1},
				   root[] = {DEFINE, RSP, 8, UNDEFINED, RIP};
	static const struct eh_section nowhere;
#define CIE(PROGRAM, ...)                                                                                    \
	{                                                                                                    \
		.section = &nowhere, .program = PROGRAM, .end = PROGRAM + sizeof(PROGRAM), .code_align = 1,  \
		.data_align = -8, .ra = RIP, __VA_ARGS__                                                     \
	}
	static const struct eh_cie cies[GO_FRAMES_CIES] = {
		[CIE_FUNCTION] = CIE(start, .signal = false),
		[CIE_ROOT] = CIE(root, .signal = false),
		[CIE_SIGNAL] = CIE(signal, .signal = true),
		[CIE_AWAY] = CIE(start, .away = true),
	};

	return &cies[i];
}

/* The file's code at an address, `len` bytes; NULL: it is not in the file. */
static const unsigned char *code_at(const struct elf_file *e, uint64_t vaddr, size_t len)
{
	for (size_t i = 0; i < e->n_segments; i++) {
		const struct elf_segment *s = &e->segments[i];
		uint64_t at = vaddr - s->vaddr;

		if (s->type != PT_LOAD || !(s->flags & PF_X) || vaddr < s->vaddr || at >= s->filesz ||
		    len > s->filesz - at)
			continue;
		return s->offset <= e->size && at <= e->size - s->offset && len <= e->size - s->offset - at
			       ? e->data + s->offset + at
			       : NULL;
	}
	return NULL;
}

/* mov $15 (rt_sigreturn),%rax; syscall */
static bool is_signal_return(const struct elf_file *e, uint64_t vaddr)
{
	static const unsigned char code[] = {0x48, 0xc7, 0xc0, 15, 0, 0, 0, 0x0f, 0x05};
	const unsigned char *at = code_at(e, vaddr, sizeof(code));

	return at && !memcmp(at, code, sizeof(code));
}

static bool is_named(const struct go_table *g, const struct go_function *f, const char *name)
{
	return !strcmp((const char *)g->names + f->name, name);
}

/*
 * The kernel calls the handlers of signals; Go marks them as outermost, for it does not look at what was interrupted.
 * asmcgocall has no frame: what calls it (cgocall, always) is skipped.
 */
static enum cie cie_of(const struct elf_file *e, const struct go_table *g, const struct go_function *f)
{
	if (is_signal_return(e, f->start))
		return CIE_SIGNAL;
	if (is_named(g, f, "runtime.sigtramp") || is_named(g, f, "runtime.cgoSigtramp"))
		return CIE_FUNCTION;
	/* what the program begins with is jumped to */
	if (f->flags & GO_TOP_FRAME || !strncmp((const char *)g->names + f->name, "_rt0_", 5))
		return CIE_ROOT;
	return f->flags & GO_NEW_STACK ? CIE_AWAY : CIE_FUNCTION;
}

/*
 * Behind which instruction, counted from where the frame gets its first depth, rbp is saved above the frame: 0 if the one
 * before pushed it, as since Go 1.21; the length of the one that stores it, as before; negative if neither does, which
 * is so in what is written in assembler.
 */
static int saves_rbp(const struct elf_file *e, uint64_t vaddr, int64_t depth)
{
	static const unsigned char store[] = {0x48, 0x89};
	const unsigned char *at = code_at(e, vaddr - 1, 9);
	int32_t place = 0;
	int len;

	if (!at)
		return -1;
	if (at[0] == 0x55)
		return depth == 8 ? 0 : -1;
	at++;
	if (memcmp(at, store, sizeof(store)) || at[3] != 0x24)
		return -1;
	switch (at[2]) {
	case 0x2c: /* mov %rbp,(%rsp) */
		len = 4;
		break;
	case 0x6c:
		place = at[4] < 0x80 ? at[4] : -1;
		len = 5;
		break;
	case 0xac:
		memcpy(&place, at + 4, sizeof(place));
		len = 8;
		break;
	default:
		return -1;
	}
	return place == depth - 8 ? len : -1;
}

/* The programs of all FDEs, one behind the other. */
struct maker {
	const struct elf_file *file;
	struct bytes made;
	uint32_t *ends; /* of each, in `made` */
	size_t n, cap;
	uint64_t at; /* the address that the one in the making has come to */
	int err;
};

static void put(struct maker *m, unsigned char op, uint64_t operand, bool has_operand)
{
	unsigned char bytes[12] = {op};
	size_t n = 1;

	while (has_operand && operand >= 0x80) {
		bytes[n++] = (unsigned char)(operand | 0x80);
		operand >>= 7;
	}
	if (has_operand)
		bytes[n++] = (unsigned char)operand;
	if (!m->err)
		m->err = bytes_add(&m->made, bytes, n);
}

static void advance(struct maker *m, uint64_t to)
{
	uint32_t by = (uint32_t)(to - m->at);
	unsigned char bytes[5] = {ADVANCE_4};

	if (!by)
		return;
	m->at = to;
	if (by < 0x40) {
		put(m, (unsigned char)(0x40 | by), 0, false);
		return;
	}
	memcpy(bytes + 1, &by, sizeof(by));
	if (!m->err)
		m->err = bytes_add(&m->made, bytes, sizeof(bytes));
}

/* From here on rbp is saved above the frame, which began at `from`; `behind` as above. */
static void save_rbp(struct maker *m, const struct go_depths *d, int behind, bool away)
{
	const int set = behind ? 5 : 3; /* lea n(%rsp),%rbp; mov %rsp,%rbp */

	if (behind < 0) {
		put(m, UNDEFINED, RBP, true);
		return;
	}
	if (away)
		behind += set;
	advance(m, d->from + (uint64_t)behind < d->to ? d->from + (uint64_t)behind : d->to);
	put(m, OFFSET | RBP, 2, true);
	if (away) {
		put(m, DEFINE, RBP, true);
		put(m, 16, 0, false); /* its operand */
	}
}

/* What the depths of its frame are. False: it changes to another stack and there is no way back. */
static bool make_program(struct maker *m, const struct go_table *g, const struct go_function *f, bool away)
{
	struct go_depths d;
	bool saved = false;

	m->at = f->start;
	go_depths_begin(&d, g, f);
	while (!m->err && m->made.len < PROGRAMS_MAX && go_depths_next(&d) && d.depth >= 0 && d.depth < DEPTH_MAX) {
		advance(m, d.from);
		put(m, DEFINE_OFFSET, (uint64_t)d.depth + 8, true);
		if (!d.depth && saved) {
			put(m, RESTORE | RBP, 0, false);
			saved = false;
		} else if (d.depth && !saved) {
			int behind = saves_rbp(m->file, d.from, d.depth);

			save_rbp(m, &d, behind, away);
			if (away)
				return behind >= 0;
			saved = true;
		}
	}
	return !away;
}

/* The program of its CIE's kind. */
static enum cie make_fde(struct maker *m, const struct go_table *g, const struct go_function *f)
{
	enum cie cie = cie_of(m->file, g, f);
	size_t begin = m->made.len;

	if (cie == CIE_AWAY && is_named(g, f, "runtime.asmcgocall")) {
		put(m, OFFSET | RBP, 2, true);
		put(m, DEFINE, RBP, true);
		put(m, 16, 0, false);
	} else if ((cie == CIE_AWAY || cie == CIE_FUNCTION) && !make_program(m, g, f, cie == CIE_AWAY)) {
		m->made.len = begin;
		cie = CIE_ROOT;
	}
	return cie;
}

/* Its FDE, without its program, which may move yet. */
static int add_function(struct eh_frames *f, struct maker *m, const struct go_table *g, const struct go_function *fn)
{
	struct eh_fde fde = {.start = fn->start, .origin = fn->start, .end = fn->end};
	struct eh_fde *last = f->n_fdes ? &f->fdes[f->n_fdes - 1] : NULL;
	enum cie cie = make_fde(m, g, fn);
	int err;

	if (cie == CIE_SIGNAL && last && last->end == fn->start) {
		/* it is returned to, never called: a caller is looked up by the byte before its return address */
		last->end--;
		fde.start = --fde.origin;
	}
	err = m->err ? m->err : array_grow(&f->fdes, &f->cap_fdes, f->n_fdes + 1, sizeof(*f->fdes));
	if (!err)
		err = array_grow(&m->ends, &m->cap, m->n + 1, sizeof(*m->ends));
	if (err)
		return err;
	fde.cie = go_frames_cie(cie);
	f->fdes[f->n_fdes++] = fde;
	m->ends[m->n++] = (uint32_t)m->made.len;
	return 0;
}

int go_frames_add(struct eh_frames *f, const struct elf_file *e, uint64_t low, uint64_t high)
{
	static const unsigned char none[1];
	struct maker m = {.file = e};
	struct go_table g;
	size_t begin = 0;
	int err = 0;

	if (f->n_fdes || e->machine != EM_X86_64 || !go_table_find(&g, e))
		return 0;
	for (size_t i = 0; !err && i < g.n; i++) {
		struct go_function fn;

		if (go_table_at(&g, i, &fn) && fn.start >= low && fn.end <= high && fn.end - fn.start <= UINT32_MAX)
			err = add_function(f, &m, &g, &fn);
	}
	for (size_t i = 0; !err && i < f->n_fdes; i++) {
		f->fdes[i].program = m.made.data ? m.made.data + begin : none;
		f->fdes[i].program_end = m.made.data ? m.made.data + m.ends[i] : none;
		begin = m.ends[i];
	}
	free(m.ends);
	f->made[EH_MADE_GO] = m.made.data;
	return err ? err : eh_frames_resolve(f, 0);
}
