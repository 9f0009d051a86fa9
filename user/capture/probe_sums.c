/* SPDX-License-Identifier: BSD-2-Clause */
/* In: maps with a value for each CPU. Out: their sums, and the records that they hold. */
#include "capture/probe_sums.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/fail.h"

/* The values of all CPUs of element 0, `size` bytes each (a multiple of 8). */
static void *read_percpu(int map, size_t size, int *n)
{
	uint32_t zero = 0;
	void *values;

	*n = libbpf_num_possible_cpus();
	values = *n > 0 ? calloc((size_t)*n, size) : NULL;
	if (!values || bpf_map_lookup_elem(map, &zero, values)) {
		free(values);
		return NULL;
	}
	return values;
}

static int read_cpu(int map, uint32_t number, struct wire_cpu *cpu)
{
	return bpf_map_lookup_elem(map, &number, cpu) ? fail(-errno, "reading what the probes keep for CPU %u: %s", number, strerror(errno)) : 0;
}

int probe_sums_counts(int map, uint32_t n, struct wire_cpu_counts *sum)
{
	struct wire_cpu cpu;
	int err = 0;

	memset(sum, 0, sizeof(*sum));
	for (uint32_t i = 0; !err && i < n; i++) {
		err = read_cpu(map, i, &cpu);
		for (size_t k = 0; !err && k < sizeof(*sum) / sizeof(uint64_t); k++)
			((uint64_t *)sum)[k] += ((uint64_t *)&cpu.counts)[k];
	}
	return err;
}

int probe_sums_batches(int map, uint32_t n, probes_fn fn, void *ctx)
{
	struct wire_cpu cpu;
	int err = 0;

	for (uint32_t i = 0; !err && i < n; i++) {
		err = read_cpu(map, i, &cpu);
		if (!err && cpu.batch.n && cpu.batch.n < WIRE_BATCH)
			err = fn(ctx, cpu.batch.cycle, cpu.batch.n * sizeof(cpu.batch.cycle[0]));
	}
	return err;
}

/* As maps.h has it. */
struct orphan_sums {
	struct wire_end end;
	struct wire_wait waits[N_WAIT_KINDS];
};

static int send_orphans(struct orphan_sums *o, probes_fn fn, void *ctx)
{
	int err = 0;

	for (uint32_t k = 0; k < N_WAIT_KINDS && !err; k++) {
		struct wire_wait *w = &o->waits[k];

		if (!w->ns && !w->count)
			continue;
		w->head = (struct wire_head){WIRE_WAIT, sizeof(*w), 0};
		w->kind = k;
		err = fn(ctx, w, sizeof(*w));
	}
	o->end.head = (struct wire_head){WIRE_END, sizeof(o->end), 0};
	o->end.flags = WIRE_END_ORPHANS | WIRE_END_TERMINATED;
	return err ? err : fn(ctx, &o->end, sizeof(o->end));
}

/* One record for all CPUs: the sums of sums. */
int probe_sums_orphans(int map, probes_fn fn, void *ctx)
{
	struct orphan_sums sum = {0}, *each;
	int n, err = 0;

	each = read_percpu(map, sizeof(*each), &n);
	if (!each)
		return fail(-ENOMEM, "reading the probes' counters: %s", strerror(errno));
	for (int i = 0; i < n; i++) {
		uint64_t max[N_WAIT_KINDS];

		for (size_t k = 0; k < N_WAIT_KINDS; k++) {
			max[k] = each[i].waits[k].max_ns > sum.waits[k].max_ns ? each[i].waits[k].max_ns : sum.waits[k].max_ns;
			for (size_t b = 0; b < WIRE_HIST_BUCKETS; b++)
				sum.waits[k].hist[b] += each[i].waits[k].hist[b];
			sum.waits[k].count += each[i].waits[k].count;
			sum.waits[k].retries += each[i].waits[k].retries;
			sum.waits[k].ns += each[i].waits[k].ns;
			sum.waits[k].max_ns = max[k];
		}
		for (__u64 *to = &sum.end.start, *from = &each[i].end.start; to <= &sum.end.threads; to++, from++)
			*to += *from;
	}
	if (sum.end.threads)
		err = send_orphans(&sum, fn, ctx);
	free(each);
	return err;
}
