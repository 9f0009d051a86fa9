/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * In: who did work, who is an event loop, how long processes worked at the same time. Out: the form of
 * concurrency, with its evidence in one line.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "analysis/steps.h"

/*
 * An event loop and the one that it talks to run at the same moment now and then: event loops make a program
 * of several processes where two of them are at work together for at least this part of the wall clock.
 */
#define LOOPS_TOGETHER 20

#define FORM_WORDS(ID, name, title) [FORM_##ID] = name,
static const char *const form_names[N_FORMS] = {FORMS(FORM_WORDS)};

const char *form_name(enum form_kind kind)
{
	return (unsigned int)kind < N_FORMS ? form_names[kind] : "unknown";
}

/* Adds a clause to a line; "; " in between. */
static void add_clause(char *line, size_t size, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static void add_clause(char *line, size_t size, const char *fmt, ...)
{
	size_t len = strlen(line);
	va_list ap;

	if (len && len + 3 < size) {
		memcpy(line + len, "; ", 3);
		len += 2;
	}
	va_start(ap, fmt);
	vsnprintf(line + len, size - len, fmt, ap);
	va_end(ap);
}

static uint32_t count_working(const struct report *r, const struct report_process *p)
{
	uint32_t n = 0, i;

	for (i = 0; i < p->n_threads; i++)
		n += r->threads[p->first_thread + i].working;
	return n;
}

static uint32_t count_loops(const struct report *r, const struct report_process *p)
{
	uint32_t n = 0, i;

	for (i = 0; i < p->n_threads; i++)
		n += r->threads[p->first_thread + i].async;
	return n;
}

/*
 * Where several processes work, the threads of one make the form of the program only if that one does a good
 * part of the work, and more than one thread of it does: not those of a pool's manager.
 */
static bool matters(const struct report *r, const struct report_process *p, uint64_t all_work)
{
	if (r->form.processes_working < 2)
		return true;
	return work_of(p) >= all_work / 10 && work_beside_first(r, p) >= all_work / 33;
}

/* The process with the most threads at work; NULL if there are no processes. */
static const struct report_process *find_threaded(struct report *r)
{
	const struct report_process *most = NULL;
	uint64_t all_work = 0;
	size_t i;

	for (i = 0; i < r->processes_len; i++) {
		all_work += work_of(&r->processes[i]);
		r->form.processes_working += r->processes[i].working;
	}
	for (i = 0; i < r->processes_len; i++) {
		const struct report_process *p = &r->processes[i];
		uint32_t n = matters(r, p, all_work) ? count_working(r, p) : p->working;

		if (most && n <= r->form.threads_working)
			continue;
		most = p;
		r->form.threads_working = n;
		r->form.threads_of_that_process = p->n_threads;
	}
	return most;
}

/*
 * An event loop makes the program async if it is the program: not if it is a server that the rest, which does
 * work of its own, talks to (a test's server, a database).
 */
static bool loops_are_the_program(const struct report *r)
{
	uint64_t loops_ns = 0, rest_ns = 0, rest_work = 0;
	size_t i;

	for (i = 0; i < r->processes_len; i++) {
		const struct report_process *p = &r->processes[i];

		if (count_loops(r, p)) {
			loops_ns += p->account.running_ns;
			continue;
		}
		rest_ns += p->account.running_ns;
		rest_work += work_of(p);
	}
	return rest_work < r->wall_ns / 5 || loops_ns / 3 >= rest_ns;
}

struct loop_found {
	const struct report_thread *thread;
	uint32_t sources;
	const char *call;
};

static const char *poll_call(const struct trace *t, const struct trace_thread *thread)
{
	size_t i;

	for (i = 0; i < thread->n_cycles; i++) {
		const struct trace_cycle *c = &t->cycles[thread->first_cycle + i];

		if (c->blocked && c->kind == WAIT_POLL)
			return trace_syscall_name(t, c->syscall, c->flags);
	}
	return NULL;
}

/* The event loop that serves most descriptors; counts all of them. */
static struct loop_found find_loop(struct report *r, const struct trace *t)
{
	struct loop_found found = {0};
	const struct trace_thread *at = NULL;
	size_t p, i;

	for (p = 0; p < r->processes_len; p++) {
		for (i = 0; i < r->processes[p].n_threads; i++) {
			const struct report_thread *thread = &r->threads[r->processes[p].first_thread + i];
			const struct trace_thread *from = &t->threads[t->processes[p].threads[i]];

			if (!thread->async)
				continue;
			r->form.async_threads++;
			if (found.thread && from->poll_sources <= found.sources)
				continue;
			found.thread = thread;
			found.sources = from->poll_sources;
			at = from;
		}
	}
	if (at)
		found.call = poll_call(t, at);
	r->form.poll_sources = found.sources;
	return found;
}

static void say_loop(struct report_form *f, const struct loop_found *l)
{
	const struct report_account *a = &l->thread->account;
	double share = 100 * share_of(a->waits[WAIT_POLL].ns, a->waiting_ns);
	char many[32] = "";

	if (f->async_threads > 1)
		snprintf(many, sizeof(many), "%" PRIu32 " event loops, one: ", f->async_threads);
	add_clause(f->evidence, sizeof(f->evidence),
		   "%s%s (%" PRIu32 ") serves %" PRIu32 "%s descriptor%s with %s, %.0f %% of its waiting%s",
		   many, l->thread->comm, l->thread->tid, l->sources, l->sources >= 15 ? " or more" : "",
		   l->sources == 1 ? " and timers" : "s", l->call ? l->call : "poll", share,
		   f->async ? "" : ", for the others");
}

static void say_sequential(struct report *r, const struct report_process *p)
{
	struct report_form *f = &r->form;
	const char *when =
		f->processes_overlap_ns ? "hardly ever two at the same time" : "one after the other";

	if (f->processes_working > 1 && f->processes_working == r->n_processes)
		add_clause(f->evidence, sizeof(f->evidence), "%" PRIu32 " processes did the work, %s",
			   f->processes_working, when);
	else if (f->processes_working > 1)
		add_clause(f->evidence, sizeof(f->evidence),
			   "%" PRIu32 " of %" PRIu64 " processes did the work, %s", f->processes_working,
			   r->n_processes, when);
	else if (p && p->n_threads > 1)
		add_clause(f->evidence, sizeof(f->evidence),
			   "1 of %" PRIu32 " threads of %s did the work, the others had none", p->n_threads,
			   p->comm);
	else
		add_clause(f->evidence, sizeof(f->evidence), "one thread did the work");
}

static void say_all(struct report *r, const struct report_process *p, const struct loop_found *loop)
{
	struct report_form *f = &r->form;
	double together = 100 * share_of(f->processes_overlap_ns, f->processes_busy_ns);

	if (f->multiprocess)
		add_clause(f->evidence, sizeof(f->evidence),
			   "%" PRIu32 " processes did work, two or more at the same time for %.0f %% of it",
			   f->processes_working, together);
	if (f->threaded && f->threads_working == p->n_threads)
		add_clause(f->evidence, sizeof(f->evidence),
			   "%" PRIu32 " threads of %s (%" PRIu32 ") did work", f->threads_working, p->comm,
			   p->pid);
	else if (f->threaded)
		add_clause(f->evidence, sizeof(f->evidence),
			   "%" PRIu32 " of %" PRIu32 " threads of %s (%" PRIu32 ") did work",
			   f->threads_working, p->n_threads, p->comm, p->pid);
	if (f->sequential)
		say_sequential(r, p);
	if (loop->thread)
		say_loop(f, loop);
}

void form_build(struct report *r, const struct trace *t)
{
	struct report_form *f = &r->form;
	const struct report_process *p = find_threaded(r);
	struct loop_found loop = find_loop(r, t);
	int forms;

	f->threaded = f->threads_working >= 2;
	f->async = loop.thread && loops_are_the_program(r);
	f->multiprocess = f->processes_working >= 2 && f->processes_overlap_ns &&
			  f->processes_overlap_ns >= f->processes_busy_ns / 10 &&
			  (!f->async || f->processes_overlap_ns >= r->wall_ns / LOOPS_TOGETHER);
	forms = f->threaded + f->multiprocess + f->async;
	f->sequential = !forms;
	f->kind = forms > 1	    ? FORM_MIXED
		  : f->threaded	    ? FORM_THREADED
		  : f->multiprocess ? FORM_MULTIPROCESS
		  : f->async	    ? FORM_ASYNC
				    : FORM_SEQUENTIAL;
	say_all(r, p, &loop);
}
