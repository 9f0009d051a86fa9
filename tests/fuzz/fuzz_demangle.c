/* SPDX-License-Identifier: BSD-2-Clause */
/* With libFuzzer: clang -fsanitize=fuzzer,address. Without: -DFUZZ_MAIN, the files to try as arguments. */
/* In: any bytes as a linker's name. Out: nothing; making it readable must end soon and stay in its buffer. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "symbols/demangle.h"
#include "symbols/short_name.h"
#include "symbols/symbol.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A name that had to be left in its midst may leave an identifier on libiberty's heap. */
const char *__asan_default_options(void); /* NOLINT(bugprone-reserved-identifier): the sanitizer's */
const char *__asan_default_options(void)  /* NOLINT(bugprone-reserved-identifier) */
{
	return "detect_leaks=0";
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char buf[DEMANGLED_MAX];
	char name[SYMBOL_NAME_MAX + 3];

	if (size > SYMBOL_NAME_MAX || memchr(data, 0, size))
		return 0;
	/* as it is, and as the two kinds of mangled names, so that fewer inputs are wasted */
	for (int kind = 0; kind < 3; kind++) {
		static const char *const prefix[] = {"", "_Z", "_R"};
		size_t at = strlen(prefix[kind]);

		memcpy(name, prefix[kind], at);
		if (size)
			memcpy(name + at, data, size);
		name[at + size] = '\0';
		for (int names = SYMBOL_NAMES_FULL; names <= SYMBOL_NAMES_RAW; names++)
			if (demangle(buf, name, (enum symbol_names)names) && strlen(buf) >= sizeof(buf))
				abort();
		short_name(name);
	}
	return 0;
}

#ifdef FUZZ_MAIN
#include "file_main.h"
#endif
