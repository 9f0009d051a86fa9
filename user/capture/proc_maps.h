/* SPDX-License-Identifier: BSD-2-Clause */
/* The executable mappings of a process as /proc/PID/maps has them, told as mapping events. */
#ifndef CONCTRACE_PROC_MAPS_H
#define CONCTRACE_PROC_MAPS_H

#include "capture/sideband.h"

/* Calls fn for each, as SIDEBAND_MMAP events of that time. 0, the error of fn, -ESRCH if the process is gone.
 */
int proc_read_maps(uint32_t pid, uint64_t ts, sideband_fn fn, void *ctx);
/* Threads of a process now, 0 if it is gone (or only waits to be waited for). */
uint32_t proc_count_threads(uint32_t pid);

#endif
