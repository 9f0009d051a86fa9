/* SPDX-License-Identifier: BSD-2-Clause */
/* In: a recording and open streams. Out: the report and the folded stacks in them. */
#include "commands/show.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "analysis/fold.h"
#include "analysis/report.h"
#include "base/fail.h"
#include "base/text.h"
#include "commands/verbs.h"
#include "output/folded.h"
#include "output/report_output.h"

const char *show_path(int argc, char **argv)
{
	return argc > 0 ? argv[0] : VERB_RECORDING;
}

int show_load(struct trace **out, const char *path, const struct lookup_options *lookup, bool must,
	      enum symbol_names names)
{
	int err = lookup_load(out, path, lookup, must);

	if (!err)
		err = trace_set_names(*out, names);
	if (err) {
		trace_free(*out);
		*out = NULL;
	}
	return err;
}

/* A locale that was chosen and is not UTF-8 gets ASCII; without any choice UTF-8 is what terminals are. */
static bool locale_is_utf8(void)
{
	static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *value = getenv(names[i]);

		if (value && *value)
			return strcasestr(value, "utf-8") || strcasestr(value, "utf8");
	}
	return true;
}

struct page_style show_style(FILE *out)
{
	return (struct page_style){
		.width = text_terminal_columns(out, PAGE_DEFAULT_WIDTH),
		.colours = text_colours(out),
		.utf8 = locale_is_utf8(),
	};
}

int show_flush(FILE *out, const char *name)
{
	int err = 0, before = errno; /* of a write that failed while it was printed, after which there was nothing to flush */

	errno = 0;
	if (fflush(out))
		err = errno;
	if (!err && ferror(out))
		err = errno ? errno : before ? before : EIO;
	if (err)
		return fail(-err, "%s: %s: not everything could be written", name, strerror(err));
	return 0;
}

_Static_assert((int)FOLDED_CHOICE_ALL == (int)FOLD_ALL && (int)FOLDED_CHOICE_CPU == (int)FOLD_CPU &&
		       (int)FOLDED_CHOICE_WAIT == (int)FOLD_WAIT && (int)FOLDED_CHOICE_WAKERS == (int)FOLD_BLOCKED,
	       "what --all, --cpu, --wait and --wakers choose");

int show_readable(const struct trace *t, const char *path)
{
	if (!t->damage || t->n_threads || t->meta.n_command)
		return 0;
	return fail(-ENODATA, "recording %s: incomplete: %s: nothing of it can be read: record again", path, t->damage);
}

int show_whole(const struct trace *t, const char *path)
{
	if (!t->damage)
		return 0;
	return fail(-ENODATA, "recording %s: incomplete: %s: what is shown is of the part that can be read", path, t->damage);
}

int show_need_wakers(const struct trace *t, const char *path)
{
	if (t->meta.wakers)
		return 0;
	return fail(-EINVAL, "recording %s: --wakers: who ended the waits was not recorded: record with run --wakers or attach --wakers", path);
}

int show_report(const struct trace *t, FILE *out, const char *name, bool json, bool threads_all)
{
	const struct report_choice choice = {.all_threads = threads_all};
	const struct page_style style = show_style(out);
	struct report *report = NULL;
	int err = report_build(&report, t, &choice);

	if (err)
		goto out;
	(json ? &report_json : &report_text)->print(report, out, &style);
	err = show_flush(out, name);
out:
	report_free(report);
	return err;
}

int show_folded(const struct trace *t, FILE *out, const char *name, int what)
{
	const struct fold_choice choice = {.what = (enum fold_what)what, .wakers = what == FOLDED_CHOICE_WAKERS};
	struct fold *fold = NULL;
	int err = fold_build(&fold, t, &choice);

	if (err)
		goto out;
	folded_print(fold, out);
	err = show_flush(out, name);
out:
	fold_free(fold);
	return err;
}

int show_recording(const char *path, const struct show_options *o)
{
	struct trace *trace = NULL;
	int err, late = 0;

	if (!o->report && !o->folded)
		return 0;
	err = show_load(&trace, path, &o->lookup, false, SYMBOL_NAMES_FULL);
	if (err)
		goto out;
	/* A report that can't be written is no reason to have no folded stacks. */
	if (o->report)
		err = show_report(trace, o->report, "report", o->json, o->threads_all);
	if (err && o->folded)
		talk("%s", fail_message());
	if (o->folded)
		late = show_folded(trace, o->folded, "folded stacks", FOLDED_CHOICE_ALL);
	if (late)
		err = late;
out:
	trace_free(trace);
	return err;
}
