/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * In: the shares of the wall clock, concurrency, form and totals. Out: what bounds the program, the numbers
 * that this rests on, and what would help.
 *
 * A share dominates with half of the wall clock if it is a quarter more than the next one, or with 40 % if it
 * is half as much again: half computing and half waiting is neither CPU-bound nor I/O-bound, since hiding the
 * one behind the other would help. Polls on descriptors are I/O.
 *
 * Where a CPU is what the program wants, it is starved if 40 % of the CPU time it wanted went elsewhere:
 * threads were ready although fewer of them ran than there are CPUs, so others had those, or a limit kept it
 * from them. Else it is CPU-bound: that three spinning threads share two CPUs is no starvation.
 *
 * Where most of the wall clock is not known (much was lost, or the recorder was killed) there is no verdict.
 *
 * Where waits for other threads, for memory or for what has no name dominate, the verdict is "mixed", and
 * says which.
 */
#include <inttypes.h>
#include <stdio.h>

#include "analysis/kinds.h"
#include "analysis/steps.h"

#define ALL_IN_USE    0.9  /* of the CPUs */
#define STARVED	      0.4  /* of the CPU time that was wanted */
#define ONE_AT_A_TIME 1.25 /* threads on average: no more than one, with some overlap at the edges */
#define ONE_WANTS     1.5  /* threads on a CPU or preempted: one, and those that come to ask whether it is their turn */
#define UNSEEN_MAX    0.5  /* of the wall clock: with less than the other half no verdict is given */
#define MANY_TURNS    5
#define LONG_TURN_NS  20000000 /* Python's are 5 ms */
#define TAKES_TURNS   0.2  /* of a thread's life waiting for its turn */

#define BOUND_NAME(ID, name, title)  [BOUND_##ID] = name,
#define BOUND_TITLE(ID, name, title) [BOUND_##ID] = title,
static const char *const bound_names[N_BOUNDS] = {BOUNDS(BOUND_NAME)};
static const char *const bound_titles[N_BOUNDS] = {BOUNDS(BOUND_TITLE)};

const char *bound_name(enum bound_kind kind)
{
	return (unsigned int)kind < N_BOUNDS ? bound_names[kind] : "unknown";
}

const char *bound_title(enum bound_kind kind)
{
	return (unsigned int)kind < N_BOUNDS ? bound_titles[kind] : "unknown";
}

/* What competes: wall classes put together. CPU_WANTED is running and ready. */
enum rival {
	RIVAL_CPU_WANTED,
	RIVAL_IO,
	RIVAL_LOCK,
	RIVAL_SLEEP,
	RIVAL_MEMORY,
	RIVAL_SYNC,
	RIVAL_OTHER,
	N_RIVALS
};

static const char *const rival_words[N_RIVALS] = {
	[RIVAL_CPU_WANTED] = "wanted a CPU",
	[RIVAL_IO] = "waited for I/O",
	[RIVAL_LOCK] = "waited for locks",
	[RIVAL_SLEEP] = "waited for its own timers",
	[RIVAL_MEMORY] = "waited for memory",
	[RIVAL_SYNC] =
		"waited for other threads or processes that were waiting themselves or are not in the trace",
	[RIVAL_OTHER] = "waited for something else (a signal, job control, another system call)",
};

struct shares {
	double of[N_RIVALS]; /* of the wall clock that is known */
	double running, ready, unseen;
	enum rival top, next;
};

static struct shares shares_of(const struct report *r)
{
	uint64_t seen = r->wall_ns - r->wall_no_detail_ns, other = r->wall[WALL_OTHER] - r->wall_no_detail_ns;
	struct shares s = {
		.of =
			{
				[RIVAL_CPU_WANTED] =
					share_of(r->wall[WALL_RUNNING] + r->wall[WALL_READY], seen),
				[RIVAL_IO] = share_of(r->wall[WALL_IO] + r->wall[WALL_POLL], seen),
				[RIVAL_LOCK] = share_of(r->wall[WALL_LOCK], seen),
				[RIVAL_SLEEP] = share_of(r->wall[WALL_SLEEP], seen),
				[RIVAL_MEMORY] = share_of(r->wall[WALL_MEMORY], seen),
				[RIVAL_SYNC] = share_of(r->wall[WALL_SYNC], seen),
				[RIVAL_OTHER] = share_of(other, seen),
			},
		.running = share_of(r->wall[WALL_RUNNING], seen),
		.ready = share_of(r->wall[WALL_READY], seen),
		.unseen = share_of(r->wall_no_detail_ns, r->wall_ns),
	};
	int i;

	for (i = 1; i < N_RIVALS; i++)
		if (s.of[i] > s.of[s.top])
			s.top = (enum rival)i;
	s.next = s.top ? RIVAL_CPU_WANTED : RIVAL_IO;
	for (i = 0; i < N_RIVALS; i++)
		if (i != (int)s.top && s.of[i] > s.of[s.next])
			s.next = (enum rival)i;
	return s;
}

static unsigned int cpus_of(const struct report *r)
{
	return r->meta->cpus ? r->meta->cpus : 1;
}

/* The share of the CPU time that it wanted, and could have had, that it did not get. */
static double starved(const struct report *r)
{
	uint64_t starved_ns = r->concurrency.starved_ns;

	return share_of(starved_ns, r->totals.running_ns + starved_ns);
}

static enum bound_kind decide(const struct report *r, const struct shares *s)
{
	double top = s->of[s->top], next = s->of[s->next];

	if (!((top >= 0.5 && top >= 1.25 * next) || (top >= 0.4 && top >= 1.5 * next)))
		return BOUND_MIXED;
	switch (s->top) {
	case RIVAL_CPU_WANTED:
		return starved(r) >= STARVED ? BOUND_READY : BOUND_CPU;
	case RIVAL_IO:
		return BOUND_IO;
	case RIVAL_LOCK:
		return BOUND_LOCK;
	case RIVAL_SLEEP:
		return BOUND_SLEEP;
	default:
		return BOUND_MIXED;
	}
}

/*
 * Does a poll count as I/O of the program? Where it is what the wall clock waited for (for requests to an io_uring, as I/O), or where a
 * loop does the work: not that of a helper thread that idles beside the I/O.
 */
static bool polls_count(const struct report *r)
{
	uint64_t others = r->totals.groups_ns[WAIT_GROUP_IO] - r->totals.waits[WAIT_POLL].ns;

	return r->form.async || r->wall[WALL_POLL] >= r->wall[WALL_IO] || others < r->wall[WALL_IO] / 2;
}

/* The kind of the I/O group with most time. */
static enum wait_kind top_io(const struct report *r)
{
	bool poll = polls_count(r);
	enum wait_kind top = poll ? WAIT_POLL : WAIT_DISK;
	int k;

	for (k = 0; k < N_WAIT_KINDS; k++)
		if ((k != WAIT_POLL || poll) && wait_kind_group(k) == WAIT_GROUP_IO && r->totals.waits[k].ns > r->totals.waits[top].ns)
			top = (enum wait_kind)k;
	return top;
}

/* Threads in I/O on average: without event loops that are not the program (a server that it waits for). */
static double io_overlap(const struct report *r)
{
	uint64_t ns = 0;
	double io;
	size_t i;

	for (i = 0; i < r->threads_len; i++) {
		const struct report_account *a = &r->threads[i].account;

		if (!r->threads[i].async)
			ns += a->groups_ns[WAIT_GROUP_IO] - (polls_count(r) ? 0 : a->waits[WAIT_POLL].ns);
	}
	io = share_of(ns, r->wall_ns);
	return r->form.async || io > r->concurrency.io_avg ? r->concurrency.io_avg : io;
}

static void say_numbers(struct report *r, const struct shares *s)
{
	struct report_verdict *v = &r->verdict;
	size_t size = sizeof(v->numbers);
	double cpus = r->concurrency.running_avg, missed = share_of(r->concurrency.starved_ns, r->wall_ns);
	unsigned int n = cpus_of(r);
	int len;

	switch (v->bound) {
	case BOUND_CPU:
		len = snprintf(v->numbers, size,
			       "a thread was on a CPU for %.1f %% of the wall clock; %.2f of %u CPUs in use "
			       "on average",
			       100 * s->running, cpus, n);
		if (starved(r) >= 0.05 && len > 0 && (size_t)len < size)
			len += snprintf(v->numbers + len, size - (size_t)len, ", ready for %.2f more",
					missed);
		break;
	case BOUND_READY:
		len = snprintf(v->numbers, size,
			       "of the CPU time it wanted and could have used it did not get %.0f %%: %.2f "
			       "of %u CPUs in use on average, ready for %.2f more",
			       100 * starved(r), cpus, n, missed);
		break;
	case BOUND_IO:
		len = snprintf(v->numbers, size,
			       "nothing ran and I/O was waited for, mostly %s, for %.1f %% of the wall "
			       "clock; %.2f threads in I/O on average",
			       wait_kind_name(top_io(r)), 100 * s->of[RIVAL_IO], io_overlap(r));
		break;
	default:
		len = snprintf(v->numbers, size, "it %s for %.1f %% of the wall clock", rival_words[s->top],
			       100 * s->of[s->top]);
		if (s->of[s->next] >= 0.001 && len > 0 && (size_t)len < size)
			len += snprintf(v->numbers + len, size - (size_t)len, ", and %s for %.1f %%",
					rival_words[s->next], 100 * s->of[s->next]);
		break;
	}
	if (s->unseen >= 0.01 && len > 0 && (size_t)len < size)
		snprintf(v->numbers + len, size - (size_t)len, " (%.1f %% of it was lost and is left out)",
			 100 * s->unseen);
}

/*
 * Does it hand on what it holds again and again? Workers of a pool wait for a condition, too, but now and then, for as long as there is
 * nothing to do.
 */
static bool hands_on(const struct report_account *a)
{
	uint64_t waits = a->waits[WAIT_CONDITION].count;
	int k;

	for (k = 0; k < N_WAIT_KINDS; k++)
		if (wait_kind_group(k) == WAIT_GROUP_LOCK)
			waits += a->waits[k].count;
	return waits >= MANY_TURNS && a->running_ns / waits <= LONG_TURN_NS;
}

/*
 * Threads that take turns: in the process that ran most, several threads ran much, about one at a time, for a short while each, and
 * waited for a lock or a condition in between. The share of their lives that this took; 0: they don't.
 */
static double turns(const struct report *r, bool *locks)
{
	const struct report_process *p = NULL;
	uint64_t life = 0, lock = 0, condition = 0;
	uint32_t n = 0, i;
	double share;

	for (i = 0; i < r->processes_len; i++)
		if (!p || r->processes[i].account.running_ns > p->account.running_ns)
			p = &r->processes[i];
	if (!p || share_of(p->account.running_ns, r->wall_ns) >= ONE_AT_A_TIME)
		return 0;
	for (i = 0; i < p->n_threads; i++) {
		const struct report_account *a = &r->threads[p->first_thread + i].account;

		if (a->running_ns < p->account.running_ns / 4 / p->n_threads || !hands_on(a))
			continue;
		n++;
		life += a->lifetime_ns;
		lock += a->groups_ns[WAIT_GROUP_LOCK];
		condition += a->waits[WAIT_CONDITION].ns;
	}
	*locks = lock >= condition;
	share = share_of(lock + condition, life);
	return n >= 2 && share >= TAKES_TURNS ? share : 0;
}

static void advise_cpu(struct report *r)
{
	struct report_verdict *v = &r->verdict;
	size_t size = sizeof(v->advice);
	double cpus = r->concurrency.running_avg, taken;
	double wanted = cpus + share_of(r->concurrency.starved_ns, r->wall_ns);
	unsigned int n = cpus_of(r);
	double waits = 1 - share_of(r->wall[WALL_RUNNING] + r->wall[WALL_READY], r->wall_ns);
	bool locks = false;

	taken = turns(r, &locks);
	if (cpus >= ALL_IN_USE * n)
		snprintf(v->advice, size,
			 "all %u CPUs are in use: more threads or processes won't help, nor will async; only "
			 "less work or more CPUs will",
			 n);
	else if (taken > 0)
		snprintf(v->advice, size,
			 "its threads take turns: %.0f %% of their time they wait for a %s while about one "
			 "of them runs (%.2f of %u CPUs), so more threads won't help; processes would, each "
			 "with a lock of its own, or less work under it",
			 100 * taken,
			 locks ? "lock" : "condition that another one signals (an interpreter's lock)", cpus,
			 n);
	else if (wanted >= ALL_IN_USE * n)
		snprintf(v->advice, size,
			 "it has work for all %u CPUs, and other programs took a part of them: more threads "
			 "or processes won't help, nor will async; only less work or more CPUs will",
			 n);
	else if (wanted < ONE_AT_A_TIME)
		snprintf(v->advice, size,
			 "one thread at a time computes (%.2f of %u CPUs): threads or processes could use "
			 "the other%s, if the work can be divided; %s",
			 cpus, n, n > 2 ? "s" : "",
			 waits < 0.1 ? "async won't help, there is little waiting to overlap"
				     : "async could hide no more than the waits");
	else
		snprintf(
			v->advice, size,
			"%.2f of %u CPUs are in use: more threads or processes, or work that is divided more "
			"evenly, could use the rest (locks take %.0f %% of thread time); async won't help",
			cpus, n, 100 * share_of(r->totals.groups_ns[WAIT_GROUP_LOCK], r->totals.lifetime_ns));
}

static void advise_ready(struct report *r)
{
	struct report_verdict *v = &r->verdict;
	bool locks = false;
	double wanted = share_of(r->totals.running_ns + r->totals.ready_by[READY_PREEMPTED], r->wall_ns);
	double taken = wanted < ONE_WANTS ? turns(r, &locks) : 0; /* else they run in turn for want of a CPU */
	int len = snprintf(v->advice, sizeof(v->advice),
			   "other programs, or a limit (affinity, a CPU quota), keep the CPUs from it: more "
			   "threads, processes or async won't help, more CPU will");

	if (taken > 0 && len > 0 && (size_t)len < sizeof(v->advice))
		snprintf(v->advice + len, sizeof(v->advice) - (size_t)len,
			 "; but hardly more than one whole CPU: its threads take turns, %.0f %% of their time they wait for a %s",
			 100 * taken, locks ? "lock" : "condition that another one signals (an interpreter's lock)");
}

/* Sleeps that are timeouts of polls may be a server's that nobody asks for anything. */
static void advise_sleep(struct report *r)
{
	bool polls = r->totals.groups_ns[WAIT_GROUP_SLEEP] < r->wall[WALL_SLEEP] / 2;

	snprintf(r->verdict.advice, sizeof(r->verdict.advice),
		 "it sleeps of its own will%s: threads, processes or async help only where sleeps "
		 "don't depend on each other and may overlap; else make them shorter",
		 polls ? ", or nobody wants anything of it: its polls end by their timeouts. If it sleeps" : "");
}

static void advise_io(struct report *r)
{
	struct report_verdict *v = &r->verdict;
	size_t size = sizeof(v->advice);
	double io = io_overlap(r);
	const char *side = top_io(r) == WAIT_DISK ? "the disk" : "the other side";

	if (r->form.async)
		snprintf(v->advice, size,
			 "an event loop waits for %u%s descriptors at once, so its waits overlap already: "
			 "more requests at a time or a faster other side help; more threads or processes "
			 "don't, the CPUs are idle",
			 r->form.poll_sources, r->form.poll_sources >= 15 ? " or more" : "");
	else if (io < ONE_AT_A_TIME)
		snprintf(v->advice, size,
			 "one thing at a time is waited for while the CPUs are idle: threads, processes or "
			 "async would overlap the waits");
	else
		snprintf(v->advice, size,
			 "%.1f waits overlap on average already: more threads, processes or async help for "
			 "as long as %s can take more at a time",
			 io, side);
}

static void advise_mixed(struct report *r, const struct shares *s)
{
	struct report_verdict *v = &r->verdict;
	size_t size = sizeof(v->advice);

	if (s->top == RIVAL_SYNC || s->top == RIVAL_OTHER)
		snprintf(v->advice, size,
			 "what it waits for has to be traced as well (attach to it, or start it under "
			 "conctrace): more threads, processes or async can't be judged from here");
	else if (s->top == RIVAL_MEMORY)
		snprintf(v->advice, size,
			 "it waits for memory: more threads or processes would want even more of it; a "
			 "smaller working set, or more memory, helps");
	else if (s->of[RIVAL_CPU_WANTED] > 0 && (s->top == RIVAL_CPU_WANTED || s->next == RIVAL_CPU_WANTED))
		snprintf(v->advice, size,
			 "computing and waiting alternate: threads, processes or async that do both at the "
			 "same time would hide the smaller part, %.0f %% of the wall clock at best",
			 100 * s->of[s->next]);
	else
		snprintf(v->advice, size,
			 "no single wait dominates: threads, processes or async help where waits don't "
			 "depend on each other; the waits that cost most are listed below");
}

static void advise(struct report *r, const struct shares *s)
{
	struct report_verdict *v = &r->verdict;

	switch (v->bound) {
	case BOUND_CPU:
		advise_cpu(r);
		break;
	case BOUND_IO:
		advise_io(r);
		break;
	case BOUND_LOCK:
		snprintf(
			v->advice, sizeof(v->advice),
			"nobody runs while threads wait for a lock: who holds it waits as well. More threads "
			"or processes would only queue; do less, and wait for nothing, while holding it");
		break;
	case BOUND_READY:
		advise_ready(r);
		break;
	case BOUND_SLEEP:
		advise_sleep(r);
		break;
	default:
		advise_mixed(r, s);
		break;
	}
}

void verdict_build(struct report *r)
{
	struct shares s = shares_of(r);

	if (s.unseen >= UNSEEN_MAX || r->wall_ns == r->wall_no_detail_ns) {
		r->verdict.bound = BOUND_MIXED;
		if (r->wall_ns == r->wall_no_detail_ns)
			snprintf(r->verdict.numbers, sizeof(r->verdict.numbers), "no interval was recorded");
		else
			snprintf(r->verdict.numbers, sizeof(r->verdict.numbers), "of %.1f %% of the wall clock nothing is known",
				 100 * s.unseen);
		snprintf(r->verdict.advice, sizeof(r->verdict.advice),
			 "nothing can be said without them: see what was lost");
		return;
	}
	r->verdict.bound = decide(r, &s);
	say_numbers(r, &s);
	advise(r, &s);
}
