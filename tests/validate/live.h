/* SPDX-License-Identifier: BSD-2-Clause */
/* What the probes found, with the registers and the stack that they found it in: a recording that nobody keeps, unless that is asked for. */
#ifndef CONCTRACE_TESTS_LIVE_H
#define CONCTRACE_TESTS_LIVE_H

#include <sys/types.h>

#include "captured.h"

struct live_request {
	char *const *argv; /* a command, or NULL */
	const pid_t *pids; /* running processes */
	size_t n_pids;
	uint64_t duration_ns; /* for these */
	uint32_t sample_hz;
	const char *recording; /* NULL, or where it is kept: then nothing is captured, and numbers of stacks have */
	uint8_t stack_bits;    /* so many bits; 0: all */
	void (*captured)(void *ctx, const struct captured *c); /* valid until it returns */
	void *ctx;
};

/* 0, or a negative errno with a message. */
int live_run(const struct live_request *request);

#endif
