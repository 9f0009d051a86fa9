/* SPDX-License-Identifier: BSD-2-Clause */
/* With libFuzzer: clang -fsanitize=fuzzer,address. Without: -DFUZZ_MAIN, the files to try as arguments. */
/* In: any bytes as the code of a function. Out: nothing; reading it must not crash, and must say what can be run. */
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>

#include "symbols/cfa.h"
#include "symbols/plt_frames.h"
#include "symbols/prologue_frames.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TEXT 0x401000u

static int look(void *ctx, uint64_t vaddr, const struct unwind_rule *rule)
{
	uint64_t *last = ctx;

	if (vaddr < *last || rule->cfa >= N_UNWIND_CFA)
		abort();
	*last = vaddr;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct eh_fde fde = {.start = TEXT, .origin = TEXT, .end = TEXT + size, .cie = plt_frames_cie(EM_X86_64)};
	struct bytes program = {0};
	struct cfa_context context;
	uint64_t last = 0;

	if (size && !prologue_read(&program, data, size)) {
		fde.program = program.data;
		fde.program_end = program.data + program.len;
		cfa_prepare(&context, cfa_machine(EM_X86_64), fde.cie, false);
		if (program.len && cfa_run(&context, &fde, look, &last))
			abort();
	}
	bytes_release(&program);
	return 0;
}
#ifdef FUZZ_MAIN
#include "file_main.h"
#endif
