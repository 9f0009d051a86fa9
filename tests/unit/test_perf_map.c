/* SPDX-License-Identifier: BSD-2-Clause */
/* Perf maps as JITs write them, and as they should not. */
#include "check.h"
#include "symbols/perf_map.h"

static bool at_is(const struct perf_map *m, uint64_t addr, const char *name, uint64_t offset)
{
	struct symbol s;

	if (!perf_map_at(m, addr, &s))
		return name == NULL;
	return name && s.name_len == strlen(name) && !memcmp(s.name, name, s.name_len) && s.offset == offset;
}

static void check_text(void)
{
	static const char text[] = "7f0000001000 40 LazyCompile:~add /srv/a b.js:3\n"
				   "7f0000002000 100 old\n"
				   "0x7f0000003000 0x10 with_prefix\r\n"
				   "7f0000002000 80 new\n"
				   "7f0000002090 8 inside\n"
				   "\n"
				   "zz 10 not a number\n"
				   "7f0000004000 0 empty\n"
				   "7f0000004000 10\n"
				   "7f0000004000 10 \n"
				   "11112222333344445 10 too long\n"
				   "ffffffffffffffff 10 wraps\n"
				   "7f0000005000 10 cut";
	struct perf_map *m;

	CHECK_EQ(perf_map_new(&m, text, sizeof(text) - 1), 0);
	CHECK_EQ(perf_map_count(m), 5);
	CHECK(at_is(m, 0x7f0000001000, "LazyCompile:~add /srv/a b.js:3", 0));
	CHECK(at_is(m, 0x7f000000103f, "LazyCompile:~add /srv/a b.js:3", 0x3f));
	CHECK(at_is(m, 0x7f0000001040, NULL, 0));
	CHECK(at_is(m, 0x7f0000000fff, NULL, 0));
	CHECK(at_is(m, 0x7f0000002010, "new", 0x10));
	CHECK(at_is(m, 0x7f0000002085, "old", 0x85));
	CHECK(at_is(m, 0x7f0000002092, "inside", 2));
	CHECK(at_is(m, 0x7f00000020a0, "old", 0xa0));
	CHECK(at_is(m, 0x7f0000003001, "with_prefix", 1));
	CHECK(at_is(m, 0x7f0000004001, NULL, 0));
	CHECK(at_is(m, 0x7f0000005000, NULL, 0));
	perf_map_free(m);
}

static void check_empty(void)
{
	struct perf_map *m;

	CHECK_EQ(perf_map_new(&m, "", 0), 0);
	CHECK_EQ(perf_map_count(m), 0);
	CHECK(at_is(m, 1, NULL, 0));
	perf_map_free(m);
	perf_map_free(NULL);
}

static void check_long_name(void)
{
	static char text[10000];
	struct perf_map *m;
	struct symbol s;

	memset(text, 'x', sizeof(text));
	memcpy(text, "1000 10 ", 8); /* NOLINT(bugprone-not-null-terminated-result): more follows */
	text[sizeof(text) - 1] = '\n';
	CHECK_EQ(perf_map_new(&m, text, sizeof(text)), 0);
	CHECK(perf_map_at(m, 0x1005, &s));
	CHECK_EQ(s.name_len, SYMBOL_NAME_MAX);
	perf_map_free(m);
}

int main(void)
{
	check_text();
	check_empty();
	check_long_name();
	return check_done();
}
