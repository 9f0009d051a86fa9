/* SPDX-License-Identifier: BSD-2-Clause */
/* In: forks, execs, exits and mappings in the order of their time. Out: the mapping at (pid, time, address).
 */
#include "capture/process_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/bytes.h"
#include "base/fail.h"
#include "base/intmap.h"
#include "capture/proc_maps.h"

#define GRACE_NS     2000000000ull /* an ended process is kept that long */
#define GRACE_DRAINS 3		   /* and for that many drains */
#define FREE	     UINT32_MAX

struct epoch {
	uint64_t from;
	struct address_space *space;
};

struct process {
	uint32_t pid; /* 0: a free place */
	uint32_t threads;
	bool unsure; /* `threads` may be wrong */
	bool ended;
	uint64_t ended_at; /* drain */
	uint64_t next_rescan, rescan_wait;
	struct epoch *epochs; /* by time; at least one */
	size_t n_epochs, cap_epochs;
};

struct ending {
	uint32_t index;
	uint64_t ts, drain;
};

struct process_table {
	struct process *all;
	size_t n, cap, live;
	struct intmap by_pid; /* -> index, or FREE: keys are never taken out, so it is made anew at times */
	uint32_t *free;
	size_t n_free, cap_free;
	struct ending *endings; /* a queue: [first, n_endings) */
	size_t first_ending, n_endings, cap_endings;
	uint64_t drain;
	process_table_fn listener;
	void *listener_ctx;
};

struct process_table *process_table_new(void)
{
	struct process_table *t = calloc(1, sizeof(*t));

	if (!t)
		fail(-ENOMEM, "mappings: no memory");
	return t;
}

void process_table_listen(struct process_table *t, process_table_fn fn, void *ctx)
{
	t->listener = fn;
	t->listener_ctx = ctx;
}

static void tell(const struct process_table *t, uint32_t pid, const struct address_space *space)
{
	if (t->listener)
		t->listener(t->listener_ctx, pid, space);
}

static void release_epochs(struct process *p, size_t keep)
{
	size_t drop = p->n_epochs - keep;

	for (size_t i = 0; i < drop; i++)
		address_space_release(p->epochs[i].space);
	if (keep && drop)
		memmove(p->epochs, p->epochs + drop, keep * sizeof(*p->epochs));
	p->n_epochs = keep;
}

void process_table_free(struct process_table *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->n; i++) {
		release_epochs(&t->all[i], 0);
		free(t->all[i].epochs);
	}
	free(t->all);
	free(t->free);
	free(t->endings);
	intmap_release(&t->by_pid);
	free(t);
}

static struct process *find(const struct process_table *t, uint32_t pid)
{
	uint64_t *index = intmap_get(&t->by_pid, pid);

	return index && *index != FREE ? &t->all[*index] : NULL;
}

/* The table of PIDs, without those that are gone. */
static int renew_index(struct process_table *t)
{
	struct intmap fresh = {0};
	int err = 0;

	for (size_t i = 0; !err && i < t->n; i++)
		if (t->all[i].pid)
			err = intmap_put(&fresh, t->all[i].pid, i);
	if (err) {
		intmap_release(&fresh);
		return err;
	}
	intmap_release(&t->by_pid);
	t->by_pid = fresh;
	return 0;
}

static int add_process(struct process_table *t, uint32_t pid, struct process **out)
{
	uint32_t index;
	int err;

	if (t->by_pid.len > 4096 && t->by_pid.len > 4 * t->live) {
		err = renew_index(t);
		if (err)
			return err;
	}
	if (t->n_free) {
		index = t->free[--t->n_free];
	} else {
		err = array_grow(&t->all, &t->cap, t->n + 1, sizeof(*t->all));
		/* room to free every process: exits then need no memory */
		if (!err)
			err = array_grow(&t->free, &t->cap_free, t->n + 1, sizeof(*t->free));
		if (err)
			return err;
		index = (uint32_t)t->n++;
	}
	err = intmap_put(&t->by_pid, pid, index);
	if (err) {
		t->free[t->n_free++] = index;
		return err;
	}
	t->live++;
	*out = &t->all[index];
	(*out)->pid = pid;
	return 0;
}

static void drop_process(struct process_table *t, struct process *p)
{
	uint64_t *index = intmap_get(&t->by_pid, p->pid);

	if (index)
		*index = FREE;
	tell(t, p->pid, NULL);
	release_epochs(p, 0);
	free(p->epochs);
	memset(p, 0, sizeof(*p));
	t->free[t->n_free++] = (uint32_t)(p - t->all);
	t->live--;
}

/* Takes the reference to space, also when it fails. */
static int begin_epoch(struct process *p, uint64_t from, struct address_space *space)
{
	size_t keep;
	int err;

	if (!space)
		return -ENOMEM;
	/* of earlier ones those are dropped that ended long ago */
	for (keep = p->n_epochs; keep > 1 && p->epochs[p->n_epochs - keep + 1].from + GRACE_NS < from; keep--)
		;
	release_epochs(p, keep);
	err = array_grow(&p->epochs, &p->cap_epochs, p->n_epochs + 1, sizeof(*p->epochs));
	if (err) {
		address_space_release(space);
		return err;
	}
	p->epochs[p->n_epochs++] = (struct epoch){from, space};
	return 0;
}

static struct epoch *last_epoch(const struct process *p)
{
	return p->n_epochs ? &p->epochs[p->n_epochs - 1] : NULL;
}

int process_table_follow(struct process_table *t, uint32_t pid, uint32_t threads)
{
	struct process *p = find(t, pid);
	int err;

	if (!threads || !pid)
		return fail(-ESRCH, "process %u: there is none", pid);
	if (p)
		return 0;
	err = add_process(t, pid, &p);
	if (err)
		return err;
	p->threads = threads;
	p->unsure = true; /* threads may have come or gone while they were counted */
	err = begin_epoch(p, 0, address_space_new(0));
	if (err)
		drop_process(t, p);
	else
		tell(t, pid, last_epoch(p)->space);
	return err;
}

int process_table_map(struct process_table *t, uint32_t pid, const struct mapping *m)
{
	struct process *p = find(t, pid);

	int err;

	if (!p)
		return 0;
	err = address_space_map(&last_epoch(p)->space, m, m->since > GRACE_NS ? m->since - GRACE_NS : 0);
	tell(t, pid, last_epoch(p)->space);
	return err;
}

int process_table_exec(struct process_table *t, uint32_t pid, uint64_t ts)
{
	struct process *p = find(t, pid);

	int err;

	if (!p)
		return 0;
	err = begin_epoch(p, ts, address_space_new(ts));
	tell(t, pid, last_epoch(p)->space);
	return err;
}

int process_table_fork(struct process_table *t, uint32_t ppid, uint32_t pid, uint64_t ts)
{
	struct process *parent = find(t, ppid), *p;
	struct address_space *space;
	int err;

	if (!parent)
		return 0;
	if (pid == ppid) {
		parent->threads++;
		return 0;
	}
	space = address_space_share(last_epoch(parent)->space);
	p = find(t, pid); /* its PID is used again before the one before it was forgotten */
	if (!p) {
		err = add_process(t, pid, &p); /* may move `parent` */
		if (err) {
			address_space_release(space);
			return err;
		}
	}
	p->threads = 1;
	p->ended = false;
	p->unsure = false;
	p->rescan_wait = 0;
	err = begin_epoch(p, ts, space);
	if (err && !p->n_epochs)
		drop_process(t, p);
	else
		tell(t, pid, last_epoch(p)->space);
	return err;
}

/* Puts it into the queue of those to be forgotten; if there is no memory for that it is kept. */
static void begin_end(struct process_table *t, struct process *p, uint64_t ts)
{
	if (t->first_ending > 1024 && t->first_ending > t->n_endings / 2) {
		t->n_endings -= t->first_ending;
		memmove(t->endings, t->endings + t->first_ending, t->n_endings * sizeof(*t->endings));
		t->first_ending = 0;
	}
	if (array_grow(&t->endings, &t->cap_endings, t->n_endings + 1, sizeof(*t->endings)))
		return;
	p->ended = true;
	p->ended_at = t->drain;
	t->endings[t->n_endings++] = (struct ending){(uint32_t)(p - t->all), ts, t->drain};
}

void process_table_exit(struct process_table *t, uint32_t pid, uint64_t ts)
{
	struct process *p = find(t, pid);

	if (!p || p->ended)
		return;
	if (p->threads)
		p->threads--;
	/* when the count may be wrong every exit is a reason to look, at forget time, whether it is still
	 * there */
	if (!p->threads || p->unsure)
		begin_end(t, p, ts);
}

struct address_space *process_table_space(const struct process_table *t, uint32_t pid)
{
	const struct process *p = find(t, pid);

	return p ? last_epoch(p)->space : NULL;
}

bool process_table_has(const struct process_table *t, uint32_t pid)
{
	return find(t, pid) != NULL;
}

struct address_space *process_table_space_at(const struct process_table *t, uint32_t pid, uint64_t ts)
{
	const struct process *p = find(t, pid);
	size_t i;

	if (!p)
		return NULL;
	for (i = p->n_epochs - 1; i > 0 && p->epochs[i].from > ts; i--)
		;
	return p->epochs[i].space;
}

const struct mapping *process_table_at(const struct process_table *t, uint32_t pid, uint64_t ts,
				       uint64_t addr)
{
	const struct address_space *space = process_table_space_at(t, pid, ts);

	return space ? address_space_at(space, ts, addr) : NULL;
}

uint64_t process_table_epoch(const struct process_table *t, uint32_t pid)
{
	const struct process *p = find(t, pid);

	return p ? last_epoch(p)->from : 0;
}

bool process_table_next(const struct process_table *t, size_t *at, uint32_t *pid)
{
	for (; *at < t->n; (*at)++)
		if (t->all[*at].pid && !t->all[*at].ended) {
			*pid = t->all[(*at)++].pid;
			return true;
		}
	return false;
}

size_t process_table_count(const struct process_table *t)
{
	return t->live;
}

bool process_table_may_rescan(struct process_table *t, uint32_t pid, uint64_t drain)
{
	struct process *p = find(t, pid);

	if (!p || p->ended || drain < p->next_rescan)
		return false;
	p->rescan_wait = p->rescan_wait ? p->rescan_wait * 2 : 1;
	p->next_rescan = drain + p->rescan_wait;
	return true;
}

void process_table_counts_unsure(struct process_table *t)
{
	for (size_t i = 0; i < t->n; i++) {
		struct process *p = &t->all[i];

		if (!p->pid || p->ended)
			continue;
		p->unsure = true;
		if (!proc_count_threads(p->pid))
			begin_end(t, p, 0);
	}
}

void process_table_forget(struct process_table *t)
{
	struct timespec now;
	uint64_t ns;

	clock_gettime(CLOCK_MONOTONIC, &now);
	ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
	t->drain++;
	while (t->first_ending < t->n_endings) {
		const struct ending *e = &t->endings[t->first_ending];
		struct process *p = &t->all[e->index];

		if (e->ts + GRACE_NS > ns || e->drain + GRACE_DRAINS > t->drain)
			break;
		t->first_ending++;
		/* used again meanwhile, by another process */
		if (!p->pid || !p->ended || p->ended_at != e->drain)
			continue;
		if (p->unsure) {
			p->threads = proc_count_threads(p->pid);
			p->ended = p->threads == 0;
		}
		if (p->ended)
			drop_process(t, p);
	}
}
