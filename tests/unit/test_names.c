/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Function names of a trace: readable ones on demand, names that stand for no symbol as they are, folded lines
 * that can still be parsed.
 */
#include <stdlib.h>

#include "analysis/fold.h"
#include "check.h"
#include "lives.h"
#include "recording/recording.h"
#include "symbols/symbol.h"

/* Innermost first, all on one stack. */
enum { TEMPLATE, RUST, PLAIN, START, LONG, UNNAMED, AGAIN, N_FRAMES };

static char long_name[SYMBOL_NAME_MAX + 1];

static void build_program(struct build *b)
{
	uint64_t stack[N_FRAMES];
	struct life l;

	for (size_t i = 0; i < N_FRAMES; i++)
		stack[i] = BUILD_FRAME(1, 0x100 * (i + 1));
	memset(long_name, 'x', SYMBOL_NAME_MAX);
	build_init(b, 0, 100 * MS);
	life_names(b);
	build_file(b, 1, SECTION_FILE_ELF, "/home/me/prog");
	build_name(b, stack[TEMPLATE], 0, "_ZNSt6vectorIiSaIiEE9push_backEOi");
	build_name(b, stack[AGAIN], 0, "_ZNSt6vectorIdSaIdEE9push_backEOd");
	build_name(b, stack[RUST], 0, "_ZN4core3fmt9Formatter9write_str17h0123456789abcdefE");
	build_name(b, stack[PLAIN], 0, "a;b\nc");
	build_name(b, stack[START], SECTION_NAME_NO_SYMBOL, "_Z3foov");
	build_name(b, stack[LONG], 0, long_name);
	build_stack(b, 7, 100, 0, N_FRAMES, stack);
	life_begin(&l, b, 1, 1, 100, 100, 0, "prog");
	l.stack = 7;
	life_wait(&l, WAIT_NETWORK, 20 * MS, 0, SYS_RECV, 0);
	life_end(&l, 0);
}

static const struct trace_frame *frame(const struct trace *t, unsigned int i)
{
	return &t->frames[t->stacks[1].frames[i]];
}

static void check_frames(enum symbol_names names, const char *template, const char *again, const char *rust)
{
	struct trace *t = NULL;
	struct build b;

	build_program(&b);
	build_must(build_load(&b, &t));
	CHECK_EQ(trace_set_names(t, names), 0);
	CHECK_EQ(t->stacks[1].n_user, N_FRAMES);
	CHECK_STR(frame(t, TEMPLATE)->name, template);
	CHECK_STR(frame(t, AGAIN)->name, again);
	CHECK_STR(frame(t, RUST)->name, rust);
	CHECK_STR(frame(t, PLAIN)->name, "a;b?c");
	CHECK(!frame(t, PLAIN)->no_symbol);
	CHECK_STR(frame(t, START)->name, "_Z3foov"); /* a file may be called so */
	CHECK(frame(t, START)->no_symbol);
	CHECK_STR(frame(t, LONG)->name, long_name);
	CHECK(frame(t, UNNAMED)->name == NULL);
	trace_free(t);
	build_release(&b);
}

/* One line of N_FRAMES + 4 parts, whatever is in the names. */
static void check_folded(void)
{
	const struct fold_choice choice = {.what = FOLD_WAIT};
	struct trace *t = NULL;
	struct fold *fold = NULL;
	struct build b;
	size_t parts = 1;

	build_program(&b);
	build_must(build_load(&b, &t));
	CHECK_EQ(trace_set_names(t, SYMBOL_NAMES_SHORT), 0);
	build_must(fold_build(&fold, t, &choice));
	CHECK_EQ(fold->n, 1);
	for (const char *c = fold->lines[0].text; *c; c++) {
		parts += *c == ';';
		CHECK(*c != '\n');
	}
	CHECK_EQ(parts, N_FRAMES + 4);
	CHECK(strstr(fold->lines[0].text, ";prog+0x600;") != NULL);
	CHECK(strstr(fold->lines[0].text, ";a?b?c;") != NULL);
	CHECK(strstr(fold->lines[0].text, long_name) != NULL);
	CHECK(!strncmp(fold->lines[0].text, "prog;prog;std::vector::push_back;prog+0x600;", 44));
	fold_free(fold);
	trace_free(t);
	build_release(&b);
}

int main(void)
{
	check_frames(SYMBOL_NAMES_RAW, "_ZNSt6vectorIiSaIiEE9push_backEOi", "_ZNSt6vectorIdSaIdEE9push_backEOd",
		     "_ZN4core3fmt9Formatter9write_str17h0123456789abcdefE");
	check_frames(SYMBOL_NAMES_FULL, "std::vector<int, std::allocator<int> >::push_back(int&&)",
		     "std::vector<double, std::allocator<double> >::push_back(double&&)",
		     "core::fmt::Formatter::write_str");
	check_frames(SYMBOL_NAMES_SHORT, "std::vector::push_back", "std::vector::push_back",
		     "core::fmt::Formatter::write_str");
	check_folded();
	return check_done();
}
