/* SPDX-License-Identifier: BSD-2-Clause */
/* CPU work in a fixed amount: a loop whose count is found once, by CPU time, and is the same for every job
 * then. */
#ifndef CONCTRACE_WORKLOADS_COMPUTE_H
#define CONCTRACE_WORKLOADS_COMPUTE_H

#include <stdint.h>

/* Loops that take a second of CPU time on this machine now. Uses about 60 ms of CPU time itself. */
uint64_t compute_calibrate(void);

/* Does `loops` loops from `state` on; the result depends on each of them. */
uint64_t compute_slice(uint64_t state, uint64_t loops);

/* Loops for `ns` of CPU time. */
uint64_t compute_loops(uint64_t loops_per_s, uint64_t ns);

#endif
