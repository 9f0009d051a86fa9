/* SPDX-License-Identifier: BSD-2-Clause */
/* In: a comparison. Out: JSON, schema conctrace-compare/1: values as in the reports, ratios to the first. */
#include "base/json.h"
#include "output/compare_output.h"

static void put_values(struct json *j, const struct compare_column *column)
{
	int m;

	json_object(j, "values");
	for (m = 0; m < N_MEASURES; m++) {
		const struct compare_value *v = &column->values[m];

		if (measure_unit_of(m) == UNIT_REAL)
			json_real(j, measure_name(m), v->real, 4);
		else
			json_u64(j, measure_name(m), v->number);
	}
	json_object_end(j);
}

static void put_ratios(struct json *j, const struct compare_column *column)
{
	int m;

	json_object(j, "ratios");
	for (m = 0; m < N_MEASURES; m++)
		if (column->values[m].has_ratio)
			json_real(j, measure_name(m), column->values[m].ratio, 4);
	json_object_end(j);
}

void compare_json(const struct comparison *c, FILE *out)
{
	struct json j;
	size_t i;

	json_init(&j, out, true);
	json_object(&j, NULL);
	json_text(&j, "schema", "conctrace-compare/1");
	json_array(&j, "recordings");
	for (i = 0; i < c->n; i++) {
		const struct compare_column *column = &c->columns[i];

		json_object(&j, NULL);
		json_text(&j, "label", column->label);
		json_text(&j, "form", form_name(column->form));
		json_text(&j, "bound", bound_name(column->bound));
		json_u64(&j, "cpus", column->cpus);
		json_bool(&j, "complete", !column->incomplete);
		put_values(&j, column);
		put_ratios(&j, column);
		json_object_end(&j);
	}
	json_array_end(&j);
	json_object_end(&j);
	json_finish(&j);
}
