/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What libdw makes of a captured thread. Memory is the captured stack, and the read-only parts of the process's files; nothing
 * is read from the process itself, which has gone on. The only door to libdw among the tests.
 *
 * The process is looked at when it is first seen and from time to time after that: a library that is loaded later is found, the
 * program before an exec is not.
 */
#ifndef CONCTRACE_TESTS_REFERENCE_H
#define CONCTRACE_TESTS_REFERENCE_H

#include "captured.h"

#define REFERENCE_MAX 2048

enum reference_end {
	REFERENCE_ROOT = 0,  /* the return address is undefined: nothing called it */
	REFERENCE_COPY = 1,  /* the captured stack is too short */
	REFERENCE_STUCK = 2, /* it knows no rule, or a wrong one */
	REFERENCE_FULL = 3,  /* REFERENCE_MAX */
};

struct reference_stack {
	uint64_t frames[REFERENCE_MAX]; /* as struct captured has them */
	bool exact[REFERENCE_MAX]; /* not a return address: the first, and one that a signal interrupted */
	size_t n;
	enum reference_end end;
	bool leaf; /* the code has no rules at its system call: the return address was taken from the top of the stack */
};

struct reference; /* opaque */

struct reference *reference_new(void); /* NULL: no memory */
void reference_free(struct reference *r);

/* 0, -ESRCH if the process is gone and was never seen, -ENOMEM, or -EIO: libdw can't work with it. */
int reference_unwind(struct reference *r, const struct captured *c, struct reference_stack *out);

/* Do the process's files have a rule for this instruction? Without one libdw guesses by the frame pointer. */
bool reference_has_rule(struct reference *r, uint32_t pid, uint64_t addr);

/* Is there no code at that address (any more)? */
bool reference_is_gone(uint32_t pid, uint64_t addr);

/* "function" or "file+0x12" of a frame; returns buf. */
const char *reference_name(struct reference *r, uint32_t pid, uint64_t addr, bool exact, char *buf, size_t size);

#endif
