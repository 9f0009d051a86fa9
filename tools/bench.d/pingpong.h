/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two threads that hand a turn to each other: nothing but switches. What they hand it over with is the
 * program's: it defines the three functions and a name, pingpong.c has the threads, the options, the clock
 * and the result.
 */
#ifndef BENCH_PINGPONG_H
#define BENCH_PINGPONG_H

#include <stdint.h>

struct channel {
	int fds[2][2];	  /* pipes: fds[side] wakes that side */
	uint32_t turn[2]; /* futexes: 1 when it is that side's turn */
};

extern const char pingpong_name[];

/* 0 or a negative errno. */
int channel_open(struct channel *c);

/* Hands the turn to that side; waits for the own turn. 0 or a negative errno. */
int channel_wake(struct channel *c, int side);
int channel_wait(struct channel *c, int side);

#endif
