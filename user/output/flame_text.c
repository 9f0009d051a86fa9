/* SPDX-License-Identifier: BSD-2-Clause */
/* In: names of functions, as long and as hostile as they come. Out: what may stand in the picture. */
#include "output/flame_text.h"

#include <stdint.h>
#include <string.h>

#include "base/text.h"
#include "symbols/short_name.h"

/* ---- XML -------------------------------------------------------------------------------------------- */

/* One character as it is written: *text of *len bytes. Returns how many bytes of the input that was. */
static size_t escape_one(const char *bytes, size_t left, const char **text, size_t *len)
{
	uint32_t code = 0;
	size_t n = text_utf8(bytes, left, &code);
	const char *as = NULL;

	if (!n || code < 0x20 || (code >= 0x7f && code < 0xa0) || (code & 0xfffe) == 0xfffe)
		as = "?";
	else if (code == '<')
		as = "&lt;";
	else if (code == '>')
		as = "&gt;";
	else if (code == '&')
		as = "&amp;";
	else if (code == '"')
		as = "&quot;";
	*text = as ? as : bytes;
	*len = as ? strlen(as) : n;
	return n ? n : 1;
}

void flame_escape(const char *bytes, size_t len, FILE *out)
{
	size_t at = 0;

	while (at < len) {
		const char *text;
		size_t n;

		at += escape_one(bytes + at, len - at, &text, &n);
		fwrite(text, 1, n, out);
	}
}

size_t flame_escaped(const char *bytes, size_t len)
{
	size_t at = 0, sum = 0;

	while (at < len) {
		const char *text;
		size_t n;

		at += escape_one(bytes + at, len - at, &text, &n);
		sum += n;
	}
	return sum;
}

/* ---- C++ and Rust names ----------------------------------------------------------------------------- */

/* The function's own name: behind the last "::", and behind a return type. */
static const char *last_part(const char *bare)
{
	const char *last = bare, *at, *space;

	/* A closure has no name of its own: that of its function goes with it. */
	for (at = bare; (at = strstr(at, "::")); at += 2)
		if (at[2] && at[2] != '{')
			last = at + 2;
	space = strrchr(last, ' ');
	if (space && space[1] && !strstr(last, "operator"))
		last = space + 1;
	return last;
}

/* The beginning, and "..": never longer than what was there. */
static void cut(char *text, size_t columns)
{
	size_t len = 0, n;

	for (n = 0; columns > 2 && n < columns - 2; n++)
		for (len++; ((unsigned char)text[len] & 0xc0) == 0x80; len++)
			;
	if (len)
		memcpy(text + len, "..", sizeof(".."));
	else
		text[0] = '\0';
}

char *flame_short(char *buf, size_t size, const char *name, size_t columns)
{
	const char *last = buf;

	snprintf(buf, size, "%s", name);
	if (text_columns(name) <= columns)
		return buf;
	if (strstr(name, "::") || strchr(name, '(') || strchr(name, '<')) {
		short_name(buf);
		if (!*buf)
			snprintf(buf, size, "%s", name);
		if (text_columns(buf) > columns)
			last = last_part(buf);
	}
	memmove(buf, last, strlen(last) + 1);
	if (text_columns(buf) > columns)
		cut(buf, columns);
	return buf;
}
