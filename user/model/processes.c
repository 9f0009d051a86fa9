/* SPDX-License-Identifier: BSD-2-Clause */
/* In: threads, and what was executed. Out: trace.processes by start, each with its threads, its name and its
 * end. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "base/intmap.h"
#include "model/load.h"

#define NONE UINT32_MAX

/* Beside each process while it is made. */
struct making {
	uint32_t leader; /* index of the thread that stands for it: the last that called exec, else the first
			  */
	uint64_t exec_ts, path_ts;
	bool has_exec, has_parent;
};

static const struct wire_thread *thread_made(const struct load *l, uint32_t draft)
{
	return l->drafts[draft].made ? &l->made[l->drafts[draft].made - 1] : NULL;
}

/* The number of the process that a thread is of; of its own if nothing says. */
static uint32_t process_number(const struct load *l, uint32_t draft)
{
	const struct load_draft *d = &l->drafts[draft];
	uint32_t number = 0;

	if (d->made)
		number = l->made[d->made - 1].process;
	if (!number && d->end)
		number = l->ends[d->end - 1].process;
	if (!number && d->exec)
		number = l->execs[d->exec - 1].process;
	return number ? number : d->number;
}

static void join_process(struct load *l, uint32_t at, struct trace_process *p, struct making *m)
{
	struct trace_thread *t = &l->t->threads[at];
	uint32_t draft = l->draft_of_thread[at];
	const struct wire_thread *made = thread_made(l, draft);
	bool first = t->number == p->number;

	t->process = (uint32_t)(p - l->t->processes);
	p->n_threads++;
	if (t->start < p->start)
		p->start = t->start;
	if (t->end > p->end)
		p->end = t->end;
	p->terminated &= t->terminated;
	if (made && !m->has_parent) {
		p->pid = made->pid;
		p->ppid = made->ppid;
	} else if (first && !p->pid) {
		p->pid = t->tid;
	}
	m->has_parent |= made && first;
	if (l->drafts[draft].exec && (!m->has_exec || l->execs[l->drafts[draft].exec - 1].ts >= m->exec_ts)) {
		m->has_exec = true;
		m->exec_ts = l->execs[l->drafts[draft].exec - 1].ts;
		m->leader = at;
	} else if (!m->has_exec && (first || m->leader == NONE)) {
		m->leader = at;
	}
}

static int make_processes(struct load *l, struct intmap *process_of, struct making *making)
{
	struct trace *t = l->t;
	uint32_t i;
	int err;

	for (i = 0; i < t->n_threads; i++) {
		uint32_t number, at = (uint32_t)t->n_processes;
		uint64_t *known;

		if (l->draft_of_thread[i] == LOAD_NO_DRAFT)
			continue;
		number = process_number(l, l->draft_of_thread[i]);
		known = intmap_get(process_of, number);
		if (known) {
			at = (uint32_t)*known;
		} else {
			err = intmap_put(process_of, number, at);
			if (err)
				return err;
			t->processes[at] = (struct trace_process){
				.number = number, .start = UINT64_MAX, .terminated = true};
			making[at] = (struct making){.leader = NONE};
			t->n_processes++;
		}
		join_process(l, i, &t->processes[at], &making[at]);
	}
	return 0;
}

/* What each process executed last, by any of its threads. */
static int set_paths(struct load *l, const struct intmap *process_of, struct making *making)
{
	size_t i;

	for (i = 0; i < l->n_execs; i++) {
		const struct wire_exec *e = &l->execs[i];
		uint64_t *draft = intmap_get(&l->draft_of, e->head.thread);
		uint64_t *at = draft ? intmap_get(process_of, process_number(l, (uint32_t)*draft)) : NULL;
		struct trace_process *p;

		if (!at || !e->path[0])
			continue;
		p = &l->t->processes[*at];
		if (p->path && e->ts < making[*at].path_ts)
			continue;
		making[*at].path_ts = e->ts;
		p->path = load_text(l, e->path, strnlen(e->path, sizeof(e->path)));
		if (!p->path)
			return -ENOMEM;
	}
	return 0;
}

/* One pseudo process for the threads that are known only as a sum. */
static void add_orphans(struct load *l)
{
	struct trace *t = l->t;
	struct trace_thread *orphans = t->n_threads ? &t->threads[t->n_threads - 1] : NULL;

	if (!orphans || !orphans->orphans)
		return;
	orphans->process = (uint32_t)t->n_processes;
	t->processes[t->n_processes++] = (struct trace_process){
		.comm = orphans->comm, .start = orphans->start, .end = orphans->end, .n_threads = 1};
}

/* Threads are in order of start: so are they in each process. */
static void list_threads(struct trace *t, uint32_t *pool)
{
	size_t i;

	for (i = 0; i < t->n_processes; i++) {
		t->processes[i].threads = pool;
		pool += t->processes[i].n_threads;
		t->processes[i].n_threads = 0;
	}
	for (i = 0; i < t->n_threads; i++) {
		struct trace_process *p = &t->processes[t->threads[i].process];

		/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): given just above */
		p->threads[p->n_threads++] = (uint32_t)i;
	}
}

int processes_build(struct load *l)
{
	struct trace *t = l->t;
	struct making *making = calloc(t->n_threads + 1, sizeof(*making));
	struct intmap process_of = {0}; /* number: index in trace.processes */
	size_t i;
	int err = -ENOMEM;

	t->processes = calloc(t->n_threads + 1, sizeof(*t->processes));
	l->store->process_threads = calloc(t->n_threads + 1, sizeof(*l->store->process_threads));
	if (!making || !t->processes || !l->store->process_threads) {
		fail(err, "out of memory: the processes of %zu threads", t->n_threads);
		goto out;
	}
	err = make_processes(l, &process_of, making);
	if (!err)
		err = set_paths(l, &process_of, making);
	if (err)
		goto out;
	for (i = 0; i < t->n_processes; i++) {
		t->processes[i].comm = t->threads[making[i].leader].comm;
		t->processes[i].exit_code = t->threads[making[i].leader].exit_code;
	}
	add_orphans(l);
	list_threads(t, l->store->process_threads);
out:
	free(making);
	intmap_release(&process_of);
	return err;
}
