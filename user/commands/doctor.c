/* SPDX-License-Identifier: BSD-2-Clause */
/* conctrace doctor: what this kernel, these permissions and this build can and can't do, each with the remedy. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/fail.h"
#include "base/json.h"
#include "capture/mappings.h"
#include "capture/preempt_place.h"
#include "capture/preflight.h"
#include "capture/probes.h"
#include "commands/verbs.h"

#define PROGRAMS_MAX 16

/* What each program costs the verifier; outlives the probes. */
struct checked {
	char name[PROGRAMS_MAX][32];
	uint32_t instructions[PROGRAMS_MAX];
	size_t n;
};

static void keep_programs(struct checked *c, const struct probes *probes)
{
	struct probe_program programs[PROGRAMS_MAX];

	c->n = probes_programs(probes, programs, PROGRAMS_MAX);
	for (size_t i = 0; i < c->n; i++) {
		snprintf(c->name[i], sizeof(c->name[i]), "%s", programs[i].name);
		c->instructions[i] = programs[i].verified;
	}
}

static int add_programs(struct findings *f, const struct checked *c)
{
	size_t most = 0;

	for (size_t i = 0; i < c->n; i++)
		most = c->instructions[i] > c->instructions[most] ? i : most;
	if (!c->n || !c->instructions[most]) /* before 5.16 the kernel does not say */
		return findings_add(f, "probes", FINDING_OK, "", "the verifier takes all programs");
	return findings_add(f, "probes", FINDING_OK, "", "the verifier takes all programs (the largest, %s: %u instructions of 1,000,000)",
			    c->name[most], c->instructions[most]);
}

/* What only the attempt can tell: the verifier, the tracepoints, the timer samples. */
static int try_probes(struct findings *f, const struct system_facts *facts, struct checked *checked)
{
	struct probes_options options = {
		.stacks = true,
		.unwind = true, .attach = true, .sample_hz = VERB_FREQUENCY, .facts = facts};
	struct wire_cpu_counts counts;
	struct probes *probes = NULL;
	int32_t place;
	int err;

	options.wakers = !preempt_place(&place);
	err = findings_add(f, "wakers", options.wakers ? FINDING_OK : FINDING_WARN, "a kernel whose BTF has per-CPU variables; all else works",
			   "%s", options.wakers ? "who ends waits can be recorded (--wakers)" : fail_message());
	if (err)
		return err;
	err = probes_load(&probes, &options);
	if (err)
		return findings_add(f, "probes", FINDING_FAIL, "a kernel from 5.15 on with BTF, BPF and these rights is needed", "%s",
				    fail_message());
	keep_programs(checked, probes);
	err = add_programs(f, checked);
	if (!err && probes_attach(probes))
		err = findings_add(f, "attach", FINDING_FAIL, "run without timer samples: --frequency 0", "%s", fail_message());
	else if (!err)
		err = findings_add(f, "attach", FINDING_OK, "", "scheduler tracepoints and timer samples can be attached");
	if (!err && probes_counts(probes, &counts))
		err = findings_add(f, "counters", FINDING_WARN, "", "%s", fail_message());
	probes_free(probes);
	return err;
}

static int try_mappings(struct findings *f)
{
	struct mappings *mappings = NULL;
	int err = mappings_new(&mappings);

	mappings_free(mappings);
	if (err)
		return findings_add(f, "mappings", FINDING_FAIL, "allow perf events, or use --no-stacks", "mapping records: %s",
				    fail_message());
	return findings_add(f, "mappings", FINDING_OK, "", "mappings of processes can be followed: stacks get names");
}

static void print_text(const struct findings *f, bool works)
{
	static const char *const words[] = {[FINDING_OK] = "ok", [FINDING_WARN] = "less", [FINDING_FAIL] = "NO"};

	for (size_t i = 0; i < f->n; i++) {
		const struct finding *x = &f->list[i];

		printf("%-5s %-12s %s\n", words[x->state], x->name, x->text);
		if (x->state != FINDING_OK && x->remedy[0])
			printf("%18s -> %s\n", "", x->remedy);
	}
	printf("%s\n", works ? "conctrace run will work here." : "conctrace run will not work here.");
}

static void print_json(const struct findings *f, const struct checked *checked, bool works)
{
	static const char *const words[] = {[FINDING_OK] = "ok", [FINDING_WARN] = "less", [FINDING_FAIL] = "no"};
	struct json j;

	json_init(&j, stdout, true);
	json_object(&j, NULL);
	json_text(&j, "schema", "conctrace-doctor/1");
	json_bool(&j, "works", works);
	json_array(&j, "findings");
	for (size_t i = 0; i < f->n; i++) {
		json_object(&j, NULL);
		json_text(&j, "name", f->list[i].name);
		json_text(&j, "state", words[f->list[i].state]);
		json_text(&j, "text", f->list[i].text);
		json_text(&j, "remedy", f->list[i].remedy);
		json_object_end(&j);
	}
	json_array_end(&j);
	json_array(&j, "programs");
	for (size_t i = 0; i < checked->n; i++) {
		json_object(&j, NULL);
		json_text(&j, "name", checked->name[i]);
		json_u64(&j, "verified_instructions", checked->instructions[i]);
		json_object_end(&j);
	}
	json_array_end(&j);
	json_object_end(&j);
	json_finish(&j);
}

int command_doctor(const struct doctor_options *o, int argc, char **argv)
{
	struct system_facts facts;
	struct checked checked = {0};
	struct findings f = {0};
	bool works = true;
	int err;

	(void)argc;
	(void)argv;
	err = system_read(&facts, "");
	if (!err)
		err = preflight_findings(&f, &facts);
	if (!err && !preflight_check(&facts))
		err = try_probes(&f, &facts, &checked);
	if (!err && !preflight_check(&facts))
		err = try_mappings(&f);
	for (size_t i = 0; i < f.n; i++)
		works = works && f.list[i].state != FINDING_FAIL;
	if (!err && o->json)
		print_json(&f, &checked, works);
	else if (!err)
		print_text(&f, works);
	findings_release(&f);
	return err ? err : works ? 0 : 1;
}
