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

/* Against the plain way: the last line that covers the address. */
static void check_overlaps(void)
{
	enum { LINES = 300, SPACE = 600 };
	static char text[LINES * 32];
	static struct {
		unsigned int start, size;
	} lines[LINES];
	unsigned int seed = 1;
	size_t len = 0, wrong = 0;
	struct perf_map *m;

	for (unsigned int i = 0; i < LINES; i++) {
		seed = seed * 1103515245 + 12345;
		lines[i].start = seed >> 8 & 511;
		/* mostly small, some that cover nearly all */
		lines[i].size = 1 + (seed >> 20) % (i % 17 ? 30 : 500);
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%x %x n%u\n", lines[i].start + 1,
					lines[i].size, i);
		if (i % 25 && i != LINES - 1)
			continue;
		CHECK_EQ(perf_map_new(&m, text, len), 0);
		for (unsigned int addr = 0; addr < SPACE; addr++) {
			char name[16] = "";
			unsigned int from = 0;

			for (unsigned int k = 0; k <= i; k++)
				if (addr >= lines[k].start + 1 && addr - lines[k].start - 1 < lines[k].size) {
					snprintf(name, sizeof(name), "n%u", k);
					from = lines[k].start + 1;
				}
			wrong += !at_is(m, addr, name[0] ? name : NULL, addr - from);
		}
		perf_map_free(m);
	}
	CHECK_EQ(wrong, 0);
}

/* A piece of code far before hundreds of others that lie in it. */
static void check_enclosing(void)
{
	static char text[2000 * 32];
	struct perf_map *m;
	size_t len = (size_t)snprintf(text, sizeof(text), "1000 1000000 interpreter\n");

	for (int i = 0; i < 1500; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%x 8 small\n", 0x2000 + 16 * i);
	CHECK_EQ(perf_map_new(&m, text, len), 0);
	CHECK(at_is(m, 0x2000 + 16 * 1400, "small", 0));
	CHECK(at_is(m, 0x2008 + 16 * 1400, "interpreter", 0x1008 + 16 * 1400));
	CHECK(at_is(m, 0x900000, "interpreter", 0x8ff000));
	perf_map_free(m);
	/* it is made anew: those before are gone */
	len += (size_t)snprintf(text + len, sizeof(text) - len, "1000 1000000 compiled\n");
	CHECK_EQ(perf_map_new(&m, text, len), 0);
	CHECK(at_is(m, 0x2000 + 16 * 1400, "compiled", 0x1000 + 16 * 1400));
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
	check_overlaps();
	check_enclosing();
	check_empty();
	check_long_name();
	return check_done();
}
