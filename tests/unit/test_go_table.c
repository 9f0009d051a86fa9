/* SPDX-License-Identifier: BSD-2-Clause */
/* Go's own table of functions, made by hand: names, ends, and how the functions are unwound by it. */
#include <elf.h>
#include <stddef.h>

#include "check.h"
#include "symbols/elf_symbols.h"
#include "symbols/go_frames.h"
#include "symbols/go_table.h"
#include "symbols/unwind_table.h"

#define TEXT  0x401000u
#define TABLE 0x500000u

/* Where functions begin, from TEXT on; the last one is their end. */
enum { BEGIN = 0x000, LOOP = 0x100, PUSHES = 0x200, EXIT = 0x300, TO_C = 0x380, FROM_C = 0x400, RETURN = 0x500, END = 0x520 };
#define N_FUNCTIONS 7

struct facts { /* of one function: _func of Go 1.18 */
	uint32_t start;
	int32_t name;
	uint32_t args, deferreturn, depth, file, line, n_data, unit;
	unsigned char id, flags, pad, n_more;
};

struct table {
	uint32_t magic;
	unsigned char zero[2], quantum, pointer;
	uint64_t n, n_files, text, names_at, units_at, files_at, depths_at, functions_at;
	char names[256];
	unsigned char depths[64];
	uint32_t functions[N_FUNCTIONS * 2 + 2];
	struct facts facts[N_FUNCTIONS];
};

struct made {
	unsigned char code[END];
	Elf64_Rela rela;
	struct table table;
	struct elf_segment segment;
	struct elf_section sections[3];
	struct elf_file file;
};

static const struct {
	uint32_t start;
	const char *name;
	uint32_t depth; /* place in `depths`; 0: none */
	unsigned char flags;
} functions[N_FUNCTIONS] = {
	{BEGIN, "_rt0_amd64_linux", 0, 0},	   {LOOP, "main.(*Queue[...]).Pop", 1, 0},
	{PUSHES, "main.pushes", 9, 0},		   {EXIT, "runtime.goexit", 0, GO_TOP_FRAME},
	{TO_C, "runtime.asmcgocall", 17, GO_NEW_STACK}, {FROM_C, "runtime.cgocallback", 1, GO_NEW_STACK},
	{RETURN, "runtime.sigreturn", 17, 0},
};

/*
 * From 1: 0 for 16 bytes, 0x28 for 0xb0, 0 for 0x40. From 9: 0 for 1 byte, 8 for 4, 0x48 for 0xf0, 0 for the rest.
 * From 17: 0 to the end. (Changes are zigzag, from -1 on.)
 */
static const unsigned char depths[] = {0xff, 2,	  16,	0x50, 0xb0, 1,	  0x4f, 0x40, 0, 2, 1, 16, 4,	0x80,
				       1,    0xf0, 1,	0x8f, 1,    11,	  0,	2,    0x80, 2,	0};

static void make(struct made *m)
{
	size_t at = 1;

	memset(m, 0, sizeof(*m));
	m->table = (struct table){.magic = 0xfffffff0,
				  .quantum = 1,
				  .pointer = 8,
				  .n = N_FUNCTIONS,
				  .text = TEXT,
				  .names_at = offsetof(struct table, names),
				  .units_at = offsetof(struct table, depths),
				  .depths_at = offsetof(struct table, depths),
				  .functions_at = offsetof(struct table, functions)};
	memcpy(m->table.depths, depths, sizeof(depths));
	for (size_t i = 0; i < N_FUNCTIONS; i++) {
		m->table.functions[2 * i] = functions[i].start;
		m->table.functions[2 * i + 1] =
			(uint32_t)(offsetof(struct table, facts) - offsetof(struct table, functions) + i * sizeof(struct facts));
		m->table.facts[i] = (struct facts){
			.start = functions[i].start, .name = (int32_t)at, .depth = functions[i].depth, .flags = functions[i].flags};
		strcpy(m->table.names + at, functions[i].name); /* NOLINT: they fit */
		at += strlen(functions[i].name) + 1;
	}
	m->table.functions[2 * N_FUNCTIONS] = END;
	/* mov %rbp,0x20(%rsp); push %rbp; mov $15,%rax; syscall */
	memcpy(m->code + LOOP + 16, "\x48\x89\x6c\x24\x20", 5);
	memcpy(m->code + FROM_C + 16, "\x48\x89\x6c\x24\x20", 5);
	m->code[PUSHES] = 0x55;
	memcpy(m->code + RETURN, "\x48\xc7\xc0\x0f\x00\x00\x00\x0f\x05", 9);
	m->segment = (struct elf_segment){.type = PT_LOAD, .flags = PF_R | PF_X, .vaddr = TEXT, .filesz = END, .memsz = END};
	m->sections[0] = (struct elf_section){.name = ".gopclntab",
					      .type = SHT_PROGBITS,
					      .addr = TABLE,
					      .offset = offsetof(struct made, table),
					      .size = sizeof(struct table)};
	m->sections[1] = (struct elf_section){
		.name = ".text", .type = SHT_PROGBITS, .flags = SHF_ALLOC | SHF_EXECINSTR, .addr = TEXT, .size = END};
	m->sections[2] = (struct elf_section){
		.name = ".rela", .type = SHT_RELA, .offset = offsetof(struct made, rela), .size = sizeof(m->rela)};
	m->file = (struct elf_file){.data = m->code,
				    .size = sizeof(*m),
				    .is64 = true,
				    .machine = EM_X86_64,
				    .entry = TEXT + BEGIN,
				    .segments = &m->segment,
				    .n_segments = 1,
				    .sections = m->sections,
				    .n_sections = 3};
}

static struct made made;

static void check_name(const struct elf_symbols *s, uint64_t at, const char *name, uint64_t offset)
{
	struct symbol symbol;
	bool found = elf_symbols_at(s, TEXT + at, &symbol);

	CHECK_EQ(found, name != NULL);
	if (!found || !name)
		return;
	CHECK(symbol.name_len == strlen(name) && !memcmp(symbol.name, name, symbol.name_len));
	CHECK_EQ(symbol.offset, offset);
}

static void test_names(void)
{
	struct elf_symbols *s = NULL;

	CHECK_EQ(elf_symbols_new(&s, &made.file, NULL), 0);
	CHECK_EQ(elf_symbols_count(s), N_FUNCTIONS);
	check_name(s, LOOP, "main.(*Queue[...]).Pop", 0);
	check_name(s, PUSHES - 1, "main.(*Queue[...]).Pop", PUSHES - 1 - LOOP);
	check_name(s, RETURN + 9, "runtime.sigreturn", 9);
	check_name(s, END, NULL, 0);
	elf_symbols_free(s);
}

static const struct unwind_rule *rule(const struct unwind_table *t, uint64_t at)
{
	return unwind_table_rule_at(t, TEXT + at);
}

static void check_frame(const struct unwind_table *t, uint64_t at, int32_t cfa, enum unwind_fp fp)
{
	const struct unwind_rule *r = rule(t, at);

	CHECK_EQ(r->cfa, UNWIND_SP);
	CHECK_EQ(r->cfa_off, cfa);
	CHECK_EQ(r->ra, UNWIND_RA_AT_CFA);
	CHECK_EQ(r->ra_off, -8);
	CHECK_EQ(r->fp, fp);
	CHECK_EQ(r->fp_off, fp == UNWIND_FP_AT_CFA ? -16 : 0);
}

static void check_away(const struct unwind_table *t, uint64_t at)
{
	const struct unwind_rule *r = rule(t, at);

	CHECK_EQ(r->cfa, UNWIND_FP_AWAY);
	CHECK_EQ(r->cfa_off, 16);
	CHECK_EQ(r->ra_off, -8);
	CHECK_EQ(r->fp, UNWIND_FP_AT_CFA);
	CHECK_EQ(r->fp_off, -16);
}

static void test_frames(void)
{
	struct unwind_table *t = NULL;

	CHECK_EQ(unwind_table_build(&t, &made.file, NULL), 0);
	CHECK_EQ(rule(t, BEGIN)->cfa, UNWIND_ROOT);
	check_frame(t, LOOP, 8, UNWIND_FP_SAME);
	check_frame(t, LOOP + 16, 0x30, UNWIND_FP_SAME); /* before rbp is saved, */
	check_frame(t, LOOP + 21, 0x30, UNWIND_FP_AT_CFA);
	check_frame(t, LOOP + 0xbf, 0x30, UNWIND_FP_AT_CFA);
	check_frame(t, LOOP + 0xc0, 8, UNWIND_FP_SAME); /* and behind its return */
	check_frame(t, PUSHES, 8, UNWIND_FP_SAME);
	check_frame(t, PUSHES + 1, 16, UNWIND_FP_AT_CFA);
	check_frame(t, PUSHES + 5, 0x50, UNWIND_FP_AT_CFA);
	CHECK_EQ(rule(t, EXIT)->cfa, UNWIND_ROOT);
	check_away(t, TO_C);
	check_frame(t, FROM_C + 16, 0x30, UNWIND_FP_SAME);
	check_away(t, FROM_C + 26);
	check_away(t, FROM_C + 0xf0);
	CHECK_EQ(rule(t, RETURN)->cfa, UNWIND_SIGNAL);
	CHECK_EQ(rule(t, RETURN - 1)->cfa, UNWIND_SIGNAL); /* where what returns to it is looked up */
	check_away(t, RETURN - 2);
	unwind_table_free(t);
	/* a frame whose frame pointer is not where Go has it */
	made.code[LOOP + 20] = 0x18;
	CHECK_EQ(unwind_table_build(&t, &made.file, NULL), 0);
	check_frame(t, LOOP + 21, 0x30, UNWIND_FP_LOST);
	unwind_table_free(t);
}

/* Where functions count from is told by a relocation, or not at all. */
static void test_text(void)
{
	struct go_function f;
	struct go_table g;

	make(&made);
	made.table.text = 0;
	CHECK(go_table_find(&g, &made.file)); /* by where the program begins */
	CHECK_EQ(go_table_at(&g, 1, &f), true);
	CHECK_EQ(f.start, TEXT + LOOP);
	made.file.entry = 0;
	made.sections[0].name = ".data.rel.ro.gopclntab";
	made.rela = (Elf64_Rela){.r_offset = TABLE + offsetof(struct table, text),
				 .r_info = ELF64_R_INFO(0, R_X86_64_RELATIVE),
				 .r_addend = 0x7000};
	CHECK(go_table_find(&g, &made.file));
	CHECK_EQ(go_table_at(&g, 1, &f), true);
	CHECK_EQ(f.start, 0x7000 + LOOP);
	made.rela.r_offset++;
	CHECK(!go_table_find(&g, &made.file));
}

/* Go 1.20 and later have four more bytes before the flags. */
static void test_later_version(void)
{
	struct go_function f;
	struct go_table g;

	make(&made);
	made.table.magic = 0xfffffff1;
	CHECK(go_table_find(&g, &made.file));
	((unsigned char *)&made.table.facts[1])[41] = GO_NEW_STACK;
	CHECK(go_table_at(&g, 1, &f));
	CHECK_EQ(f.flags, GO_NEW_STACK);
	made.table.magic = 0xfffffffb; /* before 1.18 */
	CHECK(!go_table_find(&g, &made.file));
}

/* Any byte of the table may be anything: what can't be is left out, and nothing outside is read. */
static void test_broken(void)
{
	static const unsigned char values[] = {0, 1, 0x7f, 0x80, 0xff};

	for (size_t at = 0; at < sizeof(made.table); at++)
		for (size_t i = 0; i < sizeof(values); i++) {
			struct unwind_table *t = NULL;
			struct elf_symbols *s = NULL;

			make(&made);
			((unsigned char *)&made.table)[at] = values[i];
			if (!elf_symbols_new(&s, &made.file, NULL))
				CHECK(elf_symbols_count(s) <= N_FUNCTIONS);
			elf_symbols_free(s);
			(void)unwind_table_build(&t, &made.file, NULL);
			unwind_table_free(t);
		}
	make(&made);
	for (size_t size = 0; size < sizeof(made.table); size++) {
		struct go_function f;
		struct go_table g;

		made.sections[0].size = size;
		if (go_table_find(&g, &made.file))
			for (size_t i = 0; i < g.n; i++)
				(void)go_table_at(&g, i, &f);
	}
}

int main(void)
{
	make(&made);
	test_names();
	test_frames();
	test_text();
	test_later_version();
	test_broken();
	return check_done();
}
