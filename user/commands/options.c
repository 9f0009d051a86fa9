/* SPDX-License-Identifier: BSD-2-Clause */
/* In: argv and a table of options. Out: the fields that the options set, or one message; the help; the list.
 */
#include "commands/options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/fail.h"

#define NS_PER_SECOND 1000000000ull
#define SECONDS_MAX   (365ull * 24 * 3600)
#define PID_LIMIT     INT32_MAX /* whether there is such a process is asked later */

/* How an option was written, for messages. */
struct spelling {
	char text[96];
};

static const char *spell(struct spelling *s, const struct option *o, bool letter)
{
	if (letter)
		snprintf(s->text, sizeof(s->text), "-%c", o->letter);
	else
		snprintf(s->text, sizeof(s->text), "--%s", o->name);
	return s->text;
}

static bool takes_value(const struct option *o)
{
	switch (o->type) {
	case OPTION_TEXT:
	case OPTION_PATH:
	case OPTION_USER:
	case OPTION_U64:
	case OPTION_SECONDS:
	case OPTION_DECIMAL:
	case OPTION_CHOICE:
	case OPTION_SET:
	case OPTION_PIDS:
		return true;
	default:
		return false;
	}
}

static void *field_of(const struct option *o, void *values)
{
	return (char *)values + o->field;
}

/* Decimal digits only, up to `max`; *end is behind them. False: no digit, or more than max. */
static bool read_number(const char *text, uint64_t max, uint64_t *number, const char **end)
{
	uint64_t n = 0;
	const char *at = text;

	for (; *at >= '0' && *at <= '9'; at++) {
		unsigned int digit = (unsigned int)(*at - '0');

		if (n > (max - digit) / 10 || digit > max)
			return false;
		n = n * 10 + digit;
	}
	*number = n;
	*end = at;
	return at != text;
}

static int set_u64(const struct option *o, const char *as, const char *text, uint64_t *field)
{
	const char *end;

	if (!read_number(text, o->max, field, &end) || *end || *field < o->min)
		return fail(-EINVAL, "option %s: \"%s\" is not a whole number from %llu to %llu", as, text,
			    (unsigned long long)o->min, (unsigned long long)o->max);
	return 0;
}

static int set_seconds(const char *as, const char *text, uint64_t *field)
{
	uint64_t whole = 0, ns = 0, unit = NS_PER_SECOND / 10;
	const char *at = text;
	bool digits = read_number(text, SECONDS_MAX, &whole, &at);

	if (!digits && *text >= '0' && *text <= '9')
		goto bad; /* too large */
	if (*at == '.') {
		for (at++; *at >= '0' && *at <= '9'; at++, unit /= 10) {
			ns += (uint64_t)(*at - '0') * unit;
			digits = true;
		}
	}
	if (!digits || *at || whole * NS_PER_SECOND + ns == 0)
		goto bad;
	*field = whole * NS_PER_SECOND + ns;
	return 0;
bad:
	return fail(-EINVAL,
		    "option %s: \"%s\" is not a number of seconds more than 0: use a value like 10 or 0.5",
		    as, text);
}

static int set_decimal(const struct option *o, const char *as, const char *text, double *field)
{
	uint64_t whole = 0;
	double unit = 1, fraction = 0;
	const char *at = text;
	bool digits = read_number(text, o->max, &whole, &at);

	if (*at == '.') {
		for (at++; *at >= '0' && *at <= '9'; at++) {
			unit /= 10;
			fraction += (*at - '0') * unit;
			digits = true;
		}
	}
	if (!digits || *at || (double)whole + fraction > (double)o->max)
		return fail(-EINVAL, "option %s: \"%s\" is not a number from 0 to %llu like 2 or 0.5", as, text,
			    (unsigned long long)o->max);
	*field = (double)whole + fraction;
	return 0;
}

/* The index of text[0 .. len) among the choices, or -EINVAL with a message. */
static int find_choice(const struct option *o, const char *as, const char *text, size_t len)
{
	struct bytes words = {0};
	int err = 0;

	for (int i = 0; o->choices[i]; i++) {
		if (strlen(o->choices[i]) == len && !memcmp(o->choices[i], text, len))
			return i;
	}
	for (int i = 0; o->choices[i] && !err; i++)
		err = bytes_printf(&words, "%s%s", i ? ", " : "", o->choices[i]);
	if (!err)
		err = fail(-EINVAL, "option %s: \"%.*s\" is none of: %.*s", as, (int)len, text, (int)words.len,
			   (const char *)words.data);
	bytes_release(&words);
	return err;
}

static int set_choice(const struct option *o, const char *as, const char *text, int *field)
{
	int i = find_choice(o, as, text, strlen(text));

	if (i < 0)
		return i;
	*field = i;
	return 0;
}

static int set_words(const struct option *o, const char *as, const char *text, uint64_t *field)
{
	for (;;) {
		size_t len = strcspn(text, ",");
		int i = find_choice(o, as, text, len);

		if (i < 0)
			return i;
		*field |= 1ull << i;
		if (!text[len])
			return 0;
		text += len + 1;
	}
}

static int add_pid(struct option_pids *list, pid_t pid)
{
	for (size_t i = 0; i < list->n; i++) {
		if (list->pids[i] == pid)
			return 0;
	}
	if (array_grow(&list->pids, &list->cap, list->n + 1, sizeof(*list->pids)))
		return fail(-ENOMEM, "options: no memory for the list of processes");
	list->pids[list->n++] = pid;
	return 0;
}

static int set_pids(const char *as, const char *text, struct option_pids *list)
{
	const char *at = text;

	for (;;) {
		uint64_t pid = 0;
		int err;

		if (!read_number(at, PID_LIMIT, &pid, &at) || pid == 0 || (*at && *at != ','))
			return fail(-EINVAL,
				    "option %s: \"%s\" is not a list of process numbers: use a value like 12 "
				    "or 12,34",
				    as, text);
		err = add_pid(list, (pid_t)pid);
		if (err || !*at)
			return err;
		at++;
	}
}

static int set_text(const char *as, const char *text, const char **field)
{
	if (!*text)
		return fail(-EINVAL, "option %s: the value is empty", as);
	*field = text;
	return 0;
}

static int set_value(const struct option *o, const char *as, const char *text, void *values)
{
	void *field = field_of(o, values);

	switch (o->type) {
	case OPTION_TEXT:
	case OPTION_PATH:
	case OPTION_USER:
		return set_text(as, text, field);
	case OPTION_U64:
		return set_u64(o, as, text, field);
	case OPTION_SECONDS:
		return set_seconds(as, text, field);
	case OPTION_CHOICE:
		return set_choice(o, as, text, field);
	case OPTION_DECIMAL:
		return set_decimal(o, as, text, field);
	case OPTION_SET:
		return set_words(o, as, text, field);
	case OPTION_PIDS:
		return set_pids(as, text, field);
	default:
		return fail(-EINVAL, "option %s takes no value", as);
	}
}

/* What parsing remembers of OPTION_SELECT options: two of one field are a contradiction. */
struct parser {
	const struct option *table;
	void *values;
	const struct option *selected;
};

static int set_select(struct parser *p, const struct option *o)
{
	const struct option *other = p->selected;

	if (other && other->field == o->field && other->number != o->number)
		return fail(-EINVAL, "options --%s and --%s exclude each other: give one of them",
			    other->name, o->name);
	p->selected = o;
	*(int *)field_of(o, p->values) = o->number;
	return 0;
}

/* An option without a value was seen. An options_result or a negative errno. */
static int set_bare(struct parser *p, const struct option *o)
{
	switch (o->type) {
	case OPTION_HELP:
		return OPTIONS_HELP;
	case OPTION_VERSION:
		return OPTIONS_VERSION;
	case OPTION_SELECT:
		return set_select(p, o);
	default:
		*(bool *)field_of(o, p->values) = true;
		return 0;
	}
}

static const struct option *find_name(const struct option *table, const char *name, size_t len)
{
	for (; table->type != OPTION_END; table++) {
		if (strlen(table->name) == len && !memcmp(table->name, name, len))
			return table;
	}
	return NULL;
}

static const struct option *find_letter(const struct option *table, char letter)
{
	for (; table->type != OPTION_END; table++) {
		if (table->letter && table->letter == letter)
			return table;
	}
	return NULL;
}

static int no_value(const struct option *o, const char *as)
{
	return fail(-EINVAL, "option %s: the value is missing: give it as %s %s", as, as, o->value);
}

/* "--name", "--name=value"; `next` is the word behind it or NULL, *used becomes true if it was the value. */
static int parse_long(struct parser *p, const char *word, const char *next, bool *used)
{
	const char *equals = strchr(word, '=');
	size_t len = equals ? (size_t)(equals - word) : strlen(word);
	const struct option *o = find_name(p->table, word + 2, len - 2);
	struct spelling as;

	if (!o)
		return fail(-EINVAL, "unknown option %.*s", (int)len, word);
	spell(&as, o, false);
	if (!takes_value(o))
		return equals ? fail(-EINVAL, "option %s takes no value", as.text) : set_bare(p, o);
	if (equals)
		return set_value(o, as.text, equals + 1, p->values);
	if (!next)
		return no_value(o, as.text);
	*used = true;
	return set_value(o, as.text, next, p->values);
}

/* "-q", "-qv", "-oFILE", "-o FILE". */
static int parse_letters(struct parser *p, const char *word, const char *next, bool *used)
{
	for (const char *at = word + 1; *at; at++) {
		const struct option *o = find_letter(p->table, *at);
		struct spelling as;
		int result;

		if (!o)
			return fail(-EINVAL, "unknown option -%c%s%s", *at, at > word + 1 ? " in " : "",
				    at > word + 1 ? word : "");
		spell(&as, o, true);
		if (takes_value(o)) {
			if (at[1])
				return set_value(o, as.text, at + 1, p->values);
			if (!next)
				return no_value(o, as.text);
			*used = true;
			return set_value(o, as.text, next, p->values);
		}
		result = set_bare(p, o);
		if (result)
			return result;
	}
	return 0;
}

int options_parse(const struct option *table, void *values, int *argc, char **argv, bool stop)
{
	struct parser p = {.table = table, .values = values};
	int n = *argc, kept = 0, i = 0, result = 0;

	for (; i < n; i++) {
		const char *word = argv[i], *next = i + 1 < n ? argv[i + 1] : NULL;
		bool used = false;

		if (!strcmp(word, "--")) {
			i++;
			break;
		}
		if (word[0] != '-' || !word[1]) {
			if (stop)
				break;
			argv[kept++] = argv[i];
			continue;
		}
		result = word[1] == '-' ? parse_long(&p, word, next, &used)
					: parse_letters(&p, word, next, &used);
		if (result)
			return result;
		i += used;
	}
	for (; i < n; i++)
		argv[kept++] = argv[i];
	argv[kept] = NULL;
	*argc = kept;
	return OPTIONS_DONE;
}

void options_release(const struct option *table, void *values)
{
	for (; table->type != OPTION_END; table++) {
		struct option_pids *list;

		if (table->type != OPTION_PIDS)
			continue;
		list = field_of(table, values);
		free(list->pids);
		memset(list, 0, sizeof(*list));
	}
}

#define HELP_COLUMN 26
#define HELP_WIDTH  80

/* Prints text from column `at` on, broken at blanks, each line indented to HELP_COLUMN. */
static void print_wrapped(FILE *out, const char *text, int at)
{
	fprintf(out, "%*s", HELP_COLUMN - at, "");
	at = HELP_COLUMN;
	while (*text) {
		int len = (int)strcspn(text, " ");

		if (at > HELP_COLUMN && at + 1 + len > HELP_WIDTH) {
			fprintf(out, "\n%*s", HELP_COLUMN, "");
			at = HELP_COLUMN;
		}
		at += fprintf(out, "%s%.*s", at > HELP_COLUMN ? " " : "", len, text);
		text += len;
		text += strspn(text, " ");
	}
	fputc('\n', out);
}

void options_print(const struct option *table, FILE *out)
{
	for (; table->type != OPTION_END; table++) {
		int at;

		if (table->letter)
			at = fprintf(out, "  -%c, --%s", table->letter, table->name);
		else
			at = fprintf(out, "      --%s", table->name);
		if (takes_value(table))
			at += fprintf(out, " %s", table->value);
		if (at + 2 > HELP_COLUMN) {
			fputc('\n', out);
			at = 0;
		}
		print_wrapped(out, table->help, at);
	}
}

static const char *type_word(enum option_type type)
{
	static const char *const words[] = {
		[OPTION_TEXT] = "text",	 [OPTION_PATH] = "path",       [OPTION_USER] = "user",
		[OPTION_U64] = "number", [OPTION_SECONDS] = "seconds", [OPTION_CHOICE] = "choice",
		[OPTION_PIDS] = "pids",	 [OPTION_DECIMAL] = "decimal", [OPTION_SET] = "set",
	};

	return type < sizeof(words) / sizeof(words[0]) && words[type] ? words[type] : "flag";
}

void options_list(const struct option *table, const char *verb, FILE *out)
{
	for (; table->type != OPTION_END; table++) {
		fprintf(out, "%s\t--%s\t-%.1s\t%s\t", verb, table->name, &table->letter,
			type_word(table->type));
		if (table->choices) {
			for (int i = 0; table->choices[i]; i++)
				fprintf(out, "%s%s", i ? "," : "", table->choices[i]);
			fputc('\n', out);
		} else {
			fputs("-\n", out);
		}
	}
}
