/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Timeouts of waits, as moments of CLOCK_MONOTONIC: a wait that lasted until its own is known by it. */
#ifndef CONCTRACE_TIMEOUT_H
#define CONCTRACE_TIMEOUT_H

#include "descriptor.h"

#define NS_PER_S  1000000000ULL
#define NS_PER_MS 1000000ULL
#define NS_PER_US 1000ULL

/* Reads a timespec (or, with unit NS_PER_US, a timeval); 0 if it can't be read. 32-bit calls without "time64" have two 32-bit words. */
static __always_inline __u64 read_time(const struct call *call, __u64 address, bool time64, __u64 unit)
{
	__s64 wide[2];
	__s32 narrow[2];

	if (call->abi == SYSCALL_ABI_COMPAT && !time64) {
		if (read_memory(call->foreign, narrow, sizeof(narrow), address))
			return 0;
		return (__u64)narrow[0] * NS_PER_S + (__u64)narrow[1] * unit;
	}
	if (read_memory(call->foreign, wide, sizeof(wide), address))
		return 0;
	if ((__u64)wide[0] > (1ULL << 33)) /* 272 years: for ever */
		return 0;
	return (__u64)wide[0] * NS_PER_S + (__u64)wide[1] * unit;
}

#endif
