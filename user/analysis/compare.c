/* SPDX-License-Identifier: BSD-2-Clause */
/* In: reports. Out: their headline numbers in columns, with ratios to the first. */
#include <errno.h>
#include <stdlib.h>

#include "analysis/compare.h"
#include "base/fail.h"

struct measure_words {
	const char *name, *title;
	enum measure_unit unit;
};

#define MEASURE_ROW(ID, name, title, unit) [MEASURE_##ID] = {name, title, unit},
static const struct measure_words measures[N_MEASURES] = {MEASURES(MEASURE_ROW)};

const char *measure_name(enum measure m)
{
	return measures[m].name;
}

const char *measure_title(enum measure m)
{
	return measures[m].title;
}

enum measure_unit measure_unit_of(enum measure m)
{
	return measures[m].unit;
}

static void set_values(struct compare_value *v, const struct report *r)
{
	const struct report_account *a = &r->totals;

	v[MEASURE_WALL].number = r->wall_ns;
	v[MEASURE_THREAD_TIME].number = a->lifetime_ns;
	v[MEASURE_RUNNING].number = a->running_ns;
	v[MEASURE_READY].number = a->ready_ns;
	v[MEASURE_IO].number = a->groups_ns[WAIT_GROUP_IO];
	v[MEASURE_LOCK].number = a->groups_ns[WAIT_GROUP_LOCK];
	v[MEASURE_SYNC].number = a->groups_ns[WAIT_GROUP_SYNC];
	v[MEASURE_SLEEP].number = a->groups_ns[WAIT_GROUP_SLEEP];
	v[MEASURE_MEMORY].number = a->groups_ns[WAIT_GROUP_MEMORY];
	v[MEASURE_OTHER].number = a->groups_ns[WAIT_GROUP_OTHER];
	v[MEASURE_UNKNOWN].number = a->unknown_ns;
	v[MEASURE_VOLUNTARY].number = a->voluntary;
	v[MEASURE_INVOLUNTARY].number = a->involuntary;
	v[MEASURE_PARALLELISM].real = r->concurrency.running_avg;
	v[MEASURE_IO_OVERLAP].real = r->concurrency.io_avg;
	v[MEASURE_PROCESSES].number = r->n_processes;
	v[MEASURE_THREADS].number = r->n_threads;
}

static double value_of(const struct compare_value *v, enum measure m)
{
	return measures[m].unit == UNIT_REAL ? v[m].real : (double)v[m].number;
}

static bool lost_something(const struct report *r)
{
	int i;

	for (i = 0; i < N_LOSS_CAUSES; i++)
		if (r->loss[i])
			return true;
	return r->damage != NULL;
}

static void set_column(struct comparison *c, size_t i, const struct report *r, const char *label)
{
	struct compare_column *to = &c->columns[i];
	const struct compare_value *base = c->columns[0].values;
	int m;

	to->label = label;
	to->form = r->form.kind;
	to->bound = r->verdict.bound;
	to->cpus = r->meta->cpus;
	to->incomplete = lost_something(r);
	set_values(to->values, r);
	for (m = 0; m < N_MEASURES; m++) {
		double first = value_of(base, m), value = value_of(to->values, m);

		c->used[m] |= value > 0;
		to->values[m].has_ratio = i > 0 && first > 0;
		to->values[m].ratio = first > 0 ? value / first : 0;
	}
}

int comparison_build(struct comparison **out, const struct report *const *reports, const char *const *labels,
		     size_t n)
{
	struct comparison *c = calloc(1, sizeof(*c));
	size_t i;

	*out = NULL;
	if (c)
		c->columns = calloc(n + 1, sizeof(*c->columns));
	if (!c || !c->columns) {
		free(c);
		return fail(-ENOMEM, "out of memory: a comparison of %zu recordings", n);
	}
	c->n = n;
	for (i = 0; i < n; i++)
		set_column(c, i, reports[i], labels[i]);
	*out = c;
	return 0;
}

void comparison_free(struct comparison *c)
{
	if (!c)
		return;
	free(c->columns);
	free(c);
}
