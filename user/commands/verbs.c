/* SPDX-License-Identifier: BSD-2-Clause */
/* In: the words behind "conctrace". Out: the verb's function called with its options, or help, or a message.
 */
#include "commands/verbs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "output/flame_svg.h"
#include "wire_kinds.h"

#ifndef CONCTRACE_VERSION
#error "CONCTRACE_VERSION comes from the Makefile"
#endif
#ifndef CONCTRACE_FEATURES
#define CONCTRACE_FEATURES ""
#endif

static const char *const threads_words[] = {"most", "all", NULL};
static const char *const base_words[] = {"name", "process", "thread", NULL};
static const char *const scale_words[] = {"auto", "none", "wall", "total", NULL};
static const char *const names_words[] = {"full", "short", "raw", NULL}; /* enum symbol_names */

#define KIND_WORD(number, ID, name, ...) name,
const char *const verb_kinds[] = {WAIT_KINDS(KIND_WORD) "running", "ready", "io", "lock",
				  "sync", "memory", "other", NULL}; /* the group "sleep" is its only kind */

/* clang-format off */
#define RECORD_FIELD(name) offsetof(struct record_options, name)

/* What the verbs that show functions have in common. LOOKUP: offsetof a struct lookup_options. */
#define LINES_OPTIONS(LOOKUP)                                                                                  \
	{.name = "inlines", .type = OPTION_FLAG, .field = (LOOKUP) + offsetof(struct lookup_options, inlines), \
	 .help = "show inlined functions, too, by the debug information of the files"},                        \
	{.name = "lines", .type = OPTION_FLAG, .field = (LOOKUP) + offsetof(struct lookup_options, lines),     \
	 .help = "show source file and line: function (file.c:12)"}
#define LOOKUP_OPTIONS(LOOKUP)                                                                                    \
	LINES_OPTIONS(LOOKUP),                                                                                    \
	{.name = "symfs", .type = OPTION_PATH, .value = "DIR",                                                    \
	 .field = (LOOKUP) + offsetof(struct lookup_options, symfs),                                              \
	 .help = "look for the traced files, and their debug files, in DIR as in the root of another machine"},   \
	{.name = "debuginfod", .type = OPTION_FLAG, .field = (LOOKUP) + offsetof(struct lookup_options, debuginfod), \
	 .help = "fetch those that are not here from the servers in $DEBUGINFOD_URLS"}

/* What run and attach have in common: offsets in struct record_options, which is first in both of theirs. */
#define RECORD_OPTIONS                                                                                        \
	{.name = "output", .letter = 'o', .type = OPTION_PATH, .value = "FILE",                               \
	 .field = RECORD_FIELD(recording),                                                                    \
	 .help = "write the recording to FILE (" VERB_RECORDING "); one that is there is kept as FILE.old"},  \
	{.name = "folded", .type = OPTION_PATH, .value = "FILE", .field = RECORD_FIELD(folded),               \
	 .help = "write folded stacks to FILE (" VERB_FOLDED ")"},                                            \
	{.name = "report", .type = OPTION_PATH, .value = "FILE", .field = RECORD_FIELD(report),               \
	 .help = "write the report to FILE, not to standard error"},                                          \
	{.name = "quiet", .letter = 'q', .type = OPTION_FLAG, .field = RECORD_FIELD(quiet),                   \
	 .help = "no report"},                                                                                \
	{.name = "json", .type = OPTION_FLAG, .field = RECORD_FIELD(json),                                    \
	 .help = "the report as JSON"},                                                                       \
	{.name = "threads", .type = OPTION_CHOICE, .value = "most|all", .field = RECORD_FIELD(threads),       \
	 .choices = threads_words,                                                                            \
	 .help = "threads in the report: those with most time (most) or every one (all)"},                    \
	{.name = "no-stacks", .type = OPTION_FLAG, .field = RECORD_FIELD(no_stacks),                          \
	 .help = "no stacks: cheaper, and the folded file has only process, thread and kind"},                \
	{.name = "kernel-stacks", .type = OPTION_FLAG, .field = RECORD_FIELD(kernel_stacks),                  \
	 .help = "the full kernel stack of every wait: costs 2 us and more a wait"},                          \
	{.name = "wakers", .type = OPTION_FLAG, .field = RECORD_FIELD(wakers),                                \
	 .help = "record who ends each wait, with its stack: costs 0.3 us a wait"},                           \
	{.name = "frequency", .type = OPTION_U64, .value = "HZ", .max = 10000, .field = RECORD_FIELD(frequency), \
	 .help = "samples a second of what runs (199); 0 takes none"},                                        \
	LINES_OPTIONS(RECORD_FIELD(lookup))

_Static_assert(offsetof(struct run_options, record) == 0, "RECORD_OPTIONS");
_Static_assert(offsetof(struct attach_options, record) == 0, "RECORD_OPTIONS");
_Static_assert(VERB_FREQUENCY == 199, "the help of --frequency");

static const struct option run_table[] = {
	RECORD_OPTIONS,
	{.name = "wait-all", .type = OPTION_FLAG, .field = offsetof(struct run_options, wait_all),
	 .help = "end when all that COMMAND started has ended, not with COMMAND"},
	{.name = "user", .type = OPTION_USER, .value = "NAME", .field = offsetof(struct run_options, user),
	 .help = "run COMMAND as this user (the one who called sudo)"},
	{.name = "as-root", .type = OPTION_FLAG, .field = offsetof(struct run_options, as_root),
	 .help = "run COMMAND as root"},
	OPTIONS_EVERYWHERE,
};

static const struct option attach_table[] = {
	{.name = "pid", .letter = 'p', .type = OPTION_PIDS, .value = "PID[,PID...]",
	 .field = offsetof(struct attach_options, pids), .help = "the processes to trace, with what they start"},
	{.name = "duration", .letter = 'd', .type = OPTION_SECONDS, .value = "SECONDS",
	 .field = offsetof(struct attach_options, duration_ns),
	 .help = "end after SECONDS (on Ctrl-C, or when all have ended)"},
	RECORD_OPTIONS,
	OPTIONS_EVERYWHERE,
};

static const struct option report_table[] = {
	{.name = "json", .type = OPTION_FLAG, .field = offsetof(struct report_options, json),
	 .help = "print JSON"},
	{.name = "threads", .type = OPTION_CHOICE, .value = "most|all",
	 .field = offsetof(struct report_options, threads), .choices = threads_words,
	 .help = "threads to list: those with most time (most) or every one (all)"},
	{.name = "names", .type = OPTION_CHOICE, .value = "full|short|raw", .choices = names_words,
	 .field = offsetof(struct report_options, names),
	 .help = "C++ and Rust names whole (full), without template arguments and parameters (short), or as "
		 "the linker has them (raw)"},
	LOOKUP_OPTIONS(offsetof(struct report_options, lookup)),
	OPTIONS_EVERYWHERE,
};

static const struct option folded_table[] = {
	{.name = "cpu", .type = OPTION_SELECT, .number = FOLDED_CHOICE_CPU, .field = offsetof(struct folded_options, what),
	 .help = "running time only"},
	{.name = "wait", .type = OPTION_SELECT, .number = FOLDED_CHOICE_WAIT, .field = offsetof(struct folded_options, what),
	 .help = "waiting and ready time only"},
	{.name = "wakers", .type = OPTION_SELECT, .number = FOLDED_CHOICE_WAKERS, .field = offsetof(struct folded_options, what),
	 .help = "waiting time only, and behind each wait who ended it (recorded with run --wakers)"},
	{.name = "all", .type = OPTION_SELECT, .number = FOLDED_CHOICE_ALL, .field = offsetof(struct folded_options, what),
	 .help = "all of it (this is what is printed without an option)"},
	{.name = "names", .type = OPTION_CHOICE, .value = "full|short|raw", .choices = names_words,
	 .field = offsetof(struct folded_options, names),
	 .help = "C++ and Rust names whole (full), without template arguments and parameters (short), or as "
		 "the linker has them (raw)"},
	LOOKUP_OPTIONS(offsetof(struct folded_options, lookup)),
	OPTIONS_EVERYWHERE,
};

static const struct option flamegraph_table[] = {
	{.name = "output", .letter = 'o', .type = OPTION_PATH, .value = "FILE", .field = offsetof(struct flamegraph_options, output),
	 .help = "write the picture to FILE (" VERB_SVG "); - is standard output"},
	{.name = "cpu", .type = OPTION_SELECT, .number = FOLDED_CHOICE_CPU, .field = offsetof(struct flamegraph_options, what),
	 .help = "running time only"},
	{.name = "wait", .type = OPTION_SELECT, .number = FOLDED_CHOICE_WAIT, .field = offsetof(struct flamegraph_options, what),
	 .help = "waiting and ready time only"},
	{.name = "all", .type = OPTION_SELECT, .number = FOLDED_CHOICE_ALL, .field = offsetof(struct flamegraph_options, what),
	 .help = "all of it (this is what is drawn without an option)"},
	{.name = "kind", .type = OPTION_SET, .value = "KIND[,KIND...]", .choices = verb_kinds,
	 .field = offsetof(struct flamegraph_options, kinds),
	 .help = "only time in these: running, ready, wait kinds or their groups; may be given more than once"},
	{.name = "wakers", .type = OPTION_FLAG, .field = offsetof(struct flamegraph_options, wakers),
	 .help = "waiting time only, and above each wait who ended it, with its stack on its head (recorded with run --wakers)"},
	{.name = "by", .type = OPTION_CHOICE, .value = "name|process|thread", .choices = base_words,
	 .field = offsetof(struct flamegraph_options, base),
	 .help = "what stands below the functions: processes and threads of one name together (name), each process alone "
		 "with its threads together (process), or each thread alone (thread)"},
	{.name = "names", .type = OPTION_CHOICE, .value = "full|short|raw", .choices = names_words,
	 .field = offsetof(struct flamegraph_options, names),
	 .help = "C++ and Rust names whole (full), without template arguments and parameters (short), or as "
		 "the linker has them (raw)"},
	{.name = "diff", .type = OPTION_FLAG, .field = offsetof(struct flamegraph_options, diff),
	 .help = "two recordings A and B: the picture of B, in the colours of what changed against A"},
	{.name = "scale", .type = OPTION_CHOICE, .value = "auto|none|wall|total", .choices = scale_words,
	 .field = offsetof(struct flamegraph_options, scale),
	 .help = "with --diff, times of A are taken as they are (none), by the wall clock of B (wall) or its total (total); "
		 "auto is none for two runs, else wall"},
	{.name = "icicle", .type = OPTION_FLAG, .field = offsetof(struct flamegraph_options, icicle),
	 .help = "the root at the top"},
	{.name = "reverse", .type = OPTION_FLAG, .field = offsetof(struct flamegraph_options, reverse),
	 .help = "from the states to their callers: what is waited for, summed up over all who do"},
	{.name = "title", .type = OPTION_TEXT, .value = "TEXT", .field = offsetof(struct flamegraph_options, title),
	 .help = "the title (the command)"},
	{.name = "width", .type = OPTION_U64, .value = "PIXELS", .min = FLAME_SVG_WIDTH_LEAST, .max = FLAME_SVG_WIDTH_MOST,
	 .field = offsetof(struct flamegraph_options, width), .help = "width of the picture (1200)"},
	{.name = "min-width", .type = OPTION_DECIMAL, .value = "PIXELS", .max = 100,
	 .field = offsetof(struct flamegraph_options, min_width),
	 .help = "draw boxes of less than this together (0.1)"},
	LOOKUP_OPTIONS(offsetof(struct flamegraph_options, lookup)),
	OPTIONS_EVERYWHERE,
};

static const struct option compare_table[] = {
	{.name = "json", .type = OPTION_FLAG, .field = offsetof(struct compare_options, json), .help = "print JSON"},
	OPTIONS_EVERYWHERE,
};

static const struct option doctor_table[] = {
	{.name = "json", .type = OPTION_FLAG, .field = offsetof(struct doctor_options, json), .help = "print JSON"},
	OPTIONS_EVERYWHERE,
};

#define RECORD_DEFAULTS {.recording = VERB_RECORDING, .folded = VERB_FOLDED, .frequency = VERB_FREQUENCY}

static const struct run_options run_defaults = {.record = RECORD_DEFAULTS};
static const struct attach_options attach_defaults = {.record = RECORD_DEFAULTS};
static const struct report_options report_defaults;
static const struct folded_options folded_defaults;
static const struct flamegraph_options flamegraph_defaults = {.output = VERB_SVG, .width = FLAME_SVG_WIDTH, .min_width = 0.1};
static const struct compare_options compare_defaults;
static const struct doctor_options doctor_defaults;
/* clang-format on */

static int check_run(const void *o, int argc)
{
	const struct run_options *run = o;

	(void)argc;
	if (run->as_root && run->user)
		return fail(-EINVAL, "options --as-root and --user exclude each other: give one of them");
	return 0;
}

static int check_attach(const void *o, int argc)
{
	const struct attach_options *attach = o;

	(void)argc;
	if (!attach->pids.n)
		return fail(-EINVAL, "no process was named: give -p PID");
	return 0;
}

/* What of the time is drawn. */
static int check_drawn(const struct flamegraph_options *f)
{
	const char *what = f->what == FOLDED_CHOICE_CPU ? "cpu" : "wait";

	if (f->kinds && f->what)
		return fail(-EINVAL, "options --kind and --%s exclude each other: give one of them", what);
	if (f->wakers && (f->what || f->reverse))
		return fail(-EINVAL, "options --wakers and --%s exclude each other: give one of them", f->reverse ? "reverse" : what);
	return 0;
}

static int check_flamegraph(const void *o, int argc)
{
	const struct flamegraph_options *f = o;
	int err = check_drawn(f);

	if (err)
		return err;
	if (f->diff && argc != 2)
		return fail(-EINVAL, "--diff compares two recordings: give two FILEs");
	if (!f->diff && argc > 1)
		return fail(-EINVAL, "two FILEs, and only --diff takes two: use --diff, or give one of them");
	if (f->diff && f->base)
		return fail(-EINVAL, "options --diff and --by exclude each other: processes of two recordings have "
				     "nothing but their names in common");
	if (!f->diff && f->scale)
		return fail(-EINVAL, "option --scale is for --diff");
	return 0;
}

static int call_run(const void *o, int argc, char **argv)
{
	return command_run(o, argc, argv);
}

static int call_attach(const void *o, int argc, char **argv)
{
	return command_attach(o, argc, argv);
}

static int call_report(const void *o, int argc, char **argv)
{
	return command_report(o, argc, argv);
}

static int call_folded(const void *o, int argc, char **argv)
{
	return command_folded(o, argc, argv);
}

static int call_flamegraph(const void *o, int argc, char **argv)
{
	return command_flamegraph(o, argc, argv);
}

static int call_compare(const void *o, int argc, char **argv)
{
	return command_compare(o, argc, argv);
}

static int call_doctor(const void *o, int argc, char **argv)
{
	return command_doctor(o, argc, argv);
}

#define VERB(id)                                                                                             \
	.name = #id, .options = id##_table, .defaults = &id##_defaults, .size = sizeof(struct id##_options), \
	.call = call_##id

static const struct verb verbs[] = {
	{VERB(run), .check = check_run, .synopsis = "[OPTIONS] [--] COMMAND [ARG...]",
	 .summary = "run a program and report where the time of its threads went",
	 .about = "Runs COMMAND and follows it and all that it starts: threads, processes, what they "
		  "execute.\n"
		  "When it ends, the report goes to standard error, the recording and the folded stacks to "
		  "files.\n"
		  "Needs root for its probes (use sudo); COMMAND runs as the user who called sudo.\n"
		  "The exit status is COMMAND's; 125 if conctrace failed, 126 or 127 if COMMAND can't be "
		  "run.\n",
	 .min_words = 1, .max_words = -1, .words = "COMMAND", .stop = true, .usage_status = 125,
	 .failure_status = 125},
	{VERB(attach), .check = check_attach, .synopsis = "-p PID[,PID...] [-d SECONDS] [OPTIONS]",
	 .summary = "the same for processes that are running",
	 .about =
		 "Traces running processes and what they start, until -d, Ctrl-C or the end of all of them.\n"
		 "Needs root for its probes (use sudo). The processes live on.\n",
	 .usage_status = 2, .failure_status = 1},
	{VERB(report), .synopsis = "[OPTIONS] [FILE]", .summary = "print the report of a recording",
	 .about = "Prints the report of the recording FILE (" VERB_RECORDING
		  "; - is standard input). Needs no root.\n",
	 .max_words = 1, .words = "FILE", .usage_status = 2, .failure_status = 1},
	{VERB(folded), .synopsis = "[--cpu|--wait|--wakers|--all] [OPTIONS] [FILE]",
	 .summary = "print a recording as folded stacks, for flame graphs",
	 .about = "Prints the stacks of the recording FILE (" VERB_RECORDING
		  "; - is standard input), one line each:\n"
		  "    process;thread;frame;...;frame;[kind] microseconds\n"
		  "Needs no root. The flame graph tools take it as it is.\n",
	 .max_words = 1, .words = "FILE", .usage_status = 2, .failure_status = 1},
	{VERB(flamegraph), .check = check_flamegraph, .synopsis = "[OPTIONS] [FILE] | --diff FILE FILE",
	 .summary = "draw a recording, or the change between two, as a flame graph",
	 .about = "Draws the stacks of the recording FILE (" VERB_RECORDING
		  "; - is standard input) as one SVG file that needs nothing\n"
		  "else: open it in a browser; click to zoom, Ctrl-F to search. Width is time, colour is the state.\n"
		  "Needs no root.\n",
	 .max_words = 2, .words = "FILE", .usage_status = 2, .failure_status = 1},
	{VERB(compare), .synopsis = "[--json] FILE FILE...",
	 .summary = "recordings side by side, the first as the base",
	 .about = "Prints the headline numbers of two or more recordings side by side, with ratios to the "
		  "first.\n"
		  "Needs no root.\n",
	 .min_words = 2, .max_words = -1, .words = "two or more FILEs", .usage_status = 2,
	 .failure_status = 1},
	{VERB(doctor), .synopsis = "[--json]", .summary = "what works here: kernel, permissions, build",
	 .about = "Says what this kernel, these permissions and this build can and can't do, each with the "
		  "remedy.\n"
		  "Exits with 0 only if run will work.\n",
	 .usage_status = 2, .failure_status = 1},
};

#define N_VERBS (sizeof(verbs) / sizeof(verbs[0]))

const struct verb *verb_find(const char *name)
{
	for (size_t i = 0; i < N_VERBS; i++) {
		if (!strcmp(verbs[i].name, name))
			return &verbs[i];
	}
	return NULL;
}

static void print_verb_help(const struct verb *v, FILE *out)
{
	fprintf(out, "Usage: conctrace %s %s\n\n%s\nOptions:\n", v->name, v->synopsis, v->about);
	options_print(v->options, out);
}

/* Puts "verb: " before and the way to the help behind the message that is there. */
static int usage(const struct verb *v, int err)
{
	char message[1024];

	snprintf(message, sizeof(message), "%s", fail_message());
	return fail(err, "%s: %s; see conctrace %s --help", v->name, message, v->name);
}

static int check_words(const struct verb *v, int argc, char **argv)
{
	if (argc < v->min_words)
		return fail(-EINVAL, "%s missing: use conctrace %s %s", v->words, v->name, v->synopsis);
	if (v->max_words >= 0 && argc > v->max_words)
		return fail(-EINVAL, "argument \"%s\" is one too many: use conctrace %s %s",
			    argv[v->max_words], v->name, v->synopsis);
	return 0;
}

int verb_run(const struct verb *v, int argc, char **argv, int *status)
{
	void *values = malloc(v->size);
	int err;

	*status = v->failure_status;
	if (!values)
		return fail(-ENOMEM, "%s: no memory for the options", v->name);
	memcpy(values, v->defaults, v->size);

	err = options_parse(v->options, values, &argc, argv, v->stop);
	if (err == OPTIONS_HELP || err == OPTIONS_VERSION) {
		if (err == OPTIONS_HELP)
			print_verb_help(v, stdout);
		else
			verbs_print_version(stdout);
		*status = 0;
		err = 0;
		goto out;
	}
	if (!err)
		err = check_words(v, argc, argv);
	if (!err && v->check)
		err = v->check(values, argc);
	if (err) {
		*status = v->usage_status;
		err = usage(v, err);
		goto out;
	}
	err = v->call(values, argc, argv);
	if (err >= 0) {
		*status = err;
		err = 0;
	}
out:
	options_release(v->options, values);
	free(values);
	return err;
}

void verbs_print_help(FILE *out)
{
	fputs("Usage: conctrace VERB [OPTIONS] ...\n\n"
	      "Where did the time of every thread go? Records scheduler switches in the kernel while a\n"
	      "program runs, and accounts for every nanosecond: running, ready, or waiting, and for what.\n\n"
	      "Verbs:\n",
	      out);
	for (size_t i = 0; i < N_VERBS; i++)
		fprintf(out, "  %-10s %s\n", verbs[i].name, verbs[i].summary);
	fputs("\nOptions:\n"
	      "  -h, --help              print this help; conctrace VERB --help: that of a verb\n"
	      "      --version           print the version\n\n"
	      "Start with: sudo conctrace run COMMAND\n"
	      "The manual: man conctrace\n",
	      out);
}

void verbs_print_version(FILE *out)
{
	fputs("conctrace " CONCTRACE_VERSION "\n"
	      "kernel: 5.15 or later (arm64: 5.18), with BTF; x86_64 or arm64\n",
	      out);
	if (CONCTRACE_FEATURES[0])
		fputs("built with: " CONCTRACE_FEATURES "\n", out);
}

void verbs_list_options(FILE *out)
{
	for (size_t i = 0; i < N_VERBS; i++)
		options_list(verbs[i].options, verbs[i].name, out);
}
