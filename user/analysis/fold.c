/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * In: the stream with its stacks, the samples, the exact totals. Out: folded lines. Thread by thread: first
 * nanoseconds by stack, system call and state, which is a few numbers; only then are these made into text and
 * added up.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/fold.h"
#include "analysis/frames.h"
#include "analysis/kinds.h"
#include "base/bytes.h"
#include "base/fail.h"
#include "base/intmap.h"
#include "base/radix.h"
#include "base/strings.h"
#include "base/text.h"

/* States of a line: the wait kinds, and these. */
enum { STATE_RUN = N_WAIT_KINDS, STATE_RDY, STATE_LOST };
#define NO_STACK 0u
#define ABI	 (WIRE_CYCLE_COMPAT | WIRE_CYCLE_X32)

struct folding {
	const struct trace *t;
	const struct fold_choice *choice;
	struct fold *fold;
	size_t cap;	       /* of fold->lines */
	struct intmap line_of; /* number of a text: index in fold->lines */
	struct intmap parts;   /* of the thread at hand: state, stack and call: ns */
	struct bytes text;
	size_t prefix; /* of text: process;thread */
};

/* 32 bits of stack, 16 of system call, 4 of its table, 8 of state, 1: lost detail. */
static uint64_t part_key(uint32_t stack, uint16_t syscall, uint16_t flags, unsigned int state, bool lost)
{
	return (uint64_t)stack << 32 | (uint64_t)syscall << 16 | (uint64_t)(flags & ABI) << 10 | state << 1 |
	       lost;
}

static int add_part(struct folding *f, uint64_t key, uint64_t ns)
{
	uint64_t *at;

	if (!ns)
		return 0;
	at = intmap_get(&f->parts, key);
	if (!at)
		return intmap_put(&f->parts, key, ns);
	*at += ns;
	return 0;
}

static int add_lost(struct folding *f, unsigned int state, uint64_t exact, uint64_t streamed)
{
	if (exact <= streamed)
		return 0;
	return add_part(f, part_key(NO_STACK, WIRE_NO_SYSCALL, 0, state, true), exact - streamed);
}

/* Waits and ready time, exact; what the stream has not goes to [no detail]. */
static int fold_waits(struct folding *f, const struct trace_thread *thread)
{
	uint64_t waits[N_WAIT_KINDS] = {0}, streamed_ready = 0, ready = 0;
	int err = 0, k;
	size_t i;

	for (i = 0; i < thread->n_cycles && !err; i++) {
		const struct trace_cycle *c = &f->t->cycles[thread->first_cycle + i];

		if (c->blocked) {
			waits[c->kind] += c->wait_ns;
			err = add_part(f, part_key(c->stack, c->syscall, c->flags, c->kind, false),
				       c->wait_ns);
		}
		streamed_ready += c->ready_ns;
		if (!err)
			err = add_part(f, part_key(c->stack, c->syscall, c->flags, STATE_RDY, false),
				       c->ready_ns);
	}
	for (k = 0; k < N_WAIT_KINDS && !err; k++)
		err = add_lost(f, (unsigned int)k, thread->waits[k].ns, waits[k]);
	for (k = 0; k < N_READY_REASONS; k++)
		ready += thread->ready_ns[k];
	if (!err)
		err = add_lost(f, STATE_RDY, ready, streamed_ready);
	if (!err)
		err = add_lost(f, STATE_LOST, thread->unknown_ns, 0);
	return err;
}

/* Each sample is an equal share of the thread's running time: they add up to it to the nanosecond. */
static int fold_running(struct folding *f, const struct trace_thread *thread)
{
	uint64_t given = 0;
	size_t i;
	int err = 0;

	if (!thread->n_samples)
		return add_part(f, part_key(NO_STACK, WIRE_NO_SYSCALL, 0, STATE_RUN, false),
				thread->running_ns);
	for (i = 0; i < thread->n_samples && !err; i++) {
		const struct trace_sample *s = &f->t->samples[thread->first_sample + i];
		uint64_t upto =
			(uint64_t)((unsigned __int128)thread->running_ns * (i + 1) / thread->n_samples);
		uint16_t call = s->flags & WIRE_SAMPLE_USER ? WIRE_NO_SYSCALL : s->syscall;

		err = add_part(f, part_key(s->stack, call, 0, STATE_RUN, false), upto - given);
		given = upto;
	}
	return err;
}

static int add_text(struct folding *f, const char *text)
{
	return bytes_add(&f->text, text, strlen(text));
}

static int add_frame(struct folding *f, const struct trace_frame *frame)
{
	char label[FRAME_LABEL_MAX];
	int err = add_text(f, ";");

	if (!err)
		err = add_text(f, frame_label(label, sizeof(label), frame));
	if (!err && frame->kernel)
		err = add_text(f, "_[k]");
	return err;
}

static int add_stack(struct folding *f, uint32_t index)
{
	const struct trace_stack *s = &f->t->stacks[index];
	uint32_t i;
	int err = 0;

	if (!(s->n_kernel + s->n_user))
		return add_text(f, ";[no stack]");
	/* Innermost first in the trace: kernel frames, then user frames. */
	for (i = s->n_kernel + s->n_user; i-- && !err;)
		err = add_frame(f, &f->t->frames[s->frames[i]]);
	return err;
}

static int add_call(struct folding *f, uint32_t stack, uint16_t syscall, uint16_t flags)
{
	const char *name = f->t->stacks[stack].n_kernel ? NULL : trace_syscall_name(f->t, syscall, flags);
	char clean[64];

	if (!name)
		return 0;
	text_clean(clean, sizeof(clean), name, strlen(name), ";");
	return bytes_printf(&f->text, ";%s_[k]", clean);
}

static const char *state_name(unsigned int state)
{
	return state == STATE_RUN    ? "running"
	       : state == STATE_RDY  ? "ready"
	       : state == STATE_LOST ? "unknown"
				     : wait_kind_name((enum wait_kind)state);
}

/* The text of a part behind the prefix, and its time added to that line. */
static int add_line(struct folding *f, uint64_t key, uint64_t ns)
{
	uint32_t stack = (uint32_t)(key >> 32);
	uint16_t syscall = key >> 16 & 0xffff, flags = key >> 10 & ABI;
	unsigned int state = key >> 1 & 0xff;
	struct fold *fold = f->fold;
	int64_t number;
	uint64_t *at;
	int err;

	f->text.len = f->prefix;
	err = key & 1 ? add_text(f, ";[no detail]") : add_stack(f, stack);
	if (!err)
		err = add_call(f, stack, syscall, flags);
	if (!err)
		err = bytes_printf(&f->text, ";[%s]", state_name(state));
	if (err)
		return err;
	number = strings_add(fold->strings, (const char *)f->text.data, f->text.len);
	if (number < 0)
		return (int)number;
	fold->total_ns += ns;
	at = intmap_get(&f->line_of, (uint64_t)number);
	if (at) {
		fold->lines[*at].ns += ns;
		return 0;
	}
	err = array_grow(&fold->lines, &f->cap, fold->n + 1, sizeof(*fold->lines));
	if (!err)
		err = intmap_put(&f->line_of, (uint64_t)number, fold->n);
	if (err)
		return err;
	fold->lines[fold->n++] =
		(struct fold_line){.text = strings_get(fold->strings, (uint32_t)number), .ns = ns};
	return 0;
}

static int add_prefix(struct folding *f, const struct trace_thread *thread)
{
	const struct trace_process *p = &f->t->processes[thread->process];
	char process[64], name[64];
	int err;

	text_clean(process, sizeof(process), p->comm ? p->comm : "?", p->comm ? strlen(p->comm) : 1, ";");
	text_clean(name, sizeof(name), thread->comm ? thread->comm : "?",
		   thread->comm ? strlen(thread->comm) : 1, ";");
	bytes_clear(&f->text);
	if (f->choice->by_id)
		err = bytes_printf(&f->text, "%s-%u;%s-%u", process, p->pid, name, thread->tid);
	else
		err = bytes_printf(&f->text, "%s;%s", process, name);
	f->prefix = f->text.len;
	return err;
}

static int fold_thread(struct folding *f, const struct trace_thread *thread)
{
	uint64_t key, ns;
	size_t at = 0;
	int err = 0;

	if (f->choice->what != FOLD_CPU)
		err = fold_waits(f, thread);
	if (!err && f->choice->what != FOLD_WAIT)
		err = fold_running(f, thread);
	if (!err)
		err = add_prefix(f, thread);
	while (!err && intmap_next(&f->parts, &at, &key, &ns))
		err = add_line(f, key, ns);
	intmap_release(&f->parts);
	return err;
}

static int compare_lines(const void *a, const void *b)
{
	return strcmp(((const struct fold_line *)a)->text, ((const struct fold_line *)b)->text);
}

/* Whole microseconds, and the ones that are left to the lines with the largest remainders. */
static int round_lines(struct fold *fold)
{
	struct radix_item *order = calloc(fold->n + 1, sizeof(*order));
	uint64_t given = 0;
	size_t i;
	int err;

	if (!order)
		return fail(-ENOMEM, "out of memory: %zu folded lines", fold->n);
	fold->total_us = fold->total_ns / 1000 + (fold->total_ns % 1000 >= 500);
	for (i = 0; i < fold->n; i++) {
		fold->lines[i].us = fold->lines[i].ns / 1000;
		given += fold->lines[i].us;
		order[i] = (struct radix_item){.key = 999 - fold->lines[i].ns % 1000, .value = i};
	}
	err = radix_sort(order, fold->n);
	for (i = 0; i < fold->n && given < fold->total_us && !err; i++, given++)
		fold->lines[order[i].value].us++;
	free(order);
	return err;
}

int fold_build(struct fold **out, const struct trace *t, const struct fold_choice *choice)
{
	struct fold *fold = calloc(1, sizeof(*fold));
	struct folding f = {.t = t, .choice = choice, .fold = fold};
	size_t i;
	int err = 0;

	*out = NULL;
	if (fold)
		fold->strings = strings_new();
	if (!fold || !fold->strings) {
		fold_free(fold);
		return fail(-ENOMEM, "out of memory: folded stacks");
	}
	for (i = 0; i < t->n_threads && !err; i++)
		err = fold_thread(&f, &t->threads[i]);
	if (fold->n)
		qsort(fold->lines, fold->n, sizeof(*fold->lines), compare_lines);
	if (!err)
		err = round_lines(fold);
	intmap_release(&f.line_of);
	bytes_release(&f.text);
	if (err)
		fold_free(fold);
	else
		*out = fold;
	return err;
}

void fold_free(struct fold *f)
{
	if (!f)
		return;
	strings_free(f->strings);
	free(f->lines);
	free(f);
}
