/* SPDX-License-Identifier: BSD-2-Clause */
/* Comes in: records from the probes. Goes out: SECTION_EVENTS of the recording. */
#include "capture/stream.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/fail.h"
#include "base/intmap.h"
#include "capture/live_stack.h"

#define SECTION_BYTES (1u << 20)
#define SECTION_LEAST 4096	  /* where there is no room for so much, nothing smaller is tried */
#define COPIES_MAX    (16u << 20) /* bytes of copies that wait for tables; with more none waits */
#define TABLES_MS     3000	  /* at the end: that long tables are waited for */

struct stream {
	struct recording_writer *writer;
	struct mappings *mappings;
	struct bytes section;
	struct bytes stacks;  /* WIRE_STACK records of this pass, as they came */
	struct bytes copies;  /* WIRE_COPY records whose walk waits for a table, or for this pass's mappings */
	struct intmap seen;   /* ids of stacks that are in the recording: a hash of the frames as they came */
	struct stream_counts counts;
	uint64_t collided[N_COLLIDED]; /* ids that two stacks have had */
	size_t n_collided;
	size_t written; /* of the section */
	uint64_t dropped;
	bool busy, full;
};

struct stream *stream_new(struct recording_writer *writer, struct mappings *mappings)
{
	struct stream *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->writer = writer;
	s->mappings = mappings;
	return s;
}

void stream_free(struct stream *s)
{
	if (!s)
		return;
	bytes_release(&s->section);
	bytes_release(&s->stacks);
	bytes_release(&s->copies);
	intmap_release(&s->seen);
	free(s);
}

/* Where the record is that the middle of these lies in; 0: there is only one. */
static size_t middle_of(const unsigned char *records, size_t len)
{
	size_t at = 0, next = 0;

	while (next <= len / 2) {
		at = next;
		next += ((const struct wire_head *)(records + at))->size;
	}
	return at ? at : next < len ? next : 0;
}

/* The first half, then the second, where all of it finds no room: on a disk that is full each record that fits counts. */
static int write_records(struct stream *s, const unsigned char *records, size_t len)
{
	int err = recording_write(s->writer, SECTION_EVENTS, records, len, !s->busy);
	size_t half;

	if (!err) {
		s->written += len;
		return 0;
	}
	half = len > SECTION_LEAST ? middle_of(records, len) : 0;
	if (!half || !recording_retry(s->writer))
		return err;
	err = write_records(s, records, half);
	return err ? err : write_records(s, records + half, len - half);
}

static int write_section(struct stream *s)
{
	int err = 0;

	s->written = 0;
	if (s->section.len && !s->full)
		err = write_records(s, s->section.data, s->section.len);
	if (err == -ENOMEM)
		return err;
	if (err && !s->full) {
		s->full = true;
		talk("%s; the command goes on, the recording ends here", fail_message());
	}
	if (s->full)
		s->dropped += s->section.len - s->written;
	bytes_clear(&s->section);
	return 0;
}

static int append(struct stream *s, const void *record, size_t len)
{
	int err = bytes_add(&s->section, record, len);

	return err || s->section.len < SECTION_BYTES ? err : write_section(s);
}

/* Is the record as long as its type says? The probes are ours, but a reader of rings trusts nothing. */
static bool well_formed(const struct wire_head *head, size_t len)
{
	static const size_t sizes[] = {
		[WIRE_CYCLE] = sizeof(struct wire_cycle), [WIRE_SAMPLE] = sizeof(struct wire_sample),
		[WIRE_STACK] = 0,                         [WIRE_THREAD] = sizeof(struct wire_thread),
		[WIRE_EXEC] = sizeof(struct wire_exec),   [WIRE_WAIT] = sizeof(struct wire_wait),
		[WIRE_END] = sizeof(struct wire_end),     [WIRE_COPY] = 0,
		[WIRE_WAKE] = sizeof(struct wire_wake),
	};
	const struct wire_stack *stack = (const struct wire_stack *)head;
	const struct wire_copy *copy = (const struct wire_copy *)head;

	if (len < sizeof(*head) || head->size != len || head->type < WIRE_CYCLE || head->type > WIRE_WAKE || head->type == WIRE_PROOF)
		return false;
	if (head->type == WIRE_COPY)
		return len >= sizeof(*copy) && len == sizeof(*copy) + 8u * ((size_t)copy->n_kernel + copy->n_words) &&
		       copy->n_kernel <= WIRE_MAX_KERNEL_FRAMES;
	if (head->type != WIRE_STACK)
		return len == sizes[head->type];
	return len >= sizeof(*stack) && len == sizeof(*stack) + 8u * ((size_t)stack->n_kernel + stack->n_user);
}

static void count_record(struct stream *s, const struct wire_head *head)
{
	switch (head->type) {
	case WIRE_CYCLE:
		s->counts.cycles++;
		break;
	case WIRE_SAMPLE:
		s->counts.samples++;
		break;
	case WIRE_THREAD:
		if (!s->counts.threads++)
			s->counts.first_ns = ((const struct wire_thread *)head)->ts;
		s->counts.processes += ((const struct wire_thread *)head)->flags & WIRE_THREAD_PROCESS;
		break;
	case WIRE_END:
		if (((const struct wire_end *)head)->end > s->counts.last_ns)
			s->counts.last_ns = ((const struct wire_end *)head)->end;
		break;
	default:
		break;
	}
}

static int take_copy(struct stream *s, const struct wire_copy *copy, size_t len)
{
	if (!s->mappings)
		return 0;
	return copy->n_words ? bytes_add(&s->copies, copy, len) : live_stack_add(&s->copies, copy);
}

static int take_record(struct stream *s, const void *record, size_t len)
{
	const struct wire_head *head = record;

	if (!well_formed(head, len)) {
		s->counts.refused++;
		return 0;
	}
	count_record(s, head);
	if (head->type == WIRE_COPY)
		return take_copy(s, record, len);
	if (head->type != WIRE_STACK)
		return append(s, record, len);
	return bytes_add(&s->stacks, record, len);
}

int stream_record(void *stream, const void *records, size_t len)
{
	const unsigned char *at = records;
	int err = 0;

	while (!err && len) {
		size_t size = len < sizeof(struct wire_head) ? 0 : ((const struct wire_head *)at)->size;

		/* one that does not say how long it is ends what came with it */
		if (!size || size > len)
			size = len;
		err = take_record(stream, at, size);
		at += size;
		len -= size;
	}
	return err;
}

/*
 * Not the hash that the id is. Of a user frame the offset alone: two files with one build id have one identity, and stacks in them
 * are the same although the files' numbers differ.
 */
static uint64_t hash_frames(const struct wire_stack *stack)
{
	uint64_t hash = stack->n_kernel * 0x9e3779b97f4a7c15ull + stack->n_user;

	for (size_t i = 0; i < (size_t)stack->n_kernel + stack->n_user; i++)
		hash = (hash ^ (stack->frames[i] & ((1ull << WIRE_FRAME_OFFSET_BITS) - 1))) * 0x9fb21c651e98df25ull + (hash >> 29);
	return hash;
}

/* Another stack has the id. The probes are told (stream_collided), and give both other ones. */
static void note_collision(struct stream *s, uint64_t id)
{
	s->counts.collisions++;
	for (size_t i = 0; i < s->n_collided; i++)
		if (s->collided[i] == id)
			return;
	if (s->n_collided < N_COLLIDED)
		s->collided[s->n_collided++] = id;
}

static int settle_stack(struct stream *s, struct wire_stack *stack)
{
	__u64 *user = stack->frames + stack->n_kernel;
	uint64_t hash = hash_frames(stack), *seen = intmap_get(&s->seen, stack->id);
	int err;

	if (seen && *seen != hash) /* else sent again, by another CPU or after others */
		note_collision(s, stack->id);
	if (!s->mappings || seen)
		return 0;
	for (uint32_t i = 0; i < stack->n_kernel; i++)
		stack->frames[i] = mappings_kernel_frame(s->mappings, stack->frames[i], i == 0);
	/* by frame pointer: a "return address" that lies in no executable mapping is none; the register is used otherwise there */
	for (uint32_t i = 0; i < stack->n_user; i++) {
		if (user[i] >> 56 != WIRE_FRAME_RAW >> 56) {
			mappings_note_frame(s->mappings, user[i]);
			continue;
		}
		user[i] = mappings_frame(s->mappings, stack->pid, stack->ts, user[i] & ~WIRE_FRAME_RAW, i == 0);
		if (i > 0 && mappings_is_unknown(s->mappings, user[i])) {
			stack->n_user = (__u16)i;
			stack->head.size = (__u16)(sizeof(*stack) + 8u * (stack->n_kernel + i));
		}
	}
	err = intmap_put(&s->seen, stack->id, hash);
	if (err)
		return err;
	s->counts.stacks++;
	return append(s, stack, stack->head.size);
}

/* The stack that the copy of one is, walked as far as it can be by now. */
static int append_walked(struct stream *s, const struct wire_copy *c, const uint64_t *frames, size_t n, enum stack_end end)
{
	uint64_t record[sizeof(struct wire_stack) / 8 + WIRE_MAX_KERNEL_FRAMES + WIRE_MAX_FRAMES];
	struct wire_stack *stack = (struct wire_stack *)record;

	*stack = (struct wire_stack){
		.head = {.type = WIRE_STACK, .thread = c->head.thread},
		.id = c->id,
		.ts = c->ts,
		.pid = c->pid,
		.n_kernel = c->n_kernel,
		.end = (uint8_t)end,
		.n_user = (uint16_t)n,
	};
	stack->head.size = (uint16_t)(sizeof(*stack) + 8 * (c->n_kernel + n));
	for (size_t i = 0; i < c->n_kernel; i++)
		stack->frames[i] = mappings_kernel_frame(s->mappings, c->words[i], i == 0);
	for (size_t i = 0; i < n; i++) {
		stack->frames[c->n_kernel + i] = frames[i];
		mappings_note_frame(s->mappings, frames[i]);
	}
	if ((int)end < N_STACK_ENDS)
		s->counts.ends[end]++;
	s->counts.stacks++;
	return append(s, stack, stack->head.size);
}

/* Not even the first frame could be looked up: it is known all the same. */
static size_t first_frame(struct stream *s, const struct wire_copy *c, uint64_t *frames)
{
	frames[0] = mappings_frame(s->mappings, c->pid, c->ts, c->regs[WIRE_REGISTER_PC], true);
	return frames[0] != 0;
}

/* Walks the copies. Those whose tables are on their way wait for the next time, unless this is the `last`. */
static int settle_copies(struct stream *s, bool last)
{
	uint64_t frames[WIRE_MAX_FRAMES];
	size_t at = 0, kept = 0;

	while (at < s->copies.len) {
		const struct wire_copy *c = (const struct wire_copy *)(s->copies.data + at);
		size_t size = c->head.size, n;
		enum stack_end end;
		bool soon;
		int err;

		end = mappings_walk(s->mappings, c, frames, &n, &soon);
		if (soon && !last && s->copies.len <= COPIES_MAX) {
			memmove(s->copies.data + kept, c, size);
			kept += size;
		} else {
			if (!n)
				n = first_frame(s, c, frames);
			err = append_walked(s, c, frames, n, end);
			if (err)
				return err;
		}
		at += size;
	}
	s->copies.len = kept;
	return 0;
}

static int settle(struct stream *s, bool busy, bool last)
{
	size_t at = 0;

	s->busy = busy;
	while (at < s->stacks.len) {
		struct wire_stack *stack = (struct wire_stack *)(s->stacks.data + at);
		size_t size = stack->head.size; /* it may get shorter */
		int err = settle_stack(s, stack);

		if (err)
			return err;
		at += size;
	}
	bytes_clear(&s->stacks);
	return settle_copies(s, last);
}

int stream_settle(struct stream *s, bool busy)
{
	return settle(s, busy, false);
}

int stream_flush(struct stream *s)
{
	int err = settle(s, false, false);

	return err ? err : write_section(s);
}

int stream_finish(struct stream *s)
{
	int err;

	if (s->mappings && s->copies.len)
		mappings_finish_tables(s->mappings, TABLES_MS);
	err = settle(s, false, true);
	return err ? err : write_section(s);
}

size_t stream_collided(const struct stream *s, const uint64_t **ids)
{
	*ids = s->collided;
	return s->n_collided;
}

const struct stream_counts *stream_counts(const struct stream *s)
{
	return &s->counts;
}

uint64_t stream_dropped(const struct stream *s)
{
	return s->dropped;
}
