/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tree behind a flame graph, while it grows: a node for each distinct way from the root. Nobody outside
 * this folder (and its tests) includes this.
 */
#ifndef CONCTRACE_FLAME_TREE_H
#define CONCTRACE_FLAME_TREE_H

#include "analysis/flame.h"
#include "base/intmap.h"
#include "base/strings.h"

#define FLAME_NO_LEAF N_FLAME_STATES

struct flame_node {
	uint64_t ns, before;	    /* before: of the first of two recordings */
	uint64_t rest, rest_before; /* of the children that are not made */
	uint32_t parent, label;	    /* label: in strings */
	uint32_t hidden;	    /* nodes below that are not made */
	uint32_t box;		    /* number among those that are made */
	uint8_t role, state;	    /* state: of leaves, else FLAME_NO_LEAF */
};

struct flame_tree {
	struct flame_node *nodes; /* [0] is the root; a parent before its children */
	size_t n, cap;
	struct intmap found; /* parent, role and label: index in nodes */
	struct strings *strings;
};

/* 0 or -ENOMEM with a message; the object may be released in either case. */
int flame_tree_init(struct flame_tree *tree, struct strings *strings);
void flame_tree_release(struct flame_tree *tree);

/* Adds the time of a recording, as `before` if it is the first of two. 0 or -ENOMEM with a message. */
int flame_tree_add(struct flame_tree *tree, const struct trace *t, const struct flame_choice *choice,
		   bool before);

/* Scales what was before, and gives every node the sum of its children. Once, when all is added. */
void flame_tree_sum(struct flame_tree *tree, double scale);

/*
 * The least time of a node that is made, in nanoseconds and at least 1, by the choice's `least`, `room` and
 * `cost`; every node's rest and hidden are set by it, and *made is how many boxes there will be.
 */
uint64_t flame_tree_cut(struct flame_tree *tree, const struct flame_choice *choice, size_t *made);

#endif
