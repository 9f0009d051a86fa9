/* SPDX-License-Identifier: BSD-2-Clause */
/* With libFuzzer: clang -fsanitize=fuzzer,address. Without: -DFUZZ_MAIN, the files to try as arguments. */
/*
 * In: any bytes as an ELF file, or, behind a byte that says which, as the entries of .eh_frame or
 * .debug_frame of either machine. Out: nothing; tables made of them must hold what their header promises, and
 * the packed form must say the same.
 */
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "symbols/eh_frame.h"
#include "symbols/unwind_table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TEXT	   0x1000u
#define TEXT_SIZE  0x10000u
#define FRAMES	   0x20000u
#define PROBES_MAX 4096 /* addresses that are looked up */

static void need(int ok)
{
	if (!ok)
		abort();
}

static void check_rules(const struct unwind_table *t)
{
	need(t->n_rules && t->rules[0].cfa == UNWIND_NONE);
	for (size_t i = 0; i < t->n_rules; i++) {
		const struct unwind_rule *r = &t->rules[i];

		need(r->cfa < N_UNWIND_CFA && r->fp < N_UNWIND_FP && r->ra < N_UNWIND_RA);
		need(r->cfa != UNWIND_REG || r->ra != UNWIND_RA_REG);
		need(r->cfa != UNWIND_PLT || t->machine == EM_X86_64);
	}
}

static void check_rows(const struct unwind_table *t)
{
	for (size_t i = 0; i < t->n_rows; i++) {
		need(t->rows[i].rule < t->n_rules && t->rows[i].at < t->high - t->low);
		need(!i || (t->rows[i].at > t->rows[i - 1].at && t->rows[i].rule != t->rows[i - 1].rule));
	}
	need(t->stats.covered_bytes <= t->high - t->low && t->stats.unsupported_bytes <= t->high - t->low);
}

static void check_packed(const struct unwind_table *t, uint32_t first_row)
{
	struct unwind_packed p;
	size_t step = t->n_rows / PROBES_MAX + 1;

	if (unwind_table_pack(&p, t, first_row)) {
		unwind_packed_release(&p);
		return;
	}
	for (size_t i = 0; i < p.n_pages; i++) {
		const struct unwind_page *page = &p.pages[i];

		if (!page->n)
			continue;
		need(page->row >= first_row && page->row - first_row + page->n <= p.n_rows);
		need(page->row / UNWIND_CHUNK_ROWS == (page->row + page->n - 1) / UNWIND_CHUNK_ROWS);
		need(p.rows[page->row - first_row] >> UNWIND_RULE_BITS == 0);
	}
	for (size_t i = 0; i < t->n_rows; i += step)
		for (uint64_t at = t->low + t->rows[i].at - 1; at != t->low + t->rows[i].at + 2; at++)
			need(&t->rules[unwind_packed_rule_at(&p, at)] == unwind_table_rule_at(t, at));
	unwind_packed_release(&p);
}

static void check_functions(const struct elf_file *e)
{
	struct eh_function *functions;
	size_t n;

	if (eh_frame_functions(e, e, &functions, &n))
		return;
	for (size_t i = 0; i < n; i++)
		need(functions[i].start < functions[i].end &&
		     (!i || functions[i].start >= functions[i - 1].end));
	free(functions);
}

static void try_elf(const struct elf_file *e)
{
	struct unwind_table *t;

	check_functions(e);
	if (unwind_table_build(&t, e, e))
		return;
	check_rules(t);
	check_rows(t);
	if (t->high - t->low <= 0x1000000) {
		check_packed(t, 0);
		check_packed(t, UNWIND_CHUNK_ROWS - 7);
	}
	unwind_table_free(t);
}

/* The bytes as the one section of a file. */
static void try_entries(uint8_t how, const uint8_t *data, size_t size)
{
	struct elf_segment segments[2] = {
		{.type = PT_LOAD, .flags = PF_X, .vaddr = TEXT, .memsz = TEXT_SIZE},
		{.type = how & 4 ? PT_GNU_EH_FRAME : PT_LOAD, .vaddr = FRAMES, .filesz = size, .memsz = size},
	};
	struct elf_section section = {
		.name = how & 2 ? ".debug_frame" : ".eh_frame",
		.type = SHT_PROGBITS,
		.flags = how & 8 ? SHF_COMPRESSED : 0,
		.addr = FRAMES,
		.size = size,
	};
	struct elf_file e = {
		.data = data,
		.size = size,
		.is64 = true,
		.machine = how & 1 ? EM_AARCH64 : EM_X86_64,
		.segments = segments,
		.n_segments = 2,
		.sections = &section,
		.n_sections = how & 4 ? 0 : 1,
	};

	try_elf(&e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct elf_file e;

	if (!size)
		return 0;
	if (data[0] != ELFMAG0) {
		try_entries(data[0], data + 1, size - 1);
	} else if (!elf_file_read(&e, data, size)) {
		try_elf(&e);
		elf_file_release(&e);
	}
	return 0;
}

#ifdef FUZZ_MAIN
#include "file_main.h"
#endif
