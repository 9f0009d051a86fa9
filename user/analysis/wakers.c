/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * In: the waits of the stream and who ended them. Out: where the waits were, who ended them and where that was, those that
 * cost most. First by stack and waker, which is fast; then by their words.
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

struct ending {
	struct report_waker waker;
	uint32_t stack, by; /* of the wait; index in trace.wakers */
};

struct endings {
	struct ending *all;
	size_t n, cap;
};

/* The ending of this index, made if it is the next one. NULL: no memory. */
static struct ending *ending_at(struct endings *e, size_t index)
{
	if (index < e->n)
		return &e->all[index];
	if (array_grow(&e->all, &e->cap, index + 1, sizeof(*e->all)))
		return NULL;
	e->n = index + 1;
	return &e->all[index];
}

static void add(struct report_waker *to, uint64_t ns, uint64_t count, uint64_t max_ns)
{
	to->ns += ns;
	to->count += count;
	if (max_ns > to->max_ns)
		to->max_ns = max_ns;
}

/* Numbers of what is alike: [0, n) in the order in which they come first. */
static int number_of(struct intmap *numbers, uint64_t key, size_t *number)
{
	uint64_t *at = intmap_get(numbers, key);

	*number = at ? (size_t)*at : numbers->len;
	return at ? 0 : intmap_put(numbers, key, numbers->len);
}

static int by_stack(struct endings *e, const struct trace *t)
{
	struct intmap pairs = {0}, keys = {0}; /* stack and waker; pair and kind */
	uint64_t length = 0;
	size_t i, pair, at;
	int err = 0;

	for (i = 0; i < t->n_cycles && !err; i++) {
		const struct trace_cycle *c = &t->cycles[i];
		bool retry = c->flags & WIRE_CYCLE_RETRY;
		struct ending *ending;

		length = retry ? length + c->wait_ns : c->wait_ns;
		if (!c->waker)
			continue;
		err = number_of(&pairs, (uint64_t)c->waker << 32 | c->stack, &pair);
		if (!err)
			err = number_of(&keys, (uint64_t)pair << 8 | c->kind, &at);
		ending = err ? NULL : ending_at(e, at);
		if (!ending) {
			err = err ? err : -ENOMEM;
			break;
		}
		ending->stack = c->stack;
		ending->by = c->waker;
		ending->waker.kind = c->kind;
		if (ending->waker.place[0] == '\0' && !t->stacks[c->stack].n_user) {
			const char *call = trace_syscall_name(t, c->syscall, c->flags);

			text_clean(ending->waker.place, sizeof(ending->waker.place), call ? call : "[no stack]",
				   strlen(call ? call : "[no stack]"), NULL);
		}
		add(&ending->waker, c->wait_ns, !retry, length);
	}
	intmap_release(&pairs);
	intmap_release(&keys);
	return err;
}

static void name_thread(struct report_waker *w, const struct trace *t, const struct trace_waker *by)
{
	const struct trace_thread *thread = &t->threads[by->thread];
	const char *process = t->processes[thread->process].comm;
	const struct trace_frame *own = frame_own(t, &t->stacks[by->stack]);

	if (strcmp(process, thread->comm) != 0)
		snprintf(w->who, sizeof(w->who), "%s/%s", process, thread->comm);
	else
		snprintf(w->who, sizeof(w->who), "%s", process);
	if (own)
		frame_label(w->by_place, sizeof(w->by_place), own);
}

static void name_ending(struct ending *e, const struct trace *t)
{
	const struct trace_frame *own = frame_own(t, &t->stacks[e->stack]);
	const struct trace_waker *by = &t->wakers[e->by];
	struct report_waker *w = &e->waker;

	if (own)
		frame_label(w->place, sizeof(w->place), own);
	w->by_syscall = trace_syscall_name(t, by->syscall, by->flags);
	if (by->thread != TRACE_NO_THREAD)
		name_thread(w, t, by);
	else if (by->comm)
		snprintf(w->who, sizeof(w->who), "%s %s", by->comm, by->flags & WIRE_WAKE_KTHREAD ? "(kernel)" : "(not traced)");
	else
		snprintf(w->who, sizeof(w->who), "%s", by->flags & WIRE_WAKE_INTERRUPT ? "[interrupt]" : "[softirq]");
	w->softirq = by->flags & WIRE_WAKE_SOFTIRQ;
}

/* Those of the same words become one. */
static int by_words(struct endings *words, struct endings *stacks, const struct trace *t)
{
	struct strings *texts = strings_new();
	char key[640];
	size_t i;
	int err = texts ? 0 : fail(-ENOMEM, "out of memory: %zu wakers", stacks->n);

	for (i = 0; i < stacks->n && !err; i++) {
		struct report_waker *w = &stacks->all[i].waker;
		struct ending *ending;
		int64_t number;
		bool known;

		name_ending(&stacks->all[i], t);
		snprintf(key, sizeof(key), "%u;%d;%s;%s;%s;%s", (unsigned int)w->kind, w->softirq, w->place, w->who, w->by_place,
			 w->by_syscall ? w->by_syscall : "");
		number = strings_add(texts, key, strlen(key)); /* from 1 on: 0 is "" */
		known = number > 0 && (size_t)number <= words->n;
		ending = number < 0 ? NULL : ending_at(words, (size_t)number - 1);
		if (!ending)
			err = -ENOMEM;
		else if (known)
			add(&ending->waker, w->ns, w->count, w->max_ns);
		else
			*ending = stacks->all[i];
	}
	strings_free(texts);
	return err;
}

static int compare_endings(const void *a, const void *b)
{
	const struct report_waker *x = &((const struct ending *)a)->waker, *y = &((const struct ending *)b)->waker;
	int order;

	if (x->ns != y->ns)
		return x->ns < y->ns ? 1 : -1;
	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	order = strcmp(x->place, y->place);
	if (!order)
		order = strcmp(x->who, y->who);
	return order ? order : strcmp(x->by_place, y->by_place);
}

int wakers_rank(struct report *r, const struct trace *t)
{
	struct endings stacks = {0}, words = {0};
	int err = by_stack(&stacks, t);

	if (!err)
		err = by_words(&words, &stacks, t);
	if (!err && words.n)
		qsort(words.all, words.n, sizeof(*words.all), compare_endings);
	while (!err && r->n_wakers < words.n && r->n_wakers < REPORT_WAKERS_MAX) {
		r->wakers[r->n_wakers] = words.all[r->n_wakers].waker;
		r->n_wakers++;
	}
	free(stacks.all);
	free(words.all);
	return err;
}
