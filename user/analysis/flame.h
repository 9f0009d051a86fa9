/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A flame graph: the paths of stack_path merged into a tree of boxes, as wide as their time. Boxes of the
 * same name under the same parent are one; siblings are ordered by name; the state is the tip: [running],
 * [disk], …
 *
 * The times are exact: a box is as wide as its children together (in nanoseconds), the first box is all of
 * the time that was asked for. Boxes that are too narrow to be seen are not made, or the result would be as
 * large as the recording: those under one parent are put together into one box without a name, its rest,
 * which stands behind its siblings; where even that is too narrow there is a gap. How many there are is said.
 */
#ifndef CONCTRACE_FLAME_H
#define CONCTRACE_FLAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analysis/stack_path.h"
#include "model/trace.h"

/* What most of a box's time was spent in. */
enum flame_state {
	FLAME_RUNNING = 0,
	FLAME_READY = 1,
	FLAME_GROUP = 2,			     /* + enum wait_group */
	FLAME_UNKNOWN = FLAME_GROUP + N_WAIT_GROUPS, /* in no state */
	N_FLAME_STATES,
	FLAME_MIXED = N_FLAME_STATES, /* none of them has more than half of it */
};

enum flame_role {
	FLAME_FRAME = 0,
	FLAME_ROOT, /* the first box, all of it */
	FLAME_BASE, /* a process or a thread */
	FLAME_TIP,  /* a state */
	FLAME_REST, /* boxes too narrow to be made */
};

struct flame_choice {
	uint32_t states; /* PARTS_ALL and the like */
	enum path_base base;
	bool wakers;  /* above the tip of a wait: who ended it, see stack_path.h */
	bool reverse; /* without wakers: the tips first: callers are above what they call */
	/* Boxes of less than this share of the total are not made, */
	double least;
	/* and as many more, narrowest first, as it takes for all to cost no more than `room` by what `cost`
	 * says of a box of this name and share, on this page. NULL: no limit. */
	size_t room;
	size_t (*cost)(const char *name, double share, const void *page);
	const void *page;
};

struct flame_box {
	const char *name;   /* "" for the rest and the root */
	uint64_t start, ns; /* from `start` on, the first box from 0 */
	uint64_t before;    /* in a comparison: the time of the same box in A, scaled */
	uint64_t hidden;    /* of the rest: how many boxes it stands for */
	uint32_t depth;	    /* 0: the first */
	uint8_t role, state;
};

struct flame {
	struct flame_box *boxes; /* a parent before its children, in the order of their starts */
	size_t n;
	uint32_t depth; /* the largest */
	uint64_t total_ns, states_ns[N_FLAME_STATES];
	uint64_t frames;     /* distinct boxes there are, with those that were not made */
	uint64_t hidden;     /* how many were not made, */
	double hidden_share; /* being of less than this share */

	/* A comparison. */
	bool compared;
	uint64_t before_ns;    /* the total of A, scaled */
	uint64_t gone_ns;      /* of that: in boxes that B has not */
	double scale;	       /* what times of A were multiplied with */
	struct strings *names; /* where the names are */
};

/* 0, or -ENOMEM with a message. */
int flame_build(struct flame **out, const struct trace *t, const struct flame_choice *choice);

/* What times of A are multiplied with, to be compared to those of B. */
enum flame_scale {
	FLAME_SCALE_NONE = 0,  /* 1: two runs of the same work */
	FLAME_SCALE_WALL = 1,  /* the wall clock of B to that of A: two looks at what runs on and on */
	FLAME_SCALE_TOTAL = 2, /* the totals: what changed is how time is divided */
};

/* The boxes of B, each with what it was in A. 0, or -ENOMEM with a message. */
int flame_compare(struct flame **out, const struct trace *a, const struct trace *b,
		  const struct flame_choice *choice, enum flame_scale scale);
void flame_free(struct flame *f); /* NULL is fine */

/*
 * The change of a box in a comparison, in steps from -4 (half of the time or less) to 4 (twice as much or
 * more, or new); 0 is within 5 % of what it was, or less than a thousandth of the whole.
 */
int flame_change(const struct flame *f, const struct flame_box *box);

/* "running", "ready", "unknown", "mixed", or the name of the group. */
const char *flame_state_name(unsigned int state);

#endif
