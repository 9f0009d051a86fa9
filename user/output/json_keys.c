/* SPDX-License-Identifier: BSD-2-Clause */
/* In: the table of keys. Out: a list for the manual. */
#include "output/json_keys.h"

struct json_key {
	const char *path, *type, *meaning;
};

#define KEY_ROW(path, type, meaning) {path, type, meaning},

void json_keys_print(FILE *out)
{
	static const struct json_key keys[] = {JSON_KEYS(KEY_ROW)};
	size_t i;

	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		fprintf(out, ".It Li %s Pq %s\n%s.\n", keys[i].path, keys[i].type, keys[i].meaning);
}
