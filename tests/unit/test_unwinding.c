/* SPDX-License-Identifier: BSD-2-Clause */
/* The tables that the probes read, and the walk by them: on stacks made word by word. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "capture/unwind_tables.h"
#include "check.h"

#define ARRAY(a) (sizeof(a) / sizeof((a)[0]))
#define TEXT	 0x400000ull /* where the file is mapped */
#define STACK	 0x7000000ull
#define TGID	 4711u
#define KIB	 1024u

static struct unwind_arrays arrays;
static uint32_t changes;
static struct unwind_tables *tables;

static void set_up(uint32_t n_rows, uint32_t n_mappings)
{
	arrays = (struct unwind_arrays){
		.spaces = calloc(UNWIND_SPACES, sizeof(uint64_t)),
		.mappings = calloc(n_mappings, sizeof(struct unwind_mapping)),
		.files = calloc(8, sizeof(struct unwind_file)),
		.pages = calloc(64, sizeof(struct unwind_page)),
		.rows = calloc(n_rows, sizeof(uint32_t)),
		.rules = calloc(32, sizeof(struct unwind_rule)),
		.n_mappings = n_mappings,
		.n_files = 8,
		.n_pages = 64,
		.n_rows = n_rows,
		.n_rules = 32,
		.n_mapped = UINT32_MAX,
		.changes = &changes,
	};
	tables = unwind_tables_new(&arrays);
}

static void tear_down(void)
{
	unwind_tables_free(tables);
	free(arrays.spaces);
	free(arrays.mappings);
	free(arrays.files);
	free(arrays.pages);
	free(arrays.rows);
	free(arrays.rules);
}

/* One function in each KiB of text: number i has rule i. */
enum {
	AT_ROOT,
	PLAIN,	  /* a frame of 32 bytes, no frame pointer */
	BY_FP,	  /* push rbp; mov rbp, rsp */
	SAVES_FP, /* 48 bytes, saves rbp at CFA - 16 */
	REALIGNED,
	NOWHERE,
	HANDLER,
	BY_RBX,
	SAVES_RBX,
	IN_REGISTER,
	ODD,
	N_FUNCTIONS,
};

static const struct unwind_rule rules[N_FUNCTIONS] = {
	[AT_ROOT] = {.cfa = UNWIND_ROOT},
	[PLAIN] = {.cfa = UNWIND_SP, .cfa_off = 32, .ra_off = -8},
	[BY_FP] = {.cfa = UNWIND_FP, .cfa_off = 16, .ra_off = -8, .fp = UNWIND_FP_AT_CFA, .fp_off = -16},
	[SAVES_FP] = {.cfa = UNWIND_SP, .cfa_off = 48, .ra_off = -8, .fp = UNWIND_FP_AT_CFA, .fp_off = -16},
	[REALIGNED] = {.cfa = UNWIND_AT_FP, .cfa_off = -8, .ra_off = -8, .fp = UNWIND_FP_AT_FP},
	[NOWHERE] = {.cfa = UNWIND_NONE},
	[HANDLER] = {.cfa = UNWIND_SIGNAL},
	[BY_RBX] = {.cfa = UNWIND_REG, .reg = 3, .cfa_off = 24, .ra_off = -8},
	[SAVES_RBX] = {.cfa = UNWIND_SP, .cfa_off = 32, .ra_off = -8, .bx_off = -24},
	[IN_REGISTER] = {.cfa = UNWIND_SP, .cfa_off = 8, .ra = UNWIND_RA_REG, .reg = 5},
	[ODD] = {.cfa = UNWIND_UNSUPPORTED},
};

static uint32_t install_functions(void)
{
	struct unwind_page pages[N_FUNCTIONS];
	uint32_t rows[N_FUNCTIONS], file = unwind_tables_add_file(tables);
	struct packed_table packed = {
		.rules = rules, .pages = pages, .rows = rows, .n_rules = N_FUNCTIONS, .n_pages = N_FUNCTIONS, .n_rows = N_FUNCTIONS};

	for (uint32_t i = 0; i < N_FUNCTIONS; i++) {
		/* cppcheck-suppress unreadVariable */
		pages[i] = (struct unwind_page){.row = i, .n = 1};
		/* cppcheck-suppress unreadVariable */
		rows[i] = i; /* both by way of `packed` */
	}
	CHECK_EQ(unwind_tables_is_pending(tables, file), 1);
	CHECK_EQ(unwind_tables_install(tables, file, &packed), 0);
	CHECK_EQ(unwind_tables_is_pending(tables, file), 0);
	return file;
}

static uint32_t add_region(uint32_t file)
{
	struct unwind_mapping maps[] = {
		/* longer than its text, as the loader maps a library at first */
		{.start = TEXT, .end = TEXT + (N_FUNCTIONS + 4) * KIB, .offset_bias = TEXT, .identity = 1, .file = 9, .table = file},
		{.start = 2 * TEXT, .end = 2 * TEXT + KIB, .offset_bias = 2 * TEXT, .identity = 2, .file = 10},
	};

	return unwind_tables_add_region(tables, 0, maps, ARRAY(maps));
}

/* An address in function i, behind a call. */
static uint64_t in(unsigned int i)
{
	return TEXT + i * KIB + 0x20;
}

static struct wire_copy *copy;
static uint64_t frames[WIRE_MAX_FRAMES];
static size_t n_frames;

static void begin_stack(unsigned int function, size_t words)
{
	free(copy);
	copy = calloc(1, sizeof(*copy) + words * 8);
	copy->n_words = (uint16_t)words;
	copy->regs[WIRE_REGISTER_PC] = in(function);
	copy->regs[WIRE_REGISTER_SP] = STACK;
	copy->regs[WIRE_REGISTER_FP] = 1; /* no frame pointer */
}

/* What stands behind the calls in code without tables. */
static const uint8_t *code;
static size_t code_len;

static bool read_code(const struct wire_copy *of, uint64_t pc, uint8_t *bytes)
{
	CHECK(of == copy && pc);
	if (code_len)
		memcpy(bytes, code, code_len);
	return code_len > 0;
}

static enum stack_end walk(uint32_t region)
{
	return unwind_tables_walk(tables, region, copy, read_code, frames, &n_frames);
}

/* The functions that the frames are in, innermost first, ended by -1. */
static void check_frames(const int *functions)
{
	size_t n = 0;

	for (; functions[n] >= 0; n++) {
		CHECK(n < n_frames);
		CHECK_EQ(frames[n] >> WIRE_FRAME_OFFSET_BITS, 9);
		/* the innermost is the instruction, the others the last byte of the call */
		CHECK_EQ(frames[n] & 0xffffffffffull, (uint64_t)functions[n] * KIB + 0x20 - (n > 0));
	}
	CHECK_EQ(n_frames, n);
}

static void test_plain_and_frame_pointer(uint32_t region)
{
	begin_stack(PLAIN, 40);
	copy->regs[WIRE_REGISTER_FP] = STACK + 96;
	copy->words[3] = in(SAVES_FP);	 /* of PLAIN: [sp + 32 - 8] */
	copy->words[4 + 4] = STACK + 96; /* SAVES_FP's at 32: CFA is 80, rbp at 64 */
	copy->words[4 + 5] = in(BY_FP);	 /* and the return address at 72 */
	copy->words[12] = STACK + 144;	 /* BY_FP's rbp at 96 */
	copy->words[13] = in(BY_FP);
	copy->words[18] = 0;
	copy->words[19] = in(AT_ROOT);
	CHECK_EQ(walk(region), STACK_END_ROOT);
	check_frames((const int[]){PLAIN, SAVES_FP, BY_FP, BY_FP, AT_ROOT, -1});
}

static void test_realigned(uint32_t region)
{
	begin_stack(REALIGNED, 40);
	copy->regs[WIRE_REGISTER_FP] = STACK + 64;
	copy->words[7] = STACK + 128; /* the CFA, at rbp - 8 */
	copy->words[8] = 77;	      /* the caller's rbp, at rbp */
	copy->words[15] = in(AT_ROOT);
	CHECK_EQ(walk(region), STACK_END_ROOT);
	check_frames((const int[]){REALIGNED, AT_ROOT, -1});
}

static void test_rbx(uint32_t region)
{
	begin_stack(SAVES_RBX, 40);
	copy->regs[WIRE_REGISTER_BX] = 12345;
	copy->words[1] = STACK + 64; /* rbx of the caller, at CFA - 24 */
	copy->words[3] = in(BY_RBX);
	copy->words[10] = in(AT_ROOT); /* CFA is rbx + 24 */
	CHECK_EQ(walk(region), STACK_END_ROOT);
	check_frames((const int[]){SAVES_RBX, BY_RBX, AT_ROOT, -1});
}

static void test_return_address_in_register(uint32_t region)
{
	begin_stack(IN_REGISTER, 8);
	copy->regs[5] = in(PLAIN);
	copy->words[4] = in(AT_ROOT); /* PLAIN begins at 8: its CFA is 40 */
	CHECK_EQ(walk(region), STACK_END_ROOT);
	check_frames((const int[]){IN_REGISTER, PLAIN, AT_ROOT, -1});
	/* not in a frame that is not the innermost: it would be somebody else's register */
	begin_stack(PLAIN, 8);
	copy->words[3] = in(IN_REGISTER);
	CHECK_EQ(walk(region), STACK_END_UNSUPPORTED);
}

/* The frame below a handler was interrupted: its pc is an instruction, not a return address. Its stack may lie anywhere. */
static void test_signal(uint32_t region)
{
	begin_stack(PLAIN, 200);
	copy->words[3] = in(HANDLER);
	copy->words[4 + 120 / 8] = 1;
	copy->words[4 + 160 / 8] = STACK + 16; /* lower than here: an alternate stack */
	copy->words[4 + 168 / 8] = TEXT + PLAIN * KIB;
	copy->words[2 + 3] = in(AT_ROOT);
	CHECK_EQ(walk(region), STACK_END_ROOT);
	CHECK_EQ(n_frames, 4);
	CHECK_EQ(frames[2] & 0xffffffffffull, PLAIN * KIB);
}

static void test_no_function(uint32_t region)
{
	/* in a system call: a stub without a frame */
	begin_stack(NOWHERE, 8);
	copy->in_call = 1;
	copy->words[0] = in(AT_ROOT);
	CHECK_EQ(walk(region), STACK_END_ROOT);
	/* a program's first instruction */
	begin_stack(NOWHERE, 8);
	copy->regs[WIRE_REGISTER_FP] = 0;
	CHECK_EQ(walk(region), STACK_END_ROOT);
	/* elsewhere by frame pointer, if it is one */
	begin_stack(NOWHERE, 16);
	copy->regs[WIRE_REGISTER_FP] = STACK + 32;
	copy->words[5] = in(AT_ROOT);
	CHECK_EQ(walk(region), STACK_END_ROOT);
	begin_stack(NOWHERE, 16);
	copy->regs[WIRE_REGISTER_FP] = STACK - 32;
	CHECK_EQ(walk(region), STACK_END_NO_CFI);
	/* what it leads to is no code: the frame is not believed */
	begin_stack(NOWHERE, 16);
	copy->regs[WIRE_REGISTER_FP] = STACK + 32;
	copy->words[5] = 0x1234;
	CHECK_EQ(walk(region), STACK_END_NO_CFI);
	CHECK_EQ(n_frames, 1);
}

/* Memory without tables: a JIT's, by frame pointer. */
static void test_chain(uint32_t region)
{
	begin_stack(PLAIN, 16);
	copy->regs[WIRE_REGISTER_PC] = 2 * TEXT + 8;
	copy->regs[WIRE_REGISTER_FP] = STACK + 16;
	copy->words[2] = 0;
	copy->words[3] = 2 * TEXT + 16;
	CHECK_EQ(walk(region), STACK_END_ROOT);
	CHECK_EQ(n_frames, 2);
	CHECK_EQ(frames[0], 10ull << WIRE_FRAME_OFFSET_BITS | 8);
}

#if defined(__x86_64__)
/* Walks from memory without tables, at the end of whose frame of `size` bytes the stack has the outermost function. */
static enum stack_end walk_out(uint32_t region, const char *bytes, size_t len, size_t size)
{
	begin_stack(PLAIN, 600);
	copy->regs[WIRE_REGISTER_PC] = 2 * TEXT + 8;
	copy->words[size / 8] = in(AT_ROOT);
	code = (const uint8_t *)bytes;
	code_len = len;
	return walk(region);
}

#define WALK_OUT(SIZE, BYTES) walk_out(region, BYTES, sizeof(BYTES) - 1, SIZE)

/* Code that leaves its function at once says where its return address is. */
static void test_way_out(uint32_t region)
{
	CHECK_EQ(WALK_OUT(0, "\xc3"), STACK_END_ROOT);			  /* ret */
	CHECK_EQ(WALK_OUT(8, "\x48\x83\xc4\x08\xc3"), STACK_END_ROOT);	  /* add $8,%rsp; ret: Python's trampolines */
	CHECK_EQ(n_frames, 2);
	CHECK_EQ(WALK_OUT(8, "\x59\xc3"), STACK_END_ROOT);		  /* pop %rcx; ret: main of Rust */
	CHECK_EQ(WALK_OUT(120, "\x48\x83\xc4\x78\xc3"), STACK_END_ROOT); /* as much as it can add in a byte */
	CHECK_EQ(WALK_OUT(48, "\x41\x5f\x41\x5e\x41\x5d\x41\x5c\x5d\x5b\xc3"), STACK_END_ROOT); /* all that it may have saved */
	CHECK_EQ(n_frames, 2);
	/* others: a frame of less than nothing, one that is no multiple of 8, what computes, what never ends, what can't be read */
	CHECK_EQ(WALK_OUT(8, "\x48\x83\xc4\xf8\xc3"), STACK_END_NO_CFI);
	CHECK_EQ(WALK_OUT(8, "\x48\x83\xc4\x09\xc3"), STACK_END_NO_CFI);
	CHECK_EQ(WALK_OUT(8, "\x31\xc0\x59\xc3"), STACK_END_NO_CFI);
	CHECK_EQ(WALK_OUT(8, "\x5c\xc3"), STACK_END_NO_CFI);
	CHECK_EQ(WALK_OUT(72, "\x58\x58\x58\x58\x58\x58\x58\x58\x58\xc3"), STACK_END_NO_CFI);
	CHECK_EQ(WALK_OUT(8, ""), STACK_END_NO_CFI);
	code_len = 0;
}

/* The frame pointer that it takes from the stack is its caller's. */
static void test_way_out_with_frame_pointer(uint32_t region)
{
	static const uint8_t bytes[] = {0x5b, 0x5d, 0xc3}; /* pop %rbx; pop %rbp; ret */

	begin_stack(PLAIN, 16);
	copy->regs[WIRE_REGISTER_PC] = 2 * TEXT + 8;
	copy->words[1] = STACK + 64;
	copy->words[2] = in(BY_FP);
	copy->words[9] = in(AT_ROOT);
	code = bytes;
	code_len = sizeof(bytes);
	CHECK_EQ(walk(region), STACK_END_ROOT);
	CHECK_EQ(n_frames, 3);
	CHECK_EQ(frames[1] & 0xffffffffffull, (uint64_t)BY_FP * KIB + 0x1f);
	CHECK_EQ(frames[2] & 0xffffffffffull, (uint64_t)AT_ROOT * KIB + 0x1f);
	code_len = 0;
}
#endif

static void test_ends(uint32_t region)
{
	begin_stack(ODD, 8);
	CHECK_EQ(walk(region), STACK_END_UNSUPPORTED);
	CHECK_EQ(n_frames, 1);
	begin_stack(PLAIN, 3); /* its return address lies behind what was copied */
	CHECK_EQ(walk(region), STACK_END_READ);
	begin_stack(PLAIN, 8);
	copy->words[3] = 0x1234; /* a mapping that is not known, and no frame pointer led there */
	CHECK_EQ(walk(region), STACK_END_NO_TABLE);
	begin_stack(PLAIN, 8);
	copy->words[3] = 0;
	CHECK_EQ(walk(region), STACK_END_ROOT);
	/* a frame pointer below the stack pointer */
	begin_stack(PLAIN, 8);
	copy->words[3] = in(BY_FP);
	copy->regs[WIRE_REGISTER_FP] = STACK;
	CHECK_EQ(walk(region), STACK_END_BROKEN);
	/* as deep as is looked, and deeper */
	begin_stack(PLAIN, 4 * 300);
	for (size_t i = 0; i < 300; i++)
		copy->words[4 * i + 3] = in(PLAIN);
	CHECK_EQ(walk(region), STACK_END_DEEP);
	CHECK_EQ(n_frames, WIRE_MAX_FRAMES);
}

/* Behind a file's text: what is there by another file's table is nothing of it. */
static void test_behind_text(uint32_t region)
{
	install_functions();
	begin_stack(N_FUNCTIONS + PLAIN, 8);
	copy->words[3] = in(AT_ROOT);
	CHECK_EQ(walk(region), STACK_END_NO_CFI);
	CHECK_EQ(n_frames, 1);
}

static void test_pending(void)
{
	uint32_t file = unwind_tables_add_file(tables), region = add_region(file);

	begin_stack(PLAIN, 8);
	CHECK_EQ(walk(region), STACK_END_NO_TABLE);
	unwind_tables_refuse(tables, file); /* then by frame pointer: there is none */
	CHECK_EQ(walk(region), STACK_END_NO_CFI);
}

/* Where there is no room for a table, or no place for a file: the frame is told, and that it goes no farther. */
static void test_given_up(void)
{
	uint32_t file = unwind_tables_add_file(tables), last = file;

	begin_stack(PLAIN, 8);
	unwind_tables_give_up(tables, file);
	CHECK_EQ(walk(add_region(file)), STACK_END_NO_ROOM);
	CHECK_EQ(n_frames, 1);
	for (int i = 0; i < 8; i++)
		last = unwind_tables_add_file(tables);
	CHECK_EQ(unwind_tables_add_file(tables), last);
	CHECK(!unwind_tables_is_pending(tables, last));
	CHECK_EQ(walk(add_region(last)), STACK_END_NO_ROOM);
}

/* What the child says is not believed. */
static void test_refused(void)
{
	struct unwind_rule rule = {.cfa = UNWIND_SP};
	const struct unwind_page good = {.row = 0, .n = 1}, behind = {.row = 1, .n = 1}, longer = {.row = 0, .n = 2};
	const uint32_t row = 0, wrong_row = 1;
	uint32_t file = unwind_tables_add_file(tables);
	struct packed_table packed = {.rules = &rule, .pages = &good, .rows = &wrong_row, .n_rules = 1, .n_pages = 1, .n_rows = 1};
	size_t room, before = unwind_tables_rows(tables, &room);

	CHECK_EQ(unwind_tables_install(tables, file, &packed), -EBADMSG);
	packed.rows = &row;
	packed.pages = &behind;
	CHECK_EQ(unwind_tables_install(tables, file, &packed), -EBADMSG);
	packed.pages = &longer;
	CHECK_EQ(unwind_tables_install(tables, file, &packed), -EBADMSG);
	packed.pages = &good;
	packed.n_rows = room + 1;
	CHECK_EQ(unwind_tables_install(tables, file, &packed), -ENOSPC);
	CHECK_EQ(unwind_tables_rows(tables, &room), before);
	CHECK_EQ(unwind_tables_is_pending(tables, file), 1);
	packed.n_rows = 1;
	CHECK_EQ(unwind_tables_install(tables, file, &packed), 0);
}

/* A table that does not fit into what is left of a chunk begins with the next: no page may lie on two sides. */
static void test_chunks(void)
{
	const size_t n = UNWIND_CHUNK_ROWS - 5;
	struct unwind_rule rule = {.cfa = UNWIND_SP};
	struct unwind_page page = {.row = (uint32_t)n - 3, .n = 3};
	uint32_t *rows = calloc(n, sizeof(*rows)), file;
	struct packed_table packed = {.rules = &rule, .pages = &page, .rows = rows, .n_rules = 1, .n_pages = 1, .n_rows = n};

	set_up(2 * UNWIND_CHUNK_ROWS, 64);
	CHECK_EQ(unwind_tables_install(tables, unwind_tables_add_file(tables), &packed), 0);
	packed.n_rows = 6;
	page.row = 3;
	file = unwind_tables_add_file(tables);
	CHECK_EQ(unwind_tables_install(tables, file, &packed), 0);
	CHECK_EQ(arrays.pages[arrays.files[file].page].row, UNWIND_CHUNK_ROWS + 3);
	free(rows);
	tear_down();
}

static uint32_t published(uint32_t tgid)
{
	for (uint32_t i = 0; i < UNWIND_PROBES; i++) {
		uint64_t entry = arrays.spaces[(tgid + i) & (UNWIND_SPACES - 1)];

		if (entry >> 32 == tgid)
			return (uint32_t)entry;
	}
	return 0;
}

static void test_publish(uint32_t region)
{
	uint32_t before = changes;

	CHECK_EQ(unwind_tables_publish(tables, TGID, region), 1);
	CHECK_EQ(published(TGID), region);
	CHECK_EQ(changes, before + 1);
	/* the same place in the table, as many as are looked at */
	for (uint32_t i = 1; i < UNWIND_PROBES; i++)
		CHECK_EQ(unwind_tables_publish(tables, TGID + i * UNWIND_SPACES, region + i), 1);
	before = changes;
	CHECK_EQ(unwind_tables_publish(tables, TGID + UNWIND_PROBES * UNWIND_SPACES, 5), 0);
	CHECK_EQ(changes, before);
	/* one goes: those behind it are still found, and its place is free */
	CHECK_EQ(unwind_tables_publish(tables, TGID + UNWIND_SPACES, 0), 1);
	CHECK_EQ(published(TGID + UNWIND_SPACES), 0);
	CHECK_EQ(changes, before + 1);
	CHECK_EQ(published(TGID + 7 * UNWIND_SPACES), region + 7);
	CHECK_EQ(unwind_tables_publish(tables, TGID + UNWIND_PROBES * UNWIND_SPACES, 5), 1);
	CHECK_EQ(published(TGID + UNWIND_PROBES * UNWIND_SPACES), 5);
}

/* A place is used again, but not before whoever still reads it is through; a region is never taken for another. */
static void test_regions(void)
{
	struct unwind_mapping map = {.start = TEXT, .end = TEXT + KIB};
	const struct timespec pause = {.tv_nsec = 150000000};
	const struct unwind_region *r;
	uint32_t first, second, generation;

	set_up(UNWIND_CHUNK_ROWS, 7); /* 0 is none: room for three of two elements */
	first = unwind_tables_add_region(tables, 11, &map, 1);
	r = (const struct unwind_region *)&arrays.mappings[first];
	CHECK(first != 0);
	CHECK_EQ(r->n, 1);
	CHECK_EQ(r->since, 11);
	generation = r->generation;
	unwind_tables_drop_region(tables, first);
	second = unwind_tables_add_region(tables, 12, &map, 1);
	CHECK(second != 0 && second != first);
	CHECK(unwind_tables_add_region(tables, 12, &map, 1) != 0);
	CHECK_EQ(unwind_tables_add_region(tables, 13, &map, 1), 0);
	nanosleep(&pause, NULL);
	CHECK_EQ(unwind_tables_add_region(tables, 13, &map, 1), first);
	CHECK(r->generation != generation);
	CHECK_EQ(r->since, 13);
	tear_down();
}

int main(void)
{
	uint32_t region;

	set_up(UNWIND_CHUNK_ROWS, 256);
	region = add_region(install_functions());
	test_plain_and_frame_pointer(region);
	test_realigned(region);
	test_no_function(region);
	test_chain(region);
	test_ends(region);
	test_behind_text(region);
#if defined(__x86_64__)
	test_way_out(region);
	test_way_out_with_frame_pointer(region);
	test_rbx(region);
	test_return_address_in_register(region);
	test_signal(region);
#endif
	test_pending();
	test_refused();
	test_given_up();
	test_publish(region);
	tear_down();
	test_chunks();
	test_regions();
	free(copy);
	return check_done();
}
