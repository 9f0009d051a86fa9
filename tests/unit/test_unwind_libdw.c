/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unwind tables against libdw, another reading of the same bytes: at the first and the last instruction of
 * each of libdw's rows and of ours both must find the same CFA, return address, frame pointer and (where the
 * table has it) rbx, in registers and memory that hold a different number everywhere. All functions of files
 * of this system, of arm64 ones too where a cross compiler brought them, or of
 *
 *     test_unwind_libdw [-d DEBUG] FILE...
 */
#include <dwarf.h>
#include <elfutils/libdw.h>
#include <fcntl.h>
#include <glob.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/fail.h"
#include "check.h"
#include "symbols/cfa.h"
#include "symbols/eh_frame.h"
#include "symbols/unwind_table.h"

#define SHOWN 10 /* differences in full */

enum kind { FAILED, UNDEFINED, SAME, ADDRESS, VALUE, IN_REGISTER };
static const char *const kinds[] = {"unreadable", "undefined", "same", "at", "is", "in register"};

struct place {
	enum kind kind;
	uint64_t n;
};

struct file {
	const char *path;
	const struct cfa_machine *machine;
	struct elf_file elf;
	struct unwind_table *table;
	struct unwind_packed packed;
	struct eh_function *functions;
	size_t n_functions;
	Elf *libelf;
	Dwarf *debug; /* of the separate file */
	Dwarf_CFI *cfi, *debug_cfi;
	bool has_bx;
	size_t compared, differ, unsupported, only_libdw;
	double ms;
};

/* A machine whose registers and memory all hold something else. */
static uint64_t scramble(uint64_t n)
{
	n = (n ^ n >> 30) * 0xbf58476d1ce4e5b9;
	n = (n ^ n >> 27) * 0x94d049bb133111eb;
	return n ^ n >> 31;
}

static uint64_t reg_of(uint64_t reg, uint64_t pc)
{
	return reg == 16 ? pc : scramble(reg + 1000);
}

static uint64_t memory(uint64_t address)
{
	return scramble(address) ^ 0x5555;
}

static bool step(const Dwarf_Op *op, uint64_t *s, size_t *n, uint64_t cfa, uint64_t pc)
{
	uint64_t a = *n >= 1 ? s[*n - 1] : 0, b = *n >= 2 ? s[*n - 2] : 0;
	size_t takes = 0;
	uint64_t v;

	if (op->atom >= DW_OP_breg0 && op->atom <= DW_OP_breg31) {
		v = reg_of(op->atom - DW_OP_breg0, pc) + op->number;
	} else if (op->atom >= DW_OP_lit0 && op->atom <= DW_OP_lit31) {
		v = op->atom - DW_OP_lit0;
	} else {
		takes = 2;
		switch (op->atom) {
		case DW_OP_bregx:
			v = reg_of(op->number, pc) + op->number2;
			takes = 0;
			break;
		case DW_OP_call_frame_cfa:
			v = cfa;
			takes = 0;
			break;
		case DW_OP_const1u:
		case DW_OP_const2u:
		case DW_OP_const4u:
		case DW_OP_const8u:
		case DW_OP_constu:
		case DW_OP_const1s:
		case DW_OP_const2s:
		case DW_OP_const4s:
		case DW_OP_const8s:
		case DW_OP_consts:
			v = op->number;
			takes = 0;
			break;
		case DW_OP_plus_uconst:
			v = a + op->number;
			takes = 1;
			break;
		case DW_OP_deref:
			v = memory(a);
			takes = 1;
			break;
		case DW_OP_plus:
			v = b + a;
			break;
		case DW_OP_minus:
			v = b - a;
			break;
		case DW_OP_and:
			v = b & a;
			break;
		case DW_OP_ge:
			v = (int64_t)b >= (int64_t)a;
			break;
		case DW_OP_shl:
			v = b << (a & 63);
			break;
		default:
			return false;
		}
	}
	if (*n < takes || *n - takes >= 16)
		return false;
	*n -= takes;
	s[(*n)++] = v;
	return true;
}

static struct place run(const Dwarf_Op *ops, size_t n_ops, uint64_t cfa, uint64_t pc)
{
	uint64_t s[16];
	size_t n = 0;
	bool is_value = n_ops && ops[n_ops - 1].atom == DW_OP_stack_value;

	if (n_ops == 1 && ops[0].atom >= DW_OP_reg0 && ops[0].atom <= DW_OP_reg31)
		return (struct place){IN_REGISTER, ops[0].atom - DW_OP_reg0};
	if (n_ops == 1 && ops[0].atom == DW_OP_regx)
		return (struct place){IN_REGISTER, ops[0].number};
	for (size_t i = 0; i < n_ops - is_value; i++)
		if (!step(&ops[i], s, &n, cfa, pc))
			return (struct place){FAILED, 0};
	return n ? (struct place){is_value ? VALUE : ADDRESS, s[n - 1]} : (struct place){FAILED, 0};
}

static struct place libdw_register(Dwarf_Frame *frame, unsigned int reg, uint64_t cfa, uint64_t pc)
{
	Dwarf_Op room[3], *ops;
	struct place p;
	size_t n;

	if (dwarf_frame_register(frame, (int)reg, room, &ops, &n))
		return (struct place){FAILED, 0};
	if (!n)
		return (struct place){ops ? UNDEFINED : SAME, 0};
	p = run(ops, n, cfa, pc);
	if (p.kind == IN_REGISTER && p.n == reg)
		p = (struct place){SAME, 0};
	return p;
}

static uint64_t our_cfa(const struct cfa_machine *m, const struct unwind_rule *r, uint64_t pc)
{
	uint64_t sp = reg_of(m->sp, pc), fp = reg_of(m->fp, pc), off = (uint64_t)(int64_t)r->cfa_off;

	switch (r->cfa) {
	case UNWIND_SP:
		return sp + off;
	case UNWIND_FP:
		return fp + off;
	case UNWIND_AT_SP:
		return memory(sp + off) + (uint64_t)(int64_t)r->add;
	case UNWIND_AT_FP:
		return memory(fp + off) + (uint64_t)(int64_t)r->add;
	case UNWIND_REG:
		return reg_of(r->reg, pc) + off;
	case UNWIND_PLT:
		return sp + 8 + ((pc & 15) >= off ? 8 : 0);
	default:
		return 0;
	}
}

static bool same_place(struct place a, struct place b)
{
	return a.kind == b.kind && a.n == b.n;
}

static void differ(struct file *f, uint64_t pc, const struct unwind_rule *r, const char *what,
		   struct place libdw)
{
	if (f->differ++ < SHOWN)
		fprintf(stderr,
			"# %s: %#" PRIx64 ": %s: libdw %s %#" PRIx64
			"; ours: cfa %u%+d%+d (r%u), fp %u%+d, ra %u%+d, bx %+d\n",
			f->path, pc, what, kinds[libdw.kind], libdw.n, r->cfa, r->cfa_off, r->add, r->reg,
			r->fp, r->fp_off, r->ra, r->ra_off, r->bx_off);
}

/* What the CFA's offset is added to. */
static uint64_t base_of(const struct unwind_rule *r, uint64_t cfa)
{
	return cfa - (uint64_t)(int64_t)r->cfa_off;
}

static void compare_return_address(struct file *f, uint64_t pc, const struct unwind_rule *r,
				   Dwarf_Frame *frame, uint64_t cfa)
{
	unsigned int ra = (unsigned int)dwarf_frame_info(frame, NULL, NULL, NULL);
	struct place theirs = libdw_register(frame, ra, cfa, pc), ours;

	ours = r->ra == UNWIND_RA_REG
		       ? (struct place){IN_REGISTER, r->reg}
		       : (struct place){ADDRESS, (r->ra == UNWIND_RA_AT_BASE ? base_of(r, cfa) : cfa) +
							 (uint64_t)(int64_t)r->ra_off};
	/* A link register: the return address is still in it. Of one that is not the machine's own (glibc's
	 * rawmemchr has x15, and calls strlen) libdw says what the calling convention says of that register:
	 * lost. */
	if (theirs.kind == SAME || (theirs.kind == UNDEFINED && ra != f->machine->ra))
		theirs = (struct place){IN_REGISTER, ra};
	if (!same_place(ours, theirs))
		differ(f, pc, r, "return address", theirs);
}

static void compare_frame_pointer(struct file *f, uint64_t pc, const struct unwind_rule *r,
				  Dwarf_Frame *frame, uint64_t cfa)
{
	struct place theirs = libdw_register(frame, f->machine->fp, cfa, pc), ours = {SAME, 0};
	uint64_t off = (uint64_t)(int64_t)r->fp_off;

	if (r->fp == UNWIND_FP_AT_CFA)
		ours = (struct place){ADDRESS, cfa + off};
	else if (r->fp == UNWIND_FP_AT_BASE)
		ours = (struct place){ADDRESS, base_of(r, cfa) + off};
	else if (r->fp == UNWIND_FP_AT_FP)
		ours = (struct place){ADDRESS, reg_of(f->machine->fp, pc) + off};
	/* lost is what has no such form: it must be so in libdw's words too */
	if (r->fp == UNWIND_FP_LOST
		    ? theirs.kind == SAME || (theirs.kind == ADDRESS && theirs.n - cfa + 0x8000 <= 0xffff)
		    : !same_place(ours, theirs))
		differ(f, pc, r, "frame pointer", theirs);
}

static void compare_bx(struct file *f, uint64_t pc, const struct unwind_rule *r, Dwarf_Frame *frame,
		       uint64_t cfa)
{
	struct place theirs = libdw_register(frame, f->machine->bx, cfa, pc), ours = {SAME, 0};

	if (r->bx_off)
		ours = (struct place){ADDRESS, cfa + (uint64_t)(int64_t)r->bx_off};
	else if (theirs.kind ==
		 UNDEFINED) /* libdw up to 0.188 has rax as preserved where no rule says so, and not rbx */
		theirs.kind = SAME;
	if (f->has_bx && !same_place(ours, theirs))
		differ(f, pc, r, "rbx", theirs);
}

static void compare_frame(struct file *f, uint64_t pc, Dwarf_Frame *frame)
{
	uint32_t number = unwind_packed_rule_at(&f->packed, pc);
	const struct unwind_rule *r = unwind_table_rule_at(f->table, pc);
	struct place theirs = {FAILED, 0};
	bool signal = false;
	Dwarf_Op *ops;
	size_t n;

	f->compared++;
	CHECK(r == &f->table->rules[number]);
	dwarf_frame_info(frame, NULL, NULL, &signal);
	if (!dwarf_frame_cfa(frame, &ops, &n) && n)
		theirs = run(ops, n, 0, pc);
	switch (r->cfa) {
	case UNWIND_NONE:
		differ(f, pc, r, "no rule", theirs);
		return;
	case UNWIND_SIGNAL:
		if (!signal)
			differ(f, pc, r, "a signal frame", theirs);
		return;
	case UNWIND_ROOT:
		theirs = libdw_register(frame, f->machine->ra, 0, pc);
		if (theirs.kind != UNDEFINED)
			differ(f, pc, r, "the outermost frame", theirs);
		return;
	case UNWIND_UNSUPPORTED:
		f->unsupported++;
		return;
	default:
		break;
	}
	if (theirs.kind != ADDRESS || theirs.n != our_cfa(f->machine, r, pc)) {
		differ(f, pc, r, "CFA", theirs);
		return;
	}
	compare_return_address(f, pc, r, frame, theirs.n);
	compare_frame_pointer(f, pc, r, frame, theirs.n);
	if (f->machine->has_bx)
		compare_bx(f, pc, r, frame, theirs.n);
}

/* libdw's frame at pc; where its row ends. False: it has none (or can't read it). */
static bool compare_at(struct file *f, uint64_t pc, uint64_t *end)
{
	Dwarf_Frame *frame = NULL;
	Dwarf_Addr from = 0, to = 0;

	if (dwarf_cfi_addrframe(f->cfi, pc, &frame) &&
	    (!f->debug_cfi || dwarf_cfi_addrframe(f->debug_cfi, pc, &frame)))
		return false;
	dwarf_frame_info(frame, &from, &to, NULL);
	*end = to > pc ? to : pc + 1;
	compare_frame(f, pc, frame);
	free(frame);
	return true;
}

/* At libdw's rows, their last bytes, and where ours begin between. */
static void compare_function(struct file *f, const struct eh_function *function)
{
	const struct unwind_table *t = f->table;
	size_t low = 0, high = t->n_rows;
	uint64_t pc, end, last_end;

	for (pc = function->start; pc < function->end; pc = end) {
		if (!compare_at(f, pc, &end)) {
			f->only_libdw += unwind_table_rule_at(t, pc)->cfa == UNWIND_UNSUPPORTED;
			if (unwind_table_rule_at(t, pc)->cfa != UNWIND_UNSUPPORTED)
				differ(f, pc, unwind_table_rule_at(t, pc), "no frame",
				       (struct place){FAILED, 0});
			return;
		}
		end = end > function->end ? function->end : end;
		if (end - 1 > pc)
			compare_at(f, end - 1, &last_end);
	}
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (t->low + t->rows[middle].at <= function->start)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < t->n_rows && t->low + t->rows[low].at < function->end; low++)
		compare_at(f, t->low + t->rows[low].at, &end);
}

/* The functions that .eh_frame_hdr's table lists, a third reading: each is known, and none besides. */
static void check_header(const struct file *f)
{
	const struct elf_section *s = elf_section_named(&f->elf, ".eh_frame_hdr");
	const unsigned char *bytes;
	size_t len, missing = 0, known = 0;
	int32_t entry[2], last = 0;
	uint32_t count;

	bytes = s ? elf_section_bytes(&f->elf, s, &len) : NULL;
	if (!bytes || len < 12 || memcmp(bytes, "\1\x1b\x03\x3b", 4))
		return;
	memcpy(&count, bytes + 8, sizeof(count));
	for (size_t i = 0; i < count && 20 + i * 8 <= len; i++) {
		memcpy(entry, bytes + 12 + i * 8, sizeof(entry));
		while (known < f->n_functions &&
		       f->functions[known].start < s->addr + (uint64_t)(int64_t)entry[0])
			known++;
		if (i && entry[0] == last)
			continue;
		last = entry[0];
		missing += known == f->n_functions ||
			   f->functions[known].start != s->addr + (uint64_t)(int64_t)entry[0];
	}
	if (missing > f->table->stats.covered)
		fprintf(stderr, "# %s: %zu of %u functions of .eh_frame_hdr are not known\n", f->path,
			missing, count);
	CHECK(missing <= f->table->stats.covered);
	CHECK(f->n_functions <= count || f->debug_cfi);
}

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int open_file(struct file *f, int fd, const char *debug_path, struct elf_file *debug)
{
	int err = elf_file_open(&f->elf, fd),
	    debug_fd = debug_path ? open(debug_path, O_RDONLY | O_CLOEXEC) : -1;
	double start;

	if (debug_fd >= 0 && !err)
		err = elf_file_open(debug, debug_fd);
	start = now_ms();
	if (!err)
		err = unwind_table_build(&f->table, &f->elf, debug_fd >= 0 ? debug : NULL);
	f->ms = now_ms() - start;
	if (!err)
		err = eh_frame_functions(&f->elf, debug_fd >= 0 ? debug : NULL, &f->functions,
					 &f->n_functions);
	if (!err)
		err = unwind_table_pack(&f->packed, f->table, 65000);
	if (debug_fd >= 0) {
		f->debug = dwarf_begin(debug_fd, DWARF_C_READ);
		f->debug_cfi = f->debug ? dwarf_getcfi(f->debug) : NULL;
	} else if (!err) {
		f->debug = dwarf_begin(fd, DWARF_C_READ);
		f->debug_cfi = f->debug ? dwarf_getcfi(f->debug) : NULL;
	}
	f->libelf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
	f->cfi = f->libelf ? dwarf_getcfi_elf(f->libelf) : NULL;
	if (debug_fd >= 0)
		close(debug_fd);
	return err;
}

static void release(struct file *f)
{
	if (f->cfi)
		dwarf_cfi_end(f->cfi);
	if (f->debug)
		dwarf_end(f->debug);
	elf_end(f->libelf);
	free(f->functions);
	unwind_packed_release(&f->packed);
	unwind_table_free(f->table);
	elf_file_release(&f->elf);
}

static void compare_file(const char *path, const char *debug_path)
{
	struct file f = {.path = path};
	struct elf_file debug = {0};
	int fd = open(path, O_RDONLY | O_CLOEXEC), err;
	const struct unwind_stats *s;
	size_t n_bytes;

	CHECK(fd >= 0);
	if (fd < 0)
		return;
	err = open_file(&f, fd, debug_path, &debug);
	if (err) {
		fprintf(stderr, "# %s: %s\n", path, fail_message());
		CHECK_EQ(err, 0);
	} else {
		f.machine = cfa_machine(f.table->machine);
		for (size_t i = 0; i < f.table->n_rules; i++)
			f.has_bx |= f.table->rules[i].bx_off != 0;
		check_header(&f);
		for (size_t i = 0; i < f.n_functions; i++)
			compare_function(&f, &f.functions[i]);
		s = &f.table->stats;
		n_bytes = f.packed.n_pages * sizeof(*f.packed.pages) +
			  f.packed.n_rows * sizeof(*f.packed.rows) +
			  f.table->n_rules * sizeof(*f.table->rules);
		fprintf(stderr,
			"# %-32s %6zu FDEs, %7zu rows, %4zu rules, %5zu KB, %5.1f ms, unsupported %" PRIu64
			" B (%.4f %%), broken %zu, compared %zu, differ %zu, neither can read %zu\n",
			strrchr(path, '/') ? strrchr(path, '/') + 1 : path, s->fdes, f.table->n_rows,
			f.table->n_rules, n_bytes >> 10, f.ms, s->unsupported_bytes,
			100.0 * (double)s->unsupported_bytes / (double)(s->covered_bytes + !s->covered_bytes),
			s->broken, f.compared, f.differ, f.only_libdw);
		CHECK(f.compared > 0);
		CHECK_EQ(f.differ, 0);
		CHECK_EQ(s->broken, 0);
		CHECK(s->unsupported_bytes * 50 <= s->covered_bytes);
	}
	release(&f);
	elf_file_release(&debug);
	close(fd);
}

int main(int argc, char **argv)
{
	/* of each pattern one file is compared, and there are some on any system */
	static const char *const patterns[] = {
		"/proc/self/exe",
		"tests/fuzz/unwind_table/arm64.so",
		"/lib/x86_64-linux-gnu/libc.so.6",
		"/lib/aarch64-linux-gnu/libc.so.6",
		"/usr/aarch64-linux-gnu/lib/libc.so.6",
		"/lib64/ld-linux-x86-64.so.2",
		"/lib/ld-linux-aarch64.so.1",
		"/usr/aarch64-linux-gnu/lib/ld-linux-aarch64.so.1",
		"/usr/lib/*-linux-gnu/libstdc++.so.6",
		"/usr/lib/*-linux-gnu/libcrypto.so.*",
		"/usr/bin/python3",
		"/usr/lib/*-linux-gnu/libpython3.*.so.1.0",
		"/usr/bin/node",
		"/usr/local/bin/node",
		"/usr/lib/*-linux-gnu/libclang-cpp.so.*",
	};
	const char *debug = NULL;
	int first = 1;

	elf_version(EV_CURRENT);
	if (argc > 2 && !strcmp(argv[1], "-d")) {
		debug = argv[2];
		first = 3;
	}
	for (int i = first; i < argc; i++)
		compare_file(argv[i], debug);
	for (size_t i = 0; argc == 1 && i < sizeof(patterns) / sizeof(patterns[0]); i++) {
		glob_t found;

		if (!glob(patterns[i], 0, NULL, &found))
			compare_file(found.gl_pathv[0], NULL);
		else
			fprintf(stderr, "# %s: not there\n", patterns[i]);
		globfree(&found);
	}
	return check_done();
}
