/* SPDX-License-Identifier: BSD-2-Clause */
/* Inlined functions and lines: a chain that is known, from several compilers, and whole programs against
 * addr2line. */
#include <errno.h>
#include <fcntl.h>

#include "check.h"
#include "compiled.h"
#include "symbols/dwarf_lines.h"

static char folder[] = SCRATCH_TEMPLATE;

static struct dwarf_lines *open_lines(const char *path, int *fd)
{
	struct dwarf_lines *d = NULL;

	*fd = open(path, O_RDONLY | O_CLOEXEC);
	CHECK(*fd >= 0);
	CHECK_EQ(dwarf_lines_new(&d, *fd, -1), 0);
	return d;
}

static const char *base(const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;

	return slash ? slash + 1 : path;
}

static void check_part(const struct dwarf_part *p, const char *name, uint32_t line, bool inlined)
{
	CHECK_STR(p->name, name);
	CHECK_STR(base(p->source), "chain.c");
	CHECK_EQ(p->line, line);
	CHECK_EQ(p->inlined, inlined);
}

static void check_chain(const char *compiler)
{
	struct dwarf_part parts[DWARF_PARTS_MAX];
	struct dwarf_lines *d;
	char path[256];
	uint64_t spot;
	int fd;

	snprintf(path, sizeof(path), "%s/chain", folder);
	if (!compiled_run("cd %s && %s chain.c -o chain", folder, compiler)) {
		fprintf(stderr, "# %s: does not compile here\n", compiler);
		return;
	}
	fprintf(stderr, "# %s\n", compiler);
	spot = compiled_symbol(path, "spot");
	CHECK(spot != 0);
	d = open_lines(path, &fd);
	if (!d)
		return;
	CHECK_EQ(dwarf_lines_at(d, spot, true, parts), 3);
	check_part(&parts[0], "leaf", 5, true);
	check_part(&parts[1], "middle", 9, true);
	check_part(&parts[2], "outer", 13, false);
	/* without inlined functions: the function that has the code, and the line that the code is of */
	CHECK_EQ(dwarf_lines_at(d, spot, false, parts), 1);
	check_part(&parts[0], "outer", 5, false);
	/* the prologue of the function is its own */
	CHECK(dwarf_lines_at(d, compiled_symbol(path, "outer"), true, parts) >= 1);
	CHECK_EQ(dwarf_lines_at(d, compiled_symbol(path, "main"), true, parts), 1);
	CHECK_STR(parts[0].name, "main");
	CHECK_EQ(dwarf_lines_at(d, 0, true, parts), 0);
	CHECK_EQ(dwarf_lines_at(d, UINT64_MAX, true, parts), 0);
	/* the start files have no debug information */
	CHECK_EQ(dwarf_lines_at(d, compiled_symbol(path, "_start"), true, parts), 0);
	dwarf_lines_free(d);
	close(fd);
}

static void check_chains(void)
{
	static const char *const compilers[] = {
		"gcc -O2 -g",
		"gcc -O2 -gdwarf-4",
		"gcc -O2 -gdwarf-3 -gstrict-dwarf",
		"gcc -O2 -g -gz",
		"gcc -O3 -g -flto",
		"gcc -O2 -g -no-pie -ffunction-sections -Wl,--gc-sections",
		"clang -O2 -g",
		"clang -O2 -gdwarf-4",
		"clang -O1 -g -flto -fuse-ld=lld",
	};
	char path[256];

	snprintf(path, sizeof(path), "%s/chain.c", folder);
	CHECK(compiled_write(path, compiled_chain));
	for (size_t i = 0; i < sizeof(compilers) / sizeof(compilers[0]); i++)
		check_chain(compilers[i]);
}

/* "name at /path/file:12 (discriminator 3)" of addr2line -p; "(inlined by) " is before all but the first. */
static bool same_as(const char *text, const struct dwarf_part *p, bool *differs)
{
	char name[2048], place[2048], line[32] = "?";
	const char *at, *colon;

	text += strspn(text, " ");
	if (!strncmp(text, "(inlined by) ", 13))
		text += 13;
	at = strstr(text, " at ");
	if (!at)
		return false;
	snprintf(name, sizeof(name), "%.*s", (int)(at - text), text);
	snprintf(place, sizeof(place), "%s", at + 4);
	colon = strrchr(place, ':');
	if (colon)
		snprintf(line, sizeof(line), "%.*s", (int)strspn(colon + 1, "0123456789?"), colon + 1);
	if (!p->inlined) /* a copy that the compiler made has a symbol of its own, "name.constprop.0" */
		name[strcspn(name, ".")] = 0;
	*differs = strcmp(name, p->name ? p->name : "??") != 0 ||
		   (line[0] == '?' ? p->line != 0 : strtoul(line, NULL, 10) != p->line);
	return true;
}

struct tally {
	size_t addresses, parts, inlined, different;
};

/* Where it says "?" for the whole address it knows nothing: the next address. */
static void compare_one(FILE *reference, struct dwarf_lines *d, uint64_t vaddr, struct tally *t)
{
	struct dwarf_part parts[DWARF_PARTS_MAX];
	size_t n = dwarf_lines_at(d, vaddr, true, parts), i = 0;
	bool bad = false, differs = false;
	char line[8192];

	/* addr2line -a: the address, then its lines; the next address ends them */
	while (fgets(line, sizeof(line), reference)) {
		line[strcspn(line, "\n")] = 0;
		if (!strcmp(line, "end"))
			break;
		/* the name, if there is one, is of the symbol table */
		if (!n && (strstr(line, " ??:") || !strcmp(line + strlen(line) - 2, ":?") ||
			   !strcmp(line + strlen(line) - 2, ":0")))
			continue;
		if (i < n && same_as(line, &parts[i], &differs))
			bad |= differs;
		else
			bad = true;
		i++;
	}
	t->addresses++;
	t->parts += n;
	t->inlined += n > 1;
	t->different += bad || i != n;
	if ((bad || i != n) && t->different <= 3)
		fprintf(stderr, "# %#llx: %zu parts, %zu of addr2line\n", (unsigned long long)vaddr, n, i);
}

/* Every seventh byte of .text: where a return address - 1 can be is anywhere. */
static void check_against(const char *reader, const char *path)
{
	char script[1024], line[256];
	struct dwarf_lines *d;
	struct tally t = {0};
	unsigned long long addr, size, step;
	FILE *reference;
	int fd;

	compiled_ask(line, sizeof(line), "readelf -SW %s | sed -n 's/.* \\.text *PROGBITS *//p'", path);
	if (sscanf(line, "%llx %*x %llx", &addr, &size) != 2) {
		CHECK(!"a .text section");
		return;
	}
	d = open_lines(path, &fd);
	if (!d)
		return;
	step = size / 4000 < 7 ? 7 : (size / 4000) | 1;
	snprintf(script, sizeof(script),
		 "seq -f %%.0f %llu %llu %llu | while read a; do printf '%%x\\n' $a; done | "
		 "%s -i -f -p -a -e %s | sed -E 's/^0x[0-9a-f]+: /end\\n/' | sed 1d; echo end",
		 addr, step, addr + size - 1, reader, path);
	reference = popen(script, "r"); /* NOLINT(cert-env33-c): a command of this test */
	CHECK(reference != NULL);
	for (uint64_t at = addr; reference && at < addr + size; at += step)
		compare_one(reference, d, at, &t);
	if (reference)
		pclose(reference);
	fprintf(stderr, "# %s: %zu addresses, %zu parts, %zu with inlined ones, %zu different\n", path,
		t.addresses, t.parts, t.inlined, t.different);
	CHECK(t.addresses > 50 && t.inlined > 10);
	/* the two choose differently in places where code belongs to no line, or to two functions */
	CHECK(t.different * 100 <= t.addresses * 3);
	dwarf_lines_free(d);
	close(fd);
}

/* Templates, lambdas, classes in namespaces, exceptions: what C++ inlines. */
static const char big_program[] =
	"#include <algorithm>\n#include <map>\n#include <string>\n#include <vector>\n#include <cstdio>\n"
	"namespace deep { namespace er {\n"
	"template <class T> struct Box { T value; bool operator<(const Box &o) const { return value < "
	"o.value; } };\n"
	"struct Thrower { int f(int x) { if (x > 1000) throw x; return x; } };\n"
	"} }\n"
	"int main(int argc, char **argv)\n"
	"{\n"
	"	std::vector<deep::er::Box<int>> v;\n"
	"	std::map<std::string, int> m;\n"
	"	deep::er::Thrower t;\n"
	"	for (int i = 0; i < argc * 100; i++) v.push_back({i * 7919 % 1000});\n"
	"	std::sort(v.begin(), v.end());\n"
	"	auto add = [&](const deep::er::Box<int> &b) { m[std::to_string(b.value)] += t.f(b.value); "
	"};\n"
	"	try { std::for_each(v.begin(), v.end(), add); } catch (int e) { std::printf(\"%d\\n\", e); "
	"}\n"
	"	return argv[0] && m.size() == 3;\n"
	"}\n";

/* addr2line of binutils 2.40 does not understand the ranges of clang's DWARF 5: for clang its own tool, if it
 * is here. */
static void check_programs(void)
{
	static const struct {
		const char *compiler;
		bool llvm;
	} programs[] = {
		{"g++ -O2 -g", false},
		{"g++ -O3 -gdwarf-4 -flto", false},
		{"clang++ -O2 -gdwarf-4", false},
		{"clang++ -O2 -g", true},
	};
	char path[256], llvm[64];

	compiled_ask(llvm, sizeof(llvm), "ls /usr/bin/llvm-addr2line* 2>/dev/null");
	snprintf(path, sizeof(path), "%s/big.cc", folder);
	CHECK(compiled_write(path, big_program));
	snprintf(path, sizeof(path), "%s/big", folder);
	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
		const char *reader = programs[i].llvm ? llvm : "addr2line";

		fprintf(stderr, "# %s, %s\n", programs[i].compiler, reader);
		if (reader[0] &&
		    compiled_run("cd %s && %s big.cc -o big 2>/dev/null", folder, programs[i].compiler))
			check_against(reader, path);
		else
			fprintf(stderr, "# not here\n");
	}
}

static void check_refusals(void)
{
	struct dwarf_lines *d = NULL;
	char path[256];
	int fd;

	CHECK(compiled_run("cd %s && gcc -O2 chain.c -o plain", folder));
	snprintf(path, sizeof(path), "%s/plain", folder);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	CHECK_EQ(dwarf_lines_new(&d, fd, -1), -ENODATA);
	CHECK(d == NULL);
	close(fd);
	snprintf(path, sizeof(path), "%s/chain.c", folder);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	CHECK_EQ(dwarf_lines_new(&d, fd, -1), -ENODATA);
	close(fd);
	dwarf_lines_free(NULL);
}

int main(void)
{
	if (scratch_make(folder)) {
		perror(folder);
		return 1;
	}
	check_chains();
	check_programs();
	check_refusals();
	scratch_remove(folder);
	return check_done();
}
