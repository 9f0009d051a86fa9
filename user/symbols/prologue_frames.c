/* SPDX-License-Identifier: BSD-2-Clause */
/* In: the code of functions that have a symbol and no call frame information. Out: call frame information for them. */
#include "symbols/prologue_frames.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "symbols/plt_frames.h"

#define MADE_MAX      (16u << 20)
#define EPILOGUE_MAX  32
#define EPILOGUES_MAX 64
#define HASH_DIGITS   16

/* Call frame instructions, and DWARF's numbers of registers. */
enum { ADVANCE_4 = 0x04, DEFINE = 0x0c, DEFINE_OFFSET = 0x0e, UNKNOWN = 0x3c, OFFSET = 0x80, RESTORE = 0xc0, RBP = 6 };

struct maker {
	struct bytes *program;
	const unsigned char *code;
	size_t len;
	size_t at;	/* that the program has come to */
	size_t i;	/* that the code was read to */
	uint32_t depth; /* from rsp to the CFA */
	int err;
	/* What the function ends with: add, pops in the order of the stack, ret; from the end of the buffer on. */
	unsigned char epilogue[EPILOGUE_MAX];
	size_t epilogue_len;
};

static void put(struct maker *m, const unsigned char *bytes, size_t n)
{
	if (!m->err)
		m->err = bytes_add(m->program, bytes, n);
}

/* From instruction `to` on: */
static void advance(struct maker *m, size_t to)
{
	uint32_t by = (uint32_t)(to - m->at);
	unsigned char bytes[5] = {ADVANCE_4};

	memcpy(bytes + 1, &by, sizeof(by));
	if (by)
		put(m, bytes, sizeof(bytes));
	m->at = to;
}

static void say_depth(struct maker *m, uint32_t depth)
{
	const unsigned char bytes[] = {DEFINE_OFFSET, (unsigned char)(depth | 0x80), (unsigned char)((depth >> 7) | 0x80),
				       (unsigned char)((depth >> 14) | 0x80), (unsigned char)((depth >> 21) & 0x7f)};

	put(m, bytes, sizeof(bytes));
}

static bool code_is(const struct maker *m, const void *bytes, size_t n)
{
	return m->len - m->i >= n && !memcmp(m->code + m->i, bytes, n);
}

static void before_epilogue(struct maker *m, const unsigned char *bytes, size_t n)
{
	if (m->epilogue_len + n > sizeof(m->epilogue))
		return;
	memcpy(m->epilogue + sizeof(m->epilogue) - m->epilogue_len - n, bytes, n);
	m->epilogue_len += n;
}

/* push of a register; false: it is none. */
static bool read_push(struct maker *m)
{
	const size_t prefix = code_is(m, "\x41", 1);
	unsigned char pop[2] = {0x41};
	unsigned char op;

	if (m->len - m->i < prefix + 1)
		return false;
	op = m->code[m->i + prefix];
	if ((op & 0xf8) != 0x50 || m->depth > 256)
		return false;
	pop[prefix] = (unsigned char)(op + 8);
	before_epilogue(m, pop, prefix + 1);
	m->i += prefix + 1;
	m->depth += 8;
	advance(m, m->i);
	say_depth(m, m->depth);
	if (!prefix && op == 0x55) {
		const unsigned char saved[] = {OFFSET | RBP, (unsigned char)(m->depth / 8)};

		put(m, saved, sizeof(saved));
	}
	return true;
}

/* sub $n,%rsp; false: the frame is taken in a way that is not known. */
static bool read_sub(struct maker *m)
{
	uint32_t n = 0;

	if (code_is(m, "\x48\x83\xec", 3) && m->len - m->i > 4) {
		const unsigned char add[] = {0x48, 0x83, 0xc4, m->code[m->i + 3]};

		n = m->code[m->i + 3];
		if (n >= 0x80)
			return false;
		before_epilogue(m, add, sizeof(add));
		m->i += sizeof(add);
	} else if (code_is(m, "\x48\x83\xc4\x80", 4)) { /* add $-128: shorter than sub $128 */
		n = 128;
		before_epilogue(m, (const unsigned char *)"\x48\x83\xec\x80", 4);
		m->i += 4;
	} else if (code_is(m, "\x48\x81\xec", 3) && m->len - m->i > 7) {
		unsigned char add[7] = {0x48, 0x81, 0xc4};

		memcpy(add + 3, m->code + m->i + 3, sizeof(n));
		memcpy(&n, add + 3, sizeof(n));
		before_epilogue(m, add, sizeof(add));
		m->i += sizeof(add);
		if (n > 1u << 20 || code_is(m, "\x48\xc7\x04\x24", 4)) /* page by page, for the sake of the guard page */
			return false;
	} else {
		return true;
	}
	m->depth += n;
	advance(m, m->i);
	say_depth(m, m->depth);
	return true;
}

/* The length of the epilogue's instruction that is there, and what it adds to rsp. */
static size_t epilogue_step(const unsigned char *code, uint32_t *adds)
{
	*adds = 8;
	switch (code[0]) {
	case 0x48:
		if (code[1] == 0x83) {
			*adds = code[2] == 0xec ? 128 : code[3];
			return 4;
		}
		memcpy(adds, code + 3, sizeof(*adds));
		return 7;
	case 0x41:
		return 2;
	default:
		return 1;
	}
}

/* Where the frame is taken away again, the depth with it. */
static void read_epilogues(struct maker *m)
{
	const unsigned char *epilogue = m->epilogue + sizeof(m->epilogue) - m->epilogue_len;
	const unsigned char restore_rbp[] = {RESTORE | RBP};

	for (size_t found = 0; !m->err && found < EPILOGUES_MAX && m->epilogue_len > 1; found++) {
		const unsigned char *here = memmem(m->code + m->i, m->len - m->i, epilogue, m->epilogue_len);
		uint32_t depth = m->depth, adds;
		size_t end;

		if (!here)
			return;
		m->i = (size_t)(here - m->code);
		end = m->i + m->epilogue_len;
		if (end < m->len)
			put(m, (const unsigned char *)"\x0a", 1); /* remember the state */
		while (m->i < end - 1) {
			m->i += epilogue_step(m->code + m->i, &adds);
			depth -= adds;
			advance(m, m->i);
			say_depth(m, depth);
			if (m->code[m->i - 1] == 0x5d && adds == 8)
				put(m, restore_rbp, 1);
		}
		m->i = end;
		if (end < m->len) {
			advance(m, end);
			put(m, (const unsigned char *)"\x0b", 1); /* recall it */
		}
	}
}

int prologue_read(struct bytes *program, const unsigned char *code, size_t len)
{
	static const unsigned char by_rbp[] = {DEFINE, RBP, 16}, unknown[] = {UNKNOWN};
	struct maker m = {.program = program, .code = code, .len = len, .depth = 8};
	bool known;

	before_epilogue(&m, (const unsigned char *)"\xc3", 1);
	if (code_is(&m, "\xf3\x0f\x1e\xfa", 4)) /* endbr64 */
		m.i = 4;
	while (!m.err && read_push(&m)) {
		if (m.depth != 16 || m.code[m.i - 1] != 0x55 || !code_is(&m, "\x48\x89\xe5", 3))
			continue;
		advance(&m, m.i + 3); /* mov %rsp,%rbp */
		put(&m, by_rbp, sizeof(by_rbp));
		return m.err;
	}
	known = read_sub(&m) && m.depth % 16 == 0;
	if (known)
		read_epilogues(&m);
	else
		put(&m, unknown, sizeof(unknown));
	return m.err;
}

bool prologue_is_rust(const char *name)
{
	if (!strncmp(name, "_R", 2))
		return (name[2] >= 'A' && name[2] <= 'Z') || (name[2] >= '0' && name[2] <= '9');
	if (strncmp(name, "_ZN", 3) != 0)
		return false;
	for (const char *hash = strstr(name, "17h"); hash; hash = strstr(hash + 1, "17h"))
		if (strspn(hash + 3, "0123456789abcdef") >= HASH_DIGITS && hash[3 + HASH_DIGITS] == 'E')
			return true;
	return false;
}

/* What is being looked through. */
struct search {
	struct eh_frames *f;
	const struct elf_file *e; /* whose code it is */
	size_t n_known;		  /* FDEs that were there before */
	uint64_t low, high;
	struct bytes made;
	size_t *ends; /* of the programs of the FDEs from n_known on */
	size_t cap_ends;
};

static bool is_covered(const struct search *s, uint64_t vaddr)
{
	size_t low = 0, high = s->n_known;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (s->f->fdes[middle].start <= vaddr)
			low = middle + 1;
		else
			high = middle;
	}
	return low && vaddr < s->f->fdes[low - 1].end;
}

static const unsigned char *code_of(const struct search *s, uint64_t vaddr, uint64_t size)
{
	for (size_t i = 0; i < s->e->n_segments; i++) {
		const struct elf_segment *g = &s->e->segments[i];
		uint64_t at = vaddr - g->vaddr;

		if (g->type != PT_LOAD || !(g->flags & PF_X) || vaddr < g->vaddr || at >= g->filesz || size > g->filesz - at)
			continue;
		return g->offset <= s->e->size && g->filesz <= s->e->size - g->offset ? s->e->data + g->offset + at : NULL;
	}
	return NULL;
}

static int add_function(struct search *s, uint64_t vaddr, uint64_t size)
{
	struct eh_fde fde = {.start = vaddr, .origin = vaddr, .end = vaddr + size, .cie = plt_frames_cie(EM_X86_64)};
	struct eh_frames *f = s->f;
	const unsigned char *code;
	int err;

	if (vaddr < s->low || vaddr >= s->high || !size || size > s->high - vaddr || s->made.len > MADE_MAX || is_covered(s, vaddr))
		return 0;
	code = code_of(s, vaddr, size);
	err = code ? prologue_read(&s->made, code, (size_t)size) : 0;
	if (!code || err)
		return err;
	err = array_grow(&f->fdes, &f->cap_fdes, f->n_fdes + 1, sizeof(*f->fdes));
	if (!err)
		err = array_grow(&s->ends, &s->cap_ends, f->n_fdes - s->n_known + 1, sizeof(*s->ends));
	if (err)
		return err;
	s->ends[f->n_fdes - s->n_known] = s->made.len;
	f->fdes[f->n_fdes++] = fde;
	return 0;
}

static int search_symbols(struct search *s, const struct elf_file *e)
{
	int err = 0;

	for (size_t i = 0; i < e->n_sections; i++) {
		const struct elf_section *section = &e->sections[i];
		size_t len = 0, names_len = 0;
		const unsigned char *bytes = NULL, *names = NULL;

		if (section->type == SHT_SYMTAB && section->link < e->n_sections) {
			bytes = elf_section_bytes(e, section, &len);
			names = elf_section_bytes(e, &e->sections[section->link], &names_len);
		}
		if (!bytes || !names || !names_len || names[names_len - 1])
			continue; /* every name must end within its table */
		for (size_t at = 0; !err && len - at >= sizeof(Elf64_Sym); at += sizeof(Elf64_Sym)) {
			Elf64_Sym sym;
			const char *name;

			memcpy(&sym, bytes + at, sizeof(sym));
			name = sym.st_name < names_len ? (const char *)names + sym.st_name : "";
			if (ELF64_ST_TYPE(sym.st_info) == STT_FUNC && (prologue_is_rust(name) || !strcmp(name, "main")))
				err = add_function(s, sym.st_value, sym.st_size);
		}
	}
	return err;
}

int prologue_frames_add(struct eh_frames *f, const struct elf_file *e, const struct elf_file *debug, uint64_t low, uint64_t high)
{
	static const unsigned char none[1];
	struct search s = {.f = f, .e = e, .n_known = f->n_fdes, .low = low, .high = high};
	size_t begin = 0;
	int err;

	if (e->machine != EM_X86_64 || !e->is64 || f->made[EH_MADE_PROLOGUES])
		return 0;
	err = search_symbols(&s, e);
	if (!err && elf_file_is_debug_of(debug, e))
		err = search_symbols(&s, debug);
	for (size_t i = s.n_known; !err && i < f->n_fdes; i++) {
		f->fdes[i].program = s.made.data ? s.made.data + begin : none;
		f->fdes[i].program_end = s.made.data ? s.made.data + s.ends[i - s.n_known] : none;
		begin = s.ends[i - s.n_known];
	}
	free(s.ends);
	f->made[EH_MADE_PROLOGUES] = s.made.data;
	return err || f->n_fdes == s.n_known ? err : eh_frames_resolve(f, s.n_known);
}
