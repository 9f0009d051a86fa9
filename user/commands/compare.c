/* SPDX-License-Identifier: BSD-2-Clause */
/* In: two or more recordings. Out: one table on stdout, the first as the base. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/compare.h"
#include "base/fail.h"
#include "base/text.h"
#include "commands/show.h"
#include "commands/verbs.h"
#include "output/compare_output.h"

#define LABEL_LEN 64

/* One recording of the comparison: the report borrows from the trace. */
struct side {
	struct trace *trace;
	struct report *report;
	char label[LABEL_LEN];
};

/* "out/io-async.data" is "io-async", unless another one is called the same: then what was typed. */
static void name_sides(struct side *sides, char **paths, size_t n)
{
	bool same = false;

	for (size_t i = 0; i < n; i++) {
		const char *slash = strrchr(paths[i], '/'), *name = slash && slash[1] ? slash + 1 : paths[i];
		size_t len = strlen(name);

		if (len > 5 && !strcmp(name + len - 5, ".data"))
			len -= 5;
		text_clean(sides[i].label, LABEL_LEN, name, len, NULL);
		for (size_t k = 0; k < i; k++)
			same |= !strcmp(sides[k].label, sides[i].label);
	}
	for (size_t i = 0; same && i < n; i++)
		text_clean(sides[i].label, LABEL_LEN, paths[i], strlen(paths[i]), NULL);
}

static int load_side(struct side *side, const char *path)
{
	const struct report_choice choice = {.all_threads = false};
	int err = trace_load(&side->trace, path);

	if (!err)
		err = show_readable(side->trace, path);
	return err ? err : report_build(&side->report, side->trace, &choice);
}

static int print_sides(const struct side *sides, size_t n, bool json)
{
	const struct report **reports = calloc(n, sizeof(const struct report *));
	const char **labels = calloc(n, sizeof(const char *));
	const struct page_style style = show_style(stdout);
	struct comparison *comparison = NULL;
	int err;

	if (!reports || !labels) {
		err = fail(-ENOMEM, "compare: no memory for %zu recordings", n);
		goto out;
	}
	for (size_t i = 0; i < n; i++) {
		reports[i] = sides[i].report;
		labels[i] = sides[i].label;
	}
	err = comparison_build(&comparison, reports, labels, n);
	if (err)
		goto out;
	if (json)
		compare_json(comparison, stdout);
	else
		compare_text(comparison, stdout, &style);
	err = show_flush(stdout, "standard output");
out:
	comparison_free(comparison);
	free(reports);
	free(labels);
	return err;
}

int command_compare(const struct compare_options *o, int argc, char **argv)
{
	size_t n = (size_t)argc;
	struct side *sides = calloc(n, sizeof(*sides));
	int err = 0;

	if (!sides)
		return fail(-ENOMEM, "compare: no memory for %zu recordings", n);
	for (size_t i = 0; i < n && !err; i++)
		err = load_side(&sides[i], argv[i]);
	if (!err) {
		name_sides(sides, argv, n);
		err = print_sides(sides, n, o->json);
	}
	for (size_t i = 0; i < n && !err; i++)
		err = show_whole(sides[i].trace, argv[i]);
	for (size_t i = 0; i < n; i++) {
		report_free(sides[i].report);
		trace_free(sides[i].trace);
	}
	free(sides);
	return err;
}
