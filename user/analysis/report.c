/* SPDX-License-Identifier: BSD-2-Clause */
/* In: a trace. Out: the report, by the steps of steps.h in their order; and the head of it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/report.h"
#include "analysis/steps.h"
#include "base/fail.h"

#define WALL_NAME(ID, name, title)	  [WALL_##ID] = name,
#define WALL_TITLE(ID, name, title)	  [WALL_##ID] = title,
#define TRANSITION_NAME(ID, name, title)  [TRANSITION_##ID] = name,
#define TRANSITION_TITLE(ID, name, title) [TRANSITION_##ID] = title,

static const char *const wall_names[N_WALL_CLASSES] = {WALL_CLASSES(WALL_NAME)};
static const char *const wall_titles[N_WALL_CLASSES] = {WALL_CLASSES(WALL_TITLE)};
static const char *const transition_names[N_TRANSITIONS] = {TRANSITIONS(TRANSITION_NAME)};
static const char *const transition_titles[N_TRANSITIONS] = {TRANSITIONS(TRANSITION_TITLE)};

const char *wall_class_name(enum wall_class c)
{
	return (unsigned int)c < N_WALL_CLASSES ? wall_names[c] : "unknown";
}

const char *wall_class_title(enum wall_class c)
{
	return (unsigned int)c < N_WALL_CLASSES ? wall_titles[c] : "unknown";
}

const char *transition_name(enum transition t)
{
	return (unsigned int)t < N_TRANSITIONS ? transition_names[t] : "unknown";
}

const char *transition_title(enum transition t)
{
	return (unsigned int)t < N_TRANSITIONS ? transition_titles[t] : "unknown";
}

static void set_head(struct report *r, const struct trace *t)
{
	const struct trace_meta *m = &t->meta;
	struct report_cost *c = &r->cost;
	double available = (double)r->wall_ns * (m->cpus ? m->cpus : 1);

	r->damage = t->damage;
	memcpy(r->loss, t->loss, sizeof(r->loss));
	r->coverage = r->totals.lifetime_ns ? share_of(r->totals.streamed_ns, r->totals.lifetime_ns) : 1;
	*c = (struct report_cost){
		.probe_ns = m->probe_ns,
		.switches = m->probe_runs,
		.recorder_cpu_ns = m->recorder_cpu_ns,
		.setup_ns = m->setup_ns,
		.ns_per_switch = share_of(m->probe_ns, m->probe_runs),
		.probe_share = available > 0 ? (double)m->probe_ns / available : 0,
		.recorder_share = available > 0 ? (double)m->recorder_cpu_ns / available : 0,
	};
}

static void count_stack(struct report_stacks *s, const struct trace *t, uint32_t index)
{
	const struct trace_stack *stack = &t->stacks[index];

	if (!stack->n_user)
		return;
	s->taken++;
	s->ends[stack->end]++;
}

static void count_stacks(struct report_stacks *s, const struct trace *t)
{
	for (size_t i = 0; i < t->n_cycles; i++) {
		count_stack(s, t, t->cycles[i].stack);
		s->thinned += !!(t->cycles[i].flags & WIRE_CYCLE_THINNED);
	}
	for (size_t i = 0; i < t->n_samples; i++)
		count_stack(s, t, t->samples[i].stack);
}

int report_build(struct report **out, const struct trace *t, const struct report_choice *choice)
{
	struct report *r = calloc(1, sizeof(*r));
	int err;

	*out = NULL;
	if (!r)
		return fail(-ENOMEM, "out of memory: the report");
	r->meta = &t->meta;
	wall_window(r, t);
	err = totals_build(r, t);
	if (err)
		goto out;
	set_head(r, t);
	count_stacks(&r->stacks, t);
	err = work_mark(r, t);
	if (!err)
		err = wall_build(r, t);
	if (err)
		goto out;
	form_build(r, t);
	verdict_build(r);
	err = places_build(r, t);
	if (!err)
		err = wakers_rank(r, t);
	if (!err)
		err = listing_build(r, choice);
out:
	if (err)
		report_free(r);
	else
		*out = r;
	return err;
}

void report_free(struct report *r)
{
	if (!r)
		return;
	free(r->process_order);
	free(r->groups);
	free(r->processes);
	free(r->threads);
	free(r);
}
