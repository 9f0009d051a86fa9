/* SPDX-License-Identifier: BSD-2-Clause */
/* Folded stacks on a FILE, one line each, as flame graph tools take them. */
#ifndef CONCTRACE_FOLDED_H
#define CONCTRACE_FOLDED_H

#include <stdio.h>

#include "analysis/fold.h"

/* Lines of 0 µs are left out. I/O errors stay in the FILE. */
void folded_print(const struct fold *f, FILE *out);

#endif
