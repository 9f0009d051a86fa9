/* SPDX-License-Identifier: BSD-2-Clause */
/* Two call chains of the same moment, ours and libdw's, compared; and what came of it, counted. */
#ifndef CONCTRACE_TESTS_VERDICT_H
#define CONCTRACE_TESTS_VERDICT_H

#include <stdio.h>

#include "base/json.h"
#include "reference.h"

/* X(ID, "json name", "heading", "what it means") */
#define VERDICTS(X)                                                                                                            \
	X(IDENTICAL, "identical", "identical", "frame for frame")                                                              \
	X(LONGER, "longer", "longer", "ours goes on where libdw gave up or the copy of the stack ended")                       \
	X(CUT, "cut", "cut", "the same as far as ours has room for frames")                                                    \
	X(NO_RULE, "no_rule", "no rule", "they part at code without unwind information: both guess")                           \
	X(PENDING, "pending", "pending", "the table was not there yet: not shown, a copy of the stack was walked later")       \
	X(SHORTER, "shorter", "shorter", "ours ends too early")                                                                \
	X(DIFFERENT, "different", "different", "they part where there is a rule")                                              \
	X(GONE, "gone", "gone", "the process or the library was gone before libdw could look at it")

#define VERDICT_X(ID, ...) VERDICT_##ID,
enum verdict { VERDICTS(VERDICT_X) N_VERDICTS };

/* Compares; *at is the first frame that is not the same in both. */
enum verdict verdict_of(struct reference *r, const struct captured *c, const struct reference_stack *libdw, size_t *at);

bool verdict_is_bad(enum verdict verdict);

struct tally {
	uint64_t events;
	uint64_t by[N_VERDICTS];
	uint64_t frames;	/* ours, of all events */
	uint64_t root, ref_root; /* reached by ours, by libdw */
	uint64_t again, again_wrong;
	uint64_t leaf;		/* libdw was helped over a system call without rules */
};

void tally_add(struct tally *t, const struct captured *c, const struct reference_stack *libdw, enum verdict verdict);
/* Identical, longer or cut, in percent of what could be judged. 0 without any. */
double tally_agreement(const struct tally *t);

/* A line of a Markdown table, and the lines above the first one. */
void tally_print_head(FILE *out);
void tally_print_row(FILE *out, const char *name, const char *where, const struct tally *t);
void tally_print_json(struct json *j, const char *key, const struct tally *t);

#endif
