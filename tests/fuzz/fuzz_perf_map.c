/* SPDX-License-Identifier: BSD-2-Clause */
/* With libFuzzer: clang -fsanitize=fuzzer,address. Without: -DFUZZ_MAIN, the files to try as arguments. */
/* In: any bytes as a perf map and as kallsyms. Out: nothing; reading them must not crash. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "symbols/kernel_symbols.h"
#include "symbols/perf_map.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct symbol *symbol, const char *text, size_t size)
{
	if (!symbol->name_len || symbol->name_len > SYMBOL_NAME_MAX || symbol->name < text ||
	    symbol->name + symbol->name_len > text + size)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct kernel_symbols *kernel = NULL;
	struct perf_map *map = NULL;
	struct symbol symbol;

	if (!perf_map_new(&map, text, size))
		for (uint64_t addr = 0; addr < 0x10000; addr += 97)
			if (perf_map_at(map, addr, &symbol))
				check(&symbol, text, size);
	perf_map_free(map);
	if (!kernel_symbols_new(&kernel, text, size))
		for (uint64_t addr = 0; addr < 0x10000; addr += 97)
			if (kernel_symbols_at(kernel, addr, &symbol))
				check(&symbol, text, size);
	kernel_symbols_free(kernel);
	return 0;
}

#ifdef FUZZ_MAIN
#include "file_main.h"
#endif
