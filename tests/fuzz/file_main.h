/* SPDX-License-Identifier: BSD-2-Clause */
/* For a fuzzer that is built without libFuzzer, behind its LLVMFuzzerTestOneInput: a main that tries files. */
#ifndef CONCTRACE_TESTS_FILE_MAIN_H
#define CONCTRACE_TESTS_FILE_MAIN_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* The file in memory of exactly its size, so that a read beyond it is noticed. */
static int try_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	uint8_t *bytes = NULL;
	long size = -1;

	if (f && !fseek(f, 0, SEEK_END))
		size = ftell(f);
	if (size >= 0)
		bytes = malloc((size_t)size + !size);
	if (bytes && !fseek(f, 0, SEEK_SET) && fread(bytes, 1, (size_t)size, f) == (size_t)size)
		LLVMFuzzerTestOneInput(bytes, (size_t)size);
	else
		perror(path);
	free(bytes);
	if (f)
		fclose(f);
	return size < 0;
}

int main(int argc, char **argv)
{
	int failed = 0;

	for (int i = 1; i < argc; i++)
		failed |= try_file(argv[i]);
	return failed;
}

#endif
