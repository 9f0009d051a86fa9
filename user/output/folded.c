/* SPDX-License-Identifier: BSD-2-Clause */
/* In: folded lines. Out: "text microseconds", one a line. */
#include <inttypes.h>

#include "output/folded.h"

void folded_print(const struct fold *f, FILE *out)
{
	size_t i;

	for (i = 0; i < f->n; i++)
		if (f->lines[i].us)
			fprintf(out, "%s %" PRIu64 "\n", f->lines[i].text, f->lines[i].us);
}
