/* SPDX-License-Identifier: BSD-2-Clause */
/* A JSON writer: commas, escapes and indentation are its business; strings that are not UTF-8 are cleaned. */
#ifndef CONCTRACE_JSON_H
#define CONCTRACE_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct json {
	FILE *out;
	int depth;
	bool first, pretty, after_key;
};

void json_init(struct json *j, FILE *out, bool pretty);
/* `key` is NULL in an array and at the top. */
void json_object(struct json *j, const char *key);
void json_object_end(struct json *j);
void json_array(struct json *j, const char *key);
void json_array_end(struct json *j);
void json_u64(struct json *j, const char *key, uint64_t value);
void json_i64(struct json *j, const char *key, int64_t value);
void json_real(struct json *j, const char *key, double value, int decimals);
void json_bool(struct json *j, const char *key, bool value);
void json_text(struct json *j, const char *key, const char *value); /* NULL value: null */
void json_finish(struct json *j); /* the last newline */

#endif
