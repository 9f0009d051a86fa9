/* SPDX-License-Identifier: BSD-2-Clause */
/* In: a report. Out: its head (what was measured, how completely, at what cost), the form and the verdict. */
#include <inttypes.h>
#include <string.h>
#include <sys/wait.h>

#include "analysis/kinds.h"
#include "base/text.h"
#include "output/text_parts.h"

#define LABEL 10 /* columns of "  verdict " */

static void label(struct page *p, const char *name)
{
	page_left(p, INK_DIM, LABEL, name);
	page_spaces(p, 1);
}

static void wrapped(struct page *p, enum page_ink ink, const char *text)
{
	page_wrapped(p, ink, LABEL + 1, text);
}

/* An argument as a shell would want it, near enough to be read. */
static void add_argument(char *line, size_t size, const char *arg)
{
	char clean[512];
	size_t len = strlen(line);
	bool plain = *arg && !strpbrk(arg, " \t\n'\"\\$`&|;<>()*?[]{}~#!");

	text_clean(clean, sizeof(clean), arg, strlen(arg), NULL);
	snprintf(line + len, size - len, "%s%s%s%s", len ? " " : "", plain ? "" : "'", clean,
		 plain ? "" : "'");
}

static void print_command(struct page *p, const struct report *r)
{
	char line[1024] = "";
	size_t i;

	for (i = 0; i < r->meta->n_command && strlen(line) < sizeof(line) - 2; i++)
		add_argument(line, sizeof(line), r->meta->command[i]);
	label(p, r->meta->verb && !strcmp(r->meta->verb, "attach") ? "attached" : "command");
	page_text(p, INK_BOLD, line[0] ? line : "(not recorded)");
	page_line(p);
}

static void print_end(struct page *p, const struct report *r)
{
	char wall[32], line[256];
	int len = 0, status = r->meta->exit_status;
	bool failed = r->meta->has_exit && status;

	text_ns(wall, sizeof(wall), r->wall_ns);
	if (r->meta->has_exit && WIFSIGNALED(status))
		len = snprintf(line, sizeof(line), "ended by signal %d (%s)%s, ", WTERMSIG(status),
			       strsignal(WTERMSIG(status)), WCOREDUMP(status) ? " with a core dump" : "");
	else if (r->meta->has_exit)
		len = snprintf(line, sizeof(line), "exit %d, ", WEXITSTATUS(status));
	snprintf(line + len, sizeof(line) - (size_t)len, "wall clock %s on %" PRIu32 " CPU%s", wall,
		 r->meta->cpus, r->meta->cpus == 1 ? "" : "s");
	label(p, "ended");
	wrapped(p, failed ? INK_RED : INK_PLAIN, line);
}

/* The command ended, what it started did not: a daemon's report is of its start. */
static void print_left(struct page *p, const struct report *r)
{
	char line[128], count[32];
	uint64_t left = 0;
	size_t i;

	if (!r->meta->has_exit)
		return;
	for (i = 0; i < r->processes_len; i++)
		left += !r->processes[i].terminated && !r->processes[i].orphans;
	if (!left)
		return;
	text_count(count, sizeof(count), left);
	snprintf(line, sizeof(line), "%s process%s still ran at the end: --wait-all follows %s to %s", count, left == 1 ? "" : "es",
		 left == 1 ? "it" : "them", left == 1 ? "its own" : "theirs");
	label(p, "");
	wrapped(p, INK_YELLOW, line);
}

static void print_what(struct page *p, const struct report *r)
{
	char processes[32], threads[32], line[256];

	text_count(processes, sizeof(processes), r->n_processes);
	text_count(threads, sizeof(threads), r->n_threads);
	snprintf(line, sizeof(line), "%s process%s, %s thread%s; Linux %s %s, conctrace %s", processes,
		 r->n_processes == 1 ? "" : "es", threads, r->n_threads == 1 ? "" : "s",
		 r->meta->kernel ? r->meta->kernel : "?", r->meta->machine ? r->meta->machine : "",
		 r->meta->version ? r->meta->version : "?");
	label(p, "traced");
	wrapped(p, INK_PLAIN, line);
}

/* "1,234 files whose ..", "1 file whose ..": what is counted comes first in the text, up to its plural s. */
static void add_loss(char *line, size_t size, const char *count, const char *about)
{
	const char *plural = strchr(about, 's');

	while (plural && plural[1] && plural[1] != ' ' && plural[1] != ':')
		plural = strchr(plural + 1, 's');
	if (!strcmp(count, "1") && plural)
		snprintf(line, size, "1 %.*s%s", (int)(plural - about), about, plural + 1);
	else
		snprintf(line, size, "%s %s", count, about);
}

/* Every cause that is not 0; then how much of the thread time the stream of intervals has. */
static void print_lost(struct page *p, const struct report *r)
{
	char line[256], count[32], time[32];
	double percent = (double)(uint64_t)(r->coverage * 10000) / 100; /* never 100 if anything is missing */
	bool lost = false;
	int i;

	if (r->damage) {
		label(p, "damage");
		snprintf(line, sizeof(line), "the recording is incomplete: %s", r->damage);
		wrapped(p, INK_RED, line);
	}
	label(p, "lost");
	for (i = 0; i < N_LOSS_CAUSES; i++) {
		if (!r->loss[i])
			continue;
		text_count(count, sizeof(count), r->loss[i]);
		add_loss(line, sizeof(line), count, loss_cause_about(i));
		wrapped(p, INK_RED, line);
		lost = true;
	}
	if (r->totals.unknown_ns) {
		text_ns(time, sizeof(time), r->totals.unknown_ns);
		snprintf(line, sizeof(line), "%s of thread time are in no known state", time);
		wrapped(p, INK_YELLOW, line);
		lost = true;
	}
	if (!r->n_threads) {
		wrapped(p, INK_RED, "everything: no thread is in the recording");
		return;
	}
	if (r->damage && !lost) {
		wrapped(p, INK_RED, "not known: losses are told at the end of a recording");
		lost = true;
	}
	snprintf(line, sizeof(line), "%sintervals cover %.*f %% of thread time", lost ? "" : "nothing; ",
		 percent >= 100 ? 0 : 2, percent);
	wrapped(p, INK_PLAIN, line);
}

/* "99.9 % complete of 12,345; the others: 8 the unwind table was not ready". Nothing for those by frame pointer alone. */
static void print_stacks(struct page *p, const struct report *r)
{
	const struct report_stacks *s = &r->stacks;
	uint64_t known = s->taken - s->ends[STACK_END_UNKNOWN];
	char line[512], count[32];
	uint64_t hundredths; /* of a percent, rounded down: never 100 if one is not */
	size_t len;

	if (!known)
		return;
	hundredths = s->ends[STACK_END_ROOT] * 10000 / s->taken;
	text_count(count, sizeof(count), s->taken);
	len = (size_t)snprintf(line, sizeof(line), "%s taken, %.*f %% complete", count, s->ends[STACK_END_ROOT] == s->taken ? 0 : 2,
			       (double)hundredths / 100);
	for (int i = 0; i < N_STACK_ENDS; i++) {
		if (i == STACK_END_ROOT || !s->ends[i] || len >= sizeof(line))
			continue;
		text_count(count, sizeof(count), s->ends[i]);
		len += (size_t)snprintf(line + len, sizeof(line) - len, "; %s: %s", count, stack_end_about(i));
	}
	if (s->thinned && len < sizeof(line)) {
		text_count(count, sizeof(count), s->thinned);
		snprintf(line + len, sizeof(line) - len, "; %s more left out for the rate at which they came: others stand for them",
			 count);
	}
	label(p, "stacks");
	wrapped(p, INK_PLAIN, line);
}

static void print_cost(struct page *p, const struct report *r)
{
	const struct report_cost *c = &r->cost;
	char probe[32], recorder[32], switches[32], line[256];

	label(p, "cost");
	if (!c->switches) {
		wrapped(p, INK_PLAIN, "not recorded");
		return;
	}
	text_ns(probe, sizeof(probe), c->probe_ns);
	text_ns(recorder, sizeof(recorder), c->recorder_cpu_ns);
	text_count(switches, sizeof(switches), c->switches);
	snprintf(line, sizeof(line),
		 "%s in the probes (%.2f %% of all CPU time): %s runs of %.0f ns; recorder %s (%.2f %%)",
		 probe, 100 * c->probe_share, switches, c->ns_per_switch, recorder, 100 * c->recorder_share);
	wrapped(p, INK_PLAIN, line);
}

static void add_difference(char *line, size_t size, const char *what, uint64_t ours, uint64_t kernels)
{
	size_t len = strlen(line);
	char time[32];

	text_ns(time, sizeof(time), kernels);
	len += (size_t)snprintf(line + len, size - len, "%s%s %s", len ? ", " : "", what, time);
	if (ours != kernels && kernels && len < size)
		snprintf(line + len, size - len, " (here %+.2f %%)",
			 100 * ((double)ours - (double)kernels) / (double)kernels);
	else if (ours == kernels && len < size)
		snprintf(line + len, size - len, " (the same here)");
}

/* What the kernel counted of the same threads, as a check. */
static void print_kernel(struct page *p, const struct report *r)
{
	char line[256] = "";

	if (!r->totals.exec_runtime_ns)
		return;
	add_difference(line, sizeof(line), "running", r->totals.running_ns, r->totals.exec_runtime_ns);
	add_difference(line, sizeof(line), "ready", r->totals.ready_ns, r->totals.run_delay_ns);
	label(p, "kernel has");
	wrapped(p, INK_PLAIN, line);
}

#define STOLEN_SAID 0.005 /* of all CPU time */

/* On a virtual machine a CPU may stand still: whoever had it, or was to get it, has that time. */
static void print_stolen(struct page *p, const struct report *r)
{
	double available = (double)r->wall_ns * (r->meta->cpus ? r->meta->cpus : 1);
	char line[160], stolen[32];

	if ((double)r->meta->stolen_ns <= available * STOLEN_SAID)
		return;
	snprintf(line, sizeof(line), "%s of CPU time by the hypervisor (%.1f %%): it counts as what the thread on that CPU was about",
		 text_ns(stolen, sizeof(stolen), r->meta->stolen_ns), 100 * (double)r->meta->stolen_ns / available);
	label(p, "stolen");
	wrapped(p, INK_YELLOW, line);
}

void text_head(struct page *p, const struct report *r)
{
	print_command(p, r);
	print_end(p, r);
	print_left(p, r);
	print_what(p, r);
	print_lost(p, r);
	print_stacks(p, r);
	print_cost(p, r);
	print_kernel(p, r);
	print_stolen(p, r);
}

void text_judgement(struct page *p, const struct report *r)
{
	page_line(p);
	label(p, "form");
	page_text(p, INK_BOLD, form_name(r->form.kind));
	page_text(p, INK_PLAIN, ":");
	page_spaces(p, 1);
	wrapped(p, INK_PLAIN, r->form.evidence);
	label(p, "verdict");
	page_text(p, INK_BOLD, bound_title(r->verdict.bound));
	page_text(p, INK_PLAIN, ":");
	page_spaces(p, 1);
	wrapped(p, INK_PLAIN, r->verdict.numbers);
	label(p, "advice");
	wrapped(p, INK_PLAIN, r->verdict.advice);
}
