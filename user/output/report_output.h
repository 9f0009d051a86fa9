/* SPDX-License-Identifier: BSD-2-Clause */
/* The formats of a report: each prints a const report, and computes nothing. */
#ifndef CONCTRACE_REPORT_OUTPUT_H
#define CONCTRACE_REPORT_OUTPUT_H

#include <stdio.h>

#include "analysis/report.h"
#include "output/page.h"

struct report_format {
	const char *name;
	/* `style` is of use to text only. I/O errors stay in the FILE: the caller checks ferror and fclose.
	 */
	void (*print)(const struct report *r, FILE *out, const struct page_style *style);
};

extern const struct report_format report_text, report_json;

/* "text", "json"; NULL for any other name. */
const struct report_format *report_format_find(const char *name);

#endif
