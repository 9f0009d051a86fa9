/* SPDX-License-Identifier: BSD-2-Clause */
/* The report as text (every width, ASCII, colours) and as JSON (exactly the keys of the table, of the types
 * it names). */
#include <ctype.h>
#include <stdlib.h>

#include "analysis/kinds.h"
#include "base/text.h"
#include "check.h"
#include "lives.h"
#include "output/json_keys.h"
#include "output/report_output.h"

/* ---- JSON: a reader that knows just enough to collect every path and its type ------------------------- */

struct key {
	const char *path, *type;
	bool seen, seen_null, seen_value;
};
#define KEY_ROW(path, type, meaning) {path, type, false, false, false},
static struct key keys[] = {JSON_KEYS(KEY_ROW)};
#define N_KEYS (sizeof(keys) / sizeof(keys[0]))

#define WORD(n, ID, name, ...) name,
#define WORD2(ID, name, title) name,
static const char *const kinds[] = {WAIT_KINDS(WORD) NULL};
static const char *const groups[] = {WAIT_GROUPS(WORD) NULL};
static const char *const reasons[] = {READY_REASONS(WORD) NULL};
static const char *const causes[] = {LOSS_CAUSES(WORD) NULL};
static const char *const ends[] = {STACK_ENDS(WORD) NULL};
static const char *const classes[] = {WALL_CLASSES(WORD2) NULL};
static const char *const edges[] = {TRANSITIONS(WORD2) NULL};

static const struct {
	const char *parent, *const *words, *suffix, *stands;
} tables[] = {
	{"waits", kinds, "", "KIND"},		{"groups", groups, "_ns", "GROUP_ns"},
	{"ready", reasons, "_ns", "REASON_ns"}, {"ready", reasons, "_count", "REASON_count"},
	{"loss", causes, "", "CAUSE"},		{"wall", classes, "_ns", "CLASS_ns"},
	{"transitions", edges, "", "EDGE"},	{"ends", ends, "", "END"},
};

static const char *at;

static void skip(void)
{
	while (isspace((unsigned char)*at))
		at++;
}

static void read_string(char *to, size_t size)
{
	size_t n = 0;

	for (at++; *at && *at != '"'; at++) {
		if (*at == '\\')
			at++;
		if (n + 1 < size)
			to[n++] = *at;
	}
	to[n] = '\0';
	at++;
}

/* The word that stands for a key of a table: wall.running_ns is wall.CLASS_ns. */
static void add_key(char *path, size_t size, const char *key)
{
	const char *dot = strrchr(path, '.'), *parent = dot ? dot + 1 : path;
	char word[64];
	size_t i, k, len = strlen(path);

	for (i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		if (strcmp(parent, tables[i].parent))
			continue;
		for (k = 0; tables[i].words[k]; k++) {
			snprintf(word, sizeof(word), "%s%s", tables[i].words[k], tables[i].suffix);
			if (!strcmp(word, key)) {
				snprintf(path + len, size - len, ".%s", tables[i].stands);
				return;
			}
		}
	}
	snprintf(path + len, size - len, "%s%s", len ? "." : "", key);
}

static void note(const char *path, const char *type)
{
	size_t i;

	for (i = 0; i < N_KEYS && strcmp(keys[i].path, path); i++)
		;
	if (i == N_KEYS) {
		fprintf(stderr, "%s is printed and not in the table\n", path);
		CHECK(i < N_KEYS);
		return;
	}
	keys[i].seen = true;
	if (!strcmp(type, "null")) {
		keys[i].seen_null = true;
		CHECK(strstr(keys[i].type, "null") != NULL);
		return;
	}
	keys[i].seen_value = true;
	/* A real may happen to be an integer, never the other way round. */
	if (strncmp(keys[i].type, type, strlen(type)) &&
	    !(!strcmp(keys[i].type, "real") && !strcmp(type, "integer"))) {
		fprintf(stderr, "%s is %s, not %s\n", path, type, keys[i].type);
		CHECK(false);
	}
}

static void read_value(const char *path);

static void read_members(const char *path)
{
	char key[128], inner[256];

	for (at++, skip(); *at && *at != '}'; skip()) {
		read_string(key, sizeof(key));
		skip();
		CHECK_EQ(*at, ':');
		at++;
		snprintf(inner, sizeof(inner), "%s", path);
		add_key(inner, sizeof(inner), key);
		read_value(inner);
		skip();
		if (*at == ',')
			at++;
	}
	at++;
}

static void read_elements(const char *path)
{
	char inner[256];

	snprintf(inner, sizeof(inner), "%s[]", path);
	for (at++, skip(); *at && *at != ']'; skip()) {
		read_value(inner);
		skip();
		if (*at == ',')
			at++;
	}
	at++;
}

static void read_value(const char *path)
{
	const char *type;
	char text[1024];
	bool real = false;

	skip();
	type = *at == '{'		     ? "object"
	       : *at == '['		     ? "array"
	       : *at == '"'		     ? "string"
	       : *at == 'n'		     ? "null"
	       : isalpha((unsigned char)*at) ? "boolean"
					     : "integer";
	if (*at == '{' || *at == '[' || *at == '"') {
		if (*path)
			note(path, type);
		if (*at == '{')
			read_members(path);
		else if (*at == '[')
			read_elements(path);
		else
			read_string(text, sizeof(text));
		return;
	}
	for (; *at && !strchr(",]} \n", *at); at++)
		real |= *at == '.';
	note(path, real ? "real" : type);
}

/* ---- reports ---------------------------------------------------------------------------------------- */

static char *print(const struct report *r, const struct report_format *format, int width, bool colours,
		   bool utf8)
{
	const struct page_style style = {.width = width, .colours = colours, .utf8 = utf8};
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	format->print(r, out, &style);
	fclose(out);
	return text;
}

/* Lines that fit, and no spaces at their ends. */
static void check_lines(const char *text, int width)
{
	while (*text) {
		size_t len = strcspn(text, "\n");
		char line[4096];

		snprintf(line, sizeof(line), "%.*s", (int)len, text);
		if ((int)text_columns(line) > width)
			fprintf(stderr, "%d: %s\n", width, line);
		CHECK((int)text_columns(line) <= width);
		if (len && line[len - 1] == ' ')
			fprintf(stderr, "%d: ends in a space: %s\n", width, line);
		CHECK(!len || line[len - 1] != ' ');
		text += len + 1;
	}
}

static void check_text(const struct report *r)
{
	static const char *const sections[] = {"ended",	      "form",	    "verdict",
					       "advice",      "Wall clock", "Concurrency",
					       "Thread time", "Life cycle", "Processes and threads"};
	char *text, *again, *plain;
	const char *found;
	int width;
	size_t i;

	for (width = 60; width <= 200; width += 7) {
		text = print(r, &report_text, width, false, true);
		check_lines(text, width);
		free(text);
	}
	text = print(r, &report_text, 100, false, true);
	for (found = text, i = 0; i < sizeof(sections) / sizeof(sections[0]); i++) {
		found = strstr(found, sections[i]);
		CHECK(found != NULL);
		found = found ? found : text;
	}
	CHECK(strchr(text, '\033') == NULL);
	again = print(r, &report_text, 100, false, true);
	CHECK_STR(again, text);
	free(again);
	again = print(r, &report_text, 100, true, true);
	CHECK(strstr(again, "\033[1m") != NULL);
	free(again);
	plain = print(r, &report_text, 100, false, false);
	for (i = 0; plain[i]; i++)
		CHECK((unsigned char)plain[i] < 0x80);
	check_lines(plain, 100);
	free(plain);
	free(text);
}

static void check_json(const struct report *r)
{
	char *text = print(r, &report_json, 0, false, true);

	at = text;
	read_value("");
	CHECK_STR(at, "\n");
	free(text);
}

/* Of every frame the same. */
static int ask_source(void *ctx, const struct trace_file *file, const uint64_t *offsets, size_t n, line_part_fn fn,
		      void *fn_ctx)
{
	const struct line_part part = {.source = "/a/source/file.c", .source_len = 16, .line = 4321};

	(void)file, (void)offsets;
	*(size_t *)ctx += n;
	return n ? fn(fn_ctx, 0, &part) : 0;
}

static void show(struct build *b, const char *must)
{
	const struct report_choice choices[] = {{0}, {.all_threads = true}};
	size_t asked = 0;
	const struct trace_source source = {.ask = ask_source, .ctx = &asked, .named = true};
	struct report *r;
	struct trace *t;
	char *text;
	int i;

	build_write(b, true);
	build_must(trace_load_from(&t, b->path, &source));
	for (i = 0; i < 2; i++) {
		build_must(report_build(&r, t, &choices[i]));
		check_text(r);
		check_json(r);
		text = print(r, &report_text, 100, false, true);
		if (must && !i && !strstr(text, must))
			fprintf(stderr, "%s\n", text);
		CHECK(!must || i || strstr(text, must) != NULL);
		free(text);
		report_free(r);
	}
	trace_free(t);
	build_release(b);
}

/* Every kind of wait, several processes, a signal, losses, samples, an orphan's sum. */
static void everything(void)
{
	const uint64_t frames[] = {BUILD_FRAME(1, 0x100)};
	struct build b;
	struct life l;
	uint32_t i;

	build_init(&b, 0, 5000 * MS);
	life_names(&b);
	build_meta(&b, "arg", "./a program");
	build_meta(&b, "arg", "--with=\"quotes\"\n\xff");
	build_meta(&b, "probe_ns", "1234567");
	build_meta(&b, "probe_runs", "4321");
	build_loss(&b, LOSS_CYCLES, 1234567);
	build_loss(&b, LOSS_STACKS, 3);
	build_file(&b, 1, SECTION_FILE_ELF, "/home/me/a program");
	build_name(&b, BUILD_FRAME(1, 0x100), 0,
		   "a_function_with_a_name_that_is_much_too_long_for_the_width_of_the_page");
	build_stack(&b, 5, 100, 0, 1, frames);
	life_begin(&l, &b, 1, 1, 100, 100, 0, "main");
	build_exec(&b, 1, 1, 100, 100, 1, "main", "/home/me/a program");
	l.stack = 5;
	for (i = 0; i < N_WAIT_KINDS; i++) {
		life_run(&l, (i + 1) * MS);
		life_wait(&l, i, (i + 10) * MS, 1 * MS, i % 2 ? SYS_READ : WIRE_NO_SYSCALL,
			  WIRE_CYCLE_TIMED_OUT);
		life_wait(&l, i, 5 * MS, 0, SYS_READ, WIRE_CYCLE_RETRY);
		/* by a thread at a place, by a name alone, by nothing */
		build_wake(&b, 1, l.now,
			   (struct wire_wake){.waker = i % 3 ? 0 : 2,
					      .tid = i % 3 == 2 ? 0 : 7,
					      .comm = "other",
					      .stack = i % 3 ? 0 : 5,
					      .syscall = i % 3 ? WIRE_NO_SYSCALL : SYS_FUTEX,
					      .flags = i % 3 == 2 ? WIRE_WAKE_INTERRUPT : WIRE_WAKE_SOFTIRQ});
	}
	build_sample(&b, 1, 1 * MS, 5, true);
	build_sample(&b, 1, 2 * MS, 5, false);
	life_preempted(&l, 1 * MS);
	life_end(&l, 3 << 8);
	for (i = 2; i <= 20; i++) {
		life_begin(&l, &b, i, 1, 99 + i, 100, 1 * MS, "a thread's name");
		life_run(&l, 50 * US);
		life_wait_on(&l, WAIT_CONDITION, 900 * MS, SYS_FUTEX);
	}
	for (; i < 40; i++) {
		life_begin_of(&l, &b, i, i, 99 + i, 99 + i, 100, i * 10 * MS, i % 2 ? "cc1" : "as", 0);
		life_run(&l, i * MS);
		life_end(&l, i == 30 ? 9 : 0);
	}
	show(&b, "19 idle workers");
}

/* Waits of one function in different system calls: the file's name gives way, then the function's, and the calls stay. */
static void long_places(void)
{
	const uint64_t frames[] = {BUILD_FRAME(1, 0x100), BUILD_FRAME(1, 0x200)};
	const struct report_choice choice = {0};
	struct report *r;
	struct trace *t;
	struct build b;
	struct life l;
	char *text;

	build_init(&b, 0, 100 * MS);
	life_names(&b);
	build_file(&b, 1, SECTION_FILE_ELF, "/home/me/libpython3.11.so.1.0");
	build_name(&b, BUILD_FRAME(1, 0x100), 0, "find_the_shared_function");
	build_name(&b, BUILD_FRAME(1, 0x200), 0, "a_function_with_a_name_that_is_much_too_long_for_the_page");
	build_stack(&b, 5, 100, 0, 1, frames);
	build_stack(&b, 6, 100, 0, 1, frames + 1);
	life_begin(&l, &b, 1, 1, 100, 100, 0, "main");
	l.stack = 5;
	life_wait(&l, WAIT_DISK, 10 * MS, 0, SYS_READ, 0);
	life_wait(&l, WAIT_DISK, 5 * MS, 0, WIRE_NO_SYSCALL, 0);
	l.stack = 6;
	life_wait(&l, WAIT_CONDITION, 9 * MS, 0, SYS_FUTEX, 0);
	life_end(&l, 0);
	build_write(&b, true);
	build_must(trace_load(&t, b.path));
	build_must(report_build(&r, t, &choice));
	text = print(r, &report_text, 100, false, true);
	CHECK(strstr(text, "disk        find_the_shared_function (libpython…), read\n") != NULL);
	CHECK(strstr(text, "disk        find_the_shared_function (libpython3.11.s…)\n") != NULL);
	CHECK(strstr(text, "condition   a_function_with_a_name_that_is_much…, futex\n") != NULL);
	free(text);
	report_free(r);
	trace_free(t);
	build_release(&b);
}

static void small_ones(void)
{
	struct build b;
	struct life l;

	build_init(&b, 0, 100 * MS);
	build_meta(&b, "exit", "11");
	life_begin(&l, &b, 1, 1, 100, 100, 0, "crash");
	life_run(&l, 1 * MS);
	life_end(&l, 11);
	show(&b, "no samples: not split");

	/* Of 100 ms on 2 CPUs. */
	build_init(&b, 0, 100 * MS);
	build_meta_u64(&b, "stolen_ns", 20 * MS);
	life_begin(&l, &b, 1, 1, 100, 100, 0, "late");
	life_run(&l, 100 * MS);
	life_end(&l, 0);
	show(&b, "stolen     20.00 ms of CPU time by the hypervisor (10.0 %)");

	/* One is not many. */
	build_init(&b, 0, 100 * MS);
	build_loss(&b, LOSS_SYMBOLS, 1);
	life_begin(&l, &b, 1, 1, 100, 100, 0, "one");
	life_run(&l, 1 * MS);
	life_end(&l, 0);
	show(&b, "1 file whose symbols could not be read");

	/* Still running when tracing ended; not known how the command ended. */
	build_init(&b, 0, 100 * MS);
	bytes_clear(&b.meta);
	build_meta(&b, "verb", "attach");
	build_meta_u64(&b, "cpus", 2);
	build_meta_u64(&b, "end", 100 * MS);
	life_names(&b);
	life_begin(&l, &b, 1, 1, 100, 100, 0, "daemon");
	life_wait_on(&l, WAIT_NETWORK, 100 * MS, SYS_RECV);
	show(&b, "attached   ");
}

static void damaged(void)
{
	struct report_choice choice = {0};
	struct report *r;
	struct trace *t;
	struct build b;
	struct life l;
	char *text;

	build_init(&b, 0, 100 * MS);
	life_begin(&l, &b, 1, 1, 100, 100, 0, "cut");
	life_run(&l, 1 * MS);
	life_end(&l, 0);
	build_write(&b, false);
	build_must(trace_load(&t, b.path));
	build_must(report_build(&r, t, &choice));
	text = print(r, &report_text, 100, false, true);
	CHECK(strstr(text, "the recording is incomplete") != NULL);
	free(text);
	check_text(r);
	check_json(r);
	report_free(r);
	trace_free(t);
	build_release(&b);
}

static void pages(void)
{
	const struct page_style style = {.width = 60, .utf8 = true};
	char text[512] = "", cell[32];
	FILE *out = fmemopen(text, sizeof(text), "w");
	struct page p;

	page_init(&p, out, &style);
	page_left(&p, INK_PLAIN, 5, "äöüßéx");
	page_right(&p, INK_PLAIN, 6, "µs");
	page_spaces(&p, 1);
	page_bar(&p, INK_GREEN, 8, 0.5);
	page_spaces(&p, 3);
	page_line(&p);
	page_wrapped(&p, INK_PLAIN, 50, "takes 12.5 % of it");
	fclose(out);
	CHECK_STR(text, "äöüß…    µs ████\n"
			"                                                  takes\n"
			"                                                  12.5 % of\n"
			"                                                  it\n");
	CHECK_STR(cell_share(cell, sizeof(cell), 1, 3), "33.3 %");
	CHECK_STR(cell_share(cell, sizeof(cell), 1, 100000), "< 0.1 %");
	CHECK_STR(cell_share(cell, sizeof(cell), 0, 3), "");
	CHECK_STR(cell_share(cell, sizeof(cell), 5, 5), "100.0 %");
}

int main(void)
{
	size_t i;

	everything();
	long_places();
	small_ones();
	damaged();
	pages();
	for (i = 0; i < N_KEYS; i++) {
		bool null = strstr(keys[i].type, "null");

		if (!keys[i].seen || !keys[i].seen_value || (null && !keys[i].seen_null))
			fprintf(stderr, "%s (%s) is in the table and was never printed\n", keys[i].path,
				keys[i].type);
		CHECK(keys[i].seen && keys[i].seen_value && keys[i].seen_null == null);
	}
	CHECK(report_format_find("json") == &report_json);
	CHECK(report_format_find("xml") == NULL);
	return check_done();
}
