/* SPDX-License-Identifier: BSD-2-Clause */
/* In: user/base on its edges: overflow, hostile bytes, collisions, rounding. Out: exit 0 if every check held.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/fail.h"
#include "base/intmap.h"
#include "base/json.h"
#include "base/radix.h"
#include "base/strings.h"
#include "base/text.h"
#include "check.h"

static void test_fail(void)
{
	char expected[1100], line[100] = "";
	int saved, pipes[2];
	ssize_t len;

	CHECK_STR(fail_message(), "");
	errno = ENOTTY;
	CHECK_EQ(fail(-ENOSPC, "file %s: %d", "x", 7), -ENOSPC);
	CHECK_EQ(errno, ENOTTY);
	CHECK_STR(fail_message(), "file x: 7");
	CHECK_EQ(fail_within(-EIO, "reading %s", "y"), -EIO);
	CHECK_STR(fail_message(), "reading y: file x: 7");
	CHECK_EQ(fail(-1, "again: %s", fail_message()), -1);
	CHECK_STR(fail_message(), "again: reading y: file x: 7");
	memset(expected, 'a', sizeof(expected));
	expected[1050] = '\0';
	fail(-1, "%s", expected);
	CHECK_EQ(strlen(fail_message()), 1000);
	fail_within(-1, "b");
	CHECK_EQ(strlen(fail_message()), 1000);
	CHECK(!strncmp(fail_message(), "b: aaa", 6));

	CHECK_EQ(pipe(pipes), 0);
	saved = dup(2);
	dup2(pipes[1], 2);
	talk("can't open \"%s\"", "a\033[31mb");
	dup2(saved, 2);
	len = read(pipes[0], line, sizeof(line) - 1);
	CHECK_EQ(len, (ssize_t)strlen(line));
	CHECK_STR(line, "conctrace: can't open \"a?[31mb\"\n");
	close(saved);
	close(pipes[0]);
	close(pipes[1]);
}

static void test_bytes(void)
{
	struct bytes b = {0};
	uint32_t *array = NULL;
	size_t cap = 0, i;

	bytes_release(&b);
	CHECK_EQ(bytes_add(&b, "abc", 3), 0);
	CHECK_EQ(bytes_add(&b, NULL, 2), 0);
	CHECK_EQ(bytes_add(&b, NULL, 0), 0);
	CHECK_EQ(bytes_printf(&b, "%d-%s", 42, "x"), 0);
	CHECK_EQ(b.len, 9);
	CHECK(!memcmp(b.data,
		      "abc\0\0"
		      "42-x",
		      9));
	CHECK_EQ(bytes_reserve(&b, SIZE_MAX - 4), -ENOMEM);
	CHECK_EQ(b.len, 9);
	for (i = 0; i < 1000; i++)
		CHECK_EQ(bytes_printf(&b, "%zu,", i), 0);
	CHECK(!memcmp(b.data + b.len - 8, "998,999,", 8));
	bytes_clear(&b);
	CHECK_EQ(b.len, 0);
	bytes_release(&b);
	CHECK(!b.data && !b.cap);

	CHECK_EQ(array_grow(&array, &cap, 3, sizeof(*array)), 0);
	CHECK(cap >= 3);
	for (i = 0; i < cap; i++) {
		CHECK_EQ(array[i], 0);
		array[i] = 7;
	}
	i = cap;
	CHECK_EQ(array_grow(&array, &cap, cap + 1, sizeof(*array)), 0);
	CHECK_EQ(array[i - 1], 7);
	CHECK_EQ(array[i], 0);
	i = cap;
	CHECK_EQ(array_grow(&array, &cap, SIZE_MAX / 2, sizeof(*array)), -ENOMEM);
	CHECK_EQ(cap, i);
	CHECK_EQ(array[0], 7);
	free(array);
}

static void test_intmap(void)
{
	struct intmap m = {0};
	uint64_t key, value, sum = 0, i;
	size_t at = 0, n = 0;

	CHECK(!intmap_get(&m, 0));
	CHECK(!intmap_next(&m, &at, &key, &value));
	for (i = 0; i < 5000; i++)
		CHECK_EQ(intmap_put(&m, i << 40, i), 0);
	CHECK_EQ(m.len, 5000);
	CHECK_EQ(intmap_put(&m, 0, 99), 0);
	CHECK_EQ(intmap_put(&m, UINT64_MAX, 1), 0);
	CHECK_EQ(m.len, 5001);
	CHECK(m.len <= m.cap / 4 * 3);
	CHECK(intmap_get(&m, 0) && *intmap_get(&m, 0) == 99);
	CHECK(intmap_get(&m, 4999ull << 40) && *intmap_get(&m, 4999ull << 40) == 4999);
	CHECK(!intmap_get(&m, 1));
	for (at = 0; intmap_next(&m, &at, &key, &value); n++)
		sum += value;
	CHECK_EQ(n, 5001);
	CHECK_EQ(sum, 4999ull * 5000 / 2 + 99 + 1);
	intmap_release(&m);
	intmap_release(&m);
}

static void test_strings(void)
{
	struct strings *s = strings_new();
	const char *first;
	char text[32], *large = calloc(1, 100001);
	int64_t n;
	int i;

	CHECK(s && large);
	CHECK_EQ(strings_count(s), 1);
	CHECK_EQ(strings_add(s, "", 0), 0);
	CHECK_EQ(strings_add(s, "one", 3), 1);
	CHECK_EQ(strings_add(s, "onetwo", 3), 1);
	CHECK_EQ(strings_add(s, "on", 2), 2);
	first = strings_get(s, 1);
	memset(large, 'x', 100000);
	CHECK_EQ(strings_add(s, large, 100000), 3);
	for (i = 0; i < 20000; i++) {
		snprintf(text, sizeof(text), "string %d", i);
		n = strings_add(s, text, strlen(text));
		CHECK_EQ(n, 4 + i);
	}
	CHECK(first == strings_get(s, 1));
	CHECK_STR(strings_get(s, 1), "one");
	CHECK_STR(strings_get(s, 3), large);
	CHECK_STR(strings_get(s, 4 + 19999), "string 19999");
	CHECK_STR(strings_get(s, 1000000), "");
	CHECK_EQ(strings_add(s, "string 77", 9), 81);
	CHECK_EQ(strings_count(s), 20004);
	strings_free(s);
	strings_free(NULL);
	free(large);
}

static void test_text_ns(void)
{
	static const struct {
		uint64_t ns;
		const char *text;
	} cases[] = {
		{0, "0 ns"},
		{999, "999 ns"},
		{1000, "1.000 µs"},
		{123400, "123.4 µs"},
		{999949, "999.9 µs"},
		{999950, "1.000 ms"},
		{9999499, "9.999 ms"},
		{9999500, "10.00 ms"},
		{12340000, "12.34 ms"},
		{999999999, "1.000 s"},
		{1234000000, "1.234 s"},
		{99995000000, "100.0 s"},
		{1000000000000, "1000 s"},
		{123456499999999, "123456 s"},
		{UINT64_MAX, "18446744074 s"},
	};
	char buf[32];
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		CHECK_STR(text_ns(buf, sizeof(buf), cases[i].ns), cases[i].text);
	CHECK_STR(text_count(buf, sizeof(buf), 0), "0");
	CHECK_STR(text_count(buf, sizeof(buf), 999), "999");
	CHECK_STR(text_count(buf, sizeof(buf), 1000), "1,000");
	CHECK_STR(text_count(buf, sizeof(buf), 1234567), "1,234,567");
	CHECK_STR(text_count(buf, sizeof(buf), UINT64_MAX), "18,446,744,073,709,551,615");
}

static void test_text_clean(void)
{
	static const struct {
		const char *bytes, *also, *text;
	} cases[] = {
		{"plain", NULL, "plain"},
		{"a;b c", "; ", "a?b?c"},
		{"a\n\t\033[1m\x7f", NULL, "a???[1m?"},
		{"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", NULL, "é€😀"},
		{"\xc0\x80\xc1\xbf", NULL, "????"},		   /* overlong */
		{"\xe0\x80\x80\xf0\x80\x80\x80", NULL, "???????"}, /* overlong */
		{"\xed\xa0\x80", NULL, "???"},			   /* a surrogate */
		{"\xf4\x90\x80\x80\xff", NULL, "?????"},	   /* beyond Unicode */
		{"x\xc3", NULL, "x?"},				   /* cut off */
		{"\xc2\x9b"
		 "31m",
		 NULL, "?31m"}, /* C1: CSI in one character */
		{"\xe2\x80\xae"
		 "x",
		 NULL, "?x"}, /* turns the line around */
	};
	unsigned char all[65536];
	char buf[65537], small[5];
	uint32_t code;
	size_t i, n;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		CHECK_STR(text_clean(buf, sizeof(buf), cases[i].bytes, strlen(cases[i].bytes), cases[i].also),
			  cases[i].text);
	CHECK_STR(text_clean(small, sizeof(small), "abc\xc3\xa9", 5, NULL), "abc"); /* not half a character */
	CHECK_STR(text_clean(small, sizeof(small), "ab\xc3\xa9z", 5, NULL), "abé");
	CHECK_STR(text_clean(small, 1, "abc", 3, NULL), "");
	CHECK_STR(text_clean(buf, sizeof(buf), "a\xef\xbf\xbe\xf0\x9f\xbf\xbf\xef\xbf\xbd", 11, NULL), "a??\xef\xbf\xbd");
	CHECK_STR(text_clean(buf, sizeof(buf), "a\0b", 3, ";"), "a?b");
	/* Every pair of bytes: what comes out is valid and holds no control character. */
	for (i = 0; i < sizeof(all); i += 2) {
		all[i] = (unsigned char)(i / 2 >> 8);
		all[i + 1] = (unsigned char)(i / 2);
	}
	text_clean(buf, sizeof(buf), (char *)all, sizeof(all), NULL);
	for (i = 0; buf[i]; i += n) {
		n = text_utf8(buf + i, strlen(buf + i), &code);
		CHECK(n && code >= 0x20 && code != 0x7f && !(code >= 0x80 && code < 0xa0));
		if (!n)
			break;
	}
	CHECK(i > 30000);
	CHECK_EQ(text_columns("aé€😀"), 4);
	CHECK_EQ(text_columns(""), 0);
}

static void test_terminal(void)
{
	FILE *f = tmpfile();

	CHECK(f != NULL);
	unsetenv("COLUMNS");
	CHECK_EQ(text_terminal_columns(f, 80), 80);
	setenv("COLUMNS", "123", 1);
	CHECK_EQ(text_terminal_columns(f, 80), 123);
	setenv("COLUMNS", "12x", 1);
	CHECK_EQ(text_terminal_columns(f, 80), 80);
	setenv("COLUMNS", "-5", 1);
	CHECK_EQ(text_terminal_columns(f, 80), 80);
	CHECK(!text_colours(f));
	fclose(f);
}

static void write_json(FILE *out, bool pretty)
{
	struct json j;

	json_init(&j, out, pretty);
	json_object(&j, NULL);
	json_text(&j, "a\"b", "x\n\\\xff\xc3\xa9");
	json_text(&j, "none", NULL);
	json_array(&j, "list");
	json_u64(&j, NULL, UINT64_MAX);
	json_i64(&j, NULL, INT64_MIN);
	json_object(&j, NULL);
	json_object_end(&j);
	json_array(&j, NULL);
	json_array_end(&j);
	json_array_end(&j);
	json_real(&j, "r", 1.0 / 3, 3);
	json_real(&j, "nan", NAN, 3);
	json_bool(&j, "yes", true);
	json_object_end(&j);
	json_finish(&j);
}

static void test_json(void)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	write_json(out, false);
	fclose(out);
	CHECK_STR(text, "{\"a\\\"b\":\"x\\u000a\\\\\\ufffdé\",\"none\":null,\"list\":[18446744073709551615,"
			"-9223372036854775808,{},[]],\"r\":0.333,\"nan\":null,\"yes\":true}\n");
	free(text);
	out = open_memstream(&text, &len);
	write_json(out, true);
	fclose(out);
	CHECK_STR(text, "{\n  \"a\\\"b\": \"x\\u000a\\\\\\ufffdé\",\n  \"none\": null,\n  \"list\": [\n"
			"    18446744073709551615,\n    -9223372036854775808,\n    {},\n    []\n  ],\n"
			"  \"r\": 0.333,\n  \"nan\": null,\n  \"yes\": true\n}\n");
	free(text);
}

static void check_sorted(const struct radix_item *items, size_t n)
{
	size_t i;

	for (i = 1; i < n; i++)
		CHECK(items[i - 1].key < items[i].key ||
		      (items[i - 1].key == items[i].key && items[i - 1].value < items[i].value));
}

static void test_radix(void)
{
	static const uint64_t masks[] = {UINT64_MAX, 0xff, 0xff0000ff00ull, 0, 7};
	enum { MOST = 5000 };
	struct radix_item *items = calloc(MOST, sizeof(*items));
	uint64_t seed = 88172645463325252ull, sum, n, i;
	size_t m;

	CHECK(items != NULL);
	for (m = 0; m < sizeof(masks) / sizeof(masks[0]); m++) {
		for (n = 0; n <= MOST; n = n * 3 + 1) {
			for (i = 0; i < n; i++) {
				seed ^= seed << 13;
				seed ^= seed >> 7;
				seed ^= seed << 17;
				items[i] = (struct radix_item){.key = seed & masks[m], .value = i};
			}
			CHECK_EQ(radix_sort(items, n), 0);
			check_sorted(items, n);
			for (i = 0, sum = 0; i < n; i++)
				sum += items[i].value;
			CHECK_EQ(sum, n ? n * (n - 1) / 2 : 0);
		}
	}
	free(items);
}

int main(void)
{
	test_fail();
	test_bytes();
	test_intmap();
	test_strings();
	test_text_ns();
	test_text_clean();
	test_terminal();
	test_json();
	test_radix();
	return check_done();
}
