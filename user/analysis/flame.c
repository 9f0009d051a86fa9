/* SPDX-License-Identifier: BSD-2-Clause */
/* In: the tree of all paths. Out: the boxes that are wide enough, in the order in which they are drawn. */
#include "analysis/flame.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/flame_tree.h"
#include "analysis/kinds.h"
#include "base/fail.h"
#include "base/radix.h"

/* What is made: numbered in the order of the tree (a parent before its children), not yet of the picture. */
struct made {
	uint32_t node; /* whose box it is, or whose rest */
	bool rest;
	uint32_t first, n; /* its children: in `order` */
	uint64_t start, states[N_FLAME_STATES];
};

struct drawing {
	struct flame *flame;
	struct flame_tree tree;
	uint64_t least;
	struct made *made; /* [0] is the root */
	size_t n, room;
	struct radix_item *order; /* all but the root: siblings together, by name */
	uint32_t *ranks;	  /* of labels, by name */
	uint32_t *todo;		  /* numbers of what is still to be drawn, the next at the end */
};

/* ---- what is made ----------------------------------------------------------------------------------- */

/* Numbers the nodes that are wide enough, and their rests behind each. */
static void number_nodes(struct drawing *d)
{
	size_t i;

	for (i = 0; i < d->tree.n; i++) {
		struct flame_node *node = &d->tree.nodes[i];

		if (i && node->ns < d->least)
			continue;
		node->box = (uint32_t)d->n;
		d->made[d->n++] = (struct made){.node = (uint32_t)i};
		if (node->rest >= d->least)
			d->made[d->n++] = (struct made){.node = (uint32_t)i, .rest = true};
	}
}

/* Each leaf's time goes to the box that shows it: its own, or the rest in which it vanished, or if that is
 * too narrow as well, the box below. Then the boxes are summed up. */
static void sum_states(struct drawing *d)
{
	struct flame_node *nodes = d->tree.nodes;
	size_t i;
	int s;

	for (i = d->tree.n; i-- > 1;) {
		size_t at = i;
		bool cut = false;

		if (nodes[i].state == FLAME_NO_LEAF)
			continue;
		while (at && nodes[at].ns < d->least) {
			at = nodes[at].parent;
			cut = true;
		}
		cut = cut && nodes[at].rest >= d->least;
		d->made[nodes[at].box + cut].states[nodes[i].state] += nodes[i].ns;
		d->flame->states_ns[nodes[i].state] += nodes[i].ns;
	}
	for (i = d->n; i-- > 1;) {
		const struct made *m = &d->made[i];
		uint32_t below = m->rest ? nodes[m->node].box : nodes[nodes[m->node].parent].box;

		for (s = 0; s < N_FLAME_STATES; s++)
			d->made[below].states[s] += m->states[s];
	}
}

static uint8_t most_of(const uint64_t states[N_FLAME_STATES], uint64_t ns)
{
	int s;

	for (s = 0; s < N_FLAME_STATES; s++)
		if (states[s] > ns / 2)
			return (uint8_t)s;
	return FLAME_MIXED;
}

/* ---- in which order --------------------------------------------------------------------------------- */

struct named {
	const char *name;
	uint32_t label;
};

static int compare_names(const void *a, const void *b)
{
	return strcmp(((const struct named *)a)->name, ((const struct named *)b)->name);
}

/* Only the labels that are seen are sorted: of a large recording they are few. */
static int rank_labels(struct drawing *d)
{
	size_t n_labels = strings_count(d->tree.strings), n = 0, i;
	struct named *names = calloc(d->n + 1, sizeof(*names));

	d->ranks = calloc(n_labels + 1, sizeof(*d->ranks));
	if (!names || !d->ranks) {
		free(names);
		return fail(-ENOMEM, "out of memory: the names of %zu boxes", d->n);
	}
	for (i = 0; i < d->n; i++) {
		uint32_t label = d->tree.nodes[d->made[i].node].label;

		if (d->ranks[label])
			continue;
		d->ranks[label] = 1;
		names[n++] = (struct named){strings_get(d->tree.strings, label), label};
	}
	qsort(names, n, sizeof(*names), compare_names);
	for (i = 0; i < n; i++)
		d->ranks[names[i].label] = (uint32_t)i;
	free(names);
	return 0;
}

static int order_children(struct drawing *d)
{
	const struct flame_node *nodes = d->tree.nodes;
	size_t i, n = d->n - 1;
	int err;

	d->order = calloc(d->n + 1, sizeof(*d->order));
	if (!d->order)
		return fail(-ENOMEM, "out of memory: the order of %zu boxes", d->n);
	for (i = 1; i < d->n; i++) {
		const struct flame_node *node = &nodes[d->made[i].node];
		bool rest = d->made[i].rest;
		uint32_t below = rest ? node->box : nodes[node->parent].box;
		uint32_t rank = rest ? UINT32_MAX : d->ranks[node->label];

		d->order[i - 1] = (struct radix_item){(uint64_t)below << 32 | rank, i};
	}
	err = radix_sort(d->order, n);
	if (err)
		return err;
	for (i = n; i-- > 0;) {
		struct made *below = &d->made[d->order[i].key >> 32];

		below->first = (uint32_t)i;
		below->n++;
	}
	return 0;
}

/* ---- the boxes -------------------------------------------------------------------------------------- */

static struct flame_box box_of(const struct drawing *d, const struct made *m, uint32_t depth)
{
	const struct flame_node *node = &d->tree.nodes[m->node];
	struct flame_box box = {
		.name = m->rest || !m->node ? "" : strings_get(d->tree.strings, node->label),
		.start = m->start,
		.ns = m->rest ? node->rest : node->ns,
		.before = m->rest ? node->rest_before : node->before,
		.hidden = m->rest ? node->hidden : 0,
		.depth = depth,
		.role = m->rest ? FLAME_REST : node->role,
	};

	box.state = most_of(m->states, box.ns);
	return box;
}

/* In the order of their starts: a box, then all that is above it. */
static int draw(struct drawing *d)
{
	struct flame *flame = d->flame;
	size_t n_todo = 0;

	flame->boxes = calloc(d->n, sizeof(*flame->boxes));
	d->todo = calloc(d->n, 2 * sizeof(*d->todo));
	if (!flame->boxes || !d->todo)
		return fail(-ENOMEM, "out of memory: a flame graph of %zu boxes", d->n);
	d->todo[n_todo++] = 0; /* the number, and the depth */
	d->todo[n_todo++] = 0;
	while (n_todo) {
		uint32_t depth = d->todo[--n_todo], number = d->todo[--n_todo];
		const struct made *m = &d->made[number];
		struct flame_box *box = &flame->boxes[flame->n++];
		uint64_t next;
		uint32_t i;

		*box = box_of(d, m, depth);
		if (depth > flame->depth)
			flame->depth = depth;
		next = box->start;
		for (i = 0; i < m->n; i++) {
			struct made *child = &d->made[d->order[m->first + i].value];
			const struct flame_node *node = &d->tree.nodes[child->node];

			child->start = next;
			next += child->rest ? node->rest : node->ns;
		}
		for (i = m->n; i-- > 0;) {
			d->todo[n_todo++] = (uint32_t)d->order[m->first + i].value;
			d->todo[n_todo++] = depth + 1;
		}
	}
	return 0;
}

static void say_what_is_hidden(struct drawing *d)
{
	const struct flame_node *nodes = d->tree.nodes;
	struct flame *flame = d->flame;
	size_t i;

	for (i = 1; i < d->tree.n; i++) {
		flame->frames += nodes[i].ns > 0;
		flame->hidden += nodes[i].ns > 0 && nodes[i].ns < d->least;
		if (!nodes[i].ns && (nodes[nodes[i].parent].ns || !nodes[i].parent))
			flame->gone_ns += nodes[i].before;
	}
	flame->total_ns = nodes[0].ns;
	flame->before_ns = nodes[0].before;
	if (flame->total_ns)
		flame->hidden_share = (double)d->least / (double)flame->total_ns;
}

/* From the tree, summed up, to the boxes. */
static int finish(struct drawing *d, const struct flame_choice *choice)
{
	int err;

	d->least = flame_tree_cut(&d->tree, choice, &d->room);
	d->made = calloc(d->room, sizeof(*d->made));
	if (!d->made)
		return fail(-ENOMEM, "out of memory: a flame graph of %zu boxes", d->room);
	number_nodes(d);
	sum_states(d);
	say_what_is_hidden(d);
	err = rank_labels(d);
	if (!err)
		err = order_children(d);
	return err ? err : draw(d);
}

static int begin(struct drawing *d)
{
	memset(d, 0, sizeof(*d));
	d->flame = calloc(1, sizeof(*d->flame));
	if (d->flame)
		d->flame->names = strings_new();
	if (!d->flame || !d->flame->names)
		return fail(-ENOMEM, "out of memory: a flame graph");
	d->flame->scale = 1;
	return flame_tree_init(&d->tree, d->flame->names);
}

/* What was made, or nothing. */
static int end(struct drawing *d, struct flame **out, int err)
{
	flame_tree_release(&d->tree);
	free(d->made);
	free(d->order);
	free(d->ranks);
	free(d->todo);
	if (err)
		flame_free(d->flame);
	*out = err ? NULL : d->flame;
	return err;
}

int flame_build(struct flame **out, const struct trace *t, const struct flame_choice *choice)
{
	struct drawing d;
	int err = begin(&d);

	if (!err)
		err = flame_tree_add(&d.tree, t, choice, false);
	if (!err) {
		flame_tree_sum(&d.tree, 1);
		err = finish(&d, choice);
	}
	return end(&d, out, err);
}

static double ratio(uint64_t b, uint64_t a)
{
	return a && b ? (double)b / (double)a : 1;
}

static double scale_of(const struct flame_tree *tree, const struct trace *a, const struct trace *b,
		       enum flame_scale scale)
{
	uint64_t before = 0, after = 0;
	size_t i;

	if (scale == FLAME_SCALE_NONE)
		return 1;
	if (scale == FLAME_SCALE_WALL)
		return ratio(b->meta.end - b->meta.start, a->meta.end - a->meta.start);
	for (i = 0; i < tree->n; i++) { /* not summed up yet: only leaves have time */
		before += tree->nodes[i].before;
		after += tree->nodes[i].ns;
	}
	return ratio(after, before);
}

int flame_compare(struct flame **out, const struct trace *a, const struct trace *b,
		  const struct flame_choice *choice, enum flame_scale scale)
{
	struct drawing d;
	int err = begin(&d);

	if (!err)
		err = flame_tree_add(&d.tree, a, choice, true);
	if (!err)
		err = flame_tree_add(&d.tree, b, choice, false);
	if (!err) {
		d.flame->compared = true;
		d.flame->scale = scale_of(&d.tree, a, b, scale);
		flame_tree_sum(&d.tree, d.flame->scale);
		err = finish(&d, choice);
	}
	return end(&d, out, err);
}

void flame_free(struct flame *f)
{
	if (!f)
		return;
	strings_free(f->names);
	free(f->boxes);
	free(f);
}

int flame_change(const struct flame *f, const struct flame_box *box)
{
	static const double steps[] = {1.05, 1.2, 1.5, 2};
	uint64_t whole = f->total_ns > f->before_ns ? f->total_ns : f->before_ns;
	bool more = box->ns > box->before;
	double large = (double)(more ? box->ns : box->before), small = (double)(more ? box->before : box->ns);
	int step = 0;

	if (large - small < (double)whole / 1000)
		return 0;
	while (step < 4 && large >= small * steps[step])
		step++;
	return more ? step : -step;
}

const char *flame_state_name(unsigned int state)
{
	return state == FLAME_RUNNING	? "running"
	       : state == FLAME_READY	? "ready"
	       : state == FLAME_UNKNOWN ? "unknown"
	       : state == FLAME_MIXED	? "mixed"
					: wait_group_name((enum wait_group)(state - FLAME_GROUP));
}
