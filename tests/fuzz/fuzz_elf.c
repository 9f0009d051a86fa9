/* SPDX-License-Identifier: BSD-2-Clause */
/* With libFuzzer: clang -fsanitize=fuzzer,address. Without: -DFUZZ_MAIN, the files to try as arguments. */
/*
 * In: any bytes as an ELF file. Out: nothing; the symbols of it, its debug link and what it carries must neither
 * crash nor read beyond it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "symbols/elf_debug.h"
#include "symbols/elf_symbols.h"
#include "symbols/minidebuginfo.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile unsigned int used; /* so that no read is optimised away */

/* Every byte of the name is read, so that a name outside of the file is noticed. */
static unsigned int look_up(const struct elf_symbols *s, uint64_t offset)
{
	struct symbol symbol;
	unsigned int sum = 0;

	if (!elf_symbols_at_offset(s, offset, &symbol))
		return 0;
	if (symbol.name_len > SYMBOL_NAME_MAX)
		abort();
	for (size_t i = 0; i < symbol.name_len; i++)
		sum += (unsigned char)symbol.name[i];
	return sum;
}

/* As its own debug file, with and without the shortcut of build ids; and the file within. */
static void read_more(struct elf_file *file)
{
	struct bytes unpacked = {0};
	struct elf_file within;

	used += elf_debug_fits(file, file);
	file->build_id_len = 0;
	used += elf_debug_fits(file, file);
	if (!minidebuginfo_unpack(file, &unpacked) && !elf_file_read(&within, unpacked.data, unpacked.len)) {
		used += (unsigned int)within.n_sections;
		elf_file_release(&within);
	}
	bytes_release(&unpacked);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct elf_symbols *symbols = NULL;
	struct elf_file file;
	unsigned int sum = 0;

	if (elf_file_read(&file, data, size))
		return 0;
	if (!elf_symbols_new(&symbols, &file, &file)) {
		for (uint64_t offset = 0; offset < 0x20000; offset += 61)
			sum += look_up(symbols, offset);
		for (size_t i = 0; i < file.n_sections && i < 100; i++)
			sum += look_up(symbols, file.sections[i].offset + 1);
		sum += look_up(symbols, UINT64_MAX);
		used = sum;
	}
	elf_symbols_free(symbols);
	used += elf_symbols_in(&file);
	read_more(&file);
	elf_file_release(&file);
	return 0;
}

#ifdef FUZZ_MAIN
#include "file_main.h"
#endif
