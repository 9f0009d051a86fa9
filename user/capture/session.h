/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One recording from beginning to end: the command is held, the probes are loaded, attached and armed, the command goes, the rings
 * are emptied into the file until it ends, the threads that live are closed, names are put to the frames.
 */
#ifndef CONCTRACE_SESSION_H
#define CONCTRACE_SESSION_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "capture/identity.h"
#include "capture/origin.h"
#include "wire_record.h"

struct session_request {
	char *const *argv;  /* run: the command; NULL: attach */
	const pid_t *pids;  /* attach */
	size_t n_pids;
	uint64_t duration_ns; /* attach: 0 for no limit */
	bool wait_all;      /* run: until the whole tree has ended */
	bool quiet;         /* no live line */
	bool stacks, kernel_stacks;
	bool wakers;        /* who ends waits, too */
	uint32_t sample_hz;
	const struct identity *workload, *parser; /* who runs the command, and who reads its files */
	const struct identity *reader; /* who sees the recording: what they may not read is not read for its sake */
	const struct origin *origin;
	int recording_fd;   /* taken over */
	const char *recording_path; /* for messages */
	/* NULL, or for a test of the unwinder: gets each walk of a stack by tables. Slow. */
	void (*proof)(void *ctx, const struct wire_proof *proof);
	uint8_t stack_bits; /* 0, or for a test of stacks with the same number: how many bits numbers have */
	void (*started)(void *ctx); /* the command runs, or the processes are followed: now nothing is taken back any more */
	void *ctx;
};

struct session_result {
	bool started;    /* the command ran: there is a recording */
	int status;      /* what conctrace exits with */
};

/*
 * 0, or a negative errno with a message: the session failed (result->status says what to exit with). With `started` set a
 * recording was made as far as it went.
 */
int session_run(const struct session_request *request, struct session_result *result);

#endif
