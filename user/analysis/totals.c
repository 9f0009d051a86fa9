/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * In: the exact totals of every thread. Out: accounts of threads, processes and all; running time split into
 * user and kernel by samples. Sums only: nothing here looks at the stream.
 */
#include <errno.h>
#include <stdlib.h>

#include "analysis/kinds.h"
#include "analysis/steps.h"
#include "base/fail.h"

static void wait_add(struct report_wait *to, const struct report_wait *from)
{
	to->ns += from->ns;
	to->count += from->count;
	to->retries += from->retries;
	if (from->max_ns > to->max_ns)
		to->max_ns = from->max_ns;
	to->mean_ns = to->count ? to->ns / to->count : 0;
}

void account_add(struct report_account *to, const struct report_account *from)
{
	int i;

	to->lifetime_ns += from->lifetime_ns;
	to->running_ns += from->running_ns;
	to->ready_ns += from->ready_ns;
	to->waiting_ns += from->waiting_ns;
	to->unknown_ns += from->unknown_ns;
	to->user_ns += from->user_ns;
	to->kernel_ns += from->kernel_ns;
	to->unsampled_ns += from->unsampled_ns;
	to->samples_user += from->samples_user;
	to->samples_kernel += from->samples_kernel;
	to->voluntary += from->voluntary;
	to->involuntary += from->involuntary;
	to->exec_runtime_ns += from->exec_runtime_ns;
	to->run_delay_ns += from->run_delay_ns;
	to->streamed_ns += from->streamed_ns;
	for (i = 0; i < N_READY_REASONS; i++) {
		to->ready_by[i] += from->ready_by[i];
		to->ready_count[i] += from->ready_count[i];
	}
	for (i = 0; i < N_WAIT_GROUPS; i++) {
		to->groups_ns[i] += from->groups_ns[i];
		to->groups_count[i] += from->groups_count[i];
	}
	for (i = 0; i < N_WAIT_KINDS; i++)
		wait_add(&to->waits[i], &from->waits[i]);
	for (i = 0; i < N_TRANSITIONS; i++)
		to->transitions[i] += from->transitions[i];
}

static void account_waits(struct report_account *a, const struct trace_thread *t)
{
	int k;

	for (k = 0; k < N_WAIT_KINDS; k++) {
		const struct trace_wait *w = &t->waits[k];
		enum wait_group group = wait_kind_group(k);

		a->waits[k] = (struct report_wait){
			.ns = w->ns,
			.count = w->count,
			.max_ns = w->max_ns,
			.retries = w->retries,
			.mean_ns = w->count ? w->ns / w->count : 0,
		};
		a->groups_ns[group] += w->ns;
		a->groups_count[group] += w->count;
	}
}

static void account_of(struct report_account *a, const struct trace_thread *t)
{
	int i;

	a->lifetime_ns = t->lifetime_ns;
	a->running_ns = t->running_ns;
	a->waiting_ns = t->waiting_ns;
	a->unknown_ns = t->unknown_ns;
	a->samples_user = t->samples_user;
	a->samples_kernel = t->samples_kernel;
	a->exec_runtime_ns = t->kernel_exec_runtime_ns;
	a->run_delay_ns = t->kernel_run_delay_ns;
	a->streamed_ns = t->streamed_ns;
	for (i = 0; i < N_READY_REASONS; i++) {
		a->ready_by[i] = t->ready_ns[i];
		a->ready_count[i] = t->ready_count[i];
		a->ready_ns += t->ready_ns[i];
	}
	account_waits(a, t);
	a->voluntary = t->blocked;
	a->involuntary = t->ready_count[READY_PREEMPTED] + t->ready_count[READY_YIELDED];
	a->transitions[TRANSITION_START_READY] = t->ready_count[READY_NEW];
	a->transitions[TRANSITION_READY_RUNNING] = t->switches_in;
	a->transitions[TRANSITION_RUNNING_READY] = a->involuntary;
	a->transitions[TRANSITION_RUNNING_WAITING] = t->blocked;
	a->transitions[TRANSITION_WAITING_READY] = t->ready_count[READY_WOKEN];
	a->transitions[TRANSITION_RUNNING_TERMINATED] = t->terminated ? t->count : 0;
}

static void set_thread(struct report *r, struct report_thread *to, const struct trace_thread *t)
{
	uint64_t zero = r->meta->start;
	int k;

	to->comm = t->comm ? t->comm : "?";
	to->tid = t->tid;
	to->process = t->process;
	to->start_ns = t->start > zero ? t->start - zero : 0;
	to->end_ns = t->end > zero ? t->end - zero : 0;
	to->count = t->orphans ? t->count : 1;
	to->terminated = t->terminated;
	to->orphans = t->orphans;
	to->kernel_worker = t->flags & WIRE_THREAD_WORKER;
	account_of(&to->account, t);
	for (k = 0; k < N_WAIT_KINDS; k++) {
		if (t->waits[k].ns <= to->wait_top_ns)
			continue;
		to->wait_top_ns = t->waits[k].ns;
		to->wait_top = k;
	}
}

/* part × a / (a + b), rounded; without overflow for any part. */
static uint64_t scaled(uint64_t part, uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)part * a;

	return (uint64_t)((product + (a + b) / 2) / (a + b));
}

/* By its own samples; without any, as its process; without any there, as the whole. */
static void split_running(struct report_account *a, const struct report_account *process,
			  const struct report_account *all)
{
	const struct report_account *by = a->samples_user + a->samples_kernel		    ? a
					  : process->samples_user + process->samples_kernel ? process
											    : all;

	if (!(by->samples_user + by->samples_kernel)) {
		a->unsampled_ns = a->running_ns;
		return;
	}
	a->user_ns = scaled(a->running_ns, by->samples_user, by->samples_kernel);
	a->kernel_ns = a->running_ns - a->user_ns;
}

static void split_all(struct report *r)
{
	size_t p, i;

	for (p = 0; p < r->processes_len; p++) {
		struct report_process *process = &r->processes[p];

		for (i = 0; i < process->n_threads; i++) {
			struct report_account *a = &r->threads[process->first_thread + i].account;

			split_running(a, &process->account, &r->totals);
			r->totals.user_ns += a->user_ns;
			r->totals.kernel_ns += a->kernel_ns;
			r->totals.unsampled_ns += a->unsampled_ns;
			/* Last: the threads behind this one still look at the samples, not at the times. */
			process->account.user_ns += a->user_ns;
			process->account.kernel_ns += a->kernel_ns;
			process->account.unsampled_ns += a->unsampled_ns;
		}
	}
}

static void set_process(struct report *r, struct report_process *to, const struct trace *t, size_t index)
{
	const struct trace_process *p = &t->processes[index];
	uint64_t zero = r->meta->start;
	uint32_t i;

	to->comm = p->comm ? p->comm : "?";
	to->path = p->path;
	to->pid = p->pid;
	to->ppid = p->ppid;
	to->start_ns = p->start > zero ? p->start - zero : 0;
	to->end_ns = p->end > zero ? p->end - zero : 0;
	to->terminated = p->terminated;
	to->exit_status = p->exit_code;
	to->first_thread = (uint32_t)r->threads_len;
	to->n_threads = p->n_threads;
	for (i = 0; i < p->n_threads; i++) {
		struct report_thread *thread = &r->threads[r->threads_len++];

		set_thread(r, thread, &t->threads[p->threads[i]]);
		thread->process = (uint32_t)index;
		to->orphans |= thread->orphans;
		account_add(&to->account, &thread->account);
		r->n_threads += thread->count;
	}
	r->n_processes += !to->orphans;
	account_add(&r->totals, &to->account);
}

static void add_histograms(struct report *r, const struct trace *t)
{
	size_t i;
	int k, b;

	for (i = 0; i < t->n_threads; i++)
		for (k = 0; k < N_WAIT_KINDS; k++)
			for (b = 0; b < WIRE_HIST_BUCKETS && t->threads[i].waits[k].count; b++)
				r->histograms[k][b] += t->threads[i].waits[k].hist[b];
}

int totals_build(struct report *r, const struct trace *t)
{
	size_t n = 0, p;

	for (p = 0; p < t->n_processes; p++)
		n += t->processes[p].n_threads;
	r->threads = calloc(n + 1, sizeof(*r->threads));
	r->processes = calloc(t->n_processes + 1, sizeof(*r->processes));
	if (!r->threads || !r->processes)
		return fail(-ENOMEM, "out of memory: a report of %zu threads", n);
	r->processes_len = t->n_processes;
	for (p = 0; p < t->n_processes; p++)
		set_process(r, &r->processes[p], t, p);
	split_all(r);
	add_histograms(r, t);
	return 0;
}
