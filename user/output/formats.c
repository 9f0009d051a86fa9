/* SPDX-License-Identifier: BSD-2-Clause */
/* In: the name of a format. Out: its functions. */
#include <string.h>

#include "output/report_output.h"

const struct report_format *report_format_find(const char *name)
{
	static const struct report_format *const formats[] = {&report_text, &report_json};
	size_t i;

	for (i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		if (!strcmp(formats[i]->name, name))
			return formats[i];
	return NULL;
}
