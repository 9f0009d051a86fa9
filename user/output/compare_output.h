/* SPDX-License-Identifier: BSD-2-Clause */
/* The formats of a comparison. */
#ifndef CONCTRACE_COMPARE_OUTPUT_H
#define CONCTRACE_COMPARE_OUTPUT_H

#include <stdio.h>

#include "analysis/compare.h"
#include "output/page.h"

/*
 * A table, the measures down and the recordings across, with the ratio to the first behind each number; where
 * there are too many for the width, further tables below that begin with the base again. I/O errors stay in
 * the FILE.
 */
void compare_text(const struct comparison *c, FILE *out, const struct page_style *style);

/* Schema conctrace-compare/1: {schema, recordings[{label, form, bound, cpus, complete, values{}, ratios{}}]}.
 */
void compare_json(const struct comparison *c, FILE *out);

#endif
