/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * In: WIRE_STACK records, FILES and NAMES sections. Out: trace.files, trace.frames (one for each distinct
 * frame, and one for each function inlined there) and trace.stacks. A stack that is named and never came is
 * the empty one.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "base/radix.h"
#include "model/load.h"
#include "recording/recording.h"

int stack_index(struct load *l, uint64_t id, uint32_t *index)
{
	uint64_t *at;
	int err;

	/* Id 0 is the empty stack, and the first that is asked for. */
	if (!id && l->n_stacks) {
		*index = 0;
		return 0;
	}
	at = intmap_get(&l->stack_of, id);
	if (at) {
		*index = (uint32_t)*at;
		return 0;
	}
	err = array_grow(&l->stacks, &l->stacks_cap, l->n_stacks + 1, sizeof(*l->stacks));
	if (!err)
		err = intmap_put(&l->stack_of, id, l->n_stacks);
	if (!err)
		*index = (uint32_t)l->n_stacks++;
	return err;
}

int stack_read(struct load *l, const unsigned char *record, size_t size)
{
	struct wire_stack w;
	struct load_stack *s;
	uint32_t index;
	size_t n;
	int err;

	if (size < sizeof(w))
		return fail(-EBADMSG, "a stack record has %zu bytes", size);
	memcpy(&w, record, sizeof(w));
	n = (size_t)w.n_kernel + w.n_user;
	if (size != sizeof(w) + 8 * n)
		return fail(-EBADMSG, "a stack of %u + %u frames has %zu bytes", w.n_kernel, w.n_user, size);
	err = stack_index(l, w.id, &index);
	if (err)
		return err;
	s = &l->stacks[index];
	if (!w.id || s->defined) /* sent again: a cache missed */
		return 0;
	s->first = l->raw_frames.len / 8;
	s->n_kernel = w.n_kernel;
	s->n_user = w.n_user;
	s->end = w.end < N_STACK_ENDS ? w.end : STACK_END_UNKNOWN;
	s->defined = n > 0;
	return bytes_add(&l->raw_frames, record + sizeof(w), 8 * n);
}

/* The text after an entry's fixed part, within the section: its length with padding, or 0 if it is not all
 * there. */
static size_t entry_size(size_t fixed, size_t text, size_t left)
{
	size_t size = fixed + text, padded = (size + 7) & ~(size_t)7;

	if (left < size)
		return 0;
	return padded < left ? padded : left;
}

int files_read(struct load *l, const unsigned char *data, size_t len)
{
	static const char *const unnamed[] = {"[unknown]", "[anon]", "[vdso]", "[unknown]"};
	struct section_file w;
	struct trace_file *f;
	size_t at, size;
	int err;

	for (at = 0; at < len; at += size) {
		size = 0;
		if (len - at >= sizeof(w)) {
			memcpy(&w, data + at, sizeof(w));
			size = entry_size(sizeof(w), w.path_len, len - at);
		}
		if (!size)
			return fail(-EBADMSG, "a files section ends within an entry");
		err = array_grow(&l->t->files, &l->files_cap, l->t->n_files + 1, sizeof(*l->t->files));
		if (err)
			return err;
		f = &l->t->files[l->t->n_files];
		f->number = w.number;
		f->kind = w.kind <= SECTION_FILE_UNKNOWN ? w.kind : SECTION_FILE_UNKNOWN;
		f->pid = w.pid;
		f->base = w.base;
		if (w.build_id_len <= sizeof(f->build_id)) {
			f->build_id_len = w.build_id_len;
			memcpy(f->build_id, w.build_id, w.build_id_len);
		}
		f->path = w.path_len ? load_text(l, (const char *)data + at + sizeof(w), w.path_len)
				     : unnamed[f->kind];
		if (!f->path)
			return -ENOMEM;
		l->t->n_files++;
	}
	return 0;
}

int names_read(struct load *l, const unsigned char *data, size_t len)
{
	struct section_name w;
	struct load_name *n;
	size_t at, size;
	bool no_symbol;
	int err;

	for (at = 0; at < len; at += size) {
		size = 0;
		if (len - at >= sizeof(w)) {
			memcpy(&w, data + at, sizeof(w));
			size = entry_size(sizeof(w), w.name_len, len - at);
		}
		if (!size)
			return fail(-EBADMSG, "a names section ends within an entry");
		no_symbol = w.depth & SECTION_NAME_NO_SYMBOL;
		w.depth &= (uint16_t)~SECTION_NAME_NO_SYMBOL;
		if (w.depth >= LOAD_INLINE_DEPTH || !w.name_len)
			continue;
		err = array_grow(&l->names, &l->names_cap, l->n_names + 1, sizeof(*l->names));
		if (err)
			return err;
		n = &l->names[l->n_names];
		n->frame = w.frame;
		n->depth = w.depth;
		n->no_symbol = no_symbol;
		n->offset = w.offset;
		n->text = load_text(l, (const char *)data + at + sizeof(w), w.name_len);
		if (!n->text)
			return -ENOMEM;
		l->n_names++;
	}
	return 0;
}

/* What stacks_build works with. */
struct frames {
	struct load_name *names; /* by frame, then depth; of equal ones the last given */
	size_t n_names;
	struct intmap name_of; /* frame: its first name */
	struct intmap file_of; /* number: index in trace.files */
	struct intmap made;    /* frame: its first trace_frame */
	size_t frames_cap;
	size_t n_pool, pool_cap;
};

static int sort_names(struct load *l, struct frames *f)
{
	struct radix_item *items = calloc(l->n_names + 1, sizeof(*items));
	size_t i;
	int err = 0;

	f->names = calloc(l->n_names + 1, sizeof(*f->names));
	if (!items || !f->names) {
		err = fail(-ENOMEM, "out of memory: %zu names", l->n_names);
		goto out;
	}
	for (i = 0; i < l->n_names; i++)
		items[i] = (struct radix_item){.key = l->names[i].depth, .value = i};
	err = radix_sort(items, l->n_names);
	for (i = 0; i < l->n_names; i++)
		items[i].key = l->names[items[i].value].frame;
	if (!err)
		err = radix_sort(items, l->n_names);
	for (i = 0; i < l->n_names && !err; i++) {
		const struct load_name *n = &l->names[items[i].value];
		struct load_name *last = f->n_names ? &f->names[f->n_names - 1] : NULL;

		if (last && last->frame == n->frame && last->depth == n->depth) {
			*last = *n;
			continue;
		}
		if (!last || last->frame != n->frame)
			err = intmap_put(&f->name_of, n->frame, f->n_names);
		f->names[f->n_names++] = *n;
	}
out:
	free(items);
	return err;
}

static const char *frame_file(const struct load *l, const struct frames *f, uint64_t frame)
{
	uint64_t number = frame >> WIRE_FRAME_OFFSET_BITS, *at;

	if (number >= WIRE_FRAME_KERNEL_FILE)
		return "[kernel]";
	at = intmap_get(&f->file_of, number);
	return at ? l->t->files[*at].path : "[unknown]";
}

/* The trace_frames of a frame, made if they are new: one, or one for each name; the first one's index. */
static int make_frames(struct load *l, struct frames *f, uint64_t frame, size_t *first)
{
	uint64_t *at = intmap_get(&f->made, frame), *named;
	struct trace *t = l->t;
	struct trace_frame *made;
	size_t name;
	int err;

	if (at) {
		*first = (size_t)*at;
		return 0;
	}
	*first = t->n_frames;
	err = intmap_put(&f->made, frame, t->n_frames);
	named = intmap_get(&f->name_of, frame);
	name = named ? (size_t)*named : f->n_names;
	do {
		if (!err)
			err = array_grow(&t->frames, &f->frames_cap, t->n_frames + 1, sizeof(*t->frames));
		if (err)
			return err;
		made = &t->frames[t->n_frames++];
		made->frame = frame;
		made->file = frame_file(l, f, frame);
		made->kernel = frame >> WIRE_FRAME_OFFSET_BITS >= WIRE_FRAME_KERNEL_FILE;
		if (named) {
			made->name = f->names[name].text;
			made->offset = f->names[name].offset;
			made->no_symbol = f->names[name].no_symbol;
			made->source = f->names[name].source;
			made->line = f->names[name].line;
		}
		name++;
		made->inlined = named && name < f->n_names && f->names[name].frame == frame;
	} while (made->inlined);
	return 0;
}

/* Appends n frames, with what was inlined, to the pool: how many that became is *made. */
static int unfold(struct load *l, struct frames *f, const unsigned char *raw, uint32_t n, uint32_t *made)
{
	size_t before = f->n_pool, first;
	uint64_t frame;
	uint32_t i;
	int err;

	for (i = 0; i < n; i++) {
		memcpy(&frame, raw + (size_t)i * 8, sizeof(frame));
		err = make_frames(l, f, frame, &first);
		if (err)
			return err;
		for (; first < l->t->n_frames && l->t->frames[first].frame == frame; first++) {
			err = array_grow(&l->store->stack_frames, &f->pool_cap, f->n_pool + 1,
					 sizeof(*l->store->stack_frames));
			if (err)
				return err;
			l->store->stack_frames[f->n_pool++] = (uint32_t)first;
		}
	}
	*made = (uint32_t)(f->n_pool - before);
	return 0;
}

static int build_stacks(struct load *l, struct frames *f, uint32_t *stack_of)
{
	struct trace *t = l->t;
	size_t *first = calloc(l->n_stacks, sizeof(*first)), i;
	int err = 0;

	t->stacks = calloc(l->n_stacks, sizeof(*t->stacks));
	if (!first || !t->stacks) {
		free(first);
		return fail(-ENOMEM, "out of memory: %zu stacks", l->n_stacks);
	}
	t->n_stacks = 1;
	for (i = 1; i < l->n_stacks && !err; i++) {
		const struct load_stack *s = &l->stacks[i];
		struct trace_stack *made = &t->stacks[t->n_stacks];
		const unsigned char *raw;

		if (!s->defined)
			continue;
		raw = l->raw_frames.data + s->first * 8;
		made->end = s->end;
		first[t->n_stacks] = f->n_pool;
		stack_of[i] = (uint32_t)t->n_stacks++;
		err = unfold(l, f, raw, s->n_kernel, &made->n_kernel);
		if (!err)
			err = unfold(l, f, raw + (size_t)s->n_kernel * 8, s->n_user, &made->n_user);
	}
	/* Only now: the pool has stopped moving. */
	for (i = 0; i < t->n_stacks && !err; i++)
		t->stacks[i].frames = l->store->stack_frames ? l->store->stack_frames + first[i] : NULL;
	free(first);
	return err;
}

int stacks_build(struct load *l)
{
	uint32_t *stack_of = calloc(l->n_stacks, sizeof(*stack_of)); /* load's index: trace's */
	struct frames f = {0};
	size_t i;
	int err;

	if (!stack_of)
		return fail(-ENOMEM, "out of memory: %zu stacks", l->n_stacks);
	err = sort_names(l, &f);
	for (i = 0; i < l->t->n_files && !err; i++)
		err = intmap_put(&f.file_of, l->t->files[i].number, i);
	if (!err)
		err = build_stacks(l, &f, stack_of);
	for (i = 0; i < l->t->n_cycles; i++)
		l->t->cycles[i].stack = stack_of[l->t->cycles[i].stack];
	for (i = 0; i < l->t->n_samples; i++)
		l->t->samples[i].stack = stack_of[l->t->samples[i].stack];
	for (i = 0; i < l->t->n_wakers; i++)
		l->t->wakers[i].stack = stack_of[l->t->wakers[i].stack];
	free(stack_of);
	free(f.names);
	intmap_release(&f.name_of);
	intmap_release(&f.file_of);
	intmap_release(&f.made);
	return err;
}
