/* SPDX-License-Identifier: BSD-2-Clause */
/* Which functions call frame information is for, however it is written and wherever it is; and what is
 * broken. */
#include <errno.h>
#include <unistd.h>

#include "check.h"
#include "made_cfi.h"
#include "symbols/eh_cover.h"
#include "symbols/eh_frame.h"
#include "symbols/unwind_table.h"
#include "symbols/vdso.h"

#define START "\x0c\x07\x08\x90\x01"
static const struct made_cie x86 = {
	.encoding = 0x1b, .code_align = 1, .data_align = -8, .ra = 16, .program = START, .len = 5};

static void release(struct made *m)
{
	bytes_release(&m->eh);
	bytes_release(&m->debug);
}

/* The functions of the file, and of its debug file if there is one, as "start-end start-end ..." from
 * MADE_TEXT on. */
static void check_functions(const struct made *m, const struct made *debug, const char *expected)
{
	struct bytes file = made_file(m), debug_file = {0}, text = {0};
	struct elf_file e, d = {0};
	struct eh_function *functions;
	size_t n;

	CHECK_EQ(elf_file_read(&e, file.data, file.len), 0);
	if (debug) {
		debug_file = made_file(debug);
		CHECK_EQ(elf_file_read(&d, debug_file.data, debug_file.len), 0);
	}
	CHECK_EQ(eh_frame_functions(&e, debug ? &d : NULL, &functions, &n), 0);
	put(&text, 0, 1);
	text.len = 0;
	for (size_t i = 0; i < n; i++)
		must(!bytes_printf(&text, "%s%" PRIx64 "-%" PRIx64, i ? " " : "",
				   functions[i].start - MADE_TEXT, functions[i].end - MADE_TEXT));
	CHECK_STR((char *)text.data, expected);
	free(functions);
	elf_file_release(&e);
	elf_file_release(&d);
	bytes_release(&file);
	bytes_release(&debug_file);
	bytes_release(&text);
}

static void add(struct bytes *b, const struct made_cie *cie, uint64_t from, uint64_t to)
{
	put_fde(b, cie, put_cie(b, cie), MADE_TEXT + from, to - from, "", 0);
}

/* Each form of a pointer, relative to each thing; ULEB128 and SLEB128 too. */
static void check_encodings(void)
{
	static const unsigned char forms[] = {0, 1, 2, 3, 4, 8, 9, 10, 11, 12},
				   relative[] = {0, 0x10, 0x20, 0x30, 0x50};

	for (size_t i = 0; i < sizeof(relative); i++)
		for (size_t k = 0; k < sizeof(forms); k++) {
			struct made m = {.machine = EM_X86_64};
			struct made_cie cie = x86;
			bool narrow = forms[k] == 2 || forms[k] == 10;

			cie.encoding = relative[i] | forms[k];
			if ((cie.encoding & 0xf0) == 0x50 && forms[k])
				continue; /* aligned is a form of its own */
			if (narrow && relative[i] != 0x20)
				continue; /* 16 bits don't reach */
			if (relative[i] && relative[i] != 0x20 && (forms[k] == 1 || forms[k] == 3))
				continue; /* nor do numbers without a sign that are not as long as addresses
					   */
			add(&m.eh, &cie, 0x100, 0x140);
			check_functions(&m, NULL, "100-140");
			release(&m);
		}
}

static void check_broken_encodings(void)
{
	static const unsigned char broken[] = {0x05, 0x0d, 0x40, 0x60, 0x70, 0x80, 0x9b, 0xff};

	for (size_t i = 0; i < sizeof(broken); i++) {
		struct made m = {.machine = EM_X86_64};
		struct made_cie cie = x86;

		cie.encoding = broken[i];
		add(&m.eh, &cie, 0x100, 0x140);
		add(&m.eh, &x86, 0x200, 0x240);
		check_functions(&m, NULL, "200-240");
		release(&m);
	}
}

static void check_cies(void)
{
	static const struct {
		const char *letters;
		unsigned char version;
		bool debug, wide, readable;
	} cies[] = {
		{"zR", 1, false, false, true},	 {"zR", 3, false, false, true},
		{"zR", 1, false, true, true},	 {"zPLR", 1, false, false, true},
		{"zRS", 1, false, false, true},	 {"zRB", 1, false, false, true},
		{"zRGS", 1, false, false, true}, {"zRQ", 1, false, false, true},
		{"", 1, true, false, true},	 {"", 3, true, false, true},
		{"", 4, true, false, true},	 {"", 4, true, true, true},
		{"eh", 1, true, false, true},	 {"Q", 1, true, false, false},
		{"", 2, true, false, false},	 {"", 5, true, false, false},
	};

	for (size_t i = 0; i < sizeof(cies) / sizeof(cies[0]); i++) {
		struct made m = {.machine = EM_X86_64};
		struct made_cie cie = x86;

		cie.letters = cies[i].letters;
		cie.version = cies[i].version;
		cie.debug = cies[i].debug;
		cie.wide = cies[i].wide;
		add(cie.debug ? &m.debug : &m.eh, &cie, 0x100, 0x140);
		check_functions(&m, NULL, cies[i].readable ? "100-140" : "");
		release(&m);
	}
}

/* Out of order, dropped by the linker, outside of the text, empty, twice, one within another, overlapping. */
static void check_order(void)
{
	struct made m = {.machine = EM_X86_64};

	add(&m.eh, &x86, 0x300, 0x340);
	add(&m.eh, &x86, 0x100, 0x140);
	put(&m.eh, 0, 4); /* padding */
	add(&m.eh, &x86, 0x200, 0x240);
	add(&m.eh, &x86, 0x200, 0x240);
	add(&m.eh, &x86, 0x210, 0x220);
	add(&m.eh, &x86, 0x230, 0x260);
	add(&m.eh, &x86, -(uint64_t)MADE_TEXT, 0x300);
	add(&m.eh, &x86, MADE_SIZE, MADE_SIZE + 4);
	add(&m.eh, &x86, MADE_SIZE - 4, MADE_SIZE + 4);
	add(&m.eh, &x86, 0x400, 0x400);
	check_functions(&m, NULL, "100-140 200-240 240-260 300-340");
	release(&m);
}

/* .debug_frame fills what .eh_frame leaves; that of another build is not looked at. */
static void check_debug_frames(void)
{
	struct made m = {.machine = EM_X86_64, .build_id = 1}, debug = {.machine = EM_X86_64, .build_id = 1};
	struct made_cie cie = x86;

	cie.debug = true;
	add(&m.eh, &x86, 0x100, 0x140);
	add(&m.eh, &x86, 0x200, 0x240);
	add(&m.debug, &cie, 0x80, 0x180);  /* up to 0x100 */
	add(&m.debug, &cie, 0x220, 0x280); /* begins within another */
	add(&m.debug, &cie, 0x300, 0x340);
	add(&debug.debug, &cie, 0x400, 0x440);
	add(&debug.debug, &cie, 0x320, 0x460);
	add(&debug.debug, &cie, 0x138, 0x160);
	add(&debug.debug, &cie, 0x140, 0x160);
	check_functions(&m, NULL, "80-100 100-140 200-240 300-340");
	check_functions(&m, &debug, "80-100 100-140 140-160 200-240 300-340 400-440");
	debug.compressed = true;
	check_functions(&m, &debug, "80-100 100-140 140-160 200-240 300-340 400-440");
	debug.zdebug = true;
	check_functions(&m, &debug, "80-100 100-140 140-160 200-240 300-340 400-440");
	debug.build_id = 2;
	check_functions(&m, &debug, "80-100 100-140 200-240 300-340");
	release(&m);
	release(&debug);
}

/* Code without an FDE counts where it is more than padding, in sections with instructions; without sections all that is executable does. */
static void check_cover(void)
{
	struct eh_fde fdes[] = {{.start = 0x1010, .end = 0x1100}, {.start = 0x110f, .end = 0x1200}, {.start = 0x1280, .end = 0x1310}};
	struct elf_section sections[] = {
		{.name = ".text", .flags = SHF_ALLOC | SHF_EXECINSTR, .addr = 0x1000, .size = 0x300},
		{.name = ".rodata", .flags = SHF_ALLOC, .addr = 0x1300, .size = 0x100},
		{.name = ".fini", .flags = SHF_ALLOC | SHF_EXECINSTR, .addr = 0x1400, .size = 0x20},
		{.name = ".lies", .flags = SHF_ALLOC | SHF_EXECINSTR, .addr = 0x1400, .size = UINT64_MAX},
	};
	struct elf_segment segment = {.type = PT_LOAD, .flags = PF_X, .vaddr = 0x1000, .filesz = 0x500, .memsz = 0x500};
	struct eh_frames frames = {.fdes = fdes, .n_fdes = 3}, none = {0};
	struct elf_file e = {.segments = &segment, .n_segments = 1, .sections = sections, .n_sections = 4};

	CHECK_EQ(eh_cover(&frames, &e).text, 0x320);
	CHECK_EQ(eh_cover(&frames, &e).bare, 0x10 + 0x80 + 0x20);
	CHECK_EQ(eh_cover(&none, &e).bare, 0x320);
	e.n_sections = 0;
	CHECK_EQ(eh_cover(&frames, &e).text, 0x500);
	CHECK_EQ(eh_cover(&frames, &e).bare, 0x10 + 0x80 + 0x1f0);
	e.n_segments = 0;
	CHECK_EQ(eh_cover(&frames, &e).text, 0);
}

/* A table's rows where one function's information is cut off by another's. */
static void check_overlap_rows(void)
{
	struct made m = {.machine = EM_X86_64};
	struct unwind_table *t;
	struct elf_file e;
	struct bytes file;
	size_t at = put_cie(&m.eh, &x86);

	put_fde(&m.eh, &x86, at, MADE_TEXT + 0x100, 0x40, "\x41\x0e\x10", 3);
	put_fde(&m.eh, &x86, at, MADE_TEXT + 0x120, 0x40, "\x41\x0e\x18\x50\x0e\x20\x60\x0e\x28", 9);
	put_fde(&m.eh, &x86, at, MADE_TEXT + 0x16f, 0x10, "\x41\x0e\x30",
		3); /* padding before it, a gap behind */
	file = made_file(&m);
	CHECK_EQ(elf_file_read(&e, file.data, file.len), 0);
	CHECK_EQ(unwind_table_build(&t, &e, NULL), 0);
	CHECK_EQ(unwind_table_rule_at(t, MADE_TEXT + 0xff)->cfa, UNWIND_NONE);
	CHECK_EQ(unwind_table_rule_at(t, MADE_TEXT + 0x100)->cfa_off, 8);
	CHECK_EQ(unwind_table_rule_at(t, MADE_TEXT + 0x13f)->cfa_off, 16);
	CHECK_EQ(unwind_table_rule_at(t, MADE_TEXT + 0x140)->cfa_off, 32);
	CHECK_EQ(unwind_table_rule_at(t, MADE_TEXT + 0x150)->cfa_off, 32);
	CHECK_EQ(unwind_table_rule_at(t, MADE_TEXT + 0x151)->cfa_off, 40);
	CHECK_EQ(unwind_table_rule_at(t, MADE_TEXT + 0x16e)->cfa_off, 40);
	CHECK_EQ(unwind_table_rule_at(t, MADE_TEXT + 0x16f)->cfa_off, 8);
	CHECK_EQ(unwind_table_rule_at(t, MADE_TEXT + 0x17e)->cfa_off, 48);
	CHECK_EQ(unwind_table_rule_at(t, MADE_TEXT + 0x17f)->cfa, UNWIND_NONE);
	unwind_table_free(t);
	elf_file_release(&e);
	bytes_release(&file);
	release(&m);
}

/* Without section headers, by .eh_frame_hdr: with its table, and without. */
static void check_header(void)
{
	struct made m = {.machine = EM_X86_64, .no_sections = true};
	size_t at = put_cie(&m.eh, &x86);

	put_fde(&m.eh, &x86, at, MADE_TEXT + 0x100, 0x40, "", 0);
	put(&m.eh, 0, 4);
	put_fde(&m.eh, &x86, at, MADE_TEXT + 0x200, 0x40, "", 0);
	check_functions(&m, NULL, "100-140 200-240");
	m.no_table = true; /* then the entry of no length is the end */
	check_functions(&m, NULL, "100-140");
	release(&m);
}

static void check_vdso(void)
{
	int fd = vdso_open();
	struct eh_function *functions = NULL, *again = NULL;
	struct elf_file e;
	size_t n, n_again;

	CHECK(fd >= 0);
	CHECK_EQ(elf_file_open(&e, fd), 0);
	close(fd);
	CHECK_EQ(eh_frame_functions(&e, NULL, &functions, &n), 0);
	CHECK(n > 0);
	e.n_sections = 0; /* as in another process's memory */
	CHECK_EQ(eh_frame_functions(&e, NULL, &again, &n_again), 0);
	CHECK_EQ(n, n_again);
	CHECK(n == n_again && !memcmp(functions, again, n * sizeof(*functions)));
	free(functions);
	free(again);
	elf_file_release(&e);
}

/* Reads bytes that may be anything, exactly sized so that reading past them is noticed. */
static void read_broken(const unsigned char *bytes, size_t len)
{
	unsigned char *copy = malloc(len);
	struct unwind_table *t = NULL;
	struct elf_file e;

	memcpy(copy, bytes, len);
	if (!elf_file_read(&e, copy, len)) {
		if (!unwind_table_build(&t, &e, &e))
			for (size_t i = 0; i < t->n_rows; i++) {
				CHECK(t->rows[i].rule < t->n_rules);
				CHECK(i ? t->rows[i].at > t->rows[i - 1].at : true);
				CHECK(t->rows[i].at < t->high - t->low);
			}
		unwind_table_free(t);
		elf_file_release(&e);
	}
	free(copy);
}

static void check_broken(bool no_sections, bool compressed)
{
	static const unsigned char values[] = {0, 1, 0x3f, 0x7f, 0x80, 0xff};
	struct made m = {
		.machine = EM_X86_64, .no_sections = no_sections, .compressed = compressed, .build_id = 1};
	struct made_cie cie = x86;
	struct bytes file;
	size_t at;

	cie.letters = "zPLR";
	at = put_cie(&m.eh, &cie);
	put_fde(&m.eh, &cie, at, MADE_TEXT + 0x100, 0x40,
		"\x41\x0e\x10\x10\x06\x02\x76\x70\x41\x0f\x03\x77\x08\x06\x41\x0b", 16);
	put_fde(&m.eh, &cie, at, MADE_TEXT + 0x200, 0x40, "\x0a\x41\x0e\x18\x0b", 5);
	cie = x86;
	cie.debug = true;
	add(&m.debug, &cie, 0x300, 0x340);
	file = made_file(&m);
	for (size_t len = 1; len < file.len; len++)
		read_broken(file.data, len);
	for (size_t i = 0; i < file.len; i++)
		for (size_t k = 0; k < sizeof(values); k++) {
			unsigned char kept[8];
			size_t n = file.len - i < 8 ? file.len - i : 8;

			memcpy(kept, file.data + i, n);
			file.data[i] = values[k];
			read_broken(file.data, file.len);
			memset(file.data + i, values[k], n);
			read_broken(file.data, file.len);
			memcpy(file.data + i, kept, n);
		}
	bytes_release(&file);
	release(&m);
}

int main(void)
{
	check_encodings();
	check_broken_encodings();
	check_cies();
	check_order();
	check_debug_frames();
	check_cover();
	check_overlap_rows();
	check_header();
	check_vdso();
	check_broken(false, false);
	check_broken(false, true);
	check_broken(true, false);
	return check_done();
}
