/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * In: the waits of the stream with their stacks. Out: kind, place, count and total of those that cost most.
 * First by stack, which is fast; then stacks of the same place are put together.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/frames.h"
#include "analysis/steps.h"
#include "base/bytes.h"
#include "base/fail.h"
#include "base/intmap.h"
#include "base/strings.h"
#include "base/text.h"

struct spot {
	struct report_place place;
	uint32_t stack;
	uint16_t syscall, flags;
};

struct spots {
	struct spot *all;
	size_t n, cap;
	struct intmap of; /* what makes it distinct: its index in all */
};

/* 0: a new one, made; 1: it was there; or -ENOMEM. */
static int spot_find(struct spots *s, uint64_t key, size_t *index)
{
	uint64_t *at = intmap_get(&s->of, key);
	int err;

	if (at) {
		*index = (size_t)*at;
		return 1;
	}
	*index = s->n;
	err = array_grow(&s->all, &s->cap, s->n + 1, sizeof(*s->all));
	if (!err)
		err = intmap_put(&s->of, key, s->n);
	if (!err)
		s->n++;
	return err;
}

static void place_add(struct report_place *to, uint64_t ns, uint64_t count, uint64_t max_ns)
{
	/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): of an array that has grown */
	to->ns += ns;
	to->count += count;
	if (max_ns > to->max_ns)
		to->max_ns = max_ns;
}

/*
 * The stack that a wait counts for: its own, or, where it was left out for the rate at which they came, the one before it of the same kind in
 * the same thread.
 */
static uint32_t stack_for(const struct trace_cycle *c, uint32_t *last, uint32_t *thread)
{
	if (c->thread != *thread)
		memset(last, 0, N_WAIT_KINDS * sizeof(*last));
	*thread = c->thread;
	if (c->flags & WIRE_CYCLE_THINNED && last[c->kind])
		return last[c->kind];
	last[c->kind] = c->stack;
	return c->stack;
}

static int by_stack(struct spots *s, const struct trace *t)
{
	const uint16_t abi = WIRE_CYCLE_COMPAT | WIRE_CYCLE_X32;
	uint32_t last[N_WAIT_KINDS] = {0}, thread = 0;
	uint64_t length = 0;
	size_t i, at;

	for (i = 0; i < t->n_cycles; i++) {
		const struct trace_cycle *c = &t->cycles[i];
		bool retry = c->flags & WIRE_CYCLE_RETRY;
		uint32_t stack;
		int found;

		if (!c->blocked)
			continue;
		stack = stack_for(c, last, &thread);
		length = retry ? length + c->wait_ns : c->wait_ns;
		/* 32 + 16 + 5 + 8 bits: the flags of the two ABIs are 4 and 8. */
		found = spot_find(s,
				  (uint64_t)stack << 32 | (uint64_t)c->syscall << 16 |
					  (uint64_t)(c->flags & abi) << 8 | c->kind,
				  &at);
		if (found < 0)
			return found;
		/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): spot_find made room for it */
		s->all[at].stack = stack;
		s->all[at].syscall = c->syscall;
		s->all[at].flags = c->flags & abi;
		s->all[at].place.kind = c->kind;
		place_add(&s->all[at].place, c->wait_ns, !retry, length);
	}
	return 0;
}

static void copy_text(char *to, size_t size, const char *from)
{
	text_clean(to, size, from, strlen(from), NULL);
}

static void name_place(struct spot *s, const struct trace *t)
{
	const struct trace_frame *own = frame_own(t, &t->stacks[s->stack]);
	struct report_place *p = &s->place;

	p->syscall = trace_syscall_name(t, s->syscall, s->flags);
	if (own) {
		frame_label(p->place, sizeof(p->place), own);
		copy_text(p->file, sizeof(p->file), frame_file_name(own->file));
		p->source = own->source;
		p->line = own->line;
	} else {
		copy_text(p->place, sizeof(p->place), p->syscall ? p->syscall : "[no stack]");
	}
}

/* The spots of one place (by its words) become one. */
static int by_place(struct spots *places, struct spots *stacks, const struct trace *t)
{
	struct strings *words = strings_new();
	char key[512];
	size_t i, at;
	int err = words ? 0 : fail(-ENOMEM, "out of memory: %zu places", stacks->n);

	for (i = 0; i < stacks->n && !err; i++) {
		struct spot *s = &stacks->all[i];
		int64_t number;
		int found;

		name_place(s, t);
		/* texts of the trace are kept once: the same source is the same pointer */
		snprintf(key, sizeof(key), "%u;%s;%s;%s;%p;%u", (unsigned int)s->place.kind, s->place.place,
			 s->place.file, s->place.syscall ? s->place.syscall : "", (const void *)s->place.source,
			 s->place.line);
		number = strings_add(words, key, strlen(key));
		found = number < 0 ? (int)number : spot_find(places, (uint64_t)number, &at);
		if (found < 0)
			err = found;
		else if (!found)
			places->all[at] = *s;
		else
			place_add(&places->all[at].place, s->place.ns, s->place.count, s->place.max_ns);
	}
	strings_free(words);
	return err;
}

static int compare_places(const void *a, const void *b)
{
	const struct report_place *x = &((const struct spot *)a)->place,
				  *y = &((const struct spot *)b)->place;
	int order;

	if (x->ns != y->ns)
		return x->ns < y->ns ? 1 : -1;
	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	order = strcmp(x->place, y->place);
	if (!order)
		order = strcmp(x->file, y->file);
	if (!order && x->line != y->line)
		order = x->line < y->line ? -1 : 1;
	return order ? order : strcmp(x->syscall ? x->syscall : "", y->syscall ? y->syscall : "");
}

int places_build(struct report *r, const struct trace *t)
{
	struct spots stacks = {0}, places = {0};
	int err;

	err = by_stack(&stacks, t);
	if (!err)
		err = by_place(&places, &stacks, t);
	if (err)
		goto out;
	if (places.n)
		qsort(places.all, places.n, sizeof(*places.all), compare_places);
	while (r->n_places < places.n && r->n_places < REPORT_PLACES_MAX) {
		r->places[r->n_places] = places.all[r->n_places].place;
		r->n_places++;
	}
out:
	free(stacks.all);
	free(places.all);
	intmap_release(&stacks.of);
	intmap_release(&places.of);
	return err;
}
