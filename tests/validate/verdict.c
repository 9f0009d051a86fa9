/* SPDX-License-Identifier: BSD-2-Clause */
#include "verdict.h"

#include <inttypes.h>

#define VERDICT_NAME(ID, name, ...) name,
static const char *const names[] = {VERDICTS(VERDICT_NAME)};
#define VERDICT_HEADING(ID, name, heading, ...) heading,
static const char *const headings[] = {VERDICTS(VERDICT_HEADING)};

/* Frame number `at - 1` leads to frame `at`: is there a rule for it? After a signal's frame, and for the first, the address itself
 * counts; both addresses having none is what is asked. */
static bool ruled(struct reference *r, const struct captured *c, size_t at)
{
	uint64_t pc = c->frames[at - 1];

	return reference_has_rule(r, c->pid, pc) || (at > 1 && reference_has_rule(r, c->pid, pc - 1));
}

enum verdict verdict_of(struct reference *r, const struct captured *c, const struct reference_stack *libdw, size_t *at)
{
	size_t k = 0;

	while (k < c->n_frames && k < libdw->n && c->frames[k] == libdw->frames[k])
		k++;
	*at = k;
	if (k == c->n_frames && k == libdw->n)
		return VERDICT_IDENTICAL;
	if (c->pending)
		return VERDICT_PENDING;
	if (k && !ruled(r, c, k))
		return reference_is_gone(c->pid, c->frames[k - 1]) ? VERDICT_GONE : VERDICT_NO_RULE;
	if (k == libdw->n && libdw->end != REFERENCE_ROOT)
		return VERDICT_LONGER;
	if (k == c->n_frames)
		return c->cut ? VERDICT_CUT : VERDICT_SHORTER;
	return VERDICT_DIFFERENT;
}

bool verdict_is_bad(enum verdict verdict)
{
	return verdict == VERDICT_SHORTER || verdict == VERDICT_DIFFERENT;
}

void tally_add(struct tally *t, const struct captured *c, const struct reference_stack *libdw, enum verdict verdict)
{
	t->events++;
	t->by[verdict]++;
	t->frames += c->n_frames;
	t->root += c->root;
	t->again += c->again;
	t->again_wrong += c->again_wrong;
	if (verdict != VERDICT_GONE) {
		t->ref_root += libdw->end == REFERENCE_ROOT;
		t->leaf += libdw->leaf;
	}
}

double tally_agreement(const struct tally *t)
{
	uint64_t good = t->by[VERDICT_IDENTICAL] + t->by[VERDICT_LONGER] + t->by[VERDICT_CUT];
	uint64_t judged = good + t->by[VERDICT_SHORTER] + t->by[VERDICT_DIFFERENT];

	return judged ? 100.0 * (double)good / (double)judged : 0;
}

static double percent(uint64_t part, uint64_t whole)
{
	return whole ? 100.0 * (double)part / (double)whole : 0;
}

void tally_print_head(FILE *out)
{
	size_t i;

	fprintf(out, "| program | at | stacks | frames |");
	for (i = 0; i < N_VERDICTS; i++)
		fprintf(out, " %s |", headings[i]);
	fprintf(out, " agree | at the root: ours | libdw's | known again | wrongly |\n|---|---|---|---|");
	for (i = 0; i < N_VERDICTS; i++)
		fprintf(out, "---|");
	fprintf(out, "---|---|---|---|---|\n");
}

void tally_print_row(FILE *out, const char *name, const char *where, const struct tally *t)
{
	size_t i;

	fprintf(out, "| %s | %s | %" PRIu64 " | %.1f |", name, where, t->events, t->events ? (double)t->frames / (double)t->events : 0);
	for (i = 0; i < N_VERDICTS; i++)
		fprintf(out, " %" PRIu64 " |", t->by[i]);
	fprintf(out, " %.2f %% | %.2f %% | %.2f %% | %.1f %% | %" PRIu64 " |\n", tally_agreement(t), percent(t->root, t->events),
		percent(t->ref_root, t->events - t->by[VERDICT_GONE]), percent(t->again, t->events), t->again_wrong);
}

void tally_print_json(struct json *j, const char *key, const struct tally *t)
{
	size_t i;

	json_object(j, key);
	json_u64(j, "stacks", t->events);
	json_u64(j, "frames", t->frames);
	for (i = 0; i < N_VERDICTS; i++)
		json_u64(j, names[i], t->by[i]);
	json_real(j, "agree_percent", tally_agreement(t), 3);
	json_u64(j, "root", t->root);
	json_u64(j, "reference_root", t->ref_root);
	json_u64(j, "reference_leaf", t->leaf);
	json_u64(j, "known_again", t->again);
	json_u64(j, "known_again_wrongly", t->again_wrong);
	json_object_end(j);
}
