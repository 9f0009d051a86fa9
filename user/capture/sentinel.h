/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Was a signal meant for us alone, or did the whole process group get it? A signal does not say. The sentinel
 * is a small process in our group that blocks everything and tells, when asked, which signals have come to it
 * as well.
 */
#ifndef CONCTRACE_SENTINEL_H
#define CONCTRACE_SENTINEL_H

#include <stdint.h>
#include <sys/types.h>

struct sentinel {
	pid_t pid; /* 0: there is none */
	int fd;
};

/* Forks it. It closes every descriptor but its own and ends when ours closes. 0 or a negative errno with a
 * message. */
int sentinel_open(struct sentinel *s);

/* Bit N-1: signal N came to it since the last question. 0 as well if it does not answer within 0.1 s. */
uint64_t sentinel_ask(struct sentinel *s);

void sentinel_close(struct sentinel *s);

#endif
