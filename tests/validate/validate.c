/* SPDX-License-Identifier: BSD-2-Clause */
/*
 *     validate [--seconds N] [--sample-hz N] [--examples N] [--name NAME] [--json FILE] [--no-head] (-p PID... | -- COMMAND)
 *     validate --reference FOLDED -- COMMAND
 *     validate --record FILE --stack-bits N -- COMMAND
 *     validate --head
 *
 * Compares what the probes make of each stack with what libdw makes of the same registers and the same memory. Out: a table, with
 * a line for stacks at switches and one for those of samples; and the first stacks that are not the same, with names. Status 1
 * if less than 99.9 % agree, 2 if nothing could be compared.
 *
 * With --record nothing is compared: a recording is made in which the numbers of stacks have so few bits that many are the same.
 * With --reference nothing is compared: libdw's own stacks of the command's threads, stopped again and again, as folded lines.
 */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fail.h"
#include "folded.h"
#include "live.h"
#include "verdict.h"

#define AGREE_PERCENT 99.9
#define MAX_PIDS      64
#define SHOWN_FRAMES  40

struct options {
	unsigned int seconds, sample_hz, examples, stack_bits;
	const char *name, *json, *reference, *record;
	bool no_head, head;
	pid_t pids[MAX_PIDS];
	size_t n_pids;
	char **argv;
};

struct validation {
	const struct options *options;
	struct reference *reference;
	struct reference_stack stack;
	struct tally tallies[N_CAPTURED_WHERE];
	unsigned int shown[N_VERDICTS];
};

static const char *const where_names[] = {[AT_SWITCH] = "switch", [AT_SAMPLE] = "sample"};
#define VERDICT_TEXT(ID, name, heading, text) text,
static const char *const verdict_texts[] = {VERDICTS(VERDICT_TEXT)};

/* ---- examples ------------------------------------------------------------------------------------------------------------ */

static void print_chain(struct validation *v, const struct captured *c, const char *whose, const uint64_t *frames, size_t n, size_t from)
{
	char name[300];
	size_t i;

	from = from > 3 ? from - 3 : 0;
	fprintf(stderr, "    %s, %zu frames%s", whose, n, from ? ", ..." : "");
	for (i = from; i < n && i < from + SHOWN_FRAMES; i++)
		fprintf(stderr, " < %.60s [%llx]", reference_name(v->reference, c->pid, frames[i], i == 0, name, sizeof(name)),
			(unsigned long long)frames[i]);
	fprintf(stderr, "%s\n", i < n ? " < ..." : "");
}

static void print_example(struct validation *v, const struct captured *c, enum verdict verdict, size_t at)
{
	static const char *const ends[] = {"at the root", "at the end of the copy", "without a rule", "with too many frames"};

	fprintf(stderr, "%s of thread %u, process %u: %s; they part at frame %zu. Ours ended with %s, libdw %s; %zu bytes of the stack\n",
		where_names[c->where], c->tid, c->pid, verdict_texts[verdict], at, c->end, ends[v->stack.end], c->copied);
	print_chain(v, c, "ours ", c->frames, c->n_frames, at);
	print_chain(v, c, "libdw", v->stack.frames, v->stack.n, at);
}

/* ---- comparing ----------------------------------------------------------------------------------------------------------- */

static void on_captured(void *ctx, const struct captured *c)
{
	struct validation *v = ctx;
	enum verdict verdict = VERDICT_GONE;
	size_t at = 0;
	int err = reference_unwind(v->reference, c, &v->stack);

	if (!err)
		verdict = verdict_of(v->reference, c, &v->stack, &at);
	tally_add(&v->tallies[c->where], c, &v->stack, verdict);
	if (verdict != VERDICT_IDENTICAL && verdict != VERDICT_GONE && v->shown[verdict] < v->options->examples &&
	    (verdict_is_bad(verdict) || v->options->examples > 3)) {
		v->shown[verdict]++;
		print_example(v, c, verdict, at);
	}
}

static int write_json(const struct validation *v)
{
	FILE *out = fopen(v->options->json, "we");
	struct json j;
	size_t i;

	if (!out)
		return fail(-errno, "%s: %s", v->options->json, strerror(errno));
	json_init(&j, out, true);
	json_object(&j, NULL);
	json_text(&j, "program", v->options->name);
	for (i = 0; i < N_CAPTURED_WHERE; i++)
		tally_print_json(&j, where_names[i], &v->tallies[i]);
	json_object_end(&j);
	json_finish(&j);
	return fclose(out) ? fail(-errno, "%s: %s", v->options->json, strerror(errno)) : 0;
}

/* The table, and whether it is as it should be. */
static int conclude(const struct validation *v)
{
	uint64_t judged = 0;
	bool agree = true;
	size_t i;

	if (!v->options->no_head)
		tally_print_head(stdout);
	for (i = 0; i < N_CAPTURED_WHERE; i++) {
		const struct tally *t = &v->tallies[i];

		if (!t->events)
			continue;
		tally_print_row(stdout, v->options->name, where_names[i], t);
		judged += t->events - t->by[VERDICT_GONE] - t->by[VERDICT_PENDING] - t->by[VERDICT_NO_RULE];
		if (tally_agreement(t) < AGREE_PERCENT || t->again_wrong)
			agree = false;
	}
	if (v->options->json && write_json(v)) {
		talk("%s", fail_message());
		return 2;
	}
	return !judged ? 2 : agree ? 0 : 1;
}

/* ---- options ------------------------------------------------------------------------------------------------------------- */

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static bool number(const char *text, unsigned int max, unsigned int *value)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	*value = (unsigned int)n;
	return *text && !*end && n <= max;
}

static bool add_pid(struct options *o, const char *text)
{
	unsigned int pid;

	if (o->n_pids == MAX_PIDS || !number(text, 1 << 22, &pid))
		return false;
	o->pids[o->n_pids++] = (pid_t)pid;
	return true;
}

static bool read_option(struct options *o, int option)
{
	switch (option) {
	case 's': return number(optarg, 86400, &o->seconds);
	case 'z': return number(optarg, 10000, &o->sample_hz);
	case 'e': return number(optarg, 1000, &o->examples);
	case 'p': return add_pid(o, optarg);
	case 'n': o->name = optarg; return true;
	case 'j': o->json = optarg; return true;
	case 'R': o->record = optarg; return true;
	case 'b': return number(optarg, 63, &o->stack_bits);
	case 'r': o->reference = optarg; return true;
	case 'h': o->no_head = true; return true;
	case 'H': o->head = true; return true;
	default: return false;
	}
}

static bool read_options(struct options *o, int argc, char **argv)
{
	static const struct option options[] = {
		{"seconds", required_argument, NULL, 's'}, {"sample-hz", required_argument, NULL, 'z'},
		{"examples", required_argument, NULL, 'e'}, {"name", required_argument, NULL, 'n'},
		{"json", required_argument, NULL, 'j'},	   {"reference", required_argument, NULL, 'r'},
		{"record", required_argument, NULL, 'R'},  {"stack-bits", required_argument, NULL, 'b'},
		{"no-head", no_argument, NULL, 'h'},	   {"head", no_argument, NULL, 'H'},
		{NULL, 0, NULL, 0},
	};
	int option;

	while ((option = getopt_long(argc, argv, "+p:", options, NULL)) != -1)
		if (!read_option(o, option))
			return false;
	if (o->head)
		return true;
	o->argv = optind < argc ? argv + optind : NULL;
	if (!o->name)
		o->name = o->argv ? base_name(o->argv[0]) : "attached";
	return (o->argv != NULL) != (o->n_pids > 0) && (!o->reference || o->argv);
}

/* A command that does not end by itself is ended. The caller frees; NULL: no memory. */
static char **with_limit(const struct options *o, char *limit)
{
	static char word[] = "timeout", foreground[] = "--foreground";
	size_t n = 0, at = 0, i;
	char **argv;

	while (o->argv[n])
		n++;
	argv = calloc(n + 4, sizeof(argv[0]));
	if (!argv)
		return NULL;
	if (o->seconds) {
		argv[at++] = word;
		argv[at++] = foreground;
		argv[at++] = limit;
	}
	for (i = 0; i < n; i++)
		argv[at++] = o->argv[i];
	return argv;
}

static int print_reference(const struct options *o, struct reference *r)
{
	FILE *out = fopen(o->reference, "we");
	pid_t pid = out ? fork() : -1;
	int err;

	if (!pid) {
		execvp(o->argv[0], o->argv);
		_exit(127);
	}
	if (pid < 0) {
		err = -errno;
		if (out)
			fclose(out);
		return fail(err, "%s: %s", o->reference, strerror(-err));
	}
	err = folded_reference(r, pid, out);
	if (fclose(out) && !err)
		err = -errno;
	return err ? fail(err, "%s: %s", o->reference, strerror(-err)) : 0;
}

static int run(struct validation *v)
{
	const struct options *o = v->options;
	struct live_request request = {
		.pids = o->pids,
		.n_pids = o->n_pids,
		.duration_ns = (uint64_t)(o->seconds ? o->seconds : 10) * 1000000000,
		.sample_hz = o->sample_hz,
		.recording = o->record,
		.stack_bits = (uint8_t)o->stack_bits,
		.captured = on_captured,
		.ctx = v,
	};
	char limit[16];
	char **argv = NULL;
	int err;

	if (o->argv && (snprintf(limit, sizeof(limit), "%u", o->seconds) < 0 || !(argv = with_limit(o, limit))))
		return fail(-ENOMEM, "no memory");
	request.argv = argv;
	err = live_run(&request);
	free(argv);
	return err;
}

int main(int argc, char **argv)
{
	struct options options = {.sample_hz = 997, .examples = 3};
	struct validation *v = calloc(1, sizeof(*v));
	int err, status = 2;

	if (!read_options(&options, argc, argv)) {
		fprintf(stderr, "Usage: validate [--seconds N] [--sample-hz N] [--examples N] [--name NAME] [--json FILE] [--no-head]\n"
				"                (-p PID... | -- COMMAND)\n"
				"       validate --reference FOLDED -- COMMAND\n"
				"       validate --record FILE --stack-bits N -- COMMAND\n"
				"       validate --head\n");
		free(v);
		return 2;
	}
	if (options.head) {
		tally_print_head(stdout);
		free(v);
		return 0;
	}
	if (v) {
		v->options = &options;
		v->reference = reference_new();
	}
	if (!v || !v->reference)
		err = fail(-ENOMEM, "no memory");
	else
		err = options.reference ? print_reference(&options, v->reference) : run(v);
	if (err)
		talk("%s", fail_message());
	else
		status = options.reference || options.record ? 0 : conclude(v);
	reference_free(v ? v->reference : NULL);
	free(v);
	return status;
}
