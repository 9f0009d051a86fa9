/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the names of a stripped program come from: its debug file by build id or by link, with the right
 * checksum or a wrong one, what it carries itself, and in the end the begin of its functions. In other roots,
 * too, with links that lead out of them, and files that are none.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "capture/debug_files.h"
#include "capture/symbolizer.h"
#include "check.h"
#include "scratch.h"
#include "symbols/elf_file.h"
#include "symbols/minidebuginfo.h"

static char folder[] = SCRATCH_TEMPLATE;

static const char program[] =
	"#include <stdio.h>\n#include <unistd.h>\n"
	/* of assembler code, without a size: it ends where the next function begins */
	"__asm__(\".text\\n.globl unsized_one\\n.type unsized_one,%function\\nunsized_one: nop\\nnop\\nret\\n\");\n"
	/* not even marked as a function, with a label in it */
	"__asm__(\"label_one: .cfi_startproc\\nnop\\nnop\\nlabel_within: nop\\nnop\\nret\\n.cfi_endproc\\n\");\n"
	/* nor known to the call frame information */
	"__asm__(\"bare_one: nop\\nnop\\nret\\n\");\n"
	"__attribute__((noinline)) static int hidden_function(int n) { return n * 7 + getpid() % 3; }\n"
	"__attribute__((noinline)) int shown_function(int n) { return hidden_function(n) * 3 + getppid(); }\n"
	"int main(void) { return shown_function(1) & 1; }\n";

/* In the folder; what it says is in `log` there. */
static int run(const char *command)
{
	char line[2000];

	snprintf(line, sizeof(line), "cd %s && { %s; } >log 2>&1", folder, command);
	return system(line); /* NOLINT(cert-env33-c): a command of this test */
}

/* What nm says is the address of a symbol in `whole`, an unstripped file. */
static uint64_t address_of(const char *whole, const char *name)
{
	char command[400], line[400];
	uint64_t found = 0;
	FILE *nm;

	snprintf(command, sizeof(command), "nm %s/%s", folder, whole);
	nm = popen(command, "r"); /* NOLINT(cert-env33-c): a command of this test */
	while (nm && fgets(line, sizeof(line), nm)) {
		unsigned long long addr;
		char type, symbol[200];

		if (sscanf(line, "%llx %c %199s", &addr, &type, symbol) == 3 && !strcmp(symbol, name))
			found = addr;
	}
	if (nm)
		pclose(nm);
	CHECK(found != 0);
	return found;
}

static uint64_t offset_of(const struct elf_file *e, uint64_t vaddr)
{
	for (size_t i = 0; i < e->n_segments; i++)
		if (e->segments[i].type == 1 && vaddr - e->segments[i].vaddr < e->segments[i].filesz)
			return vaddr - e->segments[i].vaddr + e->segments[i].offset;
	return 0;
}

struct question {
	const struct process_roots *roots;
	uint32_t root;
	const char *path; /* there */
	size_t candidates;
	bool asked, complete;
	char name[256];
	uint64_t start, offset;
	size_t answers;
};

static size_t take_file(void *ctx, const struct symbol_file *file, int *fds)
{
	struct question *q = ctx;
	struct debug_files_of of = {.root = q->root,
				    .path = q->path,
				    .build_id = file->told->build_id,
				    .build_id_len = file->told->build_id_len};

	q->asked = true;
	q->complete = file->complete;
	q->candidates = file->complete ? 0 : debug_files_open(q->roots, &of, file->told->link, NULL, fds);
	return q->candidates;
}

static int take_name(void *ctx, const struct symbol_found *found)
{
	struct question *q = ctx;

	q->answers++;
	snprintf(q->name, sizeof(q->name), "%.*s", (int)found->len, found->name);
	q->start = found->start;
	q->offset = found->offset;
	return 0;
}

/* Asks for the name at `vaddr` + 1 of the file `path` in the folder; in the root it has the same path. */
static int ask(struct symbolizer *s, struct question *question, const char *path, uint64_t vaddr)
{
	struct symbol_query q = {
		.source = SYMBOLS_ELF, .n = 1, .opened = take_file, .fn = take_name, .ctx = question};
	char whole[400];
	struct elf_file e;
	uint64_t offset;
	int err;

	snprintf(whole, sizeof(whole), "%s/%s", folder, path);
	if (!question->path)
		question->path = whole;
	question->name[0] = 0;
	question->answers = question->candidates = 0;
	question->asked = false;
	q.fd = open(whole, O_RDONLY | O_CLOEXEC);
	CHECK(q.fd >= 0);
	CHECK_EQ(elf_file_open(&e, q.fd), 0);
	offset = offset_of(&e, vaddr) + 1;
	elf_file_release(&e);
	q.offsets = &offset;
	err = symbolizer_names(s, &q);
	close(q.fd);
	if (question->path == whole)
		question->path = NULL;
	return err;
}

/* The name is of the hidden function, or only its begin is known. */
static void expect(struct symbolizer *s, struct question *q, const char *path, uint64_t vaddr, bool named)
{
	CHECK_EQ(ask(s, q, path, vaddr), 0);
	CHECK_EQ(q->answers, 1);
	CHECK_STR(q->name, named ? "hidden_function" : "");
	CHECK_EQ(q->offset, 1);
	if (!named)
		CHECK_EQ(q->start, vaddr);
}

/*
 * Where `plain`, made of `whole`, begins to run is main found, too, of programs that are linked in all three ways; and code that only lies
 * behind that beginning is not named by it.
 */
static void check_main(struct symbolizer *s, struct question *q)
{
#if defined(__x86_64__)
	static const char *const ways[] = {"-fPIE -pie", "-fno-pie -no-pie", "-fno-pie -no-pie -static"};

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		char command[400];

		snprintf(command, sizeof(command), "cc -O1 %s -o whole p.c && objcopy --strip-all whole plain", ways[i]);
		CHECK_EQ(run(command), 0);
		CHECK_EQ(ask(s, q, "plain", address_of("whole", "main")), 0);
		CHECK_STR(q->name, "main");
		expect(s, q, "plain", address_of("whole", "hidden_function"), false);
	}
	/* without any call frame information there is nothing else to tell where the beginning ends */
	CHECK_EQ(run("echo '.globl _start; _start: nop; .skip 100; bare: nop; nop' >b.s && cc -nostdlib -static -o whole b.s && "
		     "objcopy --strip-all whole plain"), 0);
	CHECK_EQ(ask(s, q, "plain", address_of("whole", "_start")), 0);
	CHECK_STR(q->name, "_start");
	CHECK_EQ(ask(s, q, "plain", address_of("whole", "bare")), 0);
	CHECK_STR(q->name, "");
#else
	(void)s;
	(void)q;
#endif
}

static void check_link(struct symbolizer *s, struct question *q)
{
	uint64_t vaddr;

	CHECK_EQ(run("cc -O1 -Wl,--build-id=none -o whole p.c"), 0);
	vaddr = address_of("whole", "hidden_function");
	expect(s, q, "whole", vaddr, true);
	CHECK(q->asked && q->complete);
	CHECK_EQ(ask(s, q, "whole", address_of("whole", "label_within")), 0);
	CHECK_STR(q->name, "label_one");
	CHECK_EQ(q->offset, address_of("whole", "label_within") - address_of("whole", "label_one") + 1);
	CHECK_EQ(ask(s, q, "whole", address_of("whole", "bare_one") + 1), 0);
	CHECK_STR(q->name, "bare_one");
	CHECK_EQ(q->offset, 2);
	CHECK_EQ(run("objcopy --only-keep-debug whole linked.debug && "
		     "objcopy --strip-all --add-gnu-debuglink=linked.debug whole linked"), 0);
	expect(s, q, "linked", vaddr, true);
	CHECK(q->asked && !q->complete);
	CHECK_EQ(q->candidates, 1);
	/* the same in .debug */
	CHECK_EQ(run("mkdir .debug && mv linked.debug .debug"), 0);
	expect(s, q, "linked", vaddr, true);
	/* one byte more, and it is another file */
	CHECK_EQ(run("echo >> .debug/linked.debug"), 0);
	expect(s, q, "linked", vaddr, false);
	CHECK_EQ(q->candidates, 1);
	/* the first that is found is none, the second is it */
	CHECK_EQ(run("objcopy --only-keep-debug whole .debug/linked.debug && echo no ELF file >linked.debug"), 0);
	expect(s, q, "linked", vaddr, true);
	CHECK_EQ(q->candidates, 2);
	/* things that must not be waited for, or opened at all */
	CHECK_EQ(run("rm linked.debug && mkfifo linked.debug && rm .debug/linked.debug && ln -s /dev/zero .debug/linked.debug"),
		 0);
	expect(s, q, "linked", vaddr, false);
	CHECK_EQ(q->candidates, 0);
	CHECK_EQ(run("rm -r linked.debug .debug"), 0);
	expect(s, q, "linked", vaddr, false);
	/* .dynsym and stubs stay what they are called */
	CHECK_EQ(run("cc -O1 -rdynamic -fPIE -pie -o whole p.c && objcopy --strip-all whole dynamic"), 0);
	CHECK_EQ(ask(s, q, "dynamic", address_of("whole", "shown_function")), 0);
	CHECK_STR(q->name, "shown_function");
	CHECK(address_of("whole", "unsized_one") < address_of("whole", "hidden_function"));
	CHECK_EQ(ask(s, q, "dynamic", address_of("whole", "unsized_one")), 0);
	CHECK_STR(q->name, "unsized_one");
	expect(s, q, "dynamic", address_of("whole", "hidden_function"), false);
	/* where it begins to run has no symbol, and one name in every program */
	CHECK_EQ(run("cc -O1 -fPIE -pie -o whole p.c && objcopy --strip-all whole plain && ! nm -D plain | grep -w _start"), 0);
	CHECK_EQ(ask(s, q, "plain", address_of("whole", "_start")), 0);
	CHECK_STR(q->name, "_start");
	check_main(s, q);
}

/* Names of imported functions where the code jumps through its table. */
static void check_stubs(struct symbolizer *s, struct question *q)
{
	struct elf_file e;
	char path[400];
	size_t stubs = 0;
	int fd;

	snprintf(path, sizeof(path), "%s/dynamic", folder);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	CHECK(fd >= 0);
	CHECK_EQ(elf_file_open(&e, fd), 0);
	close(fd);
	for (size_t i = 0; i < e.n_sections; i++)
		for (uint64_t at = 0; !strncmp(e.sections[i].name, ".plt", 4) && at < e.sections[i].size; at += 16)
			if (!ask(s, q, "dynamic", e.sections[i].addr + at) && strstr(q->name, "@plt"))
				stubs += !strcmp(q->name, "getpid@plt") || !strcmp(q->name, "getppid@plt");
	CHECK_EQ(stubs, 2);
	elf_file_release(&e);
}

static void check_carried(struct symbolizer *s, struct question *q)
{
	uint64_t vaddr;

	CHECK_EQ(run("cc -O1 -o whole p.c && objcopy --only-keep-debug whole mini && rm -f mini.xz && xz mini && "
		     "objcopy --strip-all --add-section .gnu_debugdata=mini.xz whole carries"), 0);
	vaddr = address_of("whole", "hidden_function");
	expect(s, q, "carries", vaddr, true);
	/* its own, and the file's .dynsym */
	CHECK_EQ(ask(s, q, "carries", address_of("whole", "main")), 0);
	CHECK_STR(q->name, "main");
	CHECK_EQ(run("cp mini.xz broken && printf 'x' | dd of=broken bs=1 seek=200 conv=notrunc && "
		     "objcopy --strip-all --add-section .gnu_debugdata=broken whole damaged"), 0);
	expect(s, q, "damaged", vaddr, false);
	CHECK_EQ(run("head -c 300 mini.xz >cut && "
		     "objcopy --strip-all --add-section .gnu_debugdata=cut whole cut_short"), 0);
	expect(s, q, "cut_short", vaddr, false);
	CHECK_EQ(run("head -c 2000000000 /dev/zero | xz -0 >bomb && "
		     "objcopy --strip-all --add-section .gnu_debugdata=bomb whole bombed"), 0);
	expect(s, q, "bombed", vaddr, false);
}

static void check_unpack(const char *name, int expected, size_t least)
{
	struct bytes out = {0};
	struct elf_file e;
	char path[400];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	CHECK(fd >= 0);
	CHECK_EQ(elf_file_open(&e, fd), 0);
	close(fd);
	CHECK_EQ(minidebuginfo_unpack(&e, &out), expected);
	CHECK(out.len >= least && out.cap <= 2 * (size_t)MINIDEBUGINFO_MAX + (1u << 20));
	bytes_release(&out);
	elf_file_release(&e);
}

/* A process that sees the folder as its root, until it is told to end. */
static pid_t start_in_folder(void)
{
	int ready[2];
	char c = 0;
	pid_t pid;

	CHECK_EQ(pipe(ready), 0);
	pid = fork();
	if (!pid) {
		if (chroot(folder) || chdir("/") || write(ready[1], &c, 1) != 1)
			_exit(1);
		pause();
		_exit(0);
	}
	close(ready[1]);
	CHECK_EQ(read(ready[0], &c, 1), 1);
	close(ready[0]);
	return pid;
}

static void check_roots(struct symbolizer *s)
{
	struct process_roots *roots = process_roots_new();
	struct question q = {.roots = roots, .path = "/rooted"};
	pid_t pid = start_in_folder();
	uint64_t vaddr;
	struct stat st;

	CHECK_EQ(run("cc -O1 -Wl,--build-id=0xabcdef0123 -o whole p.c && objcopy --strip-all whole rooted && "
		     "mkdir -p usr/lib/debug/.build-id/ab && "
		     "objcopy --only-keep-debug whole usr/lib/debug/.build-id/ab/cdef0123.debug"), 0);
	vaddr = address_of("whole", "hidden_function");
	CHECK_EQ(process_roots_of(roots, (uint32_t)getpid()), PROCESS_ROOT_OWN);
	q.root = process_roots_of(roots, (uint32_t)pid);
	CHECK(q.root != PROCESS_ROOT_OWN);
	CHECK_EQ(process_roots_of(roots, (uint32_t)pid), q.root);
	expect(s, &q, "rooted", vaddr, true);
	/* the process has ended, its root is still there */
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	CHECK_EQ(process_roots_of(roots, (uint32_t)pid), PROCESS_ROOT_OWN);
	expect(s, &q, "rooted", vaddr, true);
	/* links are followed within the root, as the process would */
	CHECK_EQ(run("mv usr/lib/debug/.build-id/ab/cdef0123.debug away && "
		     "ln -s /away usr/lib/debug/.build-id/ab/cdef0123.debug"), 0);
	expect(s, &q, "rooted", vaddr, true);
	/* and not out of it: the same file, by its path in our own root */
	CHECK_EQ(run("ln -sf $PWD/away usr/lib/debug/.build-id/ab/cdef0123.debug && cat usr/lib/debug/.build-id/ab/cdef0123.debug >/dev/null"),
		 0);
	expect(s, &q, "rooted", vaddr, false);
	CHECK_EQ(q.candidates, 0);
	CHECK_EQ(run("ln -sf ../../../../../../../../../$PWD/away usr/lib/debug/.build-id/ab/cdef0123.debug"), 0);
	expect(s, &q, "rooted", vaddr, false);
	CHECK(process_roots_open(roots, q.root, "/../../../../etc/passwd", &st) < 0);
	CHECK(process_roots_open(roots, q.root, "/", &st) < 0);
	CHECK(process_roots_open(roots, q.root + 1, "/rooted", &st) < 0);
	/* the root of a process that is gone counts as ours: by build id it is found there, if at all */
	q.root = PROCESS_ROOT_OWN;
	expect(s, &q, "rooted", vaddr, false);
	process_roots_free(roots);
}

/* A file that the reader of the report may not read is not read for them. */
static void check_reader(void)
{
	struct process_roots *roots = process_roots_new();
	struct identity nobody = {.uid = 65534, .gid = 65534, .change = true};
	struct debug_files_of of = {.root = PROCESS_ROOT_OWN};
	int fds[DEBUG_FILES_MAX];
	char path[400];

	snprintf(path, sizeof(path), "%s/whole", folder);
	of.path = path;
	CHECK_EQ(run("mkdir -p .debug && echo secret >.debug/link && chmod 644 .debug/link"), 0);
	CHECK_EQ(debug_files_open(roots, &of, "link", &nobody, fds), 1);
	close(fds[0]);
	CHECK_EQ(run("chmod 600 .debug/link"), 0);
	CHECK_EQ(debug_files_open(roots, &of, "link", &nobody, fds), 0);
	CHECK_EQ(debug_files_open(roots, &of, "link", NULL, fds), 1);
	close(fds[0]);
	CHECK_EQ(run("chmod 644 .debug/link && chmod 700 .debug"), 0);
	CHECK_EQ(debug_files_open(roots, &of, "link", &nobody, fds), 0);
	/* a link is a name */
	CHECK_EQ(debug_files_open(roots, &of, ".debug/link", NULL, fds), 0);
	CHECK_EQ(debug_files_open(roots, &of, "", NULL, fds), 0);
	CHECK_EQ(geteuid(), 0);
	process_roots_free(roots);
}

static int make_source(void)
{
	char path[400];
	FILE *source;

	if (scratch_make(folder))
		return -errno;
	snprintf(path, sizeof(path), "%s/p.c", folder);
	source = fopen(path, "w");
	if (!source)
		return -errno;
	fputs(program, source);
	fclose(source);
	return run("cc --version && objcopy --version && xz --version") ? -ENOENT : 0;
}

int main(void)
{
	struct process_roots *roots = process_roots_new();
	struct question q = {.roots = roots};
	struct symbolizer *s = NULL;

	CHECK_EQ(symbolizer_start(&s, geteuid(), getegid()), 0);
	CHECK_EQ(make_source(), 0); /* the compiler, binutils and xz are among what the tests need */
	if (s) {
		check_link(s, &q);
		check_stubs(s, &q);
		check_carried(s, &q);
		check_unpack("carries", 0, 1000);
		check_unpack("damaged", -EBADMSG, 0);
		check_unpack("cut_short", -EBADMSG, 0);
		check_unpack("bombed", -E2BIG, MINIDEBUGINFO_MAX);
		check_unpack("whole", -ENOENT, 0);
	}
	if (s && geteuid() == 0) {
		check_roots(s);
		check_reader();
	} else {
		fprintf(stderr, "# skipped, other roots and readers: not root\n");
	}
	symbolizer_stop(s);
	process_roots_free(roots);
	CHECK_EQ(scratch_remove(folder), 0);
	return check_done();
}
