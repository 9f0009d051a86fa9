/* SPDX-License-Identifier: BSD-2-Clause */
/* Each call frame instruction and each rule of the tables, from bytes made here: x86-64 and arm64. */
#include <errno.h>
#include <time.h>

#include "check.h"
#include "made_cfi.h"
#include "symbols/unwind_table.h"

/* CFA = rsp + 8, the return address just below it: what every x86 function begins with. */
#define X86_START "\x0c\x07\x08\x90\x01"
static const struct made_cie x86 = {
	.encoding = 0x1b, .code_align = 1, .data_align = -8, .ra = 16, .program = X86_START, .len = 5};
static const struct made_cie arm64 = {
	.encoding = 0x1b, .code_align = 4, .data_align = -8, .ra = 30, .program = "\x0c\x1f\x00", .len = 3};

/* A rule to be found at an offset in the function. */
struct expected {
	uint32_t at;
	struct unwind_rule rule;
};

struct example {
	const char *name, *program;
	size_t len;
	struct expected rules[6]; /* the first without a rule (and not at 0) ends them */
};

#define PROGRAM(s) s, sizeof(s) - 1

#define SP(off)                                                                                              \
	{                                                                                                    \
		.cfa = UNWIND_SP, .cfa_off = off, .ra_off = -8                                               \
	}
#define FP(off)                                                                                              \
	{                                                                                                    \
		.cfa = UNWIND_FP, .cfa_off = off, .ra_off = -8                                               \
	}
#define UNSUPPORTED                                                                                          \
	{                                                                                                    \
		.cfa = UNWIND_UNSUPPORTED                                                                    \
	}
#define BYTES 0x40 /* of each function */

static const struct example x86_examples[] = {
	{"nothing", PROGRAM(""), {{0, SP(8)}, {BYTES - 1, SP(8)}}},
	{"push, mov and leave",
	 PROGRAM("\x41\x0e\x10\x86\x02\x43\x0d\x06\x48\x0c\x07\x08"),
	 {{0, SP(8)},
	  {1, {.cfa = UNWIND_SP, .cfa_off = 16, .ra_off = -8, .fp = UNWIND_FP_AT_CFA, .fp_off = -16}},
	  {4, {.cfa = UNWIND_FP, .cfa_off = 16, .ra_off = -8, .fp = UNWIND_FP_AT_CFA, .fp_off = -16}},
	  {12, {.cfa = UNWIND_SP, .cfa_off = 8, .ra_off = -8, .fp = UNWIND_FP_AT_CFA, .fp_off = -16}}}},
	{"advance by 1, 2 and 4 bytes",
	 PROGRAM("\x02\x05\x0e\x10\x03\x06\x00\x0e\x18\x04\x07\x00\x00\x00\x0e\x20"),
	 {{4, SP(8)}, {5, SP(16)}, {10, SP(16)}, {11, SP(24)}, {17, SP(24)}, {18, SP(32)}}},
	{"advance by 8 bytes", PROGRAM("\x1d\x09\0\0\0\0\0\0\0\x0e\x10"), {{8, SP(8)}, {9, SP(16)}}},
	{"remember and recall",
	 PROGRAM("\x41\x0e\x10\x0a\x41\x0e\x20\x0a\x41\x0e\x30\x41\x0b\x41\x0b"),
	 {{1, SP(16)}, {2, SP(32)}, {3, SP(48)}, {4, SP(32)}, {5, SP(16)}}},
	{"recall the way to the CFA",
	 PROGRAM("\x0a\x41\x0f\x03\x77\x08\x06\x41\x0b"),
	 {{0, SP(8)}, {1, {.cfa = UNWIND_AT_SP, .cfa_off = 8, .ra_off = -8}}, {2, SP(8)}}},
	{"restore",
	 PROGRAM("\x86\x02\x41\xc6\x41\x86\x03\x41\x06\x06"),
	 {{0, {.cfa = UNWIND_SP, .cfa_off = 8, .ra_off = -8, .fp = UNWIND_FP_AT_CFA, .fp_off = -16}},
	  {1, SP(8)},
	  {2, {.cfa = UNWIND_SP, .cfa_off = 8, .ra_off = -8, .fp = UNWIND_FP_AT_CFA, .fp_off = -24}},
	  {3, SP(8)}}},
	{"offset_extended, _sf, and negative",
	 PROGRAM("\x05\x06\x02\x41\x11\x06\x7d\x41\x2f\x06\x02"),
	 {{0, {.cfa = UNWIND_SP, .cfa_off = 8, .ra_off = -8, .fp = UNWIND_FP_AT_CFA, .fp_off = -16}},
	  {1, {.cfa = UNWIND_SP, .cfa_off = 8, .ra_off = -8, .fp = UNWIND_FP_AT_CFA, .fp_off = 24}},
	  {2, {.cfa = UNWIND_SP, .cfa_off = 8, .ra_off = -8, .fp = UNWIND_FP_AT_CFA, .fp_off = 16}}}},
	{"frame pointers that nothing tells",
	 PROGRAM("\x07\x06\x41\x08\x06\x41\x09\x06\x03\x41\x14\x06\x02\x41\x15\x06\x7e\x41\x16\x06\x02\x76"
		 "\x00"),
	 {{0, {.cfa = UNWIND_SP, .cfa_off = 8, .ra_off = -8, .fp = UNWIND_FP_LOST}},
	  {1, SP(8)},
	  {2, {.cfa = UNWIND_SP, .cfa_off = 8, .ra_off = -8, .fp = UNWIND_FP_LOST}},
	  {3, {.cfa = UNWIND_SP, .cfa_off = 8, .ra_off = -8, .fp = UNWIND_FP_LOST}},
	  {4, {.cfa = UNWIND_SP, .cfa_off = 8, .ra_off = -8, .fp = UNWIND_FP_LOST}},
	  {5, {.cfa = UNWIND_SP, .cfa_off = 8, .ra_off = -8, .fp = UNWIND_FP_LOST}}}},
	{"frame pointers by expressions",
	 PROGRAM("\x10\x06\x02\x76\x70\x41\x10\x06\x02\x77\x18\x41\x10\x06\x02\x23\x04\x41\x10\x06\x03\x77"
		 "\x00\x06"),
	 {{0, {.cfa = UNWIND_SP, .cfa_off = 8, .ra_off = -8, .fp = UNWIND_FP_AT_FP, .fp_off = -16}},
	  {1, {.cfa = UNWIND_SP, .cfa_off = 8, .ra_off = -8, .fp = UNWIND_FP_AT_CFA, .fp_off = 16}},
	  {2, {.cfa = UNWIND_SP, .cfa_off = 8, .ra_off = -8, .fp = UNWIND_FP_AT_CFA, .fp_off = 4}},
	  {3, {.cfa = UNWIND_SP, .cfa_off = 8, .ra_off = -8, .fp = UNWIND_FP_LOST}}}},
	{"a frame pointer far away, and too far",
	 PROGRAM("\x05\x06\x80\x20\x41\x05\x06\x81\x20\x41\x05\x06\x82\x20"),
	 {{0, {.cfa = UNWIND_SP, .cfa_off = 8, .ra_off = -8, .fp = UNWIND_FP_AT_CFA, .fp_off = -32768}},
	  {1, {.cfa = UNWIND_SP, .cfa_off = 8, .ra_off = -8, .fp = UNWIND_FP_AT_BASE, .fp_off = -32768}},
	  {2, {.cfa = UNWIND_SP, .cfa_off = 8, .ra_off = -8, .fp = UNWIND_FP_LOST}}}},
	{"def_cfa_sf, def_cfa_offset_sf",
	 PROGRAM("\x12\x06\x7e\x41\x13\x7d\x41\x13\x02"),
	 {{0, FP(16)}, {1, FP(24)}, {2, FP(-16)}}},
	{"half a CFA",
	 PROGRAM("\x0f\x03\x77\x08\x06\x41\x0e\x10\x41\x0c\x07\x08\x41\x0f\x02\x77\x08\x41\x0d\x07"),
	 {{0, {.cfa = UNWIND_AT_SP, .cfa_off = 8, .ra_off = -8}},
	  {1, UNSUPPORTED},
	  {2, SP(8)},
	  {3, SP(8)},
	  {4, UNSUPPORTED}}},
	{"realigned: *(rbp - 8)",
	 PROGRAM("\x0f\x03\x76\x78\x06"),
	 {{0, {.cfa = UNWIND_AT_FP, .cfa_off = -8, .ra_off = -8}}}},
	{"*(rsp + 152) + 8, said in three ways",
	 PROGRAM("\x0f\x06\x77\x98\x01\x06\x23\x08\x41\x0f\x06\x77\x98\x01\x06\x38\x22\x41\x0f\x06\x38\x77"
		 "\x98\x01\x06\x22"),
	 {{0, {.cfa = UNWIND_AT_SP, .cfa_off = 152, .add = 8, .ra_off = -8}},
	  {2, {.cfa = UNWIND_AT_SP, .cfa_off = 152, .add = 8, .ra_off = -8}}}},
	{"*(rsp + 152 + 8) - 16 with bregx, constants, minus and nop",
	 PROGRAM("\x0f\x0b\x92\x07\x98\x01\x0a\x08\x00\x22\x06\x40\x1c\x41\x0f\x04\x96\x08\x10\x96"),
	 {{0, {.cfa = UNWIND_AT_SP, .cfa_off = 160, .add = -16, .ra_off = -8}}, {1, UNSUPPORTED}}},
	{"a constant on top", PROGRAM("\x0f\x05\x77\x00\x0b\xf8\xff"), {{0, UNSUPPORTED}}},
	{"a constant that ends too early", PROGRAM("\x0f\x04\x77\x00\x0d\x10"), {{0, UNSUPPORTED}}},
	{"rsp - 8 - 8 + 16 + 1 - 1",
	 PROGRAM("\x0f\x1c\x77\x00\x09\xf8\x22\x0b\xf8\xff\x22\x0c\x10\x00\x00\x00\x22\x0e\x01\x00\x00\x00"
		 "\x00\x00\x00\x00\x22\x11\x7f\x22\x96"),
	 {{0, SP(0)}}},
	{"memory of memory, of other registers",
	 PROGRAM("\x0f\x04\x77\x08\x06\x06\x41\x0f\x03\x7a\x08\x06\x41\x0f\x01\x38\x41\x0f\x00\x41\x0f\x03"
		 "\x22\x22\x22"),
	 {{0, UNSUPPORTED}, {4, UNSUPPORTED}}},
	{"a stub of the PLT",
	 PROGRAM("\x0e\x10\x46\x0e\x18\x4a\x0f\x0b\x77\x08\x80\x00\x3f\x1a\x3b\x2a\x33\x24\x22"),
	 {{0, SP(16)}, {6, SP(24)}, {16, {.cfa = UNWIND_PLT, .cfa_off = 11, .ra_off = -8}}}},
	{"the outermost function", PROGRAM("\x07\x10\x41\x90\x01"), {{0, {.cfa = UNWIND_ROOT}}, {1, SP(8)}}},
	{"vfork: the return address in rdi",
	 PROGRAM("\x41\x0e\x00\x09\x10\x05"),
	 {{0, SP(8)}, {1, {.cfa = UNWIND_SP, .ra = UNWIND_RA_REG, .reg = 5}}}},
	{"the CFA in rax; and the return address in rdi",
	 PROGRAM("\x0d\x00\x41\x09\x10\x05"),
	 {{0, {.cfa = UNWIND_REG, .reg = 0, .cfa_off = 8, .ra_off = -8}}, {1, UNSUPPORTED}}},
	{"rbx is of no interest", PROGRAM("\x83\x02\x41\x83\x03"), {{0, SP(8)}, {1, SP(8)}}},
	{"a return address elsewhere",
	 PROGRAM("\x90\x02\x41\x05\x10\x81\x20\x41\x08\x10\x41\x10\x10\x02\x77\x08\x41\x10\x10\x02\x76\x08"),
	 {{0, {.cfa = UNWIND_SP, .cfa_off = 8, .ra_off = -16}},
	  {1, {.cfa = UNWIND_SP, .cfa_off = 8, .ra = UNWIND_RA_AT_BASE, .ra_off = -32768}},
	  {2, UNSUPPORTED},
	  {3, {.cfa = UNWIND_SP, .cfa_off = 8, .ra_off = 0}},
	  {4, UNSUPPORTED}}},
	{"arguments' size, nothing, and what arm64 has",
	 PROGRAM("\x2e\x90\x01\x00\x2d\x2c\x41\x0e\x10"),
	 {{0, SP(8)}, {1, SP(16)}}},
	{"nobody knows 0x3f",
	 PROGRAM("\x41\x0e\x10\x41\x3f\x41\x0e\x18"),
	 {{0, SP(8)}, {1, SP(16)}, {2, UNSUPPORTED}, {BYTES - 1, UNSUPPORTED}}},
	{"recall what was not remembered", PROGRAM("\x41\x0b"), {{0, SP(8)}, {1, UNSUPPORTED}}},
	{"remember without end",
	 PROGRAM("\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\x41\n"),
	 {{0, SP(8)}, {1, UNSUPPORTED}}},
	{"an expression that is longer than its function",
	 PROGRAM("\x41\x0f\x7f\x77\x08"),
	 {{0, SP(8)}, {1, UNSUPPORTED}}},
	{"an advance beyond every address",
	 PROGRAM("\x41\x0e\x10\x1d\xff\xff\xff\xff\xff\xff\xff\xff\x0e\x18"),
	 {{0, SP(8)}, {1, UNSUPPORTED}}},
	{"an advance beyond the function",
	 PROGRAM("\x41\x0e\x10\x02\x80\x0e\x18\x3f"),
	 {{0, SP(8)}, {1, SP(16)}, {BYTES - 1, SP(16)}}},
};

/* arm64: the return address is in x30 (the link register) until it is saved. */
#define LR .ra = UNWIND_RA_REG, .reg = 30
static const struct example arm64_examples[] = {
	{"a leaf", PROGRAM(""), {{0, {.cfa = UNWIND_SP, LR}}}},
	{"stp x29, x30, [sp, -32]!",
	 PROGRAM("\x41\x0e\x20\x9d\x04\x9e\x03\x41\x0d\x1d\x44\xdd\xde\x0c\x1f\x00"),
	 {{0, {.cfa = UNWIND_SP, LR}},
	  {4, {.cfa = UNWIND_SP, .cfa_off = 32, .fp = UNWIND_FP_AT_CFA, .fp_off = -32, .ra_off = -24}},
	  {8, {.cfa = UNWIND_FP, .cfa_off = 32, .fp = UNWIND_FP_AT_CFA, .fp_off = -32, .ra_off = -24}},
	  {24, {.cfa = UNWIND_SP, LR}}}},
	{"signed return addresses",
	 PROGRAM("\x41\x2d\x41\x0e\x10\x9d\x02\x9e\x01"),
	 {{4, {.cfa = UNWIND_SP, LR}},
	  {8, {.cfa = UNWIND_SP, .cfa_off = 16, .fp = UNWIND_FP_AT_CFA, .fp_off = -16, .ra_off = -8}}}},
	{"sub sp, sp, #100080; stp x29, x30, [sp]",
	 PROGRAM("\x41\x0e\xf0\x8d\x06\x05\x1d\xde\x61\x05\x1e\xdd\x61"),
	 {{0, {.cfa = UNWIND_SP, LR}},
	  {4, {.cfa = UNWIND_SP, .cfa_off = 100080, .fp = UNWIND_FP_AT_BASE, .ra = UNWIND_RA_AT_BASE, .ra_off = 8}}}},
	{"the return address in x17, undefined, in a place of its own",
	 PROGRAM("\x09\x1e\x11\x41\x07\x1e\x41\x14\x1e\x01"),
	 {{0, {.cfa = UNWIND_SP, .ra = UNWIND_RA_REG, .reg = 17}},
	  {4, {.cfa = UNWIND_ROOT}},
	  {8, UNSUPPORTED}}},
	{"the CFA in x9 while the return address is in x30",
	 PROGRAM("\x0d\x09\x41\x9e\x01"),
	 {{0, UNSUPPORTED}, {4, {.cfa = UNWIND_REG, .reg = 9, .ra_off = -8}}}},
	{"no PLT expression here",
	 PROGRAM("\x0f\x0b\x77\x08\x80\x00\x3f\x1a\x3b\x2a\x33\x24\x22"),
	 {{0, UNSUPPORTED}}},
	{"x19 is no rbx",
	 PROGRAM("\x83\x02\x41\x93\x03"),
	 {{0, {.cfa = UNWIND_SP, LR}}, {4, {.cfa = UNWIND_SP, LR}}}},
};

static struct unwind_table *build(const struct made *m, struct elf_file *e, struct bytes *file)
{
	struct unwind_table *t = NULL;

	*file = made_file(m);
	CHECK_EQ(elf_file_read(e, file->data, file->len), 0);
	CHECK_EQ(unwind_table_build(&t, e, NULL), 0);
	return t;
}

static bool same_rule(const struct unwind_rule *a, const struct unwind_rule *b)
{
	return !memcmp(a, b, sizeof(*a));
}

static void check_rule(const struct unwind_table *t, uint64_t vaddr, const struct unwind_rule *rule,
		       const char *name)
{
	const struct unwind_rule *r = unwind_table_rule_at(t, vaddr);

	CHECK(same_rule(r, rule));
	if (!same_rule(r, rule))
		fprintf(stderr,
			"# %s: at %#" PRIx64 ": cfa %u, %d, reg %u, add %d; fp %u, %d; ra %u, %d; bx %d\n",
			name, vaddr - MADE_TEXT, r->cfa, r->cfa_off, r->reg, r->add, r->fp, r->fp_off, r->ra,
			r->ra_off, r->bx_off);
}

/* All examples in one file, one function behind the other. */
static void check_examples(const struct example *examples, size_t n, uint16_t machine,
			   const struct made_cie *cie)
{
	struct made m = {.machine = machine};
	struct bytes file;
	struct elf_file e;
	struct unwind_table *t;
	size_t at = put_cie(&m.eh, cie);

	for (size_t i = 0; i < n; i++)
		put_fde(&m.eh, cie, at, MADE_TEXT + i * BYTES, BYTES, examples[i].program, examples[i].len);
	t = build(&m, &e, &file);
	CHECK_EQ(t->stats.fdes, n);
	CHECK_EQ(t->stats.broken, 0);
	CHECK_EQ(t->stats.covered_bytes, n * BYTES);
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < 6 && (!k || examples[i].rules[k].at); k++)
			check_rule(t, MADE_TEXT + i * BYTES + examples[i].rules[k].at,
				   &examples[i].rules[k].rule, examples[i].name);
	unwind_table_free(t);
	elf_file_release(&e);
	bytes_release(&file);
	bytes_release(&m.eh);
}

/* One function, under a CIE of its own. */
static void check_one(uint16_t machine, const struct made_cie *cie, const char *program, size_t len,
		      const struct unwind_rule *rule)
{
	struct made m = {.machine = machine};
	struct bytes file;
	struct elf_file e;
	struct unwind_table *t;
	size_t at = put_cie(&m.eh, cie);

	put_fde(&m.eh, cie, at, MADE_TEXT, BYTES, program, len);
	t = build(&m, &e, &file);
	check_rule(t, MADE_TEXT, rule, cie->letters);
	unwind_table_free(t);
	elf_file_release(&e);
	bytes_release(&file);
	bytes_release(&m.eh);
}

static void check_signal_frames(void)
{
	static const struct unwind_rule signal = {.cfa = UNWIND_SIGNAL}, ordinary = SP(8);
	static const char expressions[] = "\x0f\x04\x77\xa0\x01\x06\x10\x10\x03\x77\xa8\x01";
	struct made_cie cie = x86;

	cie.letters = "zRS";
	check_one(EM_X86_64, &cie, PROGRAM(expressions), &signal);
	check_one(EM_X86_64, &cie, "", 0, &ordinary);
	cie = arm64;
	cie.letters = "zRS";
	check_one(EM_AARCH64, &cie, PROGRAM("\x0c\x1d\x10\x9e\x01"), &signal);
}

/* Where a handler returns to, in the midst of code without call frame information: a vdso of arm64 has no other. */
static void check_sigreturn(void)
{
	static const char code[64] = "\x1f\x20\x03\xd5\x1f\x20\x03\xd5\x68\x11\x80\xd2\x01\x00\x00\xd4";
	struct elf_segment segments[] = {
		{.type = PT_LOAD, .flags = PF_X, .vaddr = MADE_TEXT, .filesz = sizeof(code), .memsz = sizeof(code)}};
	struct elf_file e = {.is64 = true,
			     .machine = EM_AARCH64,
			     .data = (const unsigned char *)code,
			     .size = sizeof(code),
			     .segments = segments,
			     .n_segments = 1};
	static const struct unwind_rule none = {.cfa = UNWIND_NONE}, signal = {.cfa = UNWIND_SIGNAL};
	struct unwind_table *t;

	CHECK_EQ(unwind_table_build(&t, &e, NULL), 0);
	check_rule(t, MADE_TEXT + 3, &none, "before");
	check_rule(t, MADE_TEXT + 4, &signal, "the nop");
	check_rule(t, MADE_TEXT + 8, &signal, "mov x8");
	check_rule(t, MADE_TEXT + 15, &signal, "svc");
	check_rule(t, MADE_TEXT + 16, &none, "behind");
	unwind_table_free(t);
	e.machine = EM_X86_64;
	CHECK_EQ(unwind_table_build(&t, &e, NULL), -ENOENT);
}

/* What the linker says nothing of: stubs in sections at MADE_TEXT + 0x1000 * (1 + number), 64 bytes each. */
static void check_stubs(uint16_t machine, const struct made_cie *cie, const char *const names[3],
			const char *code, const struct expected *rules, size_t n)
{
	struct elf_segment segments[] = {
		{.type = PT_LOAD, .flags = PF_X, .vaddr = MADE_TEXT, .memsz = MADE_SIZE}};
	struct elf_section sections[4] = {
		{.name = ".eh_frame", .type = SHT_PROGBITS, .addr = MADE_EH + MADE_HEAD}};
	struct elf_file e = {.is64 = true,
			     .machine = machine,
			     .segments = segments,
			     .n_segments = 1,
			     .sections = sections,
			     .n_sections = 4};
	struct unwind_table *t;
	struct bytes b = {0};

	put_fde(&b, cie, put_cie(&b, cie), MADE_TEXT, BYTES, "", 0);
	sections[0].size = b.len;
	for (size_t i = 0; i < 3; i++) {
		struct elf_section *stubs = &sections[1 + i];

		stubs->name = names[i];
		stubs->type = SHT_PROGBITS;
		stubs->addr = MADE_TEXT + 0x1000 * (1 + i);
		stubs->offset = b.len;
		stubs->size = 64;
	}
	must(!bytes_add(&b, code, 64));
	e.data = b.data;
	e.size = b.len;
	CHECK_EQ(unwind_table_build(&t, &e, NULL), 0);
	for (size_t i = 0; i < n; i++)
		check_rule(t, MADE_TEXT + rules[i].at, &rules[i].rule, "stubs");
	CHECK_EQ(t->stats.fdes, 1);
	unwind_table_free(t);
	bytes_release(&b);
}

static void check_plt(void)
{
	static const char *const names[] = {".plt", ".plt.sec", ".plt.got"};
	static const char lazy[64] = "\xff\x35....\xff\x25....\x0f\x1f\x40.\xff\x25....\x68....\xe9";
	static const char endbr[64] = "\xff\x35....\xff\x25....\x0f\x1f\x40.\xf3\x0f\x1e\xfa\x68....\xe9";
	static const char unknown[64] = "\xff\x35....\xff\x25....\x0f\x1f\x40.\x90\x90";
	static const char arm64_lazy[64] = "\xf0\x7b\xbf\xa9",
			  arm64_bti[64] = "\x5f\x24\x03\xd5\xf0\x7b\xbf\xa9";
	static const struct expected x86_rules[] = {
		{0x1000, SP(16)},
		{0x1006, SP(24)},
		{0x1010, {.cfa = UNWIND_PLT, .cfa_off = 11, .ra_off = -8}},
		{0x103f, {.cfa = UNWIND_PLT, .cfa_off = 11, .ra_off = -8}},
		{0x1040, {.cfa = UNWIND_NONE}},
		{0x2000, SP(8)},
		{0x3000, SP(8)},
	};
	static const struct expected endbr_rules[] = {
		{0x1006, SP(24)}, {0x1010, {.cfa = UNWIND_PLT, .cfa_off = 9, .ra_off = -8}}};
	static const struct expected unknown_rules[] = {{0x1000, {.cfa = UNWIND_NONE}}, {0x2000, SP(8)}};
	static const struct expected arm64_rules[] = {
		{0x1000, {.cfa = UNWIND_SP, LR}},
		{0x1004, {.cfa = UNWIND_SP, .cfa_off = 16, .ra_off = -8}},
		{0x101f, {.cfa = UNWIND_SP, .cfa_off = 16, .ra_off = -8}},
		{0x1020, {.cfa = UNWIND_SP, LR}},
		{0x103f, {.cfa = UNWIND_SP, LR}},
	};
	static const struct expected bti_rules[] = {
		{0x1007, {.cfa = UNWIND_SP, LR}},
		{0x1008, {.cfa = UNWIND_SP, .cfa_off = 16, .ra_off = -8}},
		{0x1020, {.cfa = UNWIND_SP, LR}},
	};

	check_stubs(EM_X86_64, &x86, names, lazy, x86_rules, sizeof(x86_rules) / sizeof(x86_rules[0]));
	check_stubs(EM_X86_64, &x86, names, endbr, endbr_rules, 2);
	check_stubs(EM_X86_64, &x86, names, unknown, unknown_rules, 2);
	check_stubs(EM_AARCH64, &arm64, names, arm64_lazy, arm64_rules,
		    sizeof(arm64_rules) / sizeof(arm64_rules[0]));
	check_stubs(EM_AARCH64, &arm64, names, arm64_bti, bti_rules, 3);
}

/* Where rbx was saved is told only in files that find a CFA by it. */
static void check_rbx(void)
{
	static const struct unwind_rule cfa = {.cfa = UNWIND_REG,
					       .reg = 3,
					       .cfa_off = 16,
					       .ra_off = -8,
					       .bx_off = -16},
					saved = {.cfa = UNWIND_SP, .cfa_off = 8, .ra_off = -8, .bx_off = -24},
					plain = SP(8);
	struct made m = {.machine = EM_X86_64};
	struct bytes file;
	struct elf_file e;
	struct unwind_table *t;
	size_t at = put_cie(&m.eh, &x86);

	put_fde(&m.eh, &x86, at, MADE_TEXT, BYTES, PROGRAM("\x83\x03\x41\xc3\x41\x83\x03\x41\x07\x03"));
	put_fde(&m.eh, &x86, at, MADE_TEXT + BYTES, BYTES, PROGRAM("\x0e\x10\x83\x02\x41\x0d\x03"));
	t = build(&m, &e, &file);
	check_rule(t, MADE_TEXT, &saved, "rbx saved");
	check_rule(t, MADE_TEXT + 1, &plain, "rbx restored");
	check_rule(t, MADE_TEXT + 2, &saved, "rbx saved again");
	check_rule(t, MADE_TEXT + 3, &plain, "rbx undefined");
	check_rule(t, MADE_TEXT + BYTES + 1, &cfa, "CFA by rbx");
	CHECK_EQ(t->stats.covered_bytes, 2 * BYTES);
	unwind_table_free(t);
	elf_file_release(&e);
	bytes_release(&file);
	bytes_release(&m.eh);
}

/* The packed form says the same at every byte; pages keep within chunks wherever they begin. */
static void check_packed(const struct unwind_table *t, uint32_t first_row)
{
	struct unwind_packed p;

	CHECK_EQ(unwind_table_pack(&p, t, first_row), 0);
	CHECK_EQ(p.n_pages, (t->high - t->low) >> UNWIND_PAGE_BITS);
	CHECK_EQ(p.first_page, t->low >> UNWIND_PAGE_BITS);
	for (uint64_t at = t->low; at < t->high; at++)
		if (&t->rules[unwind_packed_rule_at(&p, at)] != unwind_table_rule_at(t, at)) {
			CHECK_EQ(at, 0);
			break;
		}
	CHECK_EQ(unwind_packed_rule_at(&p, t->low - 1), 0);
	CHECK_EQ(unwind_packed_rule_at(&p, t->high), 0);
	CHECK_EQ(unwind_packed_rule_at(&p, UINT64_MAX), 0);
	for (size_t i = 0; i < p.n_pages; i++) {
		const struct unwind_page *page = &p.pages[i];

		if (!page->n)
			continue;
		CHECK(page->row >= first_row && page->row - first_row + page->n <= p.n_rows);
		CHECK_EQ(page->row / UNWIND_CHUNK_ROWS, (page->row + page->n - 1) / UNWIND_CHUNK_ROWS);
		CHECK_EQ(p.rows[page->row - first_row] >> UNWIND_RULE_BITS, 0);
	}
	unwind_packed_release(&p);
}

/* Rows at every byte, gaps, and pages without any. */
static void check_packing(void)
{
	struct made m = {.machine = EM_X86_64};
	struct bytes program = {0}, file;
	struct elf_file e;
	struct unwind_table *t;
	struct unwind_packed p;
	size_t at = put_cie(&m.eh, &x86);

	for (unsigned int i = 0; i < 3000; i++) {
		put(&program, 0x0e41 | (8 + i % 100) << 16, 3);
	}
	put_fde(&m.eh, &x86, at, MADE_TEXT + 5, 3000, (char *)program.data, program.len);
	put_fde(&m.eh, &x86, at, MADE_TEXT + 0x1000 - 3, 0x1803, "", 0);
	put_fde(&m.eh, &x86, at, MADE_TEXT + 0x4fff, 1, "", 0);
	t = build(&m, &e, &file);
	CHECK(t->n_rows > 2900);
	check_packed(t, 0);
	for (uint32_t start = UNWIND_CHUNK_ROWS - 3100; start < UNWIND_CHUNK_ROWS + 3; start += 101)
		check_packed(t, start);
	CHECK_EQ(unwind_table_pack(&p, t, UINT32_MAX - 100), -E2BIG);
	unwind_packed_release(&p);
	unwind_table_free(t);
	elf_file_release(&e);
	bytes_release(&file);
	bytes_release(&program);
	bytes_release(&m.eh);
}

static int build_error(const struct made *m, bool narrow)
{
	struct bytes file = made_file(m);
	struct unwind_table *t = NULL;
	struct elf_file e;
	int err;

	CHECK_EQ(elf_file_read(&e, file.data, file.len), 0);
	e.is64 = !narrow;
	err = unwind_table_build(&t, &e, NULL);
	CHECK(!t == (err != 0));
	unwind_table_free(t);
	elf_file_release(&e);
	bytes_release(&file);
	return err;
}

static void check_refused(void)
{
	struct made m = {.machine = EM_X86_64};
	struct bytes program = {0};
	size_t at;

	CHECK_EQ(build_error(&m, false), -ENOENT); /* nothing in .eh_frame */
	at = put_cie(&m.eh, &x86);
	CHECK_EQ(build_error(&m, false), -ENOENT);
	put_fde(&m.eh, &x86, at, MADE_TEXT, BYTES, "", 0);
	CHECK_EQ(build_error(&m, false), 0);
	CHECK_EQ(build_error(&m, true), -ENOTSUP);
	m.machine = EM_386;
	CHECK_EQ(build_error(&m, false), -ENOTSUP);
	m.machine = EM_X86_64;
	m.text_size = UNWIND_TEXT_MAX - 0x1000;
	CHECK_EQ(build_error(&m, false), 0);
	m.text_size = UNWIND_TEXT_MAX + 1;
	CHECK_EQ(build_error(&m, false), -E2BIG);
	m.text_size = UINT64_MAX - MADE_TEXT;
	CHECK_EQ(build_error(&m, false), -E2BIG);
	m.text_size = 0x100000;
	for (unsigned int i = 0; i < UNWIND_RULES_MAX; i++) {
		put(&program, 0x0e41, 2);
		put_uleb(&program, 16 + i * 8);
	}
	put_fde(&m.eh, &x86, at, MADE_TEXT + 0x1000, 0x20000, (char *)program.data, program.len);
	CHECK_EQ(build_error(&m, false), -E2BIG);
	bytes_release(&program);
	bytes_release(&m.eh);
}

/* Files made to take long: one expression for many rows, rules that differ in little. */
static void check_time(void)
{
	struct made m = {.machine = EM_X86_64, .text_size = 0x400000};
	struct bytes program = {0};
	size_t at = put_cie(&m.eh, &x86);
	clock_t start = clock();

	put(&program, 0x0f, 1);
	put_uleb(&program, 1 << 20);
	for (size_t i = 0; i < 1 << 20; i++)
		put(&program, i == (1 << 20) - 1 ? 0x50 : 0x96, 1);
	for (size_t i = 0; i < 1 << 20; i++)
		put(&program, 0x0641 | 0x08u << 8 | 0x06 << 16, 3);
	put_fde(&m.eh, &x86, at, MADE_TEXT, 0x200000, (char *)program.data, program.len);
	CHECK_EQ(build_error(&m, false), 0);
	CHECK(clock() - start < 5 * CLOCKS_PER_SEC);
	bytes_release(&program);
	bytes_release(&m.eh);
}

int main(void)
{
	check_examples(x86_examples, sizeof(x86_examples) / sizeof(x86_examples[0]), EM_X86_64, &x86);
	check_examples(arm64_examples, sizeof(arm64_examples) / sizeof(arm64_examples[0]), EM_AARCH64,
		       &arm64);
	check_signal_frames();
	check_rbx();
	check_plt();
	check_sigreturn();
	check_packing();
	check_refused();
	check_time();
	return check_done();
}
