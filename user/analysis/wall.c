/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * In: the stream of intervals. Out: what each instant of the wall clock was, how many threads ran at a time,
 * and how many processes were at work at a time. Each thread's life becomes a few edges (it was this, from
 * now on it is that); all edges in order of time are one sweep.
 */
#include <errno.h>
#include <stdlib.h>

#include "analysis/kinds.h"
#include "analysis/steps.h"
#include "base/fail.h"
#include "base/radix.h"

/* What a process is doing, judged by one thread of it. */
enum activity {
	ACTIVITY_NONE = 0,
	ACTIVITY_PEER =
		1, /* waits for an answer: if the other side works for it, the two are no more than one */
	ACTIVITY_WORK = 2,
	N_ACTIVITIES,
};

#define STATE_CLASSES 16
#define STATE_NONE    N_WALL_CLASSES /* not made yet, gone, or nothing is known */
_Static_assert(N_WALL_CLASSES < STATE_CLASSES, "a state is a class and an activity");

struct edges {
	struct radix_item *items; /* NULL: only count */
	size_t n;
	uint64_t first, last; /* the window */
};

/* Where in a thread's life the walk is. */
struct life {
	uint32_t process;
	bool counts; /* for the activity of its process */
	bool parent; /* its process has children in the trace */
	uint64_t end;
	unsigned int state;
};

enum wall_class wall_class_of(enum wait_kind kind, uint16_t cycle_flags)
{
	switch (wait_kind_group(kind)) {
	case WAIT_GROUP_IO:
		if (kind != WAIT_POLL)
			return WALL_IO;
		if (cycle_flags & (WIRE_CYCLE_TIMED_OUT | WIRE_CYCLE_TIMER_ONLY))
			return WALL_SLEEP;
		return cycle_flags & WIRE_CYCLE_REQUESTS ? WALL_IO
							 : WALL_POLL; /* its own requests are under way */
	case WAIT_GROUP_LOCK:
		return WALL_LOCK;
	case WAIT_GROUP_SYNC:
		return WALL_SYNC;
	case WAIT_GROUP_SLEEP:
		return WALL_SLEEP;
	case WAIT_GROUP_MEMORY:
		return WALL_MEMORY;
	case WAIT_GROUP_OTHER:
		break;
	}
	return WALL_OTHER;
}

/*
 * Does a process at such a wait do something of its own at that time? A parent that sleeps, or reads what its
 * child writes, does not; nor does a loop that waits for events.
 */
static enum activity activity_of(const struct life *l, enum wait_kind kind)
{
	if (!l->counts)
		return ACTIVITY_NONE;
	switch (wait_kind_group(kind)) {
	case WAIT_GROUP_IO:
		if (kind == WAIT_DISK)
			return ACTIVITY_WORK;
		if (kind == WAIT_POLL || (kind == WAIT_LOCAL && l->parent))
			return ACTIVITY_NONE;
		return ACTIVITY_PEER;
	case WAIT_GROUP_LOCK:
	case WAIT_GROUP_MEMORY:
		return ACTIVITY_WORK;
	case WAIT_GROUP_SLEEP:
		return l->parent ? ACTIVITY_NONE : ACTIVITY_WORK;
	case WAIT_GROUP_SYNC:
	case WAIT_GROUP_OTHER:
		break;
	}
	return ACTIVITY_NONE;
}

static unsigned int state_of(enum wall_class c, enum activity a)
{
	return (unsigned int)c | (unsigned int)a * STATE_CLASSES;
}

static void add_edge(struct edges *e, uint64_t at, const struct life *l, unsigned int to)
{
	if (e->items) {
		at = at < e->first ? e->first : at > e->last ? e->last : at;
		e->items[e->n] = (struct radix_item){
			.key = at,
			.value = (uint64_t)l->process << 16 | l->state << 8 | to,
		};
	}
	e->n++;
}

static void add_piece(struct edges *e, struct life *l, uint64_t start, uint64_t ns, unsigned int state)
{
	if (!ns)
		return;
	if (l->state != STATE_NONE && l->end != start) {
		add_edge(e, l->end, l, STATE_NONE);
		l->state = STATE_NONE;
	}
	if (l->state != state) {
		add_edge(e, start, l, state);
		l->state = state;
	}
	l->end = start + ns;
}

static void add_life(struct edges *e, const struct trace *t, const struct trace_thread *thread,
		     struct life *l)
{
	enum activity busy = l->counts ? ACTIVITY_WORK : ACTIVITY_NONE;
	size_t i;

	l->state = STATE_NONE;
	for (i = 0; i < thread->n_cycles; i++) {
		const struct trace_cycle *c = &t->cycles[thread->first_cycle + i];
		uint64_t at = c->ts - c->ready_ns - c->wait_ns - c->run_ns;

		add_piece(e, l, at, c->run_ns, state_of(WALL_RUNNING, busy));
		at += c->run_ns;
		if (c->blocked)
			add_piece(e, l, at, c->wait_ns,
				  state_of(wall_class_of(c->kind, c->flags), activity_of(l, c->kind)));
		at += c->wait_ns;
		add_piece(e, l, at, c->ready_ns, state_of(WALL_READY, busy));
	}
	if (l->state != STATE_NONE)
		add_edge(e, l->end, l, STATE_NONE);
}

static void add_lives(struct edges *e, const struct report *r, const struct trace *t)
{
	size_t i;

	e->n = 0;
	for (i = 0; i < t->n_threads; i++) {
		struct life l = {.process = t->threads[i].process};

		l.counts = r->processes[l.process].working;
		l.parent = r->processes[l.process].parent;
		add_life(e, t, &t->threads[i], &l);
	}
}

struct sweep {
	struct report *r;
	int64_t threads[STATE_CLASSES];	    /* how many are in each class now */
	int32_t (*processes)[N_ACTIVITIES]; /* of each process, how many threads */
	int64_t active[N_ACTIVITIES];	    /* how many processes */
};

static enum activity process_activity(const int32_t *threads)
{
	return threads[ACTIVITY_WORK] > 0   ? ACTIVITY_WORK
	       : threads[ACTIVITY_PEER] > 0 ? ACTIVITY_PEER
					    : ACTIVITY_NONE;
}

static void sweep_edge(struct sweep *s, uint64_t value)
{
	unsigned int from = value >> 8 & 0xff, to = value & 0xff;
	int32_t *process = s->processes[value >> 16];

	s->threads[from % STATE_CLASSES]--;
	s->threads[to % STATE_CLASSES]++;
	if (from / STATE_CLASSES == to / STATE_CLASSES)
		return;
	s->active[process_activity(process)]--;
	process[from / STATE_CLASSES]--;
	process[to / STATE_CLASSES]++;
	s->active[process_activity(process)]++;
}

/* ns in which nothing changed. */
static void sweep_time(struct sweep *s, uint64_t ns)
{
	struct report *r = s->r;
	struct report_concurrency *c = &r->concurrency;
	int64_t running = s->threads[WALL_RUNNING], ready = s->threads[WALL_READY], together;
	int64_t spare = (int64_t)r->meta->cpus - running;
	int class = 0;

	while (class < N_WALL_CLASSES && s->threads[class] <= 0)
		class ++;
	if (class == N_WALL_CLASSES) {
		class = WALL_OTHER;
		r->wall_no_detail_ns += ns;
	}
	r->wall[class] += ns;
	if (spare > 0 && ready > 0)
		c->starved_ns += ns * (uint64_t)(ready < spare ? ready : spare);
	if (running > REPORT_HISTOGRAM_MAX - 1)
		running = REPORT_HISTOGRAM_MAX - 1;
	c->histogram_ns[running] += ns;
	if (running >= c->n_histogram)
		c->n_histogram = (uint32_t)running + 1;
	together = s->active[ACTIVITY_WORK] > s->active[ACTIVITY_PEER] ? s->active[ACTIVITY_WORK]
								       : s->active[ACTIVITY_PEER];
	if (together >= 1)
		r->form.processes_busy_ns += ns;
	if (together >= 2)
		r->form.processes_overlap_ns += ns;
	if (together > r->form.processes_peak)
		r->form.processes_peak = (uint32_t)together;
}

static int sweep_all(struct report *r, const struct trace *t, const struct edges *e)
{
	struct sweep s = {.r = r, .processes = calloc(t->n_processes + 1, sizeof(*s.processes))};
	uint64_t now = e->first;
	size_t i;

	if (!s.processes)
		return fail(-ENOMEM, "out of memory: the wall clock of %zu processes", t->n_processes);
	for (i = 0; i < e->n; i++) {
		if (e->items[i].key > now)
			sweep_time(&s, e->items[i].key - now);
		now = e->items[i].key;
		sweep_edge(&s, e->items[i].value);
	}
	if (e->last > now)
		sweep_time(&s, e->last - now);
	free(s.processes);
	return 0;
}

/* A row for each number of threads while there are few, else wider and wider ones. */
static void set_bands(struct report_concurrency *c)
{
	bool few = c->n_histogram <= REPORT_BANDS_MAX;
	uint32_t k = 0, to;

	while (k < c->n_histogram && c->n_bands < REPORT_BANDS_MAX) {
		struct report_band *b = &c->bands[c->n_bands++];

		to = few || k <= 2 ? k : 2 * (k - 1);
		*b = (struct report_band){.from = k, .to = to};
		for (; k <= to && k < c->n_histogram; k++)
			b->ns += c->histogram_ns[k];
	}
}

/* Polls that were really sleep, by the stream: they are no I/O. */
static uint64_t poll_on_timers(const struct trace *t)
{
	uint64_t ns = 0;
	size_t i;

	for (i = 0; i < t->n_cycles; i++)
		if (t->cycles[i].blocked && t->cycles[i].kind == WAIT_POLL &&
		    wall_class_of(WAIT_POLL, t->cycles[i].flags) == WALL_SLEEP)
			ns += t->cycles[i].wait_ns;
	return ns;
}

/* From the first thread's start to the last one's end; tracing's own if threads were lost. */
void wall_window(struct report *r, const struct trace *t)
{
	uint64_t first = UINT64_MAX, last = 0;
	size_t i;

	for (i = 0; i < t->n_threads; i++) {
		const struct trace_thread *thread = &t->threads[i];
		uint64_t start = thread->orphans ? t->meta.start : thread->start;
		uint64_t end = thread->orphans ? t->meta.end : thread->end;

		if (start < first)
			first = start;
		if (end > last)
			last = end;
	}
	if (!t->n_threads) {
		first = t->meta.start;
		last = t->meta.end;
	}
	r->start = first;
	r->wall_ns = last > first ? last - first : 0;
}

int wall_build(struct report *r, const struct trace *t)
{
	struct edges e = {.first = r->start, .last = r->start + r->wall_ns};
	uint64_t io = r->totals.groups_ns[WAIT_GROUP_IO], timers = poll_on_timers(t);
	int err;

	add_lives(&e, r, t);
	e.items = malloc((e.n + 1) * sizeof(*e.items));
	if (!e.items) {
		err = fail(-ENOMEM, "out of memory: the wall clock of %zu intervals", e.n);
		goto out;
	}
	add_lives(&e, r, t);
	err = radix_sort(e.items, e.n);
	if (!err)
		err = sweep_all(r, t, &e);
	set_bands(&r->concurrency);
	r->concurrency.running_avg = share_of(r->totals.running_ns, r->wall_ns);
	r->concurrency.ready_avg = share_of(r->totals.ready_ns, r->wall_ns);
	r->concurrency.io_avg = share_of(io > timers ? io - timers : 0, r->wall_ns);
out:
	free(e.items);
	return err;
}
