/* SPDX-License-Identifier: BSD-2-Clause */
/* libdw's own stacks of stopped threads, as folded lines: to compare with what a known-chain program says of itself. */
#ifndef CONCTRACE_TESTS_FOLDED_H
#define CONCTRACE_TESTS_FOLDED_H

#include <stdio.h>
#include <sys/types.h>

#include "reference.h"

/* Stops all threads of the process and its descendants, again and again, until it ends. 0 or a negative errno. */
int folded_reference(struct reference *r, pid_t pid, FILE *out);

#endif
