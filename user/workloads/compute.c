/* SPDX-License-Identifier: BSD-2-Clause */
/* In: a number of loops. Out: a number that only they give, and the CPU time they took. */
#include "workloads/clock.h"
#include "workloads/compute.h"

#define CALIBRATION_NS 20000000
#define N_CALIBRATIONS 3

/* The step of xorshift64*: each depends on the one before, so its time does not depend on the compiler's
 * cleverness. */
static uint64_t __attribute__((noinline)) compute_mix(uint64_t state, uint64_t loops)
{
	while (loops--) {
		state ^= state >> 12;
		state ^= state << 25;
		state ^= state >> 27;
		state *= 0x2545f4914f6cdd1dULL;
	}
	return state;
}

/*
 * Compilers give a leaf no frame, and who unwinds by frame pointers then misses its caller: that is this one,
 * and not the job's function. The ^ makes it a call, not a jump.
 */
uint64_t __attribute__((noinline)) compute_slice(uint64_t state, uint64_t loops)
{
	return compute_mix(state | 1, loops) ^ loops;
}

uint64_t compute_loops(uint64_t loops_per_s, uint64_t ns)
{
	return (uint64_t)((__uint128_t)loops_per_s * ns / 1000000000);
}

/* The fastest of three is the one that was disturbed least. */
uint64_t compute_calibrate(void)
{
	uint64_t loops = 1 << 16, state = 1, best = 0;
	int i;

	for (i = 0; i < N_CALIBRATIONS;) {
		uint64_t start = cpu_ns(), took, rate;

		state = compute_slice(state, loops);
		took = cpu_ns() - start;
		if (took < CALIBRATION_NS / 2) {
			loops = took < CALIBRATION_NS / 100 ? loops * 10
							    : loops * (CALIBRATION_NS / took + 1);
			continue;
		}
		rate = (uint64_t)((__uint128_t)loops * 1000000000 / took);
		if (rate > best)
			best = rate;
		i++;
	}
	/* An impossible result, tested so that the work is not thrown away. */
	return state ? best : best + 1;
}
