/* SPDX-License-Identifier: BSD-2-Clause */
/* Reports side by side: numbers, ratios, and a table that fits. */
#include <stdlib.h>

#include "analysis/compare.h"
#include "base/text.h"
#include "check.h"
#include "lives.h"
#include "output/compare_output.h"

#define N 5

static struct trace *traces[N];
static struct report *reports[N];

/* Recording i has i + 1 threads: each runs 10 ms and waits for the network for 90 ms / (i + 1). */
static void make(uint32_t i)
{
	const struct report_choice choice = {0};
	struct build b;
	struct life l;
	uint32_t k;

	build_init(&b, 0, 1000 * MS);
	life_names(&b);
	for (k = 1; k <= i + 1; k++) {
		life_begin(&l, &b, k, 1, 99 + k, 100, 0, "t");
		life_run(&l, 10 * MS);
		life_wait(&l, WAIT_NETWORK, 90 * MS / (i + 1), 0, SYS_RECV, 0);
		life_end(&l, 0);
	}
	build_must(build_load(&b, &traces[i]));
	build_must(report_build(&reports[i], traces[i], &choice));
	build_release(&b);
}

static const char *const labels[N] = {"sequential", "two threads",
				      "a label that is long, and has to be cut somewhere", "after.tuning.data.old", "five-and-no-parallel"};

static void numbers(const struct comparison *c)
{
	CHECK_EQ(c->n, N);
	CHECK_EQ(c->columns[0].values[MEASURE_WALL].number, 100 * MS);
	CHECK_EQ(c->columns[1].values[MEASURE_WALL].number, 55 * MS);
	CHECK(!c->columns[0].values[MEASURE_WALL].has_ratio);
	CHECK(c->columns[1].values[MEASURE_WALL].has_ratio);
	CHECK_EQ((long)(c->columns[1].values[MEASURE_WALL].ratio * 1000 + 0.5), 550);
	CHECK_EQ((long)(c->columns[4].values[MEASURE_RUNNING].ratio * 1000 + 0.5), 5000);
	CHECK_EQ(c->columns[4].values[MEASURE_IO].number, 90 * MS);
	CHECK_EQ(c->columns[4].values[MEASURE_THREADS].number, 5);
	CHECK_EQ((long)(c->columns[1].values[MEASURE_PARALLELISM].real * 1000), 20000 / 55);
	/* The base has no locks: there is no ratio to nothing. */
	CHECK(!c->columns[1].values[MEASURE_LOCK].has_ratio);
	CHECK(!c->used[MEASURE_LOCK]);
	CHECK(c->used[MEASURE_IO]);
	CHECK_EQ(c->columns[0].form, FORM_SEQUENTIAL);
	CHECK_EQ(c->columns[1].form, FORM_THREADED);
	CHECK_EQ(c->columns[0].bound, BOUND_IO);
	CHECK(!c->columns[0].incomplete);
}

static char *print(const struct comparison *c, int width, bool utf8)
{
	const struct page_style style = {.width = width, .utf8 = utf8};
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	compare_text(c, out, &style);
	fclose(out);
	return text;
}

static int count(const char *text, const char *what)
{
	int n = 0;

	for (text = strstr(text, what); text; text = strstr(text + 1, what))
		n++;
	return n;
}

static void table(const struct comparison *c, int width)
{
	char *text = print(c, width, true), *line, *save;

	CHECK(strstr(text, "55.00 ms 0.55×") != NULL);
	CHECK(strstr(text, "threaded") != NULL);
	CHECK(strstr(text, "a label that is") != NULL);
	CHECK(strstr(text, "after.tuning.data.o") == NULL); /* a file's name breaks between its parts */
	CHECK(strstr(text, " parallel") != NULL);
	CHECK(strstr(text, "wait: lock") == NULL);
	/* The base stands in front of every block. */
	CHECK_EQ(count(text, "sequential") - count(text, "form"), count(text, "wall time"));
	CHECK_EQ(count(text, "wall time"), width >= 100 ? 1 : width >= 66 ? 2 : 4);
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		CHECK((int)text_columns(line) <= width);
		CHECK(line[strlen(line) - 1] != ' ');
	}
	free(text);
}

static void ascii(const struct comparison *c)
{
	char *text = print(c, 100, false), *at;

	for (at = text; *at; at++)
		CHECK((unsigned char)*at < 0x80);
	CHECK(strstr(text, "0.55x") != NULL);
	free(text);
}

static void json(const struct comparison *c)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	compare_json(c, out);
	fclose(out);
	CHECK(strstr(text, "\"schema\": \"conctrace-compare/1\"") != NULL);
	CHECK_EQ(count(text, "\"label\""), N);
	CHECK_EQ(count(text, "\"wall_ns\": 55000000"), 1);
	CHECK_EQ(count(text, "\"wall_ns\": 0.5500"), 1);
	free(text);
}

int main(void)
{
	struct comparison *c;
	uint32_t i;

	for (i = 0; i < N; i++)
		make(i);
	build_must(comparison_build(&c, (const struct report *const *)reports, labels, N));
	numbers(c);
	table(c, 200);
	table(c, 124);
	table(c, 100);
	table(c, 80);
	table(c, 66);
	table(c, 60);
	ascii(c);
	json(c);
	comparison_free(c);
	for (i = 0; i < N; i++) {
		report_free(reports[i]);
		trace_free(traces[i]);
	}
	return check_done();
}
