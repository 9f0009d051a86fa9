/* SPDX-License-Identifier: BSD-2-Clause */
/* Functions that are unwound by what they begin and end with. */
#include <elf.h>

#include "check.h"
#include "symbols/cfa.h"
#include "symbols/plt_frames.h"
#include "symbols/prologue_frames.h"

#define AT(CFA, OFF, FP, FP_OFF)                                                                             \
	{                                                                                                    \
		.cfa = (CFA), .cfa_off = (OFF), .ra_off = -8, .fp = (FP), .fp_off = (FP_OFF)                 \
	}
#define SP(OFF)	      AT(UNWIND_SP, OFF, UNWIND_FP_SAME, 0)
#define SAVED(OFF, N) AT(UNWIND_SP, OFF, UNWIND_FP_AT_CFA, -(N))

struct expected {
	uint64_t at; /* in the code */
	struct unwind_rule rule;
};

/* The rules as the table gets them, the last of those for an address. */
struct rows {
	struct unwind_rule rule[64];
	uint64_t at[64];
	size_t n;
};

static int add_row(void *ctx, uint64_t vaddr, const struct unwind_rule *rule)
{
	struct rows *r = ctx;

	CHECK(r->n < 64);
	r->at[r->n] = vaddr;
	r->rule[r->n++] = *rule;
	return 0;
}

static void check_code(const char *code, size_t len, const struct expected *expected, size_t n)
{
	struct eh_fde fde = {.start = 0x1000, .origin = 0x1000, .end = 0x1000 + len, .cie = plt_frames_cie(EM_X86_64)};
	struct bytes program = {0};
	struct cfa_context context;
	struct rows rows = {.n = 0};

	CHECK_EQ(prologue_read(&program, (const unsigned char *)code, len), 0);
	fde.program = program.data;
	fde.program_end = program.data + program.len;
	cfa_prepare(&context, cfa_machine(EM_X86_64), fde.cie, false);
	CHECK_EQ(cfa_run(&context, &fde, add_row, &rows), 0);
	for (size_t i = 0; i < n; i++) {
		size_t row = rows.n;

		while (row > 0 && rows.at[row - 1] > 0x1000 + expected[i].at)
			row--;
		CHECK(row > 0);
		if (row && memcmp(&rows.rule[row - 1], &expected[i].rule, sizeof(struct unwind_rule)) != 0) {
			fprintf(stderr, "at %#llx: cfa %u%+d fp %u%+d\n", (unsigned long long)expected[i].at,
				rows.rule[row - 1].cfa, rows.rule[row - 1].cfa_off, rows.rule[row - 1].fp,
				rows.rule[row - 1].fp_off);
			CHECK(false);
		}
	}
	bytes_release(&program);
}

#define CHECK_CODE(CODE, ...)                                                                                \
	do {                                                                                                 \
		static const struct expected expected[] = {__VA_ARGS__};                                     \
		check_code(CODE, sizeof(CODE) - 1, expected, sizeof(expected) / sizeof(expected[0]));        \
	} while (0)

static void test_made(void)
{
	/* push %rbp; push %r15; push %rbx; sub $0x10,%rsp; call; add, pops and ret; twice */
	CHECK_CODE("\x55\x41\x57\x53\x48\x83\xec\x10\xe8....\x48\x83\xc4\x10\x5b\x41\x5f\x5d\xc3\x90\x48\x83\xc4\x10\x5b\x41\x5f\x5d\xc3",
		   {0, SP(8)}, {1, SAVED(16, 16)}, {3, SAVED(24, 16)}, {4, SAVED(32, 16)}, {8, SAVED(48, 16)}, {16, SAVED(48, 16)},
		   {17, SAVED(32, 16)}, {18, SAVED(24, 16)}, {20, SAVED(16, 16)}, {21, SP(8)}, {22, SAVED(48, 16)}, {26, SAVED(48, 16)},
		   {27, SAVED(32, 16)}, {31, SP(8)});
	/* push %rax as a filler; pop %rax; ret */
	CHECK_CODE("\x50\xe8....\x58\xc3", {0, SP(8)}, {1, SP(16)}, {6, SP(16)}, {7, SP(8)});
	/* sub $0x108,%rsp, and add $-128,%rsp */
	CHECK_CODE("\x48\x81\xec\x08\x01\x00\x00\xe8....\x48\x81\xc4\x08\x01\x00\x00\xc3", {0, SP(8)}, {7, SP(0x110)}, {19, SP(8)});
	CHECK_CODE("\x50\x48\x83\xc4\x80\xe8....\x48\x83\xec\x80\x58\xc3", {5, SP(144)}, {10, SP(144)}, {14, SP(16)}, {15, SP(8)});
	/* a frame pointer */
	CHECK_CODE("\x55\x48\x89\xe5\x53\x50\xe8....", {1, SAVED(16, 16)}, {4, AT(UNWIND_FP, 16, UNWIND_FP_AT_CFA, -16)},
		   {10, AT(UNWIND_FP, 16, UNWIND_FP_AT_CFA, -16)});
	/* no frame yet, or none at all; one that leaves the stack unaligned; one that is taken page by page */
	CHECK_CODE("\x48\x85\xff\x74\x05\x50\xe8....\x58\xc3", {0, {.cfa = UNWIND_UNSUPPORTED}}, {10, {.cfa = UNWIND_UNSUPPORTED}});
	CHECK_CODE("\x53\x50\xe8....", {1, SP(16)}, {2, {.cfa = UNWIND_UNSUPPORTED}});
	CHECK_CODE("\x50\x48\x81\xec\x00\x10\x00\x00\x48\xc7\x04\x24....", {0, SP(8)}, {1, {.cfa = UNWIND_UNSUPPORTED}});
	CHECK_CODE("\x50", {0, SP(8)});
}

static void test_names(void)
{
	CHECK(prologue_is_rust("_ZN4pool6worker17h87bc84b31a6be815E"));
	CHECK(prologue_is_rust("_ZN4pool6worker17h87bc84b31a6be815E.llvm.12"));
	CHECK(prologue_is_rust("_RNvCs1234_4pool6worker"));
	CHECK(!prologue_is_rust("_ZN4shop5QueueIiE3popEl"));
	CHECK(!prologue_is_rust("_ZN417h6workerEv"));
	CHECK(!prologue_is_rust("_R"));
	CHECK(!prologue_is_rust("main"));
}

int main(void)
{
#if defined(__x86_64__)
	test_made();
#endif
	test_names();
	return check_done();
}
