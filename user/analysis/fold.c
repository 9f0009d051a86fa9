/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * In: the parts of the threads' time and their paths. Out: folded lines. Thread by thread: first nanoseconds
 * by stack, system call and state, which is a few numbers; only then are these made into text and added up.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/fold.h"
#include "analysis/stack_path.h"
#include "analysis/time_parts.h"
#include "base/bytes.h"
#include "base/fail.h"
#include "base/intmap.h"
#include "base/radix.h"
#include "base/strings.h"

struct folding {
	const struct trace *t;
	const struct fold_choice *choice;
	struct fold *fold;
	size_t cap;	       /* of fold->lines */
	struct intmap line_of; /* number of a text: index in fold->lines */
	struct time_parts parts; /* of the thread at hand */
	struct stack_paths paths;
	struct bytes text;
};

static int add_label(struct folding *f, uint32_t label)
{
	const char *text = strings_get(f->fold->strings, label);
	int err = f->text.len ? bytes_add(&f->text, ";", 1) : 0;

	return err ? err : bytes_add(&f->text, text, strlen(text));
}

/* The text of a part in f->text. */
static int make_text(struct folding *f, const struct time_part *part)
{
	size_t n = 0, i, tip;
	int err = stack_path(&f->paths, part, &n);

	bytes_clear(&f->text);
	for (i = 0; i < n && !err; i++)
		err = add_label(f, f->paths.labels[i]);
	if (!err)
		err = bytes_printf(&f->text, ";[%s]", part_state_name(part->state));
	tip = n;
	if (!err && f->choice->wakers && part->state < N_WAIT_KINDS)
		err = stack_path_waker(&f->paths, part, &n);
	for (i = tip; i < n && !err; i++)
		err = add_label(f, f->paths.labels[i]);
	return err;
}

/* The part's time is added to its line, which is made if there is none. */
static int add_line(struct folding *f, const struct time_part *part)
{
	struct fold *fold = f->fold;
	int64_t number;
	uint64_t *at;
	int err = make_text(f, part);

	if (err)
		return err;
	number = strings_add(fold->strings, (const char *)f->text.data, f->text.len);
	if (number < 0)
		return (int)number;
	fold->total_ns += part->ns;
	at = intmap_get(&f->line_of, (uint64_t)number);
	if (at) {
		fold->lines[*at].ns += part->ns;
		return 0;
	}
	err = array_grow(&fold->lines, &f->cap, fold->n + 1, sizeof(*fold->lines));
	if (!err)
		err = intmap_put(&f->line_of, (uint64_t)number, fold->n);
	if (err)
		return err;
	fold->lines[fold->n++] =
		(struct fold_line){.text = strings_get(fold->strings, (uint32_t)number), .ns = part->ns};
	return 0;
}

static int fold_thread(struct folding *f, const struct trace_thread *thread)
{
	static const uint32_t states[] = {
		[FOLD_ALL] = PARTS_ALL, [FOLD_CPU] = PARTS_CPU, [FOLD_WAIT] = PARTS_WAIT, [FOLD_BLOCKED] = PARTS_BLOCKED};
	struct time_part part;
	size_t at = 0;
	int err = time_parts_add(&f->parts, f->t, thread, states[f->choice->what]);

	if (!err)
		err = stack_paths_thread(&f->paths, thread, f->choice->by_id ? PATH_BY_THREAD : PATH_BY_NAME);
	while (!err && time_parts_next(&f->parts, &at, &part))
		err = add_line(f, &part);
	time_parts_release(&f->parts);
	return err;
}

static int compare_lines(const void *a, const void *b)
{
	return strcmp(((const struct fold_line *)a)->text, ((const struct fold_line *)b)->text);
}

/* Whole microseconds, and the ones that are left to the lines with the largest remainders. */
static int round_lines(struct fold *fold)
{
	struct radix_item *order = calloc(fold->n + 1, sizeof(*order));
	uint64_t given = 0;
	size_t i;
	int err;

	if (!order)
		return fail(-ENOMEM, "out of memory: %zu folded lines", fold->n);
	fold->total_us = fold->total_ns / 1000 + (fold->total_ns % 1000 >= 500);
	for (i = 0; i < fold->n; i++) {
		fold->lines[i].us = fold->lines[i].ns / 1000;
		given += fold->lines[i].us;
		order[i] = (struct radix_item){.key = 999 - fold->lines[i].ns % 1000, .value = i};
	}
	err = radix_sort(order, fold->n);
	for (i = 0; i < fold->n && given < fold->total_us && !err; i++, given++)
		fold->lines[order[i].value].us++;
	free(order);
	return err;
}

int fold_build(struct fold **out, const struct trace *t, const struct fold_choice *choice)
{
	struct fold *fold = calloc(1, sizeof(*fold));
	struct folding f = {.t = t, .choice = choice, .fold = fold, .parts = {.by_waker = choice->wakers}};
	size_t i;
	int err;

	*out = NULL;
	if (fold)
		fold->strings = strings_new();
	if (!fold || !fold->strings) {
		fold_free(fold);
		return fail(-ENOMEM, "out of memory: folded stacks");
	}
	err = stack_paths_init(&f.paths, t, fold->strings);
	for (i = 0; i < t->n_threads && !err; i++)
		err = fold_thread(&f, &t->threads[i]);
	if (fold->n)
		qsort(fold->lines, fold->n, sizeof(*fold->lines), compare_lines);
	if (!err)
		err = round_lines(fold);
	intmap_release(&f.line_of);
	stack_paths_release(&f.paths);
	bytes_release(&f.text);
	if (err)
		fold_free(fold);
	else
		*out = fold;
	return err;
}

void fold_free(struct fold *f)
{
	if (!f)
		return;
	strings_free(f->strings);
	free(f->lines);
	free(f);
}
