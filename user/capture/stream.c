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

#define SECTION_BYTES (1u << 20)

struct stream {
	struct recording_writer *writer;
	struct mappings *mappings;
	struct bytes section;
	struct bytes stacks;  /* WIRE_STACK records of this pass, as they came */
	struct intmap seen;   /* ids of stacks that are in the recording */
	struct stream_counts counts;
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
	intmap_release(&s->seen);
	free(s);
}

static int write_section(struct stream *s)
{
	int err = 0;

	if (s->section.len && !s->full)
		err = recording_write(s->writer, SECTION_EVENTS, s->section.data, s->section.len, !s->busy);
	if (err == -ENOMEM)
		return err;
	if (err && !s->full) {
		s->full = true;
		talk("%s; the command goes on, the recording ends here", fail_message());
	}
	if (s->full)
		s->dropped += s->section.len;
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
		[WIRE_END] = sizeof(struct wire_end),
	};
	const struct wire_stack *stack = (const struct wire_stack *)head;

	if (len < sizeof(*head) || head->size != len || head->type < WIRE_CYCLE || head->type > WIRE_END)
		return false;
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

int stream_record(void *stream, const void *record, size_t len)
{
	struct stream *s = stream;
	const struct wire_head *head = record;

	if (!well_formed(head, len)) {
		s->counts.refused++;
		return 0;
	}
	count_record(s, head);
	if (head->type != WIRE_STACK)
		return append(s, record, len);
	if (intmap_get(&s->seen, ((const struct wire_stack *)record)->id))
		return 0;
	return bytes_add(&s->stacks, record, len);
}

static int settle_stack(struct stream *s, struct wire_stack *stack)
{
	__u64 *user = stack->frames + stack->n_kernel;
	int err;

	if (!s->mappings || intmap_get(&s->seen, stack->id)) /* sent by two CPUs in one pass */
		return 0;
	for (uint32_t i = 0; i < stack->n_kernel; i++)
		stack->frames[i] = mappings_kernel_frame(s->mappings, stack->frames[i], i == 0);
	/* a "return address" that lies in no executable mapping is none: code without frame pointers uses the register otherwise */
	for (uint32_t i = 0; i < stack->n_user; i++) {
		user[i] = mappings_frame(s->mappings, stack->pid, stack->ts, user[i], i == 0);
		if (i > 0 && mappings_is_unknown(s->mappings, user[i])) {
			stack->n_user = (__u16)i;
			stack->head.size = (__u16)(sizeof(*stack) + 8u * (stack->n_kernel + i));
		}
	}
	err = intmap_put(&s->seen, stack->id, 1);
	if (err)
		return err;
	s->counts.stacks++;
	return append(s, stack, stack->head.size);
}

int stream_settle(struct stream *s, bool busy)
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
	return 0;
}

int stream_flush(struct stream *s)
{
	int err = stream_settle(s, false);

	return err ? err : write_section(s);
}

const struct stream_counts *stream_counts(const struct stream *s)
{
	return &s->counts;
}

uint64_t stream_dropped(const struct stream *s)
{
	return s->dropped;
}
