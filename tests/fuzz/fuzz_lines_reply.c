/* SPDX-License-Identifier: BSD-2-Clause */
/* With libFuzzer: clang -fsanitize=fuzzer,address. Without: -DFUZZ_MAIN, the files to try as arguments. */
/* In: any bytes as the message of a child that was taken over. Out: nothing; its reader, who may be root, must not
 * read beyond it, and gives out nothing that is against the rules. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "symbols/line_reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define OFFSETS 100

static size_t last_index, last_depth;
static bool inside;

static void must(bool ok)
{
	if (!ok)
		abort();
}

static int take(void *ctx, size_t index, const struct line_part *p)
{
	(void)ctx;
	must(index < OFFSETS && p->name_len <= LINES_TEXT_MAX && p->source_len <= LINES_TEXT_MAX);
	must(!memchr(p->name, 0, p->name_len) && !memchr(p->source, 0, p->source_len));
	must(inside ? index == last_index && p->depth == last_depth + 1 : !p->depth);
	inside = p->inlined;
	last_index = index;
	last_depth = p->depth;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t index = 0, depth = 0;

	inside = false;
	line_reader_take(data, size, OFFSETS, &index, &depth, take, NULL);
	return 0;
}

#ifdef FUZZ_MAIN
int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		FILE *f = fopen(argv[i], "rb");
		uint8_t *bytes = malloc(LINES_MESSAGE);

		must(f && bytes);
		LLVMFuzzerTestOneInput(bytes, fread(bytes, 1, LINES_MESSAGE, f));
		free(bytes);
		fclose(f);
	}
	return 0;
}
#endif
