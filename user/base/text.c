/* SPDX-License-Identifier: BSD-2-Clause */
/* In: numbers, and bytes that others wrote. Out: text that is safe on a terminal and in a folded line. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/text.h"

static uint64_t divide_rounded(uint64_t n, uint64_t by)
{
	return n / by + (n % by + by / 2) / by;
}

char *text_ns(char *buf, size_t size, uint64_t ns)
{
	static const struct {
		uint64_t unit;
		const char *name;
	} units[] = {{1000, "µs"}, {1000000, "ms"}, {1000000000, "s"}};
	size_t i;

	if (ns < 1000) {
		snprintf(buf, size, "%" PRIu64 " ns", ns);
		return buf;
	}
	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		uint64_t unit = units[i].unit, step = unit / 1000, decimals = 3, scale = 1000, rounded;

		/* The fewest decimals lost that leave four digits, after rounding. */
		while (divide_rounded(ns, step) >= 10000 && decimals) {
			decimals--;
			step *= 10;
			scale /= 10;
		}
		rounded = divide_rounded(ns, step);
		if (rounded / scale >= 1000 && unit < 1000000000)
			continue;
		if (decimals)
			snprintf(buf, size, "%" PRIu64 ".%0*" PRIu64 " %s", rounded / scale, (int)decimals,
				 rounded % scale, units[i].name);
		else
			snprintf(buf, size, "%" PRIu64 " %s", rounded, units[i].name);
		break;
	}
	return buf;
}

char *text_count(char *buf, size_t size, uint64_t n)
{
	char digits[24], grouped[32];
	int len = snprintf(digits, sizeof(digits), "%" PRIu64, n), i, at = 0;

	for (i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			grouped[at++] = ',';
		grouped[at++] = digits[i];
	}
	grouped[at] = '\0';
	snprintf(buf, size, "%s", grouped);
	return buf;
}

size_t text_utf8(const char *bytes, size_t len, uint32_t *code)
{
	const unsigned char *b = (const unsigned char *)bytes;
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	uint32_t c;
	size_t n, i;

	if (!len)
		return 0;
	if (b[0] < 0x80) {
		*code = b[0];
		return 1;
	}
	n = b[0] >= 0xf0 ? 4 : b[0] >= 0xe0 ? 3 : 2;
	if (b[0] < 0xc2 || b[0] > 0xf4 || n > len)
		return 0;
	c = b[0] & (0x7fu >> n);
	for (i = 1; i < n; i++) {
		if ((b[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (b[i] & 0x3f);
	}
	if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	*code = c;
	return n;
}

/* C0, DEL, C1, what reorders or breaks a line without being seen, and what is no character (XML has no way to
 * write it). */
static bool is_control(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x2028 && c <= 0x202e) ||
	       (c >= 0x2066 && c <= 0x2069) || (c & 0xfffe) == 0xfffe;
}

char *text_clean(char *buf, size_t size, const char *bytes, size_t len, const char *also)
{
	size_t in = 0, out = 0;

	if (!size)
		return buf;
	while (in < len) {
		uint32_t c = 0;
		size_t n = text_utf8(bytes + in, len - in, &c), skip = n ? n : 1;
		bool keep = n && !is_control(c) && !(n == 1 && also && strchr(also, (int)c));

		if (out + (keep ? n : 1) > size - 1)
			break;
		if (keep) {
			memcpy(buf + out, bytes + in, n);
			out += n;
		} else {
			buf[out++] = '?';
		}
		in += skip;
	}
	buf[out] = '\0';
	return buf;
}

size_t text_columns(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

int text_terminal_columns(FILE *f, int otherwise)
{
	const char *env = getenv("COLUMNS");
	struct winsize size = {0};
	long columns;
	char *end;

	if (env && *env) {
		columns = strtol(env, &end, 10);
		if (!*end && columns > 0 && columns <= 10000)
			return (int)columns;
	}
	if (!isatty(fileno(f)) || ioctl(fileno(f), TIOCGWINSZ, &size) || !size.ws_col)
		return otherwise;
	return size.ws_col;
}

bool text_colours(FILE *f)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	return isatty(fileno(f)) && !(no && *no) && term && *term && strcmp(term, "dumb");
}
