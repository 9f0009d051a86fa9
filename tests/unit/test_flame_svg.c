/* SPDX-License-Identifier: BSD-2-Clause */
/* The picture of a flame graph: names that are safe and short, boxes where they belong, room that is kept. */
#include <stdlib.h>

#include "analysis/flame.h"
#include "analysis/kinds.h"
#include "check.h"
#include "flamegraph_css.h"
#include "flamegraph_js.h"
#include "lives.h"
#include "output/flame_svg.h"
#include "output/flame_text.h"

static char *escaped(const char *bytes)
{
	static char text[512];
	FILE *out = fmemopen(text, sizeof(text), "w");

	flame_escape(bytes, strlen(bytes), out);
	fclose(out);
	CHECK_EQ(strlen(text), flame_escaped(bytes, strlen(bytes)));
	return text;
}

static void escapes(void)
{
	CHECK_STR(escaped("plain::name(int)"), "plain::name(int)");
	CHECK_STR(escaped("<a>&\"]]>"), "&lt;a&gt;&amp;&quot;]]&gt;");
	CHECK_STR(escaped("tab\tbell\a del\x7f nel\xc2\x85"), "tab?bell? del? nel?");
	CHECK_STR(escaped("\xff\xfe \xc3( \xed\xa0\x80"), "?? ?( ???");
	CHECK_STR(escaped("\xef\xbf\xbe\xef\xbf\xbf\xef\xbf\xbd"), "??\xef\xbf\xbd");
	CHECK_STR(escaped("\xf0\x9f\xbf\xbe \xf0\x9f\x94\xa5"), "? \xf0\x9f\x94\xa5");
	CHECK_STR(escaped("\xe5\x87\xbd"), "\xe5\x87\xbd");
}

static const char *shortened(const char *name, size_t columns)
{
	static char text[256];

	return flame_short(text, sizeof(text), name, columns);
}

static void shortens(void)
{
	static const char push[] = "std::vector<int, std::allocator<int> >::push_back(int const&)";

	CHECK_STR(shortened(push, 100), push);
	CHECK_STR(shortened(push, 30), "std::vector::push_back");
	CHECK_STR(shortened(push, 21), "push_back");
	CHECK_STR(shortened(push, 9), "push_back");
	CHECK_STR(shortened(push, 8), "push_b..");
	CHECK_STR(shortened(push, 3), "p..");
	CHECK_STR(shortened(push, 2), "");
	CHECK_STR(shortened(push, 0), "");
	CHECK_STR(shortened("read", 4), "read");
	CHECK_STR(shortened("futex_[k]", 8), "futex_..");
	CHECK_STR(shortened("[no stack]", 7), "[no s..");
	CHECK_STR(shortened("operator<<(std::ostream&, int)", 12), "operator<<");
	CHECK_STR(shortened("void run<int>(int)", 5), "run");
	CHECK_STR(shortened("main::{lambda(int)#1}::operator()(int) const", 14), "operator()");
	CHECK_STR(shortened("core::ops::function::FnOnce::call_once{{vtable.shim}}", 20),
		  "call_once{{vtable...");
	CHECK_STR(shortened("<T as core::fmt::Display>::fmt", 6), "fmt");
	CHECK_STR(shortened("tokio::runtime::spawn::{{closure}}", 20), "spawn::{{closure}}");
	CHECK_STR(shortened("\xe5\x87\xbd\xe6\x95\xb0\xe5\x87\xbd\xe6\x95\xb0", 3), "\xe5\x87\xbd..");
	CHECK_STR(shortened("<", 0), "");
	CHECK_STR(shortened("((((", 3), "(..");
	CHECK_STR(shortened("a::", 2), "");
}

/* What is in the picture `text` between two marks, from *at on; "" behind the last. */
static const char *between(const char **at, const char *begin, const char *end, char *buf, size_t size)
{
	const char *from = strstr(*at, begin), *to = from ? strstr(from + strlen(begin), end) : NULL;

	buf[0] = '\0';
	if (!to)
		return buf;
	from += strlen(begin);
	snprintf(buf, size, "%.*s", (int)(to - from), from);
	*at = to;
	return buf;
}

static char *print(const struct flame *f, const struct flame_page *page)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	flame_svg_print(f, page, out);
	fclose(out);
	CHECK_EQ(strlen(text), len);
	return text;
}

/* Bytes between the marks of the boxes, which must not be more than what was said of them. */
static size_t bytes_of_boxes(const char *svg)
{
	const char *from = strstr(svg, "<g id=\"frames\""), *to = strstr(svg, "<g id=\"head\"");

	return from && to ? (size_t)(to - from) : SIZE_MAX;
}

static void check_cost(const struct flame *f, const struct flame_page *page)
{
	char *svg = print(f, page);
	size_t i, sum = 0;

	for (i = 0; i < f->n; i++)
		sum += flame_svg_cost(f->boxes[i].name, (double)f->boxes[i].ns / (double)f->total_ns, page);
	CHECK(bytes_of_boxes(svg) <= sum + 100);
	CHECK(strlen(svg) <= sum + FLAME_SVG_BYTES - flame_svg_room());
	free(svg);
}

static void build_two(struct build *b, uint64_t ns)
{
	const uint64_t stack[] = {BUILD_FRAME(1, 0x200), BUILD_FRAME(1, 0x100)};
	struct life l;

	build_init(b, 0, 1000 * MS);
	build_file(b, 1, SECTION_FILE_ELF, "/home/me/prog");
	build_name(b, BUILD_FRAME(1, 0x100), 0, "</title><script>x</script>&\"\"\"\"\"\"<<<<<<<<");
	build_name(b, BUILD_FRAME(1, 0x200), 0, "std::map<int, long>::find(int const&)");
	build_stack(b, 7, 100, 0, 2, stack);
	life_begin(&l, b, 1, 1, 100, 100, 0, "prog");
	l.stack = 7;
	life_wait(&l, WAIT_DISK, ns, 0, SYS_READ, 0);
	l.stack = 0;
	life_wait(&l, WAIT_MUTEX, 100 * MS, 0, SYS_FUTEX, 0);
	life_end(&l, 0);
}

static void pictures(void)
{
	const struct flame_page page = {"<&>", "about\x01", 1200, false}, icicle = {"t", "a", 820, true};
	const struct flame_choice choice = {.states = PARTS_ALL};
	struct trace *a, *t;
	struct build first, b;
	struct flame *f;
	const char *at;
	char *svg, text[256];

	build_two(&first, 20 * MS);
	build_two(&b, 300 * MS);
	build_must(build_load(&first, &a));
	build_must(build_load(&b, &t));
	build_must(flame_build(&f, t, &choice));
	at = svg = print(f, &page);
	CHECK(!strncmp(svg, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg ", 44));
	CHECK_STR(between(&at, "<title>", "</title>", text, sizeof(text)), "&lt;&amp;&gt;");
	CHECK_STR(between(&at, "<desc>", "</desc>", text, sizeof(text)), "about?");
	/* all, prog, prog, then [no stack] and its two, then the function: 3/4 of the width, on the right. */
	at = strstr(svg, "<g id=\"frames\"");
	CHECK_STR(between(&at, "<title>", "</title>", text, sizeof(text)), "all (400.0 ms, 100.00 %)");
	CHECK_STR(between(&at, "<rect ", "/>", text, sizeof(text)),
		  "x=\"10\" y=\"182\" width=\"1180\" height=\"15\"");
	at = strstr(svg, "&lt;/title&gt;&lt;script&gt;x");
	CHECK_STR(between(&at, "<rect ", "/>", text, sizeof(text)),
		  "x=\"10\" y=\"134\" width=\"885\" height=\"15\"");
	at = strstr(svg, "<title>[no stack]");
	CHECK_STR(between(&at, "<rect ", "/>", text, sizeof(text)),
		  "x=\"895\" y=\"134\" width=\"295\" height=\"15\"");
	CHECK(strstr(svg, "<g class=\"f io t\"><title>[disk] (300.0 ms, 75.00 %)</title>"));
	CHECK(strstr(svg, ">std::map&lt;int, long&gt;::find(int const&amp;)</text>"));
	CHECK(strstr(svg, "<text x=\"28.0\" y=\"70\">waiting: I/O 75.0 %</text>"));
	CHECK(!strstr(svg, "<script>x"));
	CHECK(strstr(svg, "<script><![CDATA[\n") && !strcmp(strstr(svg, "]]>"), "]]></script>\n</svg>\n"));
	free(svg);
	check_cost(f, &page);
	check_cost(f, &(struct flame_page){"", "", 20000, false});

	/* The root at the top, and the deepest box at the bottom. */
	svg = print(f, &icicle);
	at = strstr(svg, "<title>all ");
	CHECK_STR(between(&at, "<rect ", "/>", text, sizeof(text)),
		  "x=\"10\" y=\"102\" width=\"800\" height=\"15\"");
	at = strstr(svg, "<title>[disk]");
	CHECK_STR(between(&at, "<rect ", "/>", text, sizeof(text)),
		  "x=\"10\" y=\"198\" width=\"600\" height=\"15\"");
	free(svg);
	flame_free(f);

	build_must(flame_compare(&f, a, t, &choice, FLAME_SCALE_NONE));
	svg = print(f, &page);
	CHECK(strstr(
		svg,
		"<g class=\"f more4 t\"><title>[disk] (300.0 ms, 75.00 %; was 20.00 ms, +1400.0 %)</title>"));
	CHECK(strstr(
		svg,
		"<g class=\"f same t\"><title>[mutex] (100.0 ms, 25.00 %; was 100.0 ms, +0.0 %)</title>"));
	free(svg);
	check_cost(f, &page);
	flame_free(f);
	trace_free(a);
	trace_free(t);
	build_release(&first);
	build_release(&b);
}

static void changes(void)
{
	const struct flame f = {.total_ns = 10000 * US, .before_ns = 8000 * US};
	static const struct {
		uint64_t before, ns;
		int change;
	} cases[] = {
		{1000, 1040, 0},  {1000, 1060, 1},  {1000, 1300, 2},  {1000, 1600, 3},	{1000, 2000, 4},
		{1060, 1000, -1}, {1300, 1000, -2}, {1600, 1000, -3}, {2000, 1000, -4}, {0, 1000, 4},
		{1000, 1000, 0},  {1, 9, 0},	    {0, 9, 0},	      {0, 10, 4},
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct flame_box box = {.before = cases[i].before * US, .ns = cases[i].ns * US};

		CHECK_EQ(flame_change(&f, &box), cases[i].change);
	}
}

/* Every class that is printed has a colour, and what is put into the file can't end its element. */
static void parts(void)
{
	char rule[64];
	unsigned int i;

	for (i = 0; i <= FLAME_MIXED; i++) {
		snprintf(rule, sizeof(rule), "\n.%s rect {", flame_state_name(i));
		CHECK(strstr(flamegraph_css, rule));
	}
	for (i = 1; i <= 4; i++) {
		snprintf(rule, sizeof(rule), "\n.less%u rect {", i);
		CHECK(strstr(flamegraph_css, rule));
		snprintf(rule, sizeof(rule), "\n.more%u rect {", i);
		CHECK(strstr(flamegraph_css, rule));
	}
	CHECK(!strstr(flamegraph_js, "]]>"));
	CHECK(!strpbrk(flamegraph_css, "<&"));
	CHECK(!strstr(flamegraph_js, "innerHTML") && !strstr(flamegraph_js, "eval("));
}

int main(void)
{
	escapes();
	shortens();
	pictures();
	changes();
	parts();
	return check_done();
}
