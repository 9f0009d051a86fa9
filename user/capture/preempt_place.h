/* SPDX-License-Identifier: BSD-2-Clause */
/* Where a probe that can't name the kernel's variables finds how deep in interrupts its CPU is. */
#ifndef CONCTRACE_PREEMPT_PLACE_H
#define CONCTRACE_PREEMPT_PLACE_H

#include <stdint.h>

/*
 * x86: *distance is the address of a CPU's preempt count less that of its run queue, by the kernel's BTF. Elsewhere 0: it is in the task.
 * -EOPNOTSUPP with a message where BTF does not tell: pahole before 1.22 left per-CPU variables out.
 */
int preempt_place(int32_t *distance);

#endif
