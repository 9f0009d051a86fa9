/* SPDX-License-Identifier: BSD-2-Clause */
/* In: parts of time and their paths. Out: the tree of them with its sums, and where it is to be cut. */
#include "analysis/flame_tree.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/kinds.h"
#include "base/bytes.h"
#include "base/fail.h"
#include "base/radix.h"

_Static_assert(FLAME_TIP == 3, "roles fit into two bits");

int flame_tree_init(struct flame_tree *tree, struct strings *strings)
{
	int err;

	*tree = (struct flame_tree){.strings = strings};
	err = array_grow(&tree->nodes, &tree->cap, 1, sizeof(*tree->nodes));
	if (err)
		return err;
	tree->nodes[tree->n++] = (struct flame_node){.role = FLAME_ROOT, .state = FLAME_NO_LEAF};
	return 0;
}

void flame_tree_release(struct flame_tree *tree)
{
	free(tree->nodes);
	intmap_release(&tree->found);
	memset(tree, 0, sizeof(*tree));
}

/* From *at on to its child of this name, which is made if there is none. */
static int find_child(struct flame_tree *tree, uint32_t *at, uint32_t label, enum flame_role role)
{
	/* A process may have the name of a function: they are not the same box, so the role is in the key. */
	uint64_t key = (uint64_t)*at << 32 | (uint32_t)role << 30 | label;
	uint64_t *found = intmap_get(&tree->found, key);
	int err;

	if (found) {
		*at = (uint32_t)*found;
		return 0;
	}
	err = array_grow(&tree->nodes, &tree->cap, tree->n + 1, sizeof(*tree->nodes));
	if (!err)
		err = intmap_put(&tree->found, key, tree->n);
	if (err)
		return err;
	tree->nodes[tree->n] = (struct flame_node){
		.parent = *at, .label = label, .role = (uint8_t)role, .state = FLAME_NO_LEAF};
	*at = (uint32_t)tree->n++;
	return 0;
}

static uint8_t state_of(unsigned int part_state)
{
	return (uint8_t)(part_state == PART_RUNNING   ? FLAME_RUNNING
			 : part_state == PART_READY   ? FLAME_READY
			 : part_state == PART_UNKNOWN ? FLAME_UNKNOWN
						      : FLAME_GROUP + wait_kind_group(part_state));
}

static int tip_label(struct flame_tree *tree, unsigned int part_state, uint32_t *label)
{
	char text[64];
	int len = snprintf(text, sizeof(text), "[%s]", part_state_name(part_state));
	int64_t number = strings_add(tree->strings, text, (size_t)len);

	if (number < 0)
		return (int)number;
	*label = (uint32_t)number;
	return 0;
}

/* The way that was gone last: what the next has in common with it need not be looked up again. */
struct walk {
	struct step {
		uint32_t label, node;
		uint8_t role;
	} * steps;
	size_t n, cap;
};

static int go(struct flame_tree *tree, struct walk *walk, size_t depth, uint32_t label, enum flame_role role)
{
	struct step *step = &walk->steps[depth];
	uint32_t at = depth ? step[-1].node : 0;
	int err;

	if (depth < walk->n && step->label == label && step->role == role)
		return 0;
	walk->n = depth;
	err = find_child(tree, &at, label, role);
	if (err)
		return err;
	*step = (struct step){.label = label, .node = at, .role = (uint8_t)role};
	walk->n = depth + 1;
	return 0;
}

/* The whole way: n frames and the tip, then who ended the wait, up to `all`. */
static int go_all(struct flame_tree *tree, struct walk *walk, const struct stack_paths *paths, uint32_t tip, size_t n, size_t all,
		  bool reverse)
{
	size_t depth = 0, i;
	int err = reverse ? go(tree, walk, depth++, tip, FLAME_TIP) : 0;

	for (i = 0; i < n && !err; i++) {
		size_t k = reverse ? n - 1 - i : i;

		err = go(tree, walk, depth++, paths->labels[k], k < paths->n_base ? FLAME_BASE : FLAME_FRAME);
	}
	if (!err && !reverse)
		err = go(tree, walk, depth++, tip, FLAME_TIP);
	for (i = n; i < all && !err; i++)
		err = go(tree, walk, depth++, paths->labels[i], FLAME_FRAME);
	return err;
}

/* Time is given to the last node of the way alone; flame_tree_sum does the rest. */
static int add_part(struct flame_tree *tree, struct walk *walk, struct stack_paths *paths,
		    const struct time_part *part, const struct flame_choice *choice, bool before)
{
	struct flame_node *last;
	uint32_t tip = 0;
	size_t n = 0, all;
	int err = stack_path(paths, part, &n);

	all = n;
	if (!err && choice->wakers && part->state < N_WAIT_KINDS)
		err = stack_path_waker(paths, part, &all);
	if (!err)
		err = array_grow(&walk->steps, &walk->cap, all + 1, sizeof(*walk->steps));
	if (!err)
		err = tip_label(tree, part->state, &tip);
	if (!err)
		err = go_all(tree, walk, paths, tip, n, all, choice->reverse);
	if (err)
		return err;
	last = &tree->nodes[walk->steps[all].node];
	*(before ? &last->before : &last->ns) += part->ns;
	last->state = state_of(part->state);
	return 0;
}

/* By stack: what comes next has much in common with what was last, and the order is the same everywhere. */
static int order_parts(const struct time_parts *parts, struct time_part **list, struct radix_item **order)
{
	struct time_part part;
	size_t at = 0, n = 0;

	*list = calloc(time_parts_count(parts) + 1, sizeof(**list));
	*order = calloc(time_parts_count(parts) + 1, sizeof(**order));
	if (!*list || !*order)
		return fail(-ENOMEM, "out of memory: %zu parts of the time of a thread", time_parts_count(parts));
	while (time_parts_next(parts, &at, &part)) {
		(*order)[n] = (struct radix_item){
			.key = (uint64_t)part.stack << 32 | (uint32_t)part.syscall << 8 | part.state,
			.value = n,
		};
		(*list)[n++] = part;
	}
	return radix_sort(*order, n);
}

static int add_thread(struct flame_tree *tree, struct walk *walk, struct stack_paths *paths,
		      const struct trace_thread *thread, const struct flame_choice *choice, bool before)
{
	struct time_parts parts = {.by_waker = choice->wakers};
	struct time_part *list = NULL;
	struct radix_item *order = NULL;
	size_t i;
	int err = time_parts_add(&parts, paths->t, thread, choice->states);

	if (!err)
		err = stack_paths_thread(paths, thread, choice->base);
	if (!err)
		err = order_parts(&parts, &list, &order);
	for (i = 0; i < time_parts_count(&parts) && !err; i++)
		err = add_part(tree, walk, paths, &list[order[i].value], choice, before);
	time_parts_release(&parts);
	free(list);
	free(order);
	return err;
}

int flame_tree_add(struct flame_tree *tree, const struct trace *t, const struct flame_choice *choice,
		   bool before)
{
	struct stack_paths paths;
	struct walk walk = {0};
	size_t i;
	int err = stack_paths_init(&paths, t, tree->strings);

	for (i = 0; i < t->n_threads && !err; i++)
		err = add_thread(tree, &walk, &paths, &t->threads[i], choice, before);
	free(walk.steps);
	stack_paths_release(&paths);
	return err;
}

void flame_tree_sum(struct flame_tree *tree, double scale)
{
	size_t i;

	for (i = tree->n; i-- > 1;) {
		struct flame_node *node = &tree->nodes[i];

		/* Only leaves have time of their own; what the others have by now is scaled. */
		if (node->state != FLAME_NO_LEAF)
			node->before = (uint64_t)((double)node->before * scale + 0.5);
		tree->nodes[node->parent].ns += node->ns;
		tree->nodes[node->parent].before += node->before;
	}
}

/* Of a node of the tree, or of the rest of one. */
static size_t cost(const struct flame_tree *tree, const struct flame_choice *choice, uint32_t label,
		   uint64_t ns)
{
	uint64_t whole = tree->nodes[0].ns;

	return choice->cost ? choice->cost(strings_get(tree->strings, label),
					   whole ? (double)ns / (double)whole : 1, choice->page)
			    : 0;
}

/* Sets rest and hidden of every node; what the boxes cost by the choice, and how many they are. */
static size_t measure(struct flame_tree *tree, uint64_t least, const struct flame_choice *choice,
		      size_t *made)
{
	size_t sum = cost(tree, choice, 0, tree->nodes[0].ns), i;

	for (i = 0; i < tree->n; i++)
		tree->nodes[i].rest = tree->nodes[i].rest_before = tree->nodes[i].hidden = 0;
	*made = 1;
	for (i = tree->n; i-- > 1;) {
		const struct flame_node *node = &tree->nodes[i];
		struct flame_node *parent = &tree->nodes[node->parent];

		if (node->ns >= least) {
			sum += cost(tree, choice, node->label, node->ns);
			*made += 1;
			/* All that is below has been seen. */
			if (node->rest >= least) {
				sum += cost(tree, choice, 0, node->rest);
				*made += 1;
			}
		} else if (node->ns) {
			parent->hidden += node->hidden + 1;
			if (parent->ns >= least) {
				parent->rest += node->ns;
				parent->rest_before += node->before;
			}
		}
	}
	if (tree->nodes[0].rest >= least) {
		sum += cost(tree, choice, 0, tree->nodes[0].rest);
		*made += 1;
	}
	return sum;
}

/* Quarters of a power of two: near enough to begin with. */
static unsigned int size_class(uint64_t ns)
{
	unsigned int power = 63u - (unsigned int)__builtin_clzll(ns);

	return power * 4 + (power < 2 ? 0 : (unsigned int)(ns >> (power - 2)) & 3);
}

/* The least time from which on nodes have room, leaving rests aside. */
static uint64_t guess(const struct flame_tree *tree, const struct flame_choice *choice)
{
	size_t sums[64 * 4] = {0}, sum = 0, i;
	unsigned int c;

	for (i = 1; i < tree->n; i++) {
		const struct flame_node *node = &tree->nodes[i];

		if (node->ns)
			sums[size_class(node->ns)] += cost(tree, choice, node->label, node->ns);
	}
	for (c = 64 * 4; c-- > 0 && sum + sums[c] <= choice->room;)
		sum += sums[c];
	c++; /* the last class that had room */
	return c < 8 ? 1 : (4ull + c % 4) << (c / 4 - 2);
}

uint64_t flame_tree_cut(struct flame_tree *tree, const struct flame_choice *choice, size_t *made)
{
	uint64_t least = (uint64_t)((double)tree->nodes[0].ns * choice->least), guessed;

	if (!least)
		least = 1;
	if (measure(tree, least, choice, made) <= choice->room || !choice->cost)
		return least;
	guessed = guess(tree, choice);
	if (least < guessed)
		least = guessed;
	while (measure(tree, least, choice, made) > choice->room && *made > 1)
		least += least / 8 + 1;
	return least;
}
