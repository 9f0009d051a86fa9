/* SPDX-License-Identifier: BSD-2-Clause */
/* Files found by build id: symfs, local, debug files, servers; wrong ones refused; what breaks its reader
 * costs itself. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include "check.h"
#include "compiled.h"
#include "symbols/debug_places.h"
#include "symbols/elf_file.h"
#include "symbols/line_reader.h"
#include "symbols/resolver.h"

static char folder[] = SCRATCH_TEMPLATE;

struct part {
	char name[64], source[64];
	uint32_t line;
	bool inlined;
	uint64_t offset;
};
static struct part parts[8];
static size_t n_parts;

static int take(void *ctx, size_t index, const struct line_part *p)
{
	struct part *to = &parts[n_parts < 7 ? n_parts++ : 7];
	const char *slash = p->source_len ? memrchr(p->source, '/', p->source_len) : NULL;
	const char *base = slash ? slash + 1 : p->source;

	(void)ctx;
	CHECK_EQ(index, 0);
	CHECK_EQ(p->depth, n_parts - 1);
	snprintf(to->name, sizeof(to->name), "%.*s", (int)p->name_len, p->name);
	snprintf(to->source, sizeof(to->source), "%.*s", (int)(p->source_len - (size_t)(base - p->source)),
		 base);
	to->line = p->line;
	to->inlined = p->inlined;
	to->offset = p->offset;
	return 0;
}

/* What the file is called where it was traced, and what it has. */
struct program {
	char path[256];
	uint8_t id[ELF_BUILD_ID_MAX];
	size_t id_len;
	uint64_t spot; /* offset in the file */
};

static void describe(struct program *p, const char *where)
{
	struct elf_file e;
	unsigned long long vaddr = compiled_symbol(where, "spot");
	int fd = open(where, O_RDONLY | O_CLOEXEC);

	CHECK_EQ(elf_file_open(&e, fd), 0);
	memcpy(p->id, e.build_id, e.build_id_len);
	p->id_len = e.build_id_len;
	for (size_t i = 0; i < e.n_segments; i++)
		if (e.segments[i].type == 1 && vaddr - e.segments[i].vaddr < e.segments[i].filesz)
			p->spot = vaddr - e.segments[i].vaddr + e.segments[i].offset;
	CHECK(p->id_len && p->spot);
	elf_file_release(&e);
	close(fd);
}

static struct resolver *resolver(const struct resolver_options *o)
{
	struct resolver *r = NULL;

	CHECK_EQ(resolver_new(&r, o), 0);
	return r;
}

static void ask(struct resolver *r, const struct program *p)
{
	const struct resolver_file f = {.path = p->path, .build_id = p->id, .build_id_len = p->id_len};

	n_parts = 0;
	CHECK_EQ(resolver_ask(r, &f, &p->spot, 1, take, NULL), 0);
}

static void check_is(size_t i, const char *name, const char *source, uint32_t line, bool inlined)
{
	CHECK_STR(parts[i].name, name);
	CHECK_STR(parts[i].source, source);
	CHECK_EQ(parts[i].line, line);
	CHECK_EQ(parts[i].inlined, inlined);
}

static void check_chain(void)
{
	CHECK_EQ(n_parts, 3);
	check_is(0, "leaf", "chain.c", 5, true);
	check_is(1, "middle", "chain.c", 9, true);
	check_is(2, "outer", "chain.c", 13, false);
	CHECK(parts[2].offset > 0 && !parts[0].offset);
}

static void check_fate(struct resolver *r, enum resolver_fate fate)
{
	for (int i = 0; i < N_RESOLVER_FATES; i++)
		CHECK_EQ(resolver_count(r, (enum resolver_fate)i), i == (int)fate);
	resolver_free(r);
}

/* One question to a resolver of its own. */
static void check_once(const struct resolver_options *o, const struct program *p, enum resolver_fate fate)
{
	struct resolver *r = resolver(o);

	ask(r, p);
	check_fate(r, fate);
}

/* "where", "symfs": the program whole; its debug file in "debug", and itself stripped in "stripped"; another
 * one. */
static void make_files(struct program *p)
{
	char where[256];

	snprintf(where, sizeof(where), "%s/chain.c", folder);
	CHECK(compiled_write(where, compiled_chain));
	CHECK(compiled_run("cd %s && gcc -O2 -g -Wl,--build-id chain.c -o whole && gcc -O1 -g -Wl,--build-id "
			   "chain.c -o other && "
			   "objcopy --only-keep-debug whole debug && objcopy --strip-all whole stripped && "
			   "objcopy --strip-all --add-gnu-debuglink=debug whole linked && objcopy "
			   "--strip-debug whole symbols",
			   folder));
	snprintf(where, sizeof(where), "%s/whole", folder);
	describe(p, where);
	snprintf(p->path, sizeof(p->path), "/opt/of another machine/program");
}

/* ID as a path in the symfs: "12/34…" */
static const char *id_text(const struct program *p)
{
	static char text[64];
	size_t at = 0;

	for (size_t i = 0; i < p->id_len; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, i == 1 ? "/%02x" : "%02x", p->id[i]);
	return text;
}

/* A fresh folder "fs" in which the program's place is, empty. */
static const char *make_symfs(void)
{
	static char fs[256];

	snprintf(fs, sizeof(fs), "%s/fs", folder);
	CHECK(compiled_run("cd %s && rm -rf fs && mkdir -p 'fs/opt/of another machine'", folder));
	return fs;
}

#define PLACE "'fs/opt/of another machine/program'"

static void check_symfs(const struct program *p)
{
	struct resolver_options o = {.symfs = make_symfs(), .inlines = true, .lines = true};
	const struct resolver_options names = {.symfs = o.symfs};

	check_once(&o, p, RESOLVER_MISSING);
	CHECK_EQ(n_parts, 0);
	CHECK(compiled_run("cd %s && cp whole " PLACE, folder));
	check_once(&o, p, RESOLVER_READ);
	check_chain();
	check_once(&names, p, RESOLVER_READ);
	CHECK_EQ(n_parts, 1);
	check_is(0, "outer", "", 0, false);
	/* with one of the two */
	o.inlines = false;
	check_once(&o, p, RESOLVER_READ);
	CHECK_EQ(n_parts, 1);
	check_is(0, "outer", "chain.c", 5, false);
	o.inlines = true;
	o.lines = false;
	check_once(&o, p, RESOLVER_READ);
	CHECK_EQ(n_parts, 3);
	check_is(1, "middle", "", 0, true);
	/* another build of it */
	o.lines = true;
	CHECK(compiled_run("cd %s && cp other " PLACE, folder));
	check_once(&o, p, RESOLVER_REFUSED);
	CHECK_EQ(n_parts, 0);
	/* without debug information: a name, and no more */
	CHECK(compiled_run("cd %s && cp symbols " PLACE, folder));
	check_once(&o, p, RESOLVER_PLAIN);
	CHECK_EQ(n_parts, 1);
	check_is(0, "outer", "", 0, false);
	CHECK(compiled_run("cd %s && cp stripped " PLACE, folder));
	check_once(&o, p, RESOLVER_PLAIN);
	CHECK_EQ(n_parts, 0);
}

static void check_debug_places(const struct program *p)
{
	const struct resolver_options o = {.symfs = make_symfs(), .inlines = true, .lines = true};
	const char *id = id_text(p);

	/* by build id, in both places that are usual */
	CHECK(compiled_run("cd %s && cp stripped " PLACE " && mkdir -p fs/usr/lib/debug/.build-id/%.2s && "
			   "cp debug fs/usr/lib/debug/.build-id/%s.debug",
			   folder, id, id));
	check_once(&o, p, RESOLVER_READ);
	check_chain();
	CHECK(compiled_run("cd %s && mv fs/usr/lib/debug/.build-id fs/", folder));
	check_once(&o, p, RESOLVER_READ);
	check_chain();
	/* one of another program under that name: refused, and the names of the file itself stay */
	CHECK(compiled_run("cd %s && cp other fs/.build-id/%s.debug && cp symbols " PLACE, folder, id));
	check_once(&o, p, RESOLVER_PLAIN);
	CHECK_EQ(n_parts, 1);
	/* the debug file alone has lost the places of its segments, but one that has not will do */
	CHECK(compiled_run("cd %s && rm " PLACE " && cp debug fs/.build-id/%s.debug", folder, id));
	check_once(&o, p, RESOLVER_MISSING);
	CHECK(compiled_run("cd %s && cp whole fs/.build-id/%s.debug", folder, id));
	check_once(&o, p, RESOLVER_READ);
	check_chain();
	/* by its link: beside, below .debug, below the debug folder */
	CHECK(compiled_run("cd %s && rm -r fs/.build-id && cp linked " PLACE, folder));
	check_once(&o, p, RESOLVER_PLAIN);
	CHECK(compiled_run("cd %s && cp debug 'fs/opt/of another machine/debug'", folder));
	check_once(&o, p, RESOLVER_READ);
	check_chain();
	CHECK(compiled_run("cd '%s/fs/opt/of another machine' && mkdir .debug && mv debug .debug", folder));
	check_once(&o, p, RESOLVER_READ);
	CHECK(compiled_run(
		"cd %s && mkdir -p 'fs/usr/lib/debug/opt/of another machine' && "
		"mv 'fs/opt/of another machine/.debug/debug' 'fs/usr/lib/debug/opt/of another machine/'",
		folder));
	check_once(&o, p, RESOLVER_READ);
	check_chain();
	/* a loose file of that name */
	CHECK(compiled_run("cd %s && rm -r fs && mkdir fs && cp whole fs/program", folder));
	check_once(&o, p, RESOLVER_READ);
	check_chain();
}

static void check_local(const struct program *recorded)
{
	const struct resolver_options o = {.inlines = true, .lines = true};
	struct program p = *recorded;
	struct resolver *r;

	snprintf(p.path, sizeof(p.path), "%s/whole", folder);
	check_once(&o, &p, RESOLVER_READ);
	check_chain();
	snprintf(p.path, sizeof(p.path), "%s/other", folder);
	check_once(&o, &p, RESOLVER_REFUSED);
	/* no build id was recorded: taken, and said */
	snprintf(p.path, sizeof(p.path), "%s/whole", folder);
	p.id_len = 0;
	r = resolver(&o);
	ask(r, &p);
	check_chain();
	CHECK_EQ(resolver_count(r, RESOLVER_UNCHECKED), 1);
	resolver_free(r);
	/* but not on a machine that is not meant */
	{
		const struct resolver_options elsewhere = {.symfs = make_symfs(), .lines = true};

		check_once(&elsewhere, &p, RESOLVER_MISSING);
	}
}

/* Links of the other machine stay in it, and only files are opened. */
static void check_opening(void)
{
	const char *fs = make_symfs();
	int fd;

	CHECK(compiled_run("cd %s/fs && echo in >real && ln -s /real absolute && ln -s "
			   "../../../../../../etc/passwd up && "
			   "ln -s /etc/passwd out && mkfifo pipe && mkdir dir",
			   folder));
	fd = debug_places_open(fs, "/real");
	CHECK(fd >= 0);
	close(fd);
	fd = debug_places_open(fs, "/absolute");
	CHECK(fd >= 0);
	close(fd);
	CHECK(debug_places_open(fs, "/out") < 0);
	CHECK(debug_places_open(fs, "/up") < 0);
	CHECK(debug_places_open(fs, "/../../../../../../../../etc/passwd") < 0);
	CHECK(debug_places_open(fs, "/pipe") < 0);
	CHECK(debug_places_open(fs, "/dir") < 0);
	CHECK(debug_places_open(NULL, "/dev/null") < 0);
	CHECK(debug_places_open("/there is no such folder", "/real") < 0);
}

/* ---- hostile files ---------------------------------------------------------------------------------------
 */

static int cut_at_first(void *ctx, size_t index, const struct line_part *p)
{
	(void)index, (void)p;
	return truncate(ctx, 4096) ? -errno : 0;
}

/* The file loses its end while it is read: what reads it dies of SIGBUS. */
static void check_dying_child(const struct program *recorded)
{
	const struct resolver_options o = {.inlines = true, .lines = true};
	static uint64_t offsets[6000];
	struct program p = *recorded;
	struct resolver_file f = {.path = p.path, .build_id = p.id, .build_id_len = p.id_len};
	struct resolver *r = resolver(&o);

	CHECK(compiled_run("cd %s && cp whole victim", folder));
	snprintf(p.path, sizeof(p.path), "%s/victim", folder);
	for (size_t i = 0; i < 6000; i++)
		offsets[i] = p.spot;
	CHECK_EQ(resolver_ask(r, &f, offsets, 6000, cut_at_first, p.path), 0);
	CHECK_EQ(resolver_count(r, RESOLVER_BROKEN), 1);
	/* the next one gets a new child */
	snprintf(p.path, sizeof(p.path), "%s/whole", folder);
	ask(r, &p);
	check_chain();
	CHECK_EQ(resolver_count(r, RESOLVER_READ), 1);
	CHECK_EQ(resolver_count(r, RESOLVER_BROKEN), 1);
	/* what the callback says is nobody's fault but ends it */
	CHECK(compiled_run("cd %s && rm victim", folder));
	resolver_free(r);
}

/* Who the child is: with our rights it would be no use. */
static void check_rights(void)
{
	struct line_reader *r = NULL;
	char line[128];

	CHECK_EQ(line_reader_new(&r, 0, 0), 0);
	compiled_ask(line, sizeof(line), "grep ^Seccomp: /proc/%d/status", (int)line_reader_pid(r));
	CHECK_STR(line, "Seccomp:\t2");
	compiled_ask(line, sizeof(line), "grep ^CapEff: /proc/%d/status", (int)line_reader_pid(r));
	CHECK_STR(line, "CapEff:\t0000000000000000");
	compiled_ask(line, sizeof(line), "grep ^Uid: /proc/%d/status", (int)line_reader_pid(r));
	CHECK(geteuid() || !strcmp(line, "Uid:\t65534\t65534\t65534\t65534"));
	line_reader_free(r);
}

static int count(void *ctx, size_t index, const struct line_part *p)
{
	(void)index, (void)p;
	++*(size_t *)ctx;
	return 0;
}

/* Bytes of the DWARF changed at random, the file cut anywhere: answers or none, and the reader goes on. */
static void check_damaged(const struct program *p)
{
	uint64_t offsets[64];
	struct line_reader *r = NULL;
	char path[256];
	FILE *f;
	static unsigned char bytes[65536], broken[65536];
	size_t size, refused = 0, died = 0, answers = 0;
	unsigned int seed = 1;

	snprintf(path, sizeof(path), "%s/whole", folder);
	f = fopen(path, "r");
	size = f ? fread(bytes, 1, sizeof(bytes), f) : 0;
	CHECK(size > 8000 && size < sizeof(bytes));
	if (f)
		fclose(f);
	for (size_t i = 0; i < 64; i++)
		offsets[i] = p->spot - 32 + i;
	CHECK_EQ(line_reader_new(&r, 0, 0), 0);
	line_reader_set_limit(r, 3000);
	for (int round = 0; round < 400; round++) {
		int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600), err;
		size_t len = round % 5 ? size : (size_t)rand_r(&seed) % size;

		memcpy(broken, bytes, size);
		for (int k = 0; k < round % 40; k++) /* behind the headers and the code: the DWARF */
			broken[0x2000 + (size_t)rand_r(&seed) % (size - 0x2000)] =
				(unsigned char)rand_r(&seed);
		CHECK(fd >= 0 && write(fd, broken, len) == (ssize_t)len);
		err = line_reader_file(r, fd, NULL, 0, NULL);
		if (!err)
			err = line_reader_ask(r, offsets, 64, LINES_WANT_INLINES | LINES_WANT_PLACES, count,
					      &answers);
		refused += err == -ENOEXEC;
		died += err == -EPIPE || err == -ETIMEDOUT || err == -EPROTO;
		CHECK(!err || err == -ENOEXEC || err == -EPIPE || err == -ETIMEDOUT || err == -EPROTO);
		close(fd);
	}
	fprintf(stderr, "# 400 damaged files: %zu refused, %zu killed their reader, %zu answers\n", refused,
		died, answers);
	CHECK(answers > 5000);
	line_reader_free(r);
}

/* Programs of a real size, by way of the child: all that libdw and the C library do for them is allowed
 * there. */
static void check_large_file(const char *path)
{
	static uint64_t offsets[5000];
	struct line_reader *r = NULL;
	struct lines_info info;
	size_t answers = 0;
	struct stat st = {0};
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	CHECK(fd >= 0 && !fstat(fd, &st));
	for (size_t i = 0; i < 5000; i++)
		offsets[i] = (uint64_t)st.st_size / 5000 * i;
	CHECK_EQ(line_reader_new(&r, 0, 0), 0);
	CHECK_EQ(line_reader_file(r, fd, NULL, 0, &info), 0);
	CHECK_EQ(line_reader_ask(r, offsets, 5000, LINES_WANT_INLINES | LINES_WANT_PLACES, count, &answers),
		 0);
	fprintf(stderr, "# %s: %zu answers\n", path, answers);
	CHECK(answers > 500);
	line_reader_free(r);
	close(fd);
}

/* Answers that a child which was taken over could send. */
static void check_lies(void)
{
	static unsigned char message[LINES_MESSAGE];
	const size_t head = sizeof(struct lines_reply);
	struct lines_reply reply = {.magic = LINES_MAGIC, .count = 1, .last = 1};
	struct lines_answer a = {.index = 0, .name_len = 4};
	size_t index, depth, n;

#define TAKE(length)                                                                                         \
	(memcpy(message, &reply, head), memcpy(message + head, &a, sizeof(a)),                               \
	 memcpy(message + head + sizeof(a), "name", 4), index = depth = n = 0,                               \
	 line_reader_take(message, length, 10, &index, &depth, count, &n))
	const size_t whole = head + sizeof(a) + 8;

	CHECK_EQ(TAKE(whole), 0);
	CHECK_EQ(n, 1);
	CHECK_EQ(index, 1);
	for (size_t len = 0; len < whole; len++)
		CHECK_EQ(TAKE(len), -EPROTO);
	a.index = 10;
	CHECK_EQ(TAKE(whole), -EPROTO);
	a.index = 0;
	a.depth = 1;
	CHECK_EQ(TAKE(whole), -EPROTO);
	a.depth = 0;
	a.name_len = 5; /* with a NUL in it */
	CHECK_EQ(TAKE(whole), -EPROTO);
	a.name_len = 4;
	a.source_len = UINT16_MAX;
	CHECK_EQ(TAKE(sizeof(message)), -EPROTO);
	a.source_len = 0;
	reply.count = UINT32_MAX;
	CHECK_EQ(TAKE(whole), -EPROTO);
	CHECK_EQ(n, 1);
	CHECK_EQ(TAKE(sizeof(message)), -EPROTO); /* the second is about an offset that is done */
#undef TAKE
}

/* ---- servers ---------------------------------------------------------------------------------------------
 */

static pid_t serve(int *port)
{
	char command[64], line[128] = "";
	int pipes[2];
	pid_t pid;
	FILE *f;

	CHECK_EQ(pipe2(pipes, O_CLOEXEC), 0);
	pid = fork();
	if (!pid) {
		dup2(pipes[1], 1);
		dup2(open("/dev/null", O_WRONLY), 2);
		snprintf(command, sizeof(command), "%s/www", folder);
		execlp("python3", "python3", "-u", "-m", "http.server", "-b", "127.0.0.1", "-d", command, "0",
		       NULL);
		_exit(127);
	}
	close(pipes[1]);
	f = fdopen(pipes[0], "r");
	if (!f || !fgets(line, sizeof(line), f) || !strstr(line, " port "))
		*port = 0;
	else
		*port = atoi(strstr(line, " port ") + 6);
	if (f)
		fclose(f);
	return pid;
}

static void check_servers(const struct program *p)
{
	const struct resolver_options o = {
		.symfs = make_symfs(), .debuginfod = true, .inlines = true, .lines = true};
	struct resolver *r = NULL;
	char hex[64], value[256];
	int port = 0;
	pid_t pid;

	unsetenv("DEBUGINFOD_URLS");
	CHECK(resolver_new(&r, &o) < 0 && r == NULL);
	setenv("DEBUGINFOD_URLS", "  ", 1);
	CHECK(resolver_new(&r, &o) < 0 && r == NULL);
	setenv("DEBUGINFOD_URLS", "http://127.0.0.1:1", 1);
	if (resolver_new(&r, &o) == -ENOTSUP) {
		fprintf(stderr, "# no libdebuginfod\n");
		return;
	}
	ask(r, p);
	check_fate(r, RESOLVER_MISSING);

	snprintf(hex, sizeof(hex), "%s", id_text(p));
	memmove(hex + 2, hex + 3, strlen(hex + 3) + 1);
	CHECK(compiled_run("cd %s && mkdir -p www/buildid/%s cache && chmod 777 cache && cp debug "
			   "www/buildid/%s/debuginfo",
			   folder, hex, hex));
	pid = serve(&port);
	CHECK(port > 0);
	snprintf(value, sizeof(value), "http://127.0.0.1:%d", port);
	setenv("DEBUGINFOD_URLS", value, 1);
	snprintf(value, sizeof(value), "%s/cache", folder);
	setenv("DEBUGINFOD_CACHE_PATH", value, 1);
	/* the debug file alone does not say where the offset is */
	check_once(&o, p, RESOLVER_MISSING);
	/* with the program here, and with nothing here: the servers have both */
	CHECK(compiled_run("cd %s && cp stripped " PLACE, folder));
	check_once(&o, p, RESOLVER_READ);
	check_chain();
	CHECK(compiled_run("cd %s && rm -rf cache/* " PLACE " && cp stripped www/buildid/%s/executable",
			   folder, hex));
	check_once(&o, p, RESOLVER_READ);
	check_chain();
	/* a server that lies about the build id */
	CHECK(compiled_run("cd %s && rm -rf cache/* && cp other www/buildid/%s/executable", folder, hex));
	check_once(&o, p, RESOLVER_REFUSED);
	CHECK_EQ(n_parts, 0);
	CHECK_EQ(kill(pid, SIGTERM), 0);
	waitpid(pid, NULL, 0);
	unsetenv("DEBUGINFOD_CACHE_PATH");
}

static void check_options(void)
{
	const struct resolver_options none = {.symfs = "/there is no such folder"},
				      file = {.symfs = "/dev/null"};
	struct resolver *r;

	CHECK_EQ(resolver_new(&r, &none), -ENOENT);
	CHECK_EQ(resolver_new(&r, &file), -ENOTDIR);
	CHECK(r == NULL);
	resolver_free(NULL);
}

static void check_late(const struct program *recorded)
{
	const struct resolver_options o = {.lines = true};
	struct program p = *recorded;
	struct resolver *r = resolver(&o);

	snprintf(p.path, sizeof(p.path), "%s/whole", folder);
	resolver_set_limits(r, 20000, 0);
	ask(r, &p);
	check_fate(r, RESOLVER_LATE);
}

int main(void)
{
	struct program p = {0};

	if (scratch_make(folder)) {
		perror(folder);
		return 1;
	}
	make_files(&p);
	check_options();
	check_symfs(&p);
	check_debug_places(&p);
	check_local(&p);
	check_opening();
	check_rights();
	check_dying_child(&p);
	check_damaged(&p);
	check_large_file("/proc/self/exe");
	check_lies();
	check_servers(&p);
	check_late(&p);
	scratch_remove(folder);
	return check_done();
}
