/* SPDX-License-Identifier: BSD-2-Clause */
/* With libFuzzer: clang -fsanitize=fuzzer,address. Without: -DFUZZ_MAIN, the files to try as arguments. */
/*
 * In: any bytes as a section .gopclntab, behind a byte of which one bit takes the place of its text away; they are the text, too. Out: nothing;
 * names and frames made of them must neither crash nor read beyond them.
 */
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "symbols/elf_symbols.h"
#include "symbols/go_table.h"
#include "symbols/unwind_table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TEXT 0x401000u

static volatile unsigned int used; /* so that no read is optimised away */

static void read_all(const struct elf_file *file)
{
	struct go_function f;
	struct go_depths d;
	struct go_table g;

	if (!go_table_find(&g, file))
		return;
	for (size_t i = 0; i < g.n && i < 4096; i++) {
		if (!go_table_at(&g, i, &f))
			continue;
		if (f.end <= f.start || f.name >= g.names_len)
			abort();
		used += (unsigned int)strlen((const char *)g.names + f.name);
		go_depths_begin(&d, &g, &f);
		for (uint64_t at = f.start; go_depths_next(&d); at = d.to)
			if (d.from != at || d.to <= d.from || d.to > f.end)
				abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct elf_segment segment = {.type = PT_LOAD, .flags = PF_R | PF_X, .vaddr = TEXT};
	struct elf_section section = {.name = ".gopclntab", .type = SHT_PROGBITS, .addr = 0x800000};
	struct elf_file file = {.is64 = true, .machine = EM_X86_64, .segments = &segment, .n_segments = 1,
				.sections = &section, .n_sections = 1};
	struct unwind_table *table = NULL;
	struct elf_symbols *symbols = NULL;
	struct symbol symbol;

	if (!size || size > 1u << 20)
		return 0;
	file.data = data + 1;
	file.size = section.size = segment.filesz = segment.memsz = size - 1;
	file.entry = *data & 1 ? TEXT : 0;
	read_all(&file);
	if (!elf_symbols_new(&symbols, &file, NULL))
		for (uint64_t at = TEXT; at < TEXT + 0x4000; at += 61)
			if (elf_symbols_at(symbols, at, &symbol) && symbol.name_len > SYMBOL_NAME_MAX)
				abort();
	elf_symbols_free(symbols);
	if (!unwind_table_build(&table, &file, NULL))
		for (uint64_t at = TEXT; at < TEXT + size; at += 7)
			used += unwind_table_rule_at(table, at)->cfa;
	unwind_table_free(table);
	return 0;
}

#ifdef FUZZ_MAIN
#include "file_main.h"
#endif
