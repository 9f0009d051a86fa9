/* SPDX-License-Identifier: BSD-2-Clause */
/* conctrace doctor: what this kernel, these permissions and this build can and can't do, each with the remedy. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/fail.h"
#include "base/json.h"
#include "capture/mappings.h"
#include "capture/preflight.h"
#include "capture/probes.h"
#include "commands/verbs.h"

#define PROGRAMS_MAX 16

/* What only the attempt can tell: the verifier, the tracepoints, the timer samples. */
static int try_probes(struct findings *f, const struct system_facts *facts)
{
	struct probes_options options = {
		.stacks = true, .attach = true, .sample_hz = VERB_FREQUENCY, .facts = facts};
	struct probe_program programs[PROGRAMS_MAX];
	struct wire_cpu_counts counts;
	struct probes *probes = NULL;
	uint32_t most = 0;
	int err;

	err = probes_load(&probes, &options);
	if (err)
		return findings_add(f, "probes", FINDING_FAIL, "a kernel from 5.15 on with BTF, BPF and these rights is needed", "%s",
				    fail_message());
	for (size_t i = probes_programs(probes, programs, PROGRAMS_MAX); i > 0; i--)
		most = programs[i - 1].verified > most ? programs[i - 1].verified : most;
	err = findings_add(f, "probes", FINDING_OK, "", "the verifier takes all programs (the largest: %u instructions of 1,000,000)",
			   most);
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

static void print_json(const struct findings *f, bool works)
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
	json_object_end(&j);
	json_finish(&j);
}

int command_doctor(const struct doctor_options *o, int argc, char **argv)
{
	struct system_facts facts;
	struct findings f = {0};
	bool works = true;
	int err;

	(void)argc;
	(void)argv;
	err = system_read(&facts, "");
	if (!err)
		err = preflight_findings(&f, &facts);
	if (!err && !preflight_check(&facts))
		err = try_probes(&f, &facts);
	if (!err && !preflight_check(&facts))
		err = try_mappings(&f);
	for (size_t i = 0; i < f.n; i++)
		works = works && f.list[i].state != FINDING_FAIL;
	if (!err)
		(o->json ? print_json : print_text)(&f, works);
	findings_release(&f);
	return err ? err : works ? 0 : 1;
}
