/* SPDX-License-Identifier: BSD-2-Clause */
/* In: the arguments. Out: struct settings. One table is the parser and the help. */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "workloads/settings.h"

#define NOT_GIVEN UINT64_MAX
#define MS	  UINT64_C(1000000)
#define KIB	  UINT64_C(1024)
#define MIB	  (1024 * KIB)

static const char *const task_names[N_TASKS + 1] = {"io", "disk", "cpu", "lock", "mixed", NULL};
static const char *const form_names[N_FORMS + 1] = {"sequential", "threaded", "multiprocess",
						    "async",	  "uring",    NULL};

enum value_type { VALUE_NONE, VALUE_CHOICE, VALUE_COUNT, VALUE_MS, VALUE_SIZE, VALUE_TEXT };

struct option_row {
	const char *name, *value, *help;
	enum value_type type;
	size_t offset;
	const char *const *choices;
	uint64_t min, max;
};

#define AT(member) offsetof(struct settings, member)

static const struct option_row options[] = {
	{"--task", "TASK", "what one job does: io, disk, cpu, lock, mixed (io)", VALUE_CHOICE, AT(task),
	 task_names, 0, 0},
	{"--form", "FORM", "who does the jobs: sequential, threaded, multiprocess, async, uring (sequential)",
	 VALUE_CHOICE, AT(form), form_names, 0, 0},
	{"--jobs", "N", "jobs to be done (8)", VALUE_COUNT, AT(jobs), NULL, 1, 1000000},
	{"--workers", "N", "threads or processes (4); async, uring: jobs in flight (all)", VALUE_COUNT,
	 AT(workers), NULL, 1, 10000},
	{"--rounds", "N", "io, mixed: requests of a job (5); lock: turns with the lock (25)", VALUE_COUNT,
	 AT(rounds), NULL, 1, 1000000},
	{"--delay-ms", "MS", "io, mixed: the server's time to answer (25; mixed 12)", VALUE_MS, AT(delay_ns),
	 NULL, 0, 3600000 * MS},
	{"--compute-ms", "MS", "cpu, mixed: CPU time of a job (125; mixed 60)", VALUE_MS, AT(compute_ns),
	 NULL, 0, 3600000 * MS},
	{"--hold-ms", "MS", "lock: asleep with the lock held, each turn (5)", VALUE_MS, AT(hold_ns), NULL, 0,
	 3600000 * MS},
	{"--bytes", "SIZE", "io, mixed: bytes of an answer (1K); disk: read by a job (32M)", VALUE_SIZE,
	 AT(bytes), NULL, 1, KIB *KIB *MIB},
	{"--block", "SIZE", "disk: bytes of one read, a multiple of 4K (64K)", VALUE_SIZE, AT(block), NULL,
	 4 * KIB, 64 * MIB},
	{"--dir", "DIR", "disk: where the file is made, and removed ($TMPDIR, /var/tmp)", VALUE_TEXT, AT(dir),
	 NULL, 0, 0},
	{"--gil", NULL, "one lock of the process is held while computing, as CPython does", VALUE_NONE,
	 AT(gil), NULL, 0, 0},
	{"--json", NULL, "at the end, the truth about every worker on stdout", VALUE_NONE, AT(json), NULL, 0,
	 0},
	{"--help", NULL, "this text", VALUE_NONE, AT(help), NULL, 0, 0},
	{"--version", NULL, "the version", VALUE_NONE, AT(version), NULL, 0, 0},
};

#define N_OPTIONS (sizeof(options) / sizeof(options[0]))

const char *task_text(uint64_t task)
{
	return task < N_TASKS ? task_names[task] : "";
}

const char *form_text(uint64_t form)
{
	return form < N_FORMS ? form_names[form] : "";
}

void settings_help(FILE *out)
{
	size_t i;

	fputs("Usage: conctrace-workload [OPTIONS]\n"
	      "\n"
	      "Does a known amount of work in one form of concurrency, to be looked at with conctrace run.\n"
	      "\n",
	      out);
	for (i = 0; i < N_OPTIONS; i++) {
		const char *value = options[i].value ? options[i].value : "";

		fprintf(out, "  %s %-*s %s\n", options[i].name, (int)(17 - strlen(options[i].name)), value,
			options[i].help);
	}
	fputs("\n"
	      "MS may have a fraction (2.5); SIZE may end in K, M or G. The values in parentheses are the "
	      "defaults:\n"
	      "about 1 s of work when done in sequence.\n",
	      out);
}

static int read_count(const char *text, uint64_t *value)
{
	char *end = NULL;

	if (!isdigit((unsigned char)text[0]))
		return -EINVAL;
	errno = 0;
	*value = strtoull(text, &end, 10);
	return errno || *end ? -EINVAL : 0;
}

static int read_size(const char *text, uint64_t *value)
{
	static const char suffixes[] = "KMG";
	const char *suffix;
	uint64_t unit = 1;
	char *end = NULL;

	if (!isdigit((unsigned char)text[0]))
		return -EINVAL;
	errno = 0;
	*value = strtoull(text, &end, 10);
	if (errno)
		return -EINVAL;
	if (*end) {
		suffix = strchr(suffixes, toupper((unsigned char)*end));
		if (!suffix || end[1])
			return -EINVAL;
		unit = 1ULL << (10 * (suffix - suffixes + 1));
	}
	return __builtin_mul_overflow(*value, unit, value) ? -EINVAL : 0;
}

static int read_ms(const char *text, uint64_t *value)
{
	char *end = NULL;
	double ms;

	if (!isdigit((unsigned char)text[0]))
		return -EINVAL;
	errno = 0;
	ms = strtod(text, &end);
	if (errno || *end || ms > 1e12)
		return -EINVAL;
	*value = (uint64_t)(ms * 1e6 + 0.5);
	return 0;
}

static int read_choice(const char *text, const char *const *choices, uint64_t *value)
{
	for (*value = 0; choices[*value]; (*value)++)
		if (!strcmp(text, choices[*value]))
			return 0;
	return -EINVAL;
}

static int read_value(struct settings *s, const struct option_row *o, const char *text)
{
	char *member = (char *)s + o->offset;
	uint64_t value = 0;
	int err = 0;

	switch (o->type) {
	case VALUE_TEXT:
		*(const char **)(void *)member = text;
		return 0;
	case VALUE_CHOICE:
		if (read_choice(text, o->choices, &value))
			return fail(-EINVAL,
				    "%s: '%s' is none of those there are: see conctrace-workload --help",
				    o->name, text);
		break;
	case VALUE_COUNT:
		err = read_count(text, &value);
		break;
	case VALUE_MS:
		err = read_ms(text, &value);
		break;
	default:
		err = read_size(text, &value);
		break;
	}
	if (err)
		return fail(-EINVAL,
			    "%s: '%s' is not a number of the kind asked for: see conctrace-workload --help",
			    o->name, text);
	if (o->max && (value < o->min || value > o->max))
		return fail(-EINVAL, "%s: %s is out of range: from %" PRIu64 " to %" PRIu64 "%s", o->name,
			    text, o->type == VALUE_MS ? o->min / MS : o->min,
			    o->type == VALUE_MS ? o->max / MS : o->max, o->type == VALUE_MS ? " ms" : "");
	*(uint64_t *)(void *)member = value;
	return 0;
}

/* The row of "--name" or "--name=value"; *value is what stands after '=' or NULL. */
static const struct option_row *find_option(const char *arg, const char **value)
{
	size_t i, len = strcspn(arg, "=");

	*value = arg[len] ? arg + len + 1 : NULL;
	for (i = 0; i < N_OPTIONS; i++)
		if (strlen(options[i].name) == len && !memcmp(options[i].name, arg, len))
			return &options[i];
	return NULL;
}

static void fill_in(struct settings *s)
{
	static const uint64_t rounds[N_TASKS] = {5, 1, 1, 25, 5};
	static const uint64_t bytes[N_TASKS] = {KIB, 32 * MIB, KIB, KIB, KIB};
	bool mixed = s->task == TASK_MIXED, single = s->form == FORM_ASYNC || s->form == FORM_URING;

	if (s->workers == NOT_GIVEN)
		s->workers = single ? (s->jobs < 10000 ? s->jobs : 10000) : 4;
	if (s->rounds == NOT_GIVEN)
		s->rounds = rounds[s->task];
	if (s->bytes == NOT_GIVEN)
		s->bytes = bytes[s->task];
	if (s->delay_ns == NOT_GIVEN)
		s->delay_ns = (mixed ? 12 : 25) * MS;
	if (s->compute_ns == NOT_GIVEN)
		s->compute_ns = (mixed ? 60 : 125) * MS;
	if (!s->dir)
		s->dir = getenv("TMPDIR");
	if (!s->dir || !*s->dir)
		s->dir = "/var/tmp";
}

int settings_read(struct settings *s, int argc, char **argv)
{
	int i, err;

	*s = (struct settings){.jobs = 8,
			       .block = 64 * KIB,
			       .hold_ns = 5 * MS,
			       .workers = NOT_GIVEN,
			       .rounds = NOT_GIVEN,
			       .bytes = NOT_GIVEN,
			       .delay_ns = NOT_GIVEN,
			       .compute_ns = NOT_GIVEN};
	for (i = 1; i < argc; i++) {
		const char *value = NULL;
		const struct option_row *o = find_option(argv[i], &value);

		if (!o)
			return fail(-EINVAL, "%s: no such option: see conctrace-workload --help", argv[i]);
		if (o->type == VALUE_NONE) {
			if (value)
				return fail(-EINVAL, "%s: takes no value", o->name);
			*((bool *)s + o->offset) = true;
			continue;
		}
		if (!value && i + 1 < argc)
			value = argv[++i];
		if (!value)
			return fail(-EINVAL, "%s: a value is missing: %s %s", o->name, o->name, o->value);
		err = read_value(s, o, value);
		if (err)
			return err;
	}
	if (s->help || s->version)
		return 0;
	if (s->block % 4096)
		return fail(-EINVAL,
			    "--block: %" PRIu64 " is no multiple of 4096: direct reads need whole blocks",
			    s->block);
	fill_in(s);
	return 0;
}
