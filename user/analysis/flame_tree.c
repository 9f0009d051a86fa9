/* SPDX-License-Identifier: BSD-2-Clause */
/* In: parts of time and their paths. Out: the tree of them with its sums, and where it is to be cut. */
#include "analysis/flame_tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/kinds.h"
#include "base/bytes.h"

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
static int step(struct flame_tree *tree, uint32_t *at, uint32_t label, enum flame_role role)
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

/* Time is given to the last node of the way alone; flame_tree_sum does the rest. */
static int add_part(struct flame_tree *tree, struct stack_paths *paths, const struct time_part *part,
		    bool reverse, bool before)
{
	uint32_t at = 0, tip = 0;
	size_t n = 0, i;
	int err = stack_path(paths, part, &n);

	if (!err)
		err = tip_label(tree, part->state, &tip);
	if (!err && reverse)
		err = step(tree, &at, tip, FLAME_TIP);
	for (i = 0; i < n && !err; i++) {
		size_t k = reverse ? n - 1 - i : i;

		err = step(tree, &at, paths->labels[k], k < paths->n_base ? FLAME_BASE : FLAME_FRAME);
	}
	if (!err && !reverse)
		err = step(tree, &at, tip, FLAME_TIP);
	if (err)
		return err;
	*(before ? &tree->nodes[at].before : &tree->nodes[at].ns) += part->ns;
	tree->nodes[at].state = state_of(part->state);
	return 0;
}

int flame_tree_add(struct flame_tree *tree, const struct trace *t, const struct flame_choice *choice,
		   bool before)
{
	struct stack_paths paths;
	size_t i;
	int err = stack_paths_init(&paths, t, tree->strings);

	for (i = 0; i < t->n_threads && !err; i++) {
		struct intmap parts = {0};
		struct time_part part;
		size_t at = 0;

		err = time_parts_add(&parts, t, &t->threads[i], choice->states);
		if (!err)
			err = stack_paths_thread(&paths, &t->threads[i], choice->base);
		while (!err && time_parts_next(&parts, &at, &part))
			err = add_part(tree, &paths, &part, choice->reverse, before);
		intmap_release(&parts);
	}
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

/* Sets rest and hidden of every node; what the boxes need, in bytes by the choice, and how many they are. */
static size_t measure(struct flame_tree *tree, uint64_t least, const struct flame_choice *choice,
		      size_t *made)
{
	size_t need = choice->box, i;

	for (i = 0; i < tree->n; i++)
		tree->nodes[i].rest = tree->nodes[i].rest_before = tree->nodes[i].hidden = 0;
	*made = 1;
	for (i = tree->n; i-- > 1;) {
		const struct flame_node *node = &tree->nodes[i];
		struct flame_node *parent = &tree->nodes[node->parent];

		if (node->ns >= least) {
			need += choice->box + 3 * strlen(strings_get(tree->strings, node->label));
			*made += 1;
			/* All that is below has been seen. */
			if (node->rest >= least) {
				need += choice->box;
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
		need += choice->box;
		*made += 1;
	}
	return need;
}

uint64_t flame_tree_cut(struct flame_tree *tree, const struct flame_choice *choice, size_t *made)
{
	uint64_t least = (uint64_t)((double)tree->nodes[0].ns * choice->least);

	if (!least)
		least = 1;
	/* A few passes over the tree, and only when it is large: no more than two dozen to a hundredfold. */
	while (measure(tree, least, choice, made) > choice->room && choice->room && *made > 1)
		least += least / 5 + 1;
	return least;
}
