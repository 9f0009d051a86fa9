/* SPDX-License-Identifier: BSD-2-Clause */
/* With libFuzzer: clang -fsanitize=fuzzer,address. Without: -DFUZZ_MAIN, the files to try as arguments. */
/*
 * In: changes to an ELF file with DWARF. Out: nothing. They are read as the report reads files, by a child in the
 * sandbox, and the child may die of them (libdw does): this process must not, and the next file must be read well.
 * An input is a number of bytes to cut off (u16, in steps of 1/65536 of the file) and changes of (u16 place, u8 bytes).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "symbols/line_reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define OFFSETS	  256
#define FILE_MAX (1u << 20)

static unsigned char *file; /* the one that is whole */
static size_t file_size;
static uint64_t offsets[OFFSETS];
static struct line_reader *reader;
static size_t whole_answers;

static const char program[] =
	"static volatile int sink;\n"
	"static inline __attribute__((always_inline)) int leaf(int x) { sink = x; return sink * 2; }\n"
	"static inline __attribute__((always_inline)) int middle(int x) { int i, s = 0; for (i = 0; i < x; i++) s += leaf(i);"
	" return s; }\n"
	"__attribute__((noinline)) int outer(int x) { if (x) { int y = middle(x); return y + leaf(y); } return middle(3); }\n"
	"int main(int n, char **v) { return v ? outer(n) : 0; }\n";

static void must(int ok, const char *what)
{
	if (!ok) {
		perror(what);
		abort();
	}
}

static int count(void *ctx, size_t index, const struct line_part *p)
{
	size_t *n = ctx;

	/* every byte is read, so that one outside of the message is noticed */
	for (size_t i = 0; i < p->name_len + p->source_len; i++)
		must((i < p->name_len ? p->name[i] : p->source[i - p->name_len]) != 0, "a text with a NUL in it");
	must(index < OFFSETS && p->depth < 1000, "an answer that fits the question");
	++*n;
	return 0;
}

/* How many answers there were; *err is what was wrong with the file. */
static size_t read_file(const unsigned char *bytes, size_t size, int *err)
{
	const unsigned int all = LINES_WANT_INLINES | LINES_WANT_PLACES;
	int fd = memfd_create("elf", MFD_CLOEXEC);
	size_t n = 0;

	must(fd >= 0 && write(fd, bytes, size) == (ssize_t)size, "memfd");
	*err = line_reader_file(reader, fd, NULL, 0, NULL);
	if (!*err)
		*err = line_reader_debug(reader, fd, NULL);
	if (!*err || *err == -ESTALE)
		*err = line_reader_ask(reader, offsets, OFFSETS, all, count, &n);
	close(fd);
	return n;
}

static void prepare(void)
{
	char folder[] = "/tmp/conctrace-fuzz-XXXXXX", source[64], binary[64], command[256];
	FILE *f;
	int err;

	must(mkdtemp(folder) != NULL, folder);
	snprintf(source, sizeof(source), "%s/a.c", folder);
	snprintf(binary, sizeof(binary), "%s/a", folder);
	f = fopen(source, "w");
	must(f != NULL, source);
	must(fputs(program, f) >= 0, source);
	err = fclose(f);
	must(!err, source);
	snprintf(command, sizeof(command), "cc -O2 -g -nostdlib -shared -fPIC -Wl,--build-id %s -o %s", source, binary);
	must(!system(command), command); /* NOLINT(cert-env33-c): a command of this test */
	file = malloc(FILE_MAX);
	f = fopen(binary, "r");
	must(f != NULL, binary);
	must(file != NULL, "malloc");
	file_size = fread(file, 1, FILE_MAX, f);
	fclose(f);
	remove(source);
	remove(binary);
	remove(folder);
	/* code begins on the second page */
	for (size_t i = 0; i < OFFSETS; i++)
		offsets[i] = 0x1000 + i;
	must(!line_reader_new(&reader, 0, 0), "line_reader_new");
	line_reader_set_limit(reader, 5000);
	whole_answers = read_file(file, file_size, &err);
	must(!err && whole_answers > 50, "the whole file");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static unsigned char changed[FILE_MAX];
	static unsigned int round;
	size_t len;
	int err;

	if (!file)
		prepare();
	if (size < 2)
		return 0;
	memcpy(changed, file, file_size);
	len = file_size - file_size * (size_t)(data[0] | data[1] << 8) / 65536;
	for (size_t at = 2; at + 3 <= size; at += 3)
		changed[(size_t)(data[at] | data[at + 1] << 8) * file_size / 65536] = data[at + 2];
	read_file(changed, len, &err);
	must(err != -EPERM && err != -ENOMEM && err != -EINVAL, "a new child");
	if (!(++round % 64))
		must(read_file(file, file_size, &err) == whole_answers && !err, "the whole file again");
	return 0;
}

#ifdef FUZZ_MAIN
int main(int argc, char **argv)
{
	static uint8_t bytes[65536];

	for (int i = 1; i < argc; i++) {
		FILE *f = fopen(argv[i], "rb");

		must(f != NULL, argv[i]);
		LLVMFuzzerTestOneInput(bytes, fread(bytes, 1, sizeof(bytes), f));
		fclose(f);
	}
	return 0;
}
#endif
