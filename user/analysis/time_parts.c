/* SPDX-License-Identifier: BSD-2-Clause */
/* In: the stream, the samples, the exact totals of a thread. Out: nanoseconds by stack, system call and
 * state. */
#include "analysis/time_parts.h"

#include <errno.h>
#include <stdlib.h>

#include "analysis/kinds.h"
#include "base/bytes.h"

#define NO_STACK 0u
#define ABI	 (WIRE_CYCLE_COMPAT | WIRE_CYCLE_X32)

/* 32 bits of stack (or of its pair with a waker), 16 of system call, 4 of its table, 8 of state, 1: lost detail. */
static uint64_t part_key(uint32_t stack, uint16_t syscall, uint16_t flags, unsigned int state, bool lost)
{
	return (uint64_t)stack << 32 | (uint64_t)syscall << 16 | (uint64_t)(flags & ABI) << 10 | state << 1 |
	       lost;
}

static int add_part(struct time_parts *parts, uint64_t key, uint64_t ns)
{
	uint64_t *at;

	if (!ns)
		return 0;
	at = intmap_get(&parts->ns, key);
	if (!at)
		return intmap_put(&parts->ns, key, ns);
	*at += ns;
	return 0;
}

/* What stands in a key for a stack and who ended the wait there. */
static int pair_of(struct time_parts *parts, uint32_t stack, uint32_t waker, uint32_t *pair)
{
	uint64_t key = (uint64_t)waker << 32 | stack, *at;
	int err;

	*pair = stack;
	if (!parts->by_waker)
		return 0;
	at = intmap_get(&parts->pair_of, key);
	if (at) {
		*pair = (uint32_t)*at;
		return 0;
	}
	err = array_grow(&parts->pairs, &parts->cap, parts->n_pairs + 1, sizeof(*parts->pairs));
	if (!err)
		err = intmap_put(&parts->pair_of, key, parts->n_pairs);
	if (err)
		return err;
	parts->pairs[parts->n_pairs] = key;
	*pair = (uint32_t)parts->n_pairs++;
	return 0;
}

/* A part without a stack, or of samples: nobody ends it. */
static int add_unended(struct time_parts *parts, uint32_t stack, uint16_t syscall, unsigned int state, bool lost, uint64_t ns)
{
	uint32_t pair;
	int err = pair_of(parts, stack, 0, &pair);

	return err ? err : add_part(parts, part_key(pair, syscall, 0, state, lost), ns);
}

static int add_lost(struct time_parts *parts, unsigned int state, uint64_t exact, uint64_t streamed)
{
	if (exact <= streamed)
		return 0;
	return add_unended(parts, NO_STACK, WIRE_NO_SYSCALL, state, true, exact - streamed);
}

/*
 * Where stacks were thinned: the time of the cycles of one state whose stack was left out, and the cycles that stand for them, each as much
 * as it says by its weight (how many it stands for, times its length).
 */
struct left_out {
	uint64_t ns, given;
	unsigned __int128 weight, seen;
};

static unsigned __int128 weight_of(const struct trace_cycle *c, uint64_t ns)
{
	return c->stack ? (unsigned __int128)ns * ((1ull << c->thinned) - 1) : 0;
}

static void find_left_out(const struct trace *t, const struct trace_thread *thread, struct left_out *out)
{
	for (size_t i = 0; i < thread->n_cycles; i++) {
		const struct trace_cycle *c = &t->cycles[thread->first_cycle + i];
		bool thinned = c->flags & WIRE_CYCLE_THINNED;

		out[PART_READY].ns += thinned ? c->ready_ns : 0;
		out[PART_READY].weight += weight_of(c, c->ready_ns);
		if (!c->blocked)
			continue;
		out[c->kind].ns += thinned ? c->wait_ns : 0;
		out[c->kind].weight += weight_of(c, c->wait_ns);
	}
}

/* The time of a cycle in one state, with its part of what was left out: together they add up to the same. */
static int add_cycle(struct time_parts *parts, struct left_out *out, const struct trace_cycle *c, unsigned int state, uint64_t ns)
{
	struct left_out *o = &out[state];
	uint32_t pair;
	int err;

	if (o->ns && o->weight) {
		uint64_t upto;

		o->seen += weight_of(c, ns);
		upto = (uint64_t)((double)o->ns * ((double)o->seen / (double)o->weight));
		if (upto > o->ns || o->seen == o->weight)
			upto = o->ns;
		if (c->flags & WIRE_CYCLE_THINNED)
			return 0;
		if (upto > o->given) {
			ns += upto - o->given;
			o->given = upto;
		}
	}
	err = pair_of(parts, c->stack, state < N_WAIT_KINDS ? c->waker : 0, &pair);
	return err ? err : add_part(parts, part_key(pair, c->syscall, c->flags, state, false), ns);
}

/* Waits and ready time, exact; what the stream has not is lost detail. */
static int add_waits(struct time_parts *parts, const struct trace *t, const struct trace_thread *thread,
		     uint32_t states)
{
	uint64_t waits[N_WAIT_KINDS] = {0}, streamed_ready = 0, ready = 0;
	struct left_out out[N_PART_STATES] = {{0}};
	int err = 0, k;
	size_t i;

	find_left_out(t, thread, out);
	for (i = 0; i < thread->n_cycles && !err; i++) {
		const struct trace_cycle *c = &t->cycles[thread->first_cycle + i];

		if (c->blocked) {
			waits[c->kind] += c->wait_ns;
			if (states & PART_BIT(c->kind))
				err = add_cycle(parts, out, c, c->kind, c->wait_ns);
		}
		streamed_ready += c->ready_ns;
		if (!err && states & PART_BIT(PART_READY))
			err = add_cycle(parts, out, c, PART_READY, c->ready_ns);
	}
	for (k = 0; k < N_WAIT_KINDS && !err; k++)
		if (states & PART_BIT(k))
			err = add_lost(parts, (unsigned int)k, thread->waits[k].ns, waits[k]);
	for (k = 0; k < N_READY_REASONS; k++)
		ready += thread->ready_ns[k];
	if (!err && states & PART_BIT(PART_READY))
		err = add_lost(parts, PART_READY, ready, streamed_ready);
	if (!err && states & PART_BIT(PART_UNKNOWN))
		err = add_lost(parts, PART_UNKNOWN, thread->unknown_ns, 0);
	return err;
}

/* Each sample is an equal share of the thread's running time: they add up to it to the nanosecond. */
static int add_running(struct time_parts *parts, const struct trace *t, const struct trace_thread *thread)
{
	uint64_t given = 0;
	size_t i;
	int err = 0;

	if (!thread->n_samples)
		return add_unended(parts, NO_STACK, WIRE_NO_SYSCALL, PART_RUNNING, false, thread->running_ns);
	for (i = 0; i < thread->n_samples && !err; i++) {
		const struct trace_sample *s = &t->samples[thread->first_sample + i];
		uint64_t upto =
			(uint64_t)((unsigned __int128)thread->running_ns * (i + 1) / thread->n_samples);
		uint16_t call = s->flags & WIRE_SAMPLE_USER ? WIRE_NO_SYSCALL : s->syscall;

		err = add_unended(parts, s->stack, call, PART_RUNNING, false, upto - given);
		given = upto;
	}
	return err;
}

int time_parts_add(struct time_parts *parts, const struct trace *t, const struct trace_thread *thread,
		   uint32_t states)
{
	int err = 0;

	if (states & PARTS_WAIT)
		err = add_waits(parts, t, thread, states);
	if (!err && states & PARTS_CPU)
		err = add_running(parts, t, thread);
	return err;
}

size_t time_parts_count(const struct time_parts *parts)
{
	return parts->ns.len;
}

bool time_parts_next(const struct time_parts *parts, size_t *at, struct time_part *part)
{
	uint64_t key, ns, place;

	if (!intmap_next(&parts->ns, at, &key, &ns))
		return false;
	place = key >> 32;
	if (parts->by_waker)
		place = parts->pairs[place];
	*part = (struct time_part){
		.stack = (uint32_t)place,
		.waker = (uint32_t)(place >> 32),
		.syscall = key >> 16 & 0xffff,
		.flags = key >> 10 & ABI,
		.state = key >> 1 & 0xff,
		.lost = key & 1,
		.ns = ns,
	};
	return true;
}

void time_parts_release(struct time_parts *parts)
{
	intmap_release(&parts->ns);
	intmap_release(&parts->pair_of);
	free(parts->pairs);
	*parts = (struct time_parts){.by_waker = parts->by_waker};
}

const char *part_state_name(unsigned int state)
{
	return state == PART_RUNNING   ? "running"
	       : state == PART_READY   ? "ready"
	       : state == PART_UNKNOWN ? "unknown"
				       : wait_kind_name((enum wait_kind)state);
}
