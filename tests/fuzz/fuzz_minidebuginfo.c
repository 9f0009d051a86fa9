/* SPDX-License-Identifier: BSD-2-Clause */
/* With libFuzzer: clang -fsanitize=fuzzer,address. Without: -DFUZZ_MAIN, the files to try as arguments. */
/* In: any bytes as a section .gnu_debugdata. Out: nothing; unpacking and reading it must not crash or grow. */
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "symbols/elf_symbols.h"
#include "symbols/minidebuginfo.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct elf_section section = {.name = ".gnu_debugdata", .type = SHT_PROGBITS, .size = size};
	struct elf_file outer = {.data = data, .size = size, .is64 = true, .machine = EM_X86_64,
				 .sections = &section, .n_sections = 1};
	struct elf_symbols *symbols = NULL;
	struct bytes unpacked = {0};
	struct elf_file within;

	if (!minidebuginfo_unpack(&outer, &unpacked) && !elf_file_read(&within, unpacked.data, unpacked.len)) {
		struct symbol symbol;

		if (!elf_symbols_new(&symbols, &outer, &within))
			for (uint64_t addr = 0; addr < 0x10000; addr += 97)
				if (elf_symbols_at(symbols, addr, &symbol) && symbol.name_len > SYMBOL_NAME_MAX)
					abort();
		elf_symbols_free(symbols);
		elf_file_release(&within);
	}
	if (unpacked.len > 2 * (size_t)MINIDEBUGINFO_MAX)
		abort();
	bytes_release(&unpacked);
	return 0;
}

#ifdef FUZZ_MAIN
#include "file_main.h"
#endif
