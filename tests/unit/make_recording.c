/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writes recordings that no machine would give, for tests of the program as a whole:
 *
 *	make_recording hostile FILE	names of functions, threads and files, and a command, that would be
 *markup make_recording large FILE	a million intervals, 100,000 stacks, and more than a million distinct
 *boxes make_recording before|after FILE	two runs of one program; the second waits longer, and has a
 *new function
 */
#include <stdlib.h>

#include "build_trace.h"
#include "lives.h"

static void name_all(struct build *b, const char *const *names, uint64_t *frames, size_t n)
{
	size_t i;

	build_file(b, 1, SECTION_FILE_ELF, "/opt/<b>&amp;\"'.so");
	for (i = 0; i < n; i++) {
		frames[i] = BUILD_FRAME(1, 0x100 * (i + 1));
		if (names[i])
			build_name(b, frames[i], 0, names[i]);
	}
}

static void make_hostile(struct build *b)
{
	static const char *const names[] = {
		"</title></g><script>window.hacked=1</script>",
		"\"><img src=x onerror=window.hacked=1>",
		"]]><script>window.hacked=1</script><![CDATA[",
		"a & b &lt; &#60; &nonsense;",
		"control\x01\x1b[31m\x7f and \xc2\x85 and \xe2\x80\xae reversed",
		"broken \xff\xfe\xc3( \xed\xa0\x80 \xf4\x90\x80\x80",
		"no characters \xef\xbf\xbe \xef\xbf\xbf",
		"std::map<int, std::vector<char> >::operator[](int const&)",
		"javascript:window.hacked=1",
		"name (1.234 ms, 5.00 %)",
		"\xe5\x87\xbd\xe6\x95\xb0 \xf0\x9f\x94\xa5", /* valid, and kept */
		"--><!-- <!ENTITY x SYSTEM 'file:///etc/passwd'> <?php ?>",
		"${alert(1)} `${1}` \\u003cscript\\u003e",
		NULL, /* library+offset */
	};
	enum { N = sizeof(names) / sizeof(names[0]) };
	uint64_t frames[N];
	struct life l;
	size_t i;

	build_init(b, 0, 1000 * MS);
	build_meta(b, "arg", "./<script>window.hacked=1</script>");
	build_meta(b, "arg", "--x=\"&\x01\xff]]>");
	name_all(b, names, frames, N);
	life_begin(&l, b, 1, 1, 100, 100, 0, "<b>&\"'\x01\xff;x");
	life_run(&l, 1 * MS);
	for (i = 0; i < N; i++) {
		const uint64_t stack[] = {frames[(i + 1) % N], frames[i]};

		build_stack(b, i + 1, 100, 0, 2, stack);
		l.stack = i + 1;
		life_wait(&l, i % 2 ? WAIT_DISK : WAIT_MUTEX, 40 * MS, 1 * MS, SYS_READ, 0);
	}
	life_end(&l, 0);
}

/* 100,000 stacks of 30 frames, of which the inner 10 are in no other; each is waited in ten times. */
static void make_large(struct build *b)
{
	enum { STACKS = 100000, SHARED = 20, OWN = 10, ROUNDS = 10 };
	uint32_t i, k, round;
	struct life l;

	build_init(b, 0, 4000000 * MS);
	build_file(b, 1, SECTION_FILE_ELF, "/opt/large");
	for (i = 0; i < STACKS; i++) {
		uint64_t frames[OWN + SHARED];
		char name[80];

		for (k = 0; k < OWN; k++) {
			frames[k] = BUILD_FRAME(1, 0x10000000ull + (uint64_t)i * OWN + k);
			snprintf(name, sizeof(name), "shop::order<item_%u>::step_%u(int, char const*)", i, k);
			build_name(b, frames[k], 0, name);
		}
		for (k = 0; k < SHARED; k++)
			frames[OWN + k] = BUILD_FRAME(1, 0x1000 + 0x10 * (SHARED - 1 - k) + (i >> k) % 4);
		build_stack(b, i + 1, 100, 0, OWN + SHARED, frames);
	}
	life_begin(&l, b, 1, 1, 100, 100, 0, "large");
	for (round = 0; round < ROUNDS; round++)
		for (i = 0; i < STACKS; i++) {
			life_run(&l, 500);
			l.stack = i + 1;
			life_wait(&l, i % 3 ? WAIT_DISK : WAIT_MUTEX, 1000 + i % 977, 20, SYS_READ, 0);
		}
	life_end(&l, 0);
}

/* Twice the time in flush, half of it in parse, the same in main; drop is gone, sync is new. */
static void make_run(struct build *b, bool after)
{
	static const char *const names[] = {"main", "parse", "flush", "store", "drop", "sync"};
	enum { N = sizeof(names) / sizeof(names[0]) };
	const uint64_t ms[N] = {
		100, after ? 100 : 200, after ? 400 : 200, after ? 110 : 100, after ? 0 : 50, after ? 80 : 0};
	uint64_t frames[N];
	struct life l;
	size_t i;

	build_init(b, 0, 2000 * MS);
	name_all(b, names, frames, N);
	life_begin(&l, b, 1, 1, after ? 200 : 100, after ? 200 : 100, 0, "shop");
	for (i = 0; i < N; i++) {
		const uint64_t stack[] = {frames[i], frames[0]};

		build_stack(b, i + 1, 100, 0, i ? 2 : 1, i ? stack : frames);
		l.stack = i + 1;
		life_run(&l, 1 * US);
		if (ms[i])
			life_wait(&l, WAIT_DISK, ms[i] * MS, 0, SYS_READ, 0);
	}
	life_end(&l, 0);
}

int main(int argc, char **argv)
{
	struct build b;

	if (argc != 3)
		return 2;
	if (!strcmp(argv[1], "hostile"))
		make_hostile(&b);
	else if (!strcmp(argv[1], "large"))
		make_large(&b);
	else if (!strcmp(argv[1], "before") || !strcmp(argv[1], "after"))
		make_run(&b, argv[1][0] == 'a');
	else
		return 2;
	build_write(&b, true);
	if (rename(b.path, argv[2])) {
		perror(argv[2]);
		return 1;
	}
	b.path[0] = '\0';
	build_release(&b);
	return 0;
}
