/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * In: the stacks and names of a recording, and a source that knows more of its files. Out: more names, with
 * what was inlined and source lines, as if the recording had them.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "base/radix.h"
#include "model/load.h"
#include "recording/recording.h"

#define OFFSET_MASK ((1ull << WIRE_FRAME_OFFSET_BITS) - 1)

struct asking {
	struct load *l;
	const struct trace_source *source;
	struct intmap name_of;	   /* frame: index in load.names of the function that the recording names */
	struct intmap place_of;	   /* those that are named by where they begin: any symbol is better */
	struct intmap inlined;	   /* frames of which the recording knows the inlined functions */
	struct radix_item *frames; /* distinct ones, by file, then offset; .key alone counts */
	size_t n;
	const struct radix_item *asked; /* those of the file at hand */
};

static int note_names(struct asking *a)
{
	int err = 0;

	for (size_t i = 0; i < a->l->n_names && !err; i++) {
		const struct load_name *n = &a->l->names[i];

		if (n->depth)
			err = intmap_put(&a->inlined, n->frame, 1);
		else
			err = intmap_put(n->no_symbol ? &a->place_of : &a->name_of, n->frame, i);
	}
	return err;
}

/* Every frame of the stacks that lies in a file and is to be asked about, once. */
static int collect_frames(struct asking *a)
{
	const size_t all = a->l->raw_frames.len / sizeof(uint64_t);
	struct intmap seen = {0};
	int err = 0;

	a->frames = calloc(all + 1, sizeof(*a->frames));
	if (!a->frames)
		return fail(-ENOMEM, "out of memory: %zu frames", all);
	for (size_t i = 0; i < all && !err; i++) {
		uint64_t frame;

		memcpy(&frame, a->l->raw_frames.data + i * sizeof(frame), sizeof(frame));
		if (frame >> WIRE_FRAME_OFFSET_BITS >= WIRE_FRAME_KERNEL_FILE ||
		    !(frame >> WIRE_FRAME_OFFSET_BITS) || intmap_get(&seen, frame) ||
		    intmap_get(&a->inlined, frame) || (!a->source->named && intmap_get(&a->name_of, frame)))
			continue;
		err = intmap_put(&seen, frame, 1);
		a->frames[a->n++].key = frame;
	}
	intmap_release(&seen);
	return err ? err : radix_sort(a->frames, a->n);
}

/* "" is NULL: nothing is known. -ENOMEM, or 0. */
static int keep_text(struct load *l, const char **to, const char *text, size_t len)
{
	*to = len ? load_text(l, text, len) : NULL;
	return len && !*to ? -ENOMEM : 0;
}

static int take_part(void *ctx, size_t index, const struct line_part *part)
{
	struct asking *a = ctx;
	struct load *l = a->l;
	const uint64_t frame = a->asked[index].key, *named = intmap_get(&a->name_of, frame);
	struct load_name n = {.frame = frame, .depth = (uint32_t)part->depth, .line = part->line};
	int err;

	if (part->depth >= LOAD_INLINE_DEPTH)
		return 0;
	if (!named && !part->name_len)
		named = intmap_get(&a->place_of, frame);
	if (!part->inlined && named) {
		n.text = l->names[*named].text;
		n.offset = l->names[*named].offset;
		n.no_symbol = l->names[*named].no_symbol;
		err = 0;
	} else {
		n.offset = part->offset > UINT32_MAX ? UINT32_MAX : (uint32_t)part->offset;
		err = keep_text(l, &n.text, part->name, part->name_len);
	}
	if (!err)
		err = keep_text(l, &n.source, part->source, part->source_len);
	/* a frame of its own needs some name; the outermost has at least a file and an offset */
	if (!err && part->inlined && !n.text)
		n.text = "[inlined]";
	if (!err)
		err = array_grow(&l->names, &l->names_cap, l->n_names + 1, sizeof(*l->names));
	if (!err)
		l->names[l->n_names++] =
			n; /* given last: it goes before what the recording has at this depth */
	return err;
}

static int ask_file(struct asking *a, const struct trace_file *file, size_t n)
{
	uint64_t *offsets = calloc(n, sizeof(*offsets));
	int err;

	if (!offsets)
		return fail(-ENOMEM, "out of memory: %zu frames", n);
	for (size_t i = 0; i < n; i++)
		offsets[i] = a->asked[i].key & OFFSET_MASK;
	err = a->source->ask(a->source->ctx, file, offsets, n, take_part, a);
	free(offsets);
	return err;
}

static int ask_all(struct asking *a)
{
	struct intmap file_of = {0};
	const struct trace *t = a->l->t;
	size_t n;
	int err = 0;

	for (size_t i = 0; i < t->n_files && !err; i++)
		err = intmap_put(&file_of, t->files[i].number, i);
	for (size_t at = 0; at < a->n && !err; at += n) {
		const uint64_t number = a->frames[at].key >> WIRE_FRAME_OFFSET_BITS;
		const uint64_t *file = intmap_get(&file_of, number);

		for (n = 1; at + n < a->n && a->frames[at + n].key >> WIRE_FRAME_OFFSET_BITS == number;)
			n++;
		a->asked = &a->frames[at];
		if (file && t->files[*file].kind == SECTION_FILE_ELF)
			err = ask_file(a, &t->files[*file], n);
	}
	intmap_release(&file_of);
	return err;
}

int sources_ask(struct load *l, const struct trace_source *source)
{
	struct asking a = {.l = l, .source = source};
	int err = note_names(&a);

	if (!err)
		err = collect_frames(&a);
	if (!err)
		err = ask_all(&a);
	intmap_release(&a.name_of);
	intmap_release(&a.place_of);
	intmap_release(&a.inlined);
	free(a.frames);
	return err;
}
