/* SPDX-License-Identifier: BSD-2-Clause */
/* What a source knows of frames becomes names, frames of their own for inlined functions, and lines. */
#include <errno.h>
#include <stdlib.h>

#include "analysis/fold.h"
#include "analysis/frames.h"
#include "analysis/report.h"
#include "check.h"
#include "lives.h"
#include "output/report_output.h"

static struct {
	int calls, result;
	size_t n;
	uint64_t offsets[8];
	char path[64];
	uint8_t id;
} asked;

static int tell(line_part_fn fn, void *ctx, size_t index, const struct line_part *parts, size_t n)
{
	int err = 0;

	for (size_t i = 0; i < n && !err; i++) {
		struct line_part p = parts[i];

		p.depth = i;
		p.inlined = i + 1 < n;
		p.name_len = p.name ? strlen(p.name) : 0;
		p.source_len = p.source ? strlen(p.source) : 0;
		err = fn(ctx, index, &p);
	}
	return err;
}

/* Knows 0x100 (three functions), 0x200 (one), and of 0x300 that something was inlined. */
static int ask(void *ctx, const struct trace_file *file, const uint64_t *offsets, size_t n, line_part_fn fn,
	       void *fn_ctx)
{
	static const struct line_part chain[] = {
		{.name = "leaf;\n", .source = "/src/a;b.c", .line = 5},
		{.name = "middle", .source = "/src/a;b.c"},
		{.name = "its name in the debug file", .source = "/src/main.c", .line = 13, .offset = 8},
	};
	static const struct line_part single[] = {{.name = "single", .offset = 1ull << 40}};
	static const struct line_part nameless[] = {{.line = 0}, {.line = 0}};
	int err = 0;

	(void)ctx;
	asked.calls++;
	asked.n = n;
	snprintf(asked.path, sizeof(asked.path), "%s", file->path);
	asked.id = file->build_id_len ? file->build_id[0] : 0;
	for (size_t i = 0; i < n && !err; i++) {
		asked.offsets[i < 8 ? i : 7] = offsets[i];
		if (offsets[i] == 0x100)
			err = tell(fn, fn_ctx, i, chain, 3);
		else if (offsets[i] == 0x200)
			err = tell(fn, fn_ctx, i, single, 1);
		else if (offsets[i] == 0x300)
			err = tell(fn, fn_ctx, i, nameless, 2);
	}
	return err ? err : asked.result;
}

/* One stack, innermost first: a kernel frame, 0x100 (named in the recording), 0x400, 0x200, 0x300, 0x100, a
 * JIT's. */
static void make(struct build *b)
{
	const uint64_t frames[] = {BUILD_KERNEL_FRAME(0x10), BUILD_FRAME(1, 0x100), BUILD_FRAME(1, 0x400),
				   BUILD_FRAME(1, 0x200),    BUILD_FRAME(1, 0x300), BUILD_FRAME(1, 0x100),
				   BUILD_FRAME(2, 0x100),    BUILD_FRAME(9, 0x100)};
	struct life l;

	build_init(b, 0, 100 * MS);
	life_names(b);
	build_file(b, 1, SECTION_FILE_ELF, "/opt/program");
	build_file(b, 2, SECTION_FILE_ANON, "");
	build_name(b, BUILD_FRAME(1, 0x100), 0, "recorded");
	build_stack(b, 5, 100, 1, 7, frames);
	life_begin(&l, b, 1, 1, 100, 100, 0, "main");
	l.stack = 5;
	life_run(&l, 1 * MS);
	life_wait(&l, WAIT_DISK, 10 * MS, 0, SYS_READ, 0);
	life_end(&l, 0);
	build_write(b, true);
}

static const struct trace_frame *frame_at(const struct trace *t, size_t i)
{
	const struct trace_stack *s = &t->stacks[1];

	CHECK(i < s->n_kernel + s->n_user);
	return &t->frames[s->frames[i]];
}

static void check_frame(const struct trace *t, size_t i, const char *name, const char *label, bool inlined)
{
	const struct trace_frame *f = frame_at(t, i);
	char text[FRAME_LABEL_MAX];

	if (name)
		CHECK_STR(f->name, name);
	else
		CHECK(f->name == NULL);
	CHECK_STR(frame_label_line(text, sizeof(text), f), label);
	CHECK_EQ(f->inlined, inlined);
}

static void check_text(const struct report *report)
{
	const struct page_style style = {.width = 120};
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	report_text.print(report, out, &style);
	fclose(out);
	CHECK(strstr(text, "  leaf?? (a;b.c:5), read\n") != NULL);
	free(text);
}

static void check_everything(void)
{
	const struct trace_source source = {.ask = ask, .named = true};
	const struct report_choice choice = {0};
	const struct fold_choice all = {0};
	struct report *report;
	struct trace *t;
	struct build b;
	struct fold *fold;
	bool seen = false;

	make(&b);
	memset(&asked, 0, sizeof(asked));
	build_must(trace_load_from(&t, b.path, &source));
	/* each offset once, in order, of the one file that is one */
	CHECK_EQ(asked.calls, 1);
	CHECK_EQ(asked.n, 4);
	for (size_t i = 0; i < 4; i++)
		CHECK_EQ(asked.offsets[i], 0x100 * (i + 1));
	CHECK_STR(asked.path, "/opt/program");
	CHECK_EQ(t->stacks[1].n_kernel, 1);
	CHECK_EQ(t->stacks[1].n_user, 12);
	check_frame(t, 1, "leaf;?", "leaf?? (a?b.c:5)", true);
	check_frame(t, 2, "middle", "middle (a?b.c)", true);
	check_frame(t, 3, "recorded", "recorded (main.c:13)", false);
	CHECK_EQ(frame_at(t, 3)->offset, 0); /* as recorded */
	check_frame(t, 4, NULL, "program+0x400", false);
	check_frame(t, 5, "single", "single", false);
	CHECK_EQ(frame_at(t, 5)->offset, UINT32_MAX);
	check_frame(t, 6, "[inlined]", "[inlined]", true);
	check_frame(t, 7, NULL, "program+0x300", false);
	check_frame(t, 8, "leaf;?", "leaf?? (a?b.c:5)", true);
	CHECK(frame_at(t, 8) == frame_at(t, 1));

	build_must(report_build(&report, t, &choice));
	CHECK_STR(report->places[0].place, "leaf??");
	CHECK_STR(report->places[0].source, "/src/a;b.c");
	CHECK_EQ(report->places[0].line, 5);
	check_text(report);
	report_free(report);
	build_must(fold_build(&fold, t, &all));
	for (size_t i = 0; i < fold->n; i++)
		seen |= strstr(fold->lines[i].text,
			       ";recorded (main.c:13);middle (a?b.c)_[i];leaf?? (a?b.c:5)_[i];"
			       "program+0x300;[inlined]_[i];single;program+0x400;recorded (main.c:13);"
			       "middle (a?b.c)_[i];leaf?? (a?b.c:5)_[i];0xffffffff81000010_[k];") != NULL;
	CHECK(seen);
	fold_free(fold);
	trace_free(t);
	build_release(&b);
}

/* Frames that have a name are left alone; an error ends the loading. */
static void check_names_alone(void)
{
	struct trace_source source = {.ask = ask};
	struct trace *t;
	struct build b;

	make(&b);
	memset(&asked, 0, sizeof(asked));
	build_must(trace_load_from(&t, b.path, &source));
	CHECK_EQ(asked.n, 3);
	CHECK_EQ(asked.offsets[0], 0x200);
	check_frame(t, 1, "recorded", "recorded", false);
	trace_free(t);
	asked.result = -ENOMEM;
	CHECK_EQ(trace_load_from(&t, b.path, &source), -ENOMEM);
	CHECK(t == NULL);
	build_release(&b);
}

int main(void)
{
	check_everything();
	check_names_alone();
	return check_done();
}
