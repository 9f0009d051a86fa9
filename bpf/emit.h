/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Records into the rings; a record that finds no room is counted, never waited for. */
#ifndef CONCTRACE_EMIT_H
#define CONCTRACE_EMIT_H

#include "maps.h"

static __always_inline struct wire_cpu *this_cpu(void)
{
	__u32 cpu = bpf_get_smp_processor_id();

	return bpf_map_lookup_elem(&cpus, &cpu);
}

static __always_inline void count_losses(enum loss_cause cause, __u32 n)
{
	struct wire_cpu *cpu = this_cpu();

	if (cpu)
		cpu->counts.loss[cause] += n;
}

static __always_inline void count_loss(enum loss_cause cause)
{
	count_losses(cause, 1);
}

static __always_inline void *this_ring(void)
{
	__u32 slot = bpf_get_smp_processor_id() & (settings.rings - 1);

	return bpf_map_lookup_elem(&rings, &slot);
}

#define WAKE_SLACK 2048 /* the record before this one may have been longer: the boundary is not missed between two */

/* The reader is woken when a quarter of the ring has filled, and at each further quarter; otherwise it comes by itself. */
static __always_inline __u64 wake_flags(void *ring, __u64 ring_bytes, __u32 size)
{
	__u64 quarter = ring_bytes >> 2;
	__u64 waiting = bpf_ringbuf_query(ring, BPF_RB_AVAIL_DATA);

	return waiting >= quarter && (waiting & (quarter - 1)) < size + WAKE_SLACK ? BPF_RB_FORCE_WAKEUP
									   : BPF_RB_NO_WAKEUP;
}

/*
 * For what the reader should see to at once: new mappings, and stacks that wait for a table. It is woken, unless it was a moment ago: it takes longer than
 * that to come, so it will see this as well. (To wake it costs 10 us.)
 */
static __always_inline __u64 wake_at_once(__u64 now)
{
	struct wire_cpu *cpu = this_cpu();

	if (!cpu || now - cpu->slot.woken < READER_GATHERS_NS)
		return BPF_RB_NO_WAKEUP;
	cpu->slot.woken = now;
	return BPF_RB_FORCE_WAKEUP;
}

static __always_inline bool emit_to_this_ring(void *record, __u32 size)
{
	void *ring = this_ring();

	return ring && bpf_ringbuf_output(ring, record, size, wake_flags(ring, settings.ring_bytes, size)) == 0;
}

static __always_inline bool emit_to_this_ring_at_once(void *record, __u32 size, __u64 now)
{
	void *ring = this_ring();

	return ring && bpf_ringbuf_output(ring, record, size, wake_at_once(now)) == 0;
}

/* A record of constant size into this CPU's ring. */
static __always_inline bool emit(void *record, __u32 size, enum loss_cause cause)
{
	if (emit_to_this_ring(record, size))
		return true;
	count_loss(cause);
	return false;
}

/* A rare record: a thread's beginning or end, an exec. */
static __always_inline bool emit_event(void *record, __u32 size, enum loss_cause cause)
{
	if (bpf_ringbuf_output(&events, record, size, wake_flags(&events, settings.events_bytes, size)) == 0)
		return true;
	count_loss(cause);
	return false;
}

#endif
