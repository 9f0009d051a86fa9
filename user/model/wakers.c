/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * In: WIRE_WAKE records, and threads with their cycles. Out: trace.wakers, the distinct ones, and of each wait which of them ended it:
 * the thread's last waking before it got a CPU.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "base/radix.h"
#include "model/load.h"

/*
 * A waking may be seen a moment before the switch of the one who is woken: it had been on its way to sleep. Or a moment after it has got the CPU, by
 * the kernel's clock, which stands still from a wake-up to the switch that it asks for.
 */
#define EARLY_NS 50000
#define LATE_NS	 50000

/* What makes a waker distinct; no padding, it is compared as bytes. */
struct identity {
	const char *comm;
	uint32_t draft; /* LOAD_NO_DRAFT: not traced */
	uint32_t stack;
	uint16_t syscall, flags;
	uint32_t pad;
};

struct load_wake {
	uint64_t ts;
	uint32_t draft; /* who is woken */
	uint32_t waker; /* number of its identity */
};

static int set_identity(struct load *l, const struct wire_wake *w, struct identity *id)
{
	int err = 0;

	memset(id, 0, sizeof(*id));
	id->draft = LOAD_NO_DRAFT;
	id->syscall = w->syscall;
	id->flags = w->flags;
	if (w->waker) {
		err = draft_index(l, w->waker, &id->draft);
	} else if (w->tid) {
		id->comm = load_text(l, w->comm, strnlen(w->comm, sizeof(w->comm)));
		err = id->comm ? 0 : -ENOMEM;
	}
	return err ? err : stack_index(l, w->stack, &id->stack);
}

int wake_read(struct load *l, const void *record)
{
	struct load_wake wake;
	struct identity id;
	struct wire_wake w;
	int64_t number;
	int err;

	memcpy(&w, record, sizeof(w));
	if (!l->waker_ids)
		l->waker_ids = strings_new();
	if (!l->waker_ids)
		return fail(-ENOMEM, "out of memory: wakers");
	wake.ts = w.ts;
	err = draft_index(l, w.head.thread, &wake.draft);
	if (!err)
		err = set_identity(l, &w, &id);
	if (err)
		return err;
	number = strings_add(l->waker_ids, (const char *)&id, sizeof(id));
	if (number < 0)
		return (int)number;
	wake.waker = (uint32_t)number;
	l->syscalls_seen[syscall_table(w.flags)][w.syscall] = 1;
	return bytes_add(&l->wakes, &wake, sizeof(wake));
}

/* Wakings by thread (its draft), then time. */
static int order_wakes(const struct load_wake *wakes, size_t n, struct radix_item **items)
{
	size_t i;
	int err;

	*items = malloc((n + 1) * sizeof(**items));
	if (!*items)
		return fail(-ENOMEM, "out of memory: %zu wakings", n);
	for (i = 0; i < n; i++)
		(*items)[i] = (struct radix_item){.key = wakes[i].ts, .value = i};
	err = radix_sort(*items, n);
	for (i = 0; i < n && !err; i++)
		(*items)[i].key = wakes[(*items)[i].value].draft;
	return err ? err : radix_sort(*items, n);
}

/* Of one thread: its n wakings in order of time. */
static void set_thread_wakers(struct trace *t, const struct trace_thread *thread, const struct load_wake *wakes,
			      const struct radix_item *items, size_t n)
{
	size_t i, at = 0;

	for (i = 0; i < thread->n_cycles; i++) {
		struct trace_cycle *c = &t->cycles[thread->first_cycle + i];
		uint64_t left = c->ts - c->ready_ns - c->wait_ns;
		bool still = c->flags & WIRE_CYCLE_OPEN && !c->ready_ns; /* it waits when tracing ends */
		const struct load_wake *last = NULL;

		for (; at < n && wakes[items[at].value].ts <= c->ts; at++)
			last = &wakes[items[at].value];
		if (!c->blocked || still)
			continue;
		if (last && last->ts + EARLY_NS >= left)
			c->waker = last->waker;
		else if (at < n && wakes[items[at].value].ts <= c->ts + LATE_NS)
			c->waker = wakes[items[at++].value].waker;
	}
	/* A wait that was retried is one wait: who ended it is who ended its last piece, not the timer that it was retried for. */
	for (i = thread->n_cycles; i-- > 1;) {
		struct trace_cycle *c = &t->cycles[thread->first_cycle + i];

		if (c->flags & WIRE_CYCLE_RETRY && c[-1].blocked && c[-1].kind == c->kind)
			c[-1].waker = c->waker;
	}
}

/* The distinct wakers, with threads for drafts. */
static int make_wakers(struct load *l)
{
	uint32_t n = l->waker_ids ? strings_count(l->waker_ids) : 1, i;
	struct trace *t = l->t;

	t->wakers = calloc(n, sizeof(*t->wakers));
	if (!t->wakers)
		return fail(-ENOMEM, "out of memory: %u wakers", n);
	t->n_wakers = n;
	t->wakers[0].thread = TRACE_NO_THREAD;
	t->wakers[0].syscall = WIRE_NO_SYSCALL;
	for (i = 1; i < n; i++) {
		struct trace_waker *w = &t->wakers[i];
		struct identity id;

		memcpy(&id, strings_get(l->waker_ids, i), sizeof(id));
		*w = (struct trace_waker){
			.thread = id.draft == LOAD_NO_DRAFT ? TRACE_NO_THREAD : l->thread_of[id.draft],
			.stack = id.stack,
			.comm = id.comm,
			.syscall = id.syscall,
			.flags = id.flags,
		};
	}
	return 0;
}

int wakers_build(struct load *l)
{
	const struct load_wake *wakes = (const struct load_wake *)l->wakes.data;
	size_t n = l->wakes.len / sizeof(*wakes), from, to;
	struct radix_item *items = NULL;
	int err = make_wakers(l);

	if (!err && n)
		err = order_wakes(wakes, n, &items);
	for (from = 0; from < n && !err; from = to) {
		uint32_t draft = (uint32_t)items[from].key;
		struct trace_thread *thread = &l->t->threads[l->thread_of[draft]];

		for (to = from; to < n && items[to].key == draft; to++)
			;
		if (!thread->orphans) /* cycles of many threads */
			set_thread_wakers(l->t, thread, wakes, items + from, to - from);
	}
	free(items);
	bytes_release(&l->wakes);
	return err;
}
