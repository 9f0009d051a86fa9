/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * In: an EVENTS section, wire records that anybody may have written. Out: drafts of threads, and the stream
 * in order of arrival; every size and number that is used later as an index is checked here.
 */
#include <errno.h>
#include <string.h>

#include "base/fail.h"
#include "model/load.h"

static void see_time(struct load *l, uint64_t from, uint64_t to)
{
	if (from < l->first)
		l->first = from;
	if (to > l->last)
		l->last = to;
}

/* The draft of a thread number, made if it is new. Records of one thread come in runs: the last answer is
 * kept. */
int draft_index(struct load *l, uint32_t number, uint32_t *index)
{
	uint64_t *at;
	int err;

	if (number == l->recent_number && l->n_drafts) {
		*index = l->recent_draft;
		return 0;
	}
	if (!number)
		return fail(-EBADMSG, "a record names no thread");
	at = intmap_get(&l->draft_of, number);
	if (at) {
		*index = (uint32_t)*at;
	} else {
		err = array_grow(&l->drafts, &l->drafts_cap, l->n_drafts + 1, sizeof(*l->drafts));
		if (!err)
			err = intmap_put(&l->draft_of, number, l->n_drafts);
		if (err)
			return err;
		*index = (uint32_t)l->n_drafts++;
		l->drafts[*index] = (struct load_draft){.number = number, .first = UINT64_MAX};
	}
	l->recent_number = number;
	l->recent_draft = *index;
	return 0;
}

static void draft_see(struct load *l, uint32_t draft, uint64_t from, uint64_t to)
{
	struct load_draft *d = &l->drafts[draft];

	if (from < d->first)
		d->first = from;
	if (to > d->last)
		d->last = to;
	see_time(l, from, to);
}

static int read_cycle(struct load *l, const void *record)
{
	struct trace_cycle c = {0};
	struct wire_cycle w;
	uint64_t length;
	int err;

	memcpy(&w, record, sizeof(w));
	if (w.kind >= N_WAIT_KINDS || w.ready >= N_READY_REASONS || w.blocked > 1 ||
	    (!w.blocked && w.wait_ns) || __builtin_add_overflow(w.run_ns, w.wait_ns, &length) ||
	    __builtin_add_overflow(length, w.ready_ns, &length) || length > w.ts)
		return fail(-EBADMSG, "a cycle of thread %u at %llu ns has impossible values", w.head.thread,
			    (unsigned long long)w.ts);
	c.ts = w.ts;
	c.run_ns = w.run_ns;
	c.wait_ns = w.wait_ns;
	c.ready_ns = w.ready_ns;
	c.syscall = w.syscall;
	c.flags = w.flags;
	c.kind = w.kind;
	c.ready = w.ready;
	c.blocked = w.blocked;
	c.thinned = w.thinned < 32 ? w.thinned : 0;
	err = draft_index(l, w.head.thread, &c.thread);
	if (!err)
		err = stack_index(l, w.stack, &c.stack);
	if (err)
		return err;
	draft_see(l, c.thread, w.ts - length, w.ts);
	l->syscalls_seen[syscall_table(w.flags)][w.syscall] = 1;
	return bytes_add(&l->cycles, &c, sizeof(c));
}

static int read_sample(struct load *l, const void *record)
{
	struct trace_sample s = {0};
	struct wire_sample w;
	int err;

	memcpy(&w, record, sizeof(w));
	s.ts = w.ts;
	s.syscall = w.syscall;
	s.flags = w.flags;
	err = draft_index(l, w.head.thread, &s.thread);
	if (!err)
		err = stack_index(l, w.stack, &s.stack);
	if (err)
		return err;
	draft_see(l, s.thread, w.ts, w.ts);
	l->syscalls_seen[SYSCALLS_NATIVE][w.syscall] = 1;
	return bytes_add(&l->samples, &s, sizeof(s));
}

static int read_thread(struct load *l, const void *record)
{
	struct wire_thread w;
	uint32_t draft;
	int err;

	memcpy(&w, record, sizeof(w));
	err = draft_index(l, w.head.thread, &draft);
	if (err)
		return err;
	if (l->drafts[draft].made)
		return fail(-EBADMSG, "thread %u is made twice", w.head.thread);
	err = array_grow(&l->made, &l->made_cap, l->n_made + 1, sizeof(*l->made));
	if (err)
		return err;
	l->made[l->n_made++] = w;
	l->drafts[draft].made = (uint32_t)l->n_made;
	see_time(l, w.ts, w.ts);
	return 0;
}

static int read_exec(struct load *l, const void *record)
{
	struct load_draft *d;
	struct wire_exec w;
	uint32_t draft;
	int err;

	memcpy(&w, record, sizeof(w));
	err = draft_index(l, w.head.thread, &draft);
	if (!err)
		err = array_grow(&l->execs, &l->execs_cap, l->n_execs + 1, sizeof(*l->execs));
	if (err)
		return err;
	l->execs[l->n_execs++] = w;
	d = &l->drafts[draft];
	if (!d->exec || l->execs[d->exec - 1].ts <= w.ts)
		d->exec = (uint32_t)l->n_execs;
	see_time(l, w.ts, w.ts);
	return 0;
}

/* Adds what per-CPU sums of orphans have; their length in time is checked by trace_verify. */
static void add_orphan_wait(struct trace_wait *to, const struct trace_wait *w)
{
	int b;

	to->count += w->count;
	to->retries += w->retries;
	to->ns += w->ns;
	if (w->max_ns > to->max_ns)
		to->max_ns = w->max_ns;
	for (b = 0; b < WIRE_HIST_BUCKETS; b++)
		to->hist[b] += w->hist[b];
}

static int read_wait(struct load *l, const void *record)
{
	struct load_wait entry = {0};
	struct wire_wait w;
	int err;

	memcpy(&w, record, sizeof(w));
	if (w.kind >= N_WAIT_KINDS)
		return fail(-EBADMSG, "thread %u has a wait of kind %u, there are %u", w.head.thread, w.kind,
			    N_WAIT_KINDS);
	entry.kind = w.kind;
	entry.wait.count = w.count;
	entry.wait.retries = w.retries;
	entry.wait.ns = w.ns;
	entry.wait.max_ns = w.max_ns;
	memcpy(entry.wait.hist, w.hist, sizeof(w.hist));
	if (!w.head.thread) {
		add_orphan_wait(&l->orphan_waits[w.kind], &entry.wait);
		return 0;
	}
	err = draft_index(l, w.head.thread, &entry.draft);
	if (!err)
		err = array_grow(&l->waits, &l->waits_cap, l->n_waits + 1, sizeof(*l->waits));
	if (!err)
		l->waits[l->n_waits++] = entry;
	return err;
}

static void add_orphans(struct wire_end *to, const struct wire_end *w)
{
	int r;

	to->running_ns += w->running_ns;
	for (r = 0; r < N_READY_REASONS; r++) {
		to->ready_ns[r] += w->ready_ns[r];
		to->ready_count[r] += w->ready_count[r];
	}
	to->unknown_ns += w->unknown_ns;
	to->waiting_ns += w->waiting_ns;
	to->switches_in += w->switches_in;
	to->blocked += w->blocked;
	to->samples_user += w->samples_user;
	to->samples_kernel += w->samples_kernel;
	to->exec_runtime_ns += w->exec_runtime_ns;
	to->run_delay_ns += w->run_delay_ns;
	to->poll_timeouts += w->poll_timeouts;
	to->threads += w->threads;
	if (w->poll_sources > to->poll_sources)
		to->poll_sources = w->poll_sources;
	to->flags |= w->flags;
}

static int read_end(struct load *l, const void *record)
{
	struct wire_end w;
	uint32_t draft;
	int err;

	memcpy(&w, record, sizeof(w));
	if (w.flags & WIRE_END_ORPHANS) {
		add_orphans(&l->orphans, &w);
		return 0;
	}
	if (w.state > STATE_HELD || w.end < w.start)
		return fail(-EBADMSG, "the end of thread %u (tid %u) has state %u, from %llu to %llu ns",
			    w.head.thread, w.tid, w.state, (unsigned long long)w.start,
			    (unsigned long long)w.end);
	err = draft_index(l, w.head.thread, &draft);
	if (err)
		return err;
	if (l->drafts[draft].end)
		return fail(-EBADMSG, "thread %u (tid %u) ends twice", w.head.thread, w.tid);
	err = array_grow(&l->ends, &l->ends_cap, l->n_ends + 1, sizeof(*l->ends));
	if (err)
		return err;
	l->ends[l->n_ends++] = w;
	l->drafts[draft].end = (uint32_t)l->n_ends;
	see_time(l, w.start, w.end);
	return 0;
}

static const struct {
	size_t size;
	int (*read)(struct load *l, const void *record);
} record_types[] = {
	[WIRE_CYCLE] = {sizeof(struct wire_cycle), read_cycle},
	[WIRE_SAMPLE] = {sizeof(struct wire_sample), read_sample},
	[WIRE_THREAD] = {sizeof(struct wire_thread), read_thread},
	[WIRE_EXEC] = {sizeof(struct wire_exec), read_exec},
	[WIRE_WAIT] = {sizeof(struct wire_wait), read_wait},
	[WIRE_END] = {sizeof(struct wire_end), read_end},
	[WIRE_WAKE] = {sizeof(struct wire_wake), wake_read},
};

static int read_record(struct load *l, const struct wire_head *head, const unsigned char *record)
{
	if (head->type == WIRE_STACK)
		return stack_read(l, record, head->size);
	if (head->type >= sizeof(record_types) / sizeof(record_types[0]) || !record_types[head->type].read)
		return 0; /* a type of a later version: its size says how to pass it */
	if (head->size != record_types[head->type].size)
		return fail(-EBADMSG, "a record of type %u has %u bytes instead of %zu", head->type,
			    head->size, record_types[head->type].size);
	return record_types[head->type].read(l, record);
}

int records_read(struct load *l, const unsigned char *data, size_t len)
{
	struct wire_head head;
	size_t at = 0;
	int err;

	while (at < len) {
		if (len - at < sizeof(head))
			return fail(-EBADMSG, "an events section ends within a record's head");
		memcpy(&head, data + at, sizeof(head));
		if (head.size < sizeof(head) || head.size % 8 || head.size > len - at)
			return fail(-EBADMSG,
				    "a record of type %u has %u bytes, where %zu are left in its section",
				    head.type, head.size, len - at);
		err = read_record(l, &head, data + at);
		if (err)
			return err;
		at += head.size;
	}
	return 0;
}
