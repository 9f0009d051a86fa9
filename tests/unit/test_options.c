/* SPDX-License-Identifier: BSD-2-Clause */
/* In: argument lists. Out: whether options_parse sets what they say, and refuses what it must with a message
 * that says why. */
#include "check.h"

#include <errno.h>
#include <stdlib.h>

#include "base/fail.h"
#include "commands/options.h"
#include "commands/verbs.h"

struct values {
	bool quick, loud;
	int pick, form;
	const char *text, *path;
	uint64_t number, ns, set;
	double decimal;
	struct option_pids pids;
};

static const char *const forms[] = {"round", "square", NULL};

static const struct option table[] = {
	{.name = "quick",
	 .letter = 'q',
	 .type = OPTION_FLAG,
	 .field = offsetof(struct values, quick),
	 .help = "a"},
	{.name = "loud",
	 .letter = 'l',
	 .type = OPTION_FLAG,
	 .field = offsetof(struct values, loud),
	 .help = "b"},
	{.name = "left",
	 .type = OPTION_SELECT,
	 .number = 1,
	 .field = offsetof(struct values, pick),
	 .help = "c"},
	{.name = "right",
	 .type = OPTION_SELECT,
	 .number = 2,
	 .field = offsetof(struct values, pick),
	 .help = "d"},
	{.name = "form",
	 .letter = 'f',
	 .type = OPTION_CHOICE,
	 .value = "round|square",
	 .choices = forms,
	 .field = offsetof(struct values, form),
	 .help = "e"},
	{.name = "text",
	 .letter = 't',
	 .type = OPTION_TEXT,
	 .value = "TEXT",
	 .field = offsetof(struct values, text),
	 .help = "f"},
	{.name = "path",
	 .letter = 'o',
	 .type = OPTION_PATH,
	 .value = "FILE",
	 .field = offsetof(struct values, path),
	 .help = "g"},
	{.name = "number",
	 .letter = 'n',
	 .type = OPTION_U64,
	 .value = "N",
	 .min = 2,
	 .max = 1000,
	 .field = offsetof(struct values, number),
	 .help = "h"},
	{.name = "large",
	 .type = OPTION_U64,
	 .value = "N",
	 .max = UINT64_MAX,
	 .field = offsetof(struct values, number),
	 .help = "h"},
	{.name = "seconds",
	 .letter = 'd',
	 .type = OPTION_SECONDS,
	 .value = "S",
	 .field = offsetof(struct values, ns),
	 .help = "i"},
	{.name = "pid",
	 .letter = 'p',
	 .type = OPTION_PIDS,
	 .value = "PID",
	 .field = offsetof(struct values, pids),
	 .help = "j"},
	{.name = "set",
	 .type = OPTION_SET,
	 .value = "SHAPES",
	 .choices = forms,
	 .field = offsetof(struct values, set),
	 .help = "k"},
	{.name = "decimal",
	 .type = OPTION_DECIMAL,
	 .value = "N",
	 .max = 100,
	 .field = offsetof(struct values, decimal),
	 .help = "l"},
	OPTIONS_EVERYWHERE,
};

/* One parse: words separated by blanks, '~' stands for an empty word. */
struct parse {
	struct values v;
	char line[256];
	char *argv[32];
	int argc, result;
};

static void parse_line(struct parse *p, const char *line, bool stop)
{
	memset(p, 0, sizeof(*p));
	snprintf(p->line, sizeof(p->line), "%s", line);
	for (char *word = strtok(p->line, " "); word && p->argc < 31; word = strtok(NULL, " "))
		p->argv[p->argc++] = strcmp(word, "~") ? word : word + 1;
	fail(0, "%s", "");
	p->result = options_parse(table, &p->v, &p->argc, p->argv, stop);
}

static void parse_done(struct parse *p)
{
	options_release(table, &p->v);
	CHECK(p->v.pids.pids == NULL);
}

static void test_values(void)
{
	struct parse p;

	parse_line(&p, "-q --form=square -t x --path a/b -n7 --seconds 2.5 -p 12,34 -p 12 rest", false);
	CHECK_EQ(p.result, OPTIONS_DONE);
	CHECK(p.v.quick && !p.v.loud);
	CHECK_EQ(p.v.form, 1);
	CHECK_STR(p.v.text, "x");
	CHECK_STR(p.v.path, "a/b");
	CHECK_EQ(p.v.number, 7);
	CHECK_EQ(p.v.ns, 2500000000ll);
	CHECK_EQ(p.v.pids.n, 2);
	CHECK(p.v.pids.n == 2 && p.v.pids.pids[0] == 12 && p.v.pids.pids[1] == 34);
	CHECK_EQ(p.argc, 1);
	CHECK_STR(p.argv[0], "rest");
	CHECK(p.argv[1] == NULL);
	parse_done(&p);

	parse_line(&p, "-qlofile --text=a=b",
		   false); /* letters together, the last with its value; = in a value */
	CHECK_EQ(p.result, 0);
	CHECK(p.v.quick && p.v.loud);
	CHECK_STR(p.v.path, "file");
	CHECK_STR(p.v.text, "a=b");
	parse_done(&p);

	parse_line(&p, "--text --quick -o -",
		   false); /* the word behind is the value, whatever it looks like */
	CHECK_EQ(p.result, 0);
	CHECK(!p.v.quick);
	CHECK_STR(p.v.text, "--quick");
	CHECK_STR(p.v.path, "-");
	parse_done(&p);

	parse_line(&p, "-n 2 -n 1000", false); /* the last one holds; both ends of the range */
	CHECK_EQ(p.v.number, 1000);
	parse_done(&p);
	parse_line(&p, "--large 18446744073709551615", false);
	CHECK(p.result == 0 && p.v.number == UINT64_MAX);
	parse_done(&p);
}

static void test_seconds(void)
{
	static const struct {
		const char *line;
		long long ns;
	} good[] = {{"-d 1", 1000000000},
		    {"-d 0.5", 500000000},
		    {"-d .25", 250000000},
		    {"-d 3.", 3000000000},
		    {"-d 0.000000001", 1},
		    {"-d 1.0000000019", 1000000001},
		    {"-d 31536000", 31536000000000000}};
	static const char *const bad[] = {"-d 0",
					  "-d -1",
					  "-d 1s",
					  "-d 0.0",
					  "-d .",
					  "-d 1e3",
					  "-d 0.0000000001",
					  "-d ~",
					  "-d x",
					  "-d 1.2.3",
					  "-d 99999999999999999999"};
	struct parse p;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		parse_line(&p, good[i].line, false);
		CHECK_EQ(p.result, 0);
		CHECK_EQ(p.v.ns, good[i].ns);
		parse_done(&p);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		parse_line(&p, bad[i], false);
		CHECK_EQ(p.result, -EINVAL);
		CHECK(strstr(fail_message(), "option -d") != NULL);
		parse_done(&p);
	}
}

static void test_sets_and_decimals(void)
{
	static const struct {
		const char *line;
		double value;
	} good[] = {{"--decimal 0", 0},	     {"--decimal 2", 2},   {"--decimal 0.5", 0.5},
		    {"--decimal .25", 0.25}, {"--decimal 100", 100}, {"--decimal 7.", 7}};
	static const char *const bad[] = {"--decimal -1",    "--decimal 1e1", "--decimal 100.1", "--decimal .",
					  "--decimal ~",     "--decimal 101", "--decimal 1.2.3", "--decimal 1,5",
					  "--set triangle",  "--set round,",  "--set ,round",	 "--set ~",
					  "--set roundround"};
	struct parse p;
	size_t i;

	parse_line(&p, "--set square", false);
	CHECK(p.result == 0 && p.v.set == 2);
	parse_done(&p);
	parse_line(&p, "--set=square,round", false);
	CHECK(p.result == 0 && p.v.set == 3);
	parse_done(&p);
	parse_line(&p, "--set round --set square --set round", false);
	CHECK(p.result == 0 && p.v.set == 3);
	parse_done(&p);
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		parse_line(&p, good[i].line, false);
		CHECK_EQ(p.result, 0);
		CHECK(p.v.decimal > good[i].value - 1e-9 && p.v.decimal < good[i].value + 1e-9);
		parse_done(&p);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		parse_line(&p, bad[i], false);
		CHECK_EQ(p.result, -EINVAL);
		CHECK(strstr(fail_message(), "option --") != NULL);
		parse_done(&p);
	}
}

static void test_refusals(void)
{
	static const struct {
		const char *line, *says;
	} bad[] = {
		{"--quic", "unknown option --quic"},
		{"--quickly", "unknown option --quickly"},
		{"--nothing=3", "unknown option --nothing"},
		{"-x", "unknown option -x"},
		{"-qx", "unknown option -x in -qx"},
		{"--quick=1", "--quick takes no value"},
		{"--help=1", "--help takes no value"},
		{"--text", "--text: the value is missing"},
		{"-t", "-t: the value is missing"},
		{"--text=", "--text: the value is empty"},
		{"-t ~", "-t: the value is empty"},
		{"-n 1", "whole number from 2 to 1000"},
		{"-n 1001", "whole number from 2 to 1000"},
		{"-n -3", "whole number"},
		{"-n 3x", "whole number"},
		{"-n ~", "whole number"},
		{"--number=", "whole number"},
		{"--large 18446744073709551616", "whole number"},
		{"--form oval", "none of: round, square"},
		{"--left --right", "--left and --right exclude each other"},
		{"-p 0", "process numbers"},
		{"-p 1,", "process numbers"},
		{"-p ,1", "process numbers"},
		{"-p 1,,2", "process numbers"},
		{"-p 12a", "process numbers"},
		{"-p -4", "process numbers"},
		{"-p 99999999999", "process numbers"},
		{"-p 12 -p x", "process numbers"},
	};
	struct parse p;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		parse_line(&p, bad[i].line, false);
		CHECK_EQ(p.result, -EINVAL);
		if (!strstr(fail_message(), bad[i].says)) {
			fprintf(stderr, "%s: \"%s\" does not say \"%s\"\n", bad[i].line, fail_message(),
				bad[i].says);
			CHECK(!"the message");
		}
		parse_done(&p);
	}
	parse_line(&p, "--left --left", false);
	CHECK(p.result == 0 && p.v.pick == 1);
	parse_done(&p);
}

static void test_words(void)
{
	struct parse p;

	parse_line(&p, "a -q b - -- -l --nothing", false); /* words anywhere, "-" is one, all behind -- are */
	CHECK_EQ(p.result, 0);
	CHECK(p.v.quick && !p.v.loud);
	CHECK_EQ(p.argc, 5);
	CHECK_STR(p.argv[0], "a");
	CHECK_STR(p.argv[2], "-");
	CHECK_STR(p.argv[4], "--nothing");
	parse_done(&p);

	parse_line(&p, "-q command -l --nothing -- x", true); /* the first word ends the options */
	CHECK_EQ(p.result, 0);
	CHECK(p.v.quick && !p.v.loud);
	CHECK_EQ(p.argc, 5);
	CHECK_STR(p.argv[0], "command");
	CHECK_STR(p.argv[1], "-l");
	CHECK_STR(p.argv[3], "--");
	parse_done(&p);

	parse_line(&p, "-q -- -l", true);
	CHECK(p.result == 0 && p.argc == 1);
	CHECK_STR(p.argv[0], "-l");
	parse_done(&p);

	parse_line(&p, "~ x", true); /* an empty word is a word */
	CHECK(p.result == 0 && p.argc == 2);
	parse_done(&p);

	parse_line(&p, "", false);
	CHECK(p.result == 0 && p.argc == 0 && !p.argv[0]);
	parse_done(&p);
}

static void test_help_and_version(void)
{
	struct parse p;

	parse_line(&p, "--help --nothing", false); /* asked for help, one gets it */
	CHECK_EQ(p.result, OPTIONS_HELP);
	parse_done(&p);
	parse_line(&p, "-qh", false);
	CHECK_EQ(p.result, OPTIONS_HELP);
	parse_done(&p);
	parse_line(&p, "-p 3 --version", false);
	CHECK_EQ(p.result, OPTIONS_VERSION);
	parse_done(&p);
	parse_line(&p, "true --version", true); /* that is the command's */
	CHECK(p.result == 0 && p.argc == 2);
	parse_done(&p);
}

/* What a print function writes, in memory of the caller. */
static char *printed(void (*print)(FILE *))
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return NULL;
	print(f);
	fclose(f);
	return text;
}

static void print_table(FILE *f)
{
	options_print(table, f);
}

static void list_table(FILE *f)
{
	options_list(table, "verb", f);
}

static void test_printing(void)
{
	char *help = printed(print_table), *list = printed(list_table);

	CHECK(help && strstr(help, "  -o, --path FILE"));
	CHECK(help && strstr(help, "      --left  "));
	CHECK(list && strstr(list, "verb\t--form\t-f\tchoice\tround,square\n"));
	CHECK(list && strstr(list, "verb\t--left\t-\tflag\t-\n"));
	free(help);
	free(list);
}

/* The tables of the verbs: names and letters are unique, texts are there, lines of help fit. */
static void test_verbs(void)
{
	static const char *const names[] = {"run", "attach", "report", "folded", "compare", "doctor"};
	char *help;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const struct verb *v = verb_find(names[i]);

		CHECK(v != NULL);
		for (const struct option *o = v ? v->options : table; o->type != OPTION_END; o++) {
			CHECK(o->name[0] && o->help && o->help[0]);
			for (const struct option *other = o + 1; other->type != OPTION_END; other++) {
				CHECK(strcmp(o->name, other->name) != 0);
				CHECK(!o->letter || o->letter != other->letter);
			}
		}
	}
	CHECK(verb_find("ru") == NULL && verb_find("runs") == NULL && verb_find("") == NULL);

	help = printed(verbs_print_help);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		CHECK(help && strstr(help, names[i]));
	free(help);
}

int main(void)
{
	test_values();
	test_seconds();
	test_sets_and_decimals();
	test_refusals();
	test_words();
	test_help_and_version();
	test_printing();
	test_verbs();
	return check_done();
}
