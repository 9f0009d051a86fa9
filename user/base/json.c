/* SPDX-License-Identifier: BSD-2-Clause */
/* In: values, in the order they are to appear. Out: JSON (RFC 8259) on a FILE; errors stay in the FILE
 * (ferror). */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"

void json_init(struct json *j, FILE *out, bool pretty)
{
	*j = (struct json){.out = out, .pretty = pretty, .first = true};
}

static void new_line(struct json *j)
{
	int i;

	if (!j->pretty)
		return;
	fputc('\n', j->out);
	for (i = 0; i < j->depth; i++)
		fputs("  ", j->out);
}

static void put_string(struct json *j, const char *s)
{
	size_t len = strlen(s);

	fputc('"', j->out);
	while (len) {
		uint32_t c = 0;
		size_t n = text_utf8(s, len, &c);

		if (!n) /* not UTF-8: the replacement character, one a byte */
			fputs("\\ufffd", j->out);
		else if (c == '"' || c == '\\')
			fprintf(j->out, "\\%c", (char)c);
		else if (c < 0x20 || (c >= 0x7f && c < 0xa0))
			fprintf(j->out, "\\u%04x", (unsigned int)c);
		else
			fwrite(s, 1, n, j->out);
		s += n ? n : 1;
		len -= n ? n : 1;
	}
	fputc('"', j->out);
}

/* Everything before a value: the comma, the line, the key. */
static void start_value(struct json *j, const char *key)
{
	if (!j->first)
		fputc(',', j->out);
	if (j->depth)
		new_line(j);
	j->first = false;
	if (!key)
		return;
	put_string(j, key);
	fputs(j->pretty ? ": " : ":", j->out);
}

static void open_container(struct json *j, const char *key, char bracket)
{
	start_value(j, key);
	fputc(bracket, j->out);
	j->depth++;
	j->first = true;
}

static void close_container(struct json *j, char bracket)
{
	j->depth--;
	if (!j->first)
		new_line(j);
	fputc(bracket, j->out);
	j->first = false;
}

void json_object(struct json *j, const char *key)
{
	open_container(j, key, '{');
}

void json_object_end(struct json *j)
{
	close_container(j, '}');
}

void json_array(struct json *j, const char *key)
{
	open_container(j, key, '[');
}

void json_array_end(struct json *j)
{
	close_container(j, ']');
}

void json_u64(struct json *j, const char *key, uint64_t value)
{
	start_value(j, key);
	fprintf(j->out, "%" PRIu64, value);
}

void json_i64(struct json *j, const char *key, int64_t value)
{
	start_value(j, key);
	fprintf(j->out, "%" PRId64, value);
}

void json_real(struct json *j, const char *key, double value, int decimals)
{
	char text[400], *c;

	start_value(j, key);
	if (!isfinite(value)) {
		fputs("null", j->out);
		return;
	}
	snprintf(text, sizeof(text), "%.*f", decimals < 0 ? 0 : decimals > 17 ? 17 : decimals, value);
	/* JSON has the point, whatever the locale has. */
	for (c = text; *c; c++)
		if (*c == ',')
			*c = '.';
	fputs(text, j->out);
}

void json_bool(struct json *j, const char *key, bool value)
{
	start_value(j, key);
	fputs(value ? "true" : "false", j->out);
}

void json_text(struct json *j, const char *key, const char *value)
{
	start_value(j, key);
	if (value)
		put_string(j, value);
	else
		fputs("null", j->out);
}

void json_finish(struct json *j)
{
	fputc('\n', j->out);
}
