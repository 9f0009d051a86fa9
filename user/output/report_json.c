/* SPDX-License-Identifier: BSD-2-Clause */
/* In: a report. Out: JSON, schema conctrace-report/1; its keys are listed in json_keys.h. */
#include <stdio.h>
#include <sys/wait.h>

#include "analysis/kinds.h"
#include "base/json.h"
#include "output/report_output.h"

/* NAME_ns, of a table's NAME. */
static void put_ns(struct json *j, const char *name, uint64_t ns)
{
	char key[64];

	snprintf(key, sizeof(key), "%s_ns", name);
	json_u64(j, key, ns);
}

/* As wait(2) has it. */
static void put_exit(struct json *j, bool known, int status)
{
	if (!known) {
		json_text(j, "exit", NULL);
		return;
	}
	json_object(j, "exit");
	if (WIFSIGNALED(status))
		json_u64(j, "signal", (uint64_t)WTERMSIG(status));
	else
		json_u64(j, "code", (uint64_t)WEXITSTATUS(status));
	json_object_end(j);
}

static void put_head(struct json *j, const struct report *r)
{
	const struct trace_meta *m = r->meta;
	size_t i;

	json_text(j, "schema", "conctrace-report/1");
	json_array(j, "command");
	for (i = 0; i < m->n_command; i++)
		json_text(j, NULL, m->command[i]);
	json_array_end(j);
	json_text(j, "verb", m->verb ? m->verb : "");
	put_exit(j, m->has_exit, m->exit_status);
	json_bool(j, "complete", !r->damage);
	json_text(j, "damage", r->damage);
	json_text(j, "version", m->version ? m->version : "");
	json_text(j, "kernel", m->kernel ? m->kernel : "");
	json_text(j, "machine", m->machine ? m->machine : "");
	json_u64(j, "cpus", m->cpus);
	json_u64(j, "stolen_ns", m->stolen_ns);
	json_u64(j, "wall_ns", r->wall_ns);
	json_u64(j, "start_realtime_ns", m->realtime_ns);
}

static void put_judgement(struct json *j, const struct report *r)
{
	const struct report_form *f = &r->form;

	json_text(j, "form", form_name(f->kind));
	json_object(j, "forms");
	json_bool(j, "sequential", f->sequential);
	json_bool(j, "threaded", f->threaded);
	json_bool(j, "multiprocess", f->multiprocess);
	json_bool(j, "async", f->async);
	json_u64(j, "threads_working", f->threads_working);
	json_u64(j, "processes_working", f->processes_working);
	json_u64(j, "processes_overlap_ns", f->processes_overlap_ns);
	json_u64(j, "processes_busy_ns", f->processes_busy_ns);
	json_u64(j, "async_threads", f->async_threads);
	json_u64(j, "poll_sources", f->poll_sources);
	json_text(j, "evidence", f->evidence);
	json_object_end(j);
	json_text(j, "bound", bound_name(r->verdict.bound));
	json_object(j, "verdict");
	json_text(j, "numbers", r->verdict.numbers);
	json_text(j, "advice", r->verdict.advice);
	json_object_end(j);
}

static void put_wall(struct json *j, const struct report *r)
{
	const struct report_concurrency *c = &r->concurrency;
	uint32_t k;
	int i;

	json_object(j, "wall");
	for (i = 0; i < N_WALL_CLASSES; i++)
		put_ns(j, wall_class_name(i), r->wall[i]);
	json_object_end(j);
	json_u64(j, "wall_no_detail_ns", r->wall_no_detail_ns);
	json_object(j, "concurrency");
	json_real(j, "running_avg", c->running_avg, 4);
	json_real(j, "io_avg", c->io_avg, 4);
	json_real(j, "ready_avg", c->ready_avg, 4);
	json_u64(j, "starved_ns", c->starved_ns);
	json_array(j, "histogram_ns");
	for (k = 0; k < c->n_histogram; k++)
		json_u64(j, NULL, c->histogram_ns[k]);
	json_array_end(j);
	json_object_end(j);
}

static void put_histogram(struct json *j, const uint64_t *buckets)
{
	int n = WIRE_HIST_BUCKETS, i;

	while (n && !buckets[n - 1])
		n--;
	json_array(j, "histogram");
	for (i = 0; i < n; i++)
		json_u64(j, NULL, buckets[i]);
	json_array_end(j);
}

/* With `histograms` (of all threads) every kind, else those that occurred. */
static void put_waits(struct json *j, const struct report_account *a,
		      const uint64_t (*histograms)[WIRE_HIST_BUCKETS])
{
	int k;

	json_object(j, "waits");
	for (k = 0; k < N_WAIT_KINDS; k++) {
		const struct report_wait *w = &a->waits[k];

		if (!histograms && !w->ns && !w->count)
			continue;
		json_object(j, wait_kind_name(k));
		json_u64(j, "ns", w->ns);
		json_u64(j, "count", w->count);
		json_u64(j, "max_ns", w->max_ns);
		json_u64(j, "retries", w->retries);
		if (histograms)
			put_histogram(j, histograms[k]);
		json_object_end(j);
	}
	json_object_end(j);
}

static void put_ready(struct json *j, const struct report_account *a)
{
	char key[64];
	int i;

	json_object(j, "ready");
	for (i = 0; i < N_READY_REASONS; i++) {
		put_ns(j, ready_reason_name(i), a->ready_by[i]);
		snprintf(key, sizeof(key), "%s_count", ready_reason_name(i));
		json_u64(j, key, a->ready_count[i]);
	}
	json_object_end(j);
}

/* The keys of an account, into the object that is open. */
static void put_account(struct json *j, const struct report_account *a,
			const uint64_t (*histograms)[WIRE_HIST_BUCKETS])
{
	int i;

	json_u64(j, "lifetime_ns", a->lifetime_ns);
	json_u64(j, "running_ns", a->running_ns);
	json_u64(j, "user_ns", a->user_ns);
	json_u64(j, "kernel_ns", a->kernel_ns);
	json_u64(j, "unsampled_ns", a->unsampled_ns);
	json_u64(j, "ready_ns", a->ready_ns);
	json_u64(j, "waiting_ns", a->waiting_ns);
	json_u64(j, "unknown_ns", a->unknown_ns);
	json_u64(j, "streamed_ns", a->streamed_ns);
	json_object(j, "groups");
	for (i = 0; i < N_WAIT_GROUPS; i++)
		put_ns(j, wait_group_name(i), a->groups_ns[i]);
	json_object_end(j);
	put_waits(j, a, histograms);
	put_ready(j, a);
	json_object(j, "transitions");
	for (i = 0; i < N_TRANSITIONS; i++)
		json_u64(j, transition_name(i), a->transitions[i]);
	json_object_end(j);
	json_u64(j, "voluntary", a->voluntary);
	json_u64(j, "involuntary", a->involuntary);
	json_u64(j, "samples", a->samples_user + a->samples_kernel);
	json_object(j, "kernel");
	json_u64(j, "exec_runtime_ns", a->exec_runtime_ns);
	json_u64(j, "run_delay_ns", a->run_delay_ns);
	json_object_end(j);
}

static void put_thread(struct json *j, const struct report_thread *t)
{
	json_object(j, NULL);
	json_u64(j, "tid", t->tid);
	json_text(j, "comm", t->comm);
	json_u64(j, "start_ns", t->start_ns);
	json_u64(j, "end_ns", t->end_ns);
	json_bool(j, "terminated", t->terminated);
	json_u64(j, "count", t->count);
	json_bool(j, "kernel_worker", t->kernel_worker);
	json_bool(j, "working", t->working);
	json_bool(j, "async", t->async);
	put_account(j, &t->account, NULL);
	json_object_end(j);
}

static void put_process(struct json *j, const struct report *r, const struct report_process *p)
{
	uint32_t i;

	json_object(j, NULL);
	json_u64(j, "pid", p->pid);
	json_u64(j, "ppid", p->ppid);
	json_text(j, "comm", p->comm);
	json_text(j, "path", p->path);
	json_u64(j, "start_ns", p->start_ns);
	json_u64(j, "end_ns", p->end_ns);
	json_bool(j, "working", p->working);
	put_exit(j, p->terminated && !p->orphans, p->exit_status);
	json_array(j, "threads");
	for (i = 0; i < p->n_threads; i++)
		put_thread(j, &r->threads[p->first_thread + i]);
	json_array_end(j);
	json_object_end(j);
}

static void put_places(struct json *j, const struct report *r)
{
	size_t i;

	json_array(j, "places");
	for (i = 0; i < r->n_places; i++) {
		const struct report_place *p = &r->places[i];

		json_object(j, NULL);
		json_text(j, "kind", wait_kind_name(p->kind));
		json_text(j, "place", p->place);
		json_text(j, "file", p->file);
		json_text(j, "source", p->source);
		if (p->line)
			json_u64(j, "line", p->line);
		else
			json_text(j, "line", NULL);
		json_text(j, "syscall", p->syscall);
		json_u64(j, "ns", p->ns);
		json_u64(j, "count", p->count);
		json_u64(j, "max_ns", p->max_ns);
		json_object_end(j);
	}
	json_array_end(j);
}

static void put_wakers(struct json *j, const struct report *r)
{
	size_t i;

	json_array(j, "wakers");
	for (i = 0; i < r->n_wakers; i++) {
		const struct report_waker *w = &r->wakers[i];

		json_object(j, NULL);
		json_text(j, "kind", wait_kind_name(w->kind));
		json_text(j, "place", w->place);
		json_text(j, "waker", w->who);
		json_text(j, "waker_place", w->by_place[0] ? w->by_place : NULL);
		json_text(j, "waker_syscall", w->by_syscall);
		json_bool(j, "softirq", w->softirq);
		json_u64(j, "ns", w->ns);
		json_u64(j, "count", w->count);
		json_u64(j, "max_ns", w->max_ns);
		json_object_end(j);
	}
	json_array_end(j);
}

static void put_tail(struct json *j, const struct report *r)
{
	const struct report_cost *c = &r->cost;
	int i;

	json_object(j, "stacks");
	json_u64(j, "taken", r->stacks.taken);
	json_u64(j, "complete", r->stacks.ends[STACK_END_ROOT]);
	json_u64(j, "thinned", r->stacks.thinned);
	json_object(j, "ends");
	for (i = 0; i < N_STACK_ENDS; i++)
		json_u64(j, stack_end_name(i), r->stacks.ends[i]);
	json_object_end(j);
	json_object_end(j);
	json_object(j, "loss");
	for (i = 0; i < N_LOSS_CAUSES; i++)
		json_u64(j, loss_cause_name(i), r->loss[i]);
	json_object_end(j);
	json_real(j, "coverage", r->coverage, 6);
	json_object(j, "cost");
	json_u64(j, "probe_ns", c->probe_ns);
	json_u64(j, "switches", c->switches);
	json_real(j, "ns_per_switch", c->ns_per_switch, 1);
	json_real(j, "probe_share", c->probe_share, 6);
	json_u64(j, "recorder_cpu_ns", c->recorder_cpu_ns);
	json_real(j, "recorder_share", c->recorder_share, 6);
	json_u64(j, "setup_ns", c->setup_ns);
	json_object_end(j);
}

static void print_json(const struct report *r, FILE *out, const struct page_style *style)
{
	struct json j;
	size_t i;

	(void)style;
	json_init(&j, out, true);
	json_object(&j, NULL);
	put_head(&j, r);
	put_judgement(&j, r);
	put_wall(&j, r);
	json_object(&j, "totals");
	put_account(&j, &r->totals, r->histograms);
	json_u64(&j, "processes", r->n_processes);
	json_u64(&j, "threads", r->n_threads);
	json_object_end(&j);
	json_array(&j, "processes");
	for (i = 0; i < r->processes_len; i++)
		put_process(&j, r, &r->processes[i]);
	json_array_end(&j);
	put_places(&j, r);
	put_wakers(&j, r);
	put_tail(&j, r);
	json_object_end(&j);
	json_finish(&j);
}

const struct report_format report_json = {.name = "json", .print = print_json};
