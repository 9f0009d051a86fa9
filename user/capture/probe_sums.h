/* SPDX-License-Identifier: BSD-2-Clause */
/* What the probes keep for each CPU, read at the end (or now and then): one value of each map, by its descriptor. */
#ifndef CONCTRACE_PROBE_SUMS_H
#define CONCTRACE_PROBE_SUMS_H

#include "capture/probes.h"

/* Of `n` CPUs, those with the numbers 0 to n - 1. */
int probe_sums_counts(int map, uint32_t n, struct wire_cpu_counts *sum);
/* The cycles that are still gathered for a ring. */
int probe_sums_batches(int map, uint32_t n, probes_fn fn, void *ctx);
/* One record for all CPUs: the sums of sums; none if there are none. */
int probe_sums_orphans(int map, probes_fn fn, void *ctx);

#endif
