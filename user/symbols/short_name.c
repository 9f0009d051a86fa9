/* SPDX-License-Identifier: BSD-2-Clause */
/* In: a demangled name. Out: the same without arguments. One pass, what is kept is moved to the front. */
#include "symbols/short_name.h"

#include <ctype.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct shortening {
	char *text;
	size_t in, out;
	unsigned int kept; /* open angle brackets that stay: those of Rust's paths */
};

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '$' || (c & 0x80);
}

static bool starts(const char *text, const char *with)
{
	return !strncmp(text, with, strlen(with));
}

/* The length of "operator" and its sign at `at`, if that is one with a bracket in it (others are like words). */
static size_t operator_length(const char *text, size_t at)
{
	static const char *const signs[] = {"()", "[]", "<=>", "<<=", ">>=", "->*", "<<",
					    ">>", "<=", ">=",  "->",  "<",   ">"};
	static const char word[] = "operator";
	const char *sign = text + at + sizeof(word) - 1;

	if (!starts(text + at, word) || (at && is_word(text[at - 1])))
		return 0;
	for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++)
		if (starts(sign, signs[i]))
			return sizeof(word) - 1 + strlen(signs[i]);
	return 0;
}

static size_t behind_parentheses(const char *text, size_t at)
{
	size_t depth = 0;

	for (; text[at]; at++) {
		depth += text[at] == '(';
		depth -= text[at] == ')';
		if (!depth)
			return at + 1;
	}
	return at;
}

/* Comparisons within arguments stand in parentheses, so those are passed over as a whole. */
static size_t behind_angles(const char *text, size_t at)
{
	size_t depth = 0;

	while (text[at]) {
		size_t sign = operator_length(text, at);

		if (sign) {
			at += sign;
		} else if (text[at] == '(') {
			at = behind_parentheses(text, at);
		} else if (starts(text + at, "->")) { /* of a function type */
			at += 2;
		} else {
			depth += text[at] == '<';
			depth -= text[at] == '>';
			at++;
			if (!depth)
				break;
		}
	}
	return at;
}

/* <T as Trait>::function, module::<impl Trait for T>::function: a place in the tree, not an argument. */
static bool is_path(const struct shortening *s)
{
	const char *text = s->text;
	size_t at = s->in;

	if (!at)
		return true;
	if (at >= 2 && text[at - 1] == ':' && starts(text + at, "<impl "))
		return true;
	return s->kept && strchr(" (&<[,*", text[at - 1]);
}

static void keep(struct shortening *s, size_t n)
{
	memmove(s->text + s->out, s->text + s->in, n);
	s->in += n;
	s->out += n;
}

static void take_angle(struct shortening *s)
{
	if (is_path(s)) {
		s->kept++;
		keep(s, 1);
		return;
	}
	s->in = behind_angles(s->text, s->in);
	if (s->out >= 2 && s->text[s->out - 1] == ':' && s->text[s->out - 2] == ':')
		s->out -= 2; /* function::<T> */
	else if (s->out && s->text[s->out - 1] == ' ')
		s->out--; /* operator< <T> */
}

/* What may stand behind parameters. */
static size_t qualifier_length(const char *text)
{
	static const char *const qualifiers[] = {" const", " volatile", " noexcept", " &&", " &"};

	for (size_t i = 0; i < sizeof(qualifiers) / sizeof(qualifiers[0]); i++) {
		size_t len = strlen(qualifiers[i]);

		if (starts(text, qualifiers[i]) && !is_word(text[len]))
			return len;
	}
	return 0;
}

static void take_parenthesis(struct shortening *s)
{
	static const char anonymous[] = "(anonymous namespace)";
	size_t len;

	if (starts(s->text + s->in, anonymous)) {
		keep(s, sizeof(anonymous) - 1);
		return;
	}
	if (s->kept) { /* a tuple of Rust's */
		keep(s, 1);
		return;
	}
	s->in = behind_parentheses(s->text, s->in);
	while ((len = qualifier_length(s->text + s->in)))
		s->in += len;
}

void short_name(char *name)
{
	struct shortening s = {.text = name};

	while (name[s.in]) {
		size_t sign = operator_length(name, s.in);

		if (sign) {
			keep(&s, sign);
		} else if (s.kept && starts(name + s.in, "->")) {
			keep(&s, 2);
		} else if (name[s.in] == '<') {
			take_angle(&s);
		} else if (name[s.in] == '(') {
			take_parenthesis(&s);
		} else {
			s.kept -= s.kept && name[s.in] == '>';
			keep(&s, 1);
		}
	}
	name[s.out] = '\0';
}
