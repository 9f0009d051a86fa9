/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The child that makes unwind tables: real ones of real files, with what a debug file adds, none of what is no file, and it is replaced when
 * it dies.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "capture/table_builder.h"
#include "capture/table_builder_child.h"
#include "check.h"
#include "compiled.h"
#include "symbols/vdso.h"

static struct unwind_arrays arrays;
static struct unwind_tables *tables;
static struct table_file told; /* of the file that was asked about last */

static int take(struct table_builder *b, struct packed_table *packed)
{
	int got = 0;

	for (int i = 0; i < 100 && !got; i++) {
		table_builder_wait(b, 100);
		got = table_builder_take(b, packed, &told);
	}
	return got;
}

static int ask(struct table_builder *b, int fd, struct packed_table *packed)
{
	int err;

	CHECK(fd >= 0);
	CHECK(table_builder_is_idle(b));
	err = table_builder_ask(b, fd, NULL, 0);
	CHECK(err || !table_builder_is_idle(b));
	close(fd);
	return err ? err : take(b, packed);
}

static int garbage(const char *text)
{
	int fd = memfd_create("garbage", MFD_CLOEXEC);

	CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	return fd;
}

static void check_real_files(struct table_builder *b)
{
	struct packed_table packed = {0};
	size_t room, before = unwind_tables_rows(tables, &room);

	CHECK_EQ(ask(b, open("/proc/self/exe", O_RDONLY | O_CLOEXEC), &packed), 1);
	CHECK(packed.n_rows > 100 && packed.n_pages > 10 && packed.n_rules > 5);
	CHECK_EQ(unwind_tables_install(tables, unwind_tables_add_file(tables), &packed), 0);
	CHECK_EQ(unwind_tables_rows(tables, &room) - before, packed.n_rows);
	CHECK_EQ(ask(b, vdso_open(), &packed), 1);
	CHECK(packed.n_rows > 3);
	CHECK_EQ(unwind_tables_install(tables, unwind_tables_add_file(tables), &packed), 0);
}

static void check_no_files(struct table_builder *b)
{
	struct packed_table packed;

	CHECK(ask(b, garbage("\177ELF and nothing else"), &packed) < 0);
	CHECK(ask(b, garbage(""), &packed) < 0);
	CHECK(ask(b, open("/dev/null", O_RDONLY | O_CLOEXEC), &packed) < 0);
}

static int open_in(const char *folder, const char *name)
{
	char path[200];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	CHECK(fd >= 0);
	return fd;
}

/* The same with what may be its debug file. */
static int ask_with(struct table_builder *b, const char *folder, const char *name, const char *const *debug, size_t n,
		    struct packed_table *packed)
{
	int fd = open_in(folder, name), fds[4], err;

	for (size_t i = 0; i < n; i++)
		fds[i] = open_in(folder, debug[i]);
	err = table_builder_ask(b, fd, fds, n);
	close(fd);
	for (size_t i = 0; i < n; i++)
		close(fds[i]);
	return err ? err : take(b, packed);
}

/*
 * A program built without call frame information but for what the C library's start code has, and one without any: what they lack is
 * told, and found in the debug file, be it known by build id or by the link's checksum.
 */
static void check_debug_file(struct table_builder *b, const char *folder, const char *flags)
{
	static const char *const debug[] = {"junk", "other.debug", "p.debug"};
	struct packed_table packed = {0};
	size_t rows;

	CHECK(compiled_run("cd %s && cc -O2 -g -fomit-frame-pointer -fno-asynchronous-unwind-tables -fno-unwind-tables %s -o whole p.c && "
			   "objcopy --only-keep-debug whole p.debug && objcopy --strip-all --add-gnu-debuglink=p.debug whole p && "
			   "cp p.debug other.debug && echo >>other.debug && echo junk >junk && "
			   "objcopy --remove-section .debug_frame p.debug frameless.debug && "
			   "objcopy --remove-section .gnu_debuglink --add-gnu-debuglink=frameless.debug p frameless",
			   folder, flags));
	CHECK_EQ(ask_with(b, folder, "p", NULL, 0, &packed), strstr(flags, "-nostdlib") ? -ENOENT : 1);
	CHECK(told.text > 200 && told.bare <= told.text && told.bare > told.text / 2);
	CHECK_STR(told.told.link, "p.debug");
	CHECK_EQ(told.told.build_id_len, strstr(flags, "none") ? 0 : 4);
	rows = packed.n_rows;
	/* with a build id the one that has a byte more is as good */
	CHECK_EQ(ask_with(b, folder, "p", debug, 2, &packed), strstr(flags, "none") ? -ENODATA : 1);
	CHECK_EQ(ask_with(b, folder, "p", debug, 3, &packed), 1);
	CHECK(packed.n_rows > rows + 5);
	CHECK(told.bare < told.text / 2);
	/* it is the right one, and says nothing of frames */
	CHECK_EQ(ask_with(b, folder, "frameless", (const char *const[]){"frameless.debug"}, 1, &packed), -ENODATA);
}

static void check_debug_files(struct table_builder *b)
{
	static const char program[] =
		"#define DEEPER(to, from) __attribute__((noinline)) int to(int *n) { int own[9] = {*n}; from(own); return own[3] + *n; }\n"
		"__attribute__((noinline)) int f0(int *n) { __asm__ volatile(\"\" : : \"r\"(n) : \"memory\"); return *n; }\n"
		"DEEPER(f1, f0) DEEPER(f2, f1) DEEPER(f3, f2) DEEPER(f4, f3) DEEPER(f5, f4) DEEPER(f6, f5) DEEPER(f7, f6)\n"
		"int main(int n, char **v) { (void)v; return f7(&n); }\n"
		"#ifdef BARE\nvoid _start(void) { main(1, 0); for (;;); }\n#endif\n";
	char folder[] = SCRATCH_TEMPLATE, path[64];

	CHECK_EQ(scratch_make(folder), 0);
	snprintf(path, sizeof(path), "%s/p.c", folder);
	CHECK(compiled_write(path, program));
	check_debug_file(b, folder, "-Wl,--build-id=0x01020304");
	check_debug_file(b, folder, "-Wl,--build-id=none");
	check_debug_file(b, folder, "-Wl,--build-id=none -static -nostdlib -fno-stack-protector -DBARE");
	CHECK_EQ(scratch_remove(folder), 0);
}

/* The only child of this process. */
static pid_t child_of(pid_t pid)
{
	char path[64];
	FILE *f;
	int child = 0;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
	f = fopen(path, "r");
	if (f) {
		if (fscanf(f, "%d", &child) != 1)
			child = 0;
		fclose(f);
	}
	return child;
}

static void check_death(struct table_builder *b)
{
	struct packed_table packed;
	pid_t child = child_of(getpid());
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	CHECK(child > 0);
	kill(child, SIGSTOP); /* it has the question, and dies of it */
	CHECK_EQ(table_builder_ask(b, fd, NULL, 0), 0);
	CHECK_EQ(table_builder_take(b, &packed, &told), 0);
	kill(child, SIGKILL);
	CHECK_EQ(take(b, &packed), -EPIPE);
	CHECK_EQ(ask(b, fd, &packed), 1);
	CHECK(child_of(getpid()) != child);
}

/* Nobody answers, as if somebody stopped each child that comes: three are waited for. */
static void check_stopped(struct table_builder *b)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), slow = 0;
	struct packed_table packed;

	table_builder_set_limit(b, 0);
	while (slow < 3) {
		CHECK_EQ(table_builder_ask(b, fd, NULL, 0), 0);
		if (table_builder_take(b, &packed, &told) == -ETIMEDOUT)
			slow++;
		else
			slow = 0; /* it was quick */
	}
	table_builder_set_limit(b, 5000);
	CHECK_EQ(table_builder_ask(b, fd, NULL, 0), -ETIMEDOUT);
	CHECK_EQ(child_of(getpid()), 0);
	close(fd);
}

static void check_layout(void)
{
	struct table_reply r = {.n_rules = 3, .n_pages = 5, .n_rows = 7};
	size_t pages, rows;

	CHECK(table_layout(&r, &pages, &rows));
	CHECK_EQ(pages, 48);
	CHECK_EQ(rows, 96);
	r.n_rows = UINT32_MAX;
	CHECK(!table_layout(&r, &pages, &rows));
	r.n_rows = 7;
	r.n_rules = UINT32_MAX / 2;
	CHECK(!table_layout(&r, &pages, &rows));
}

int main(void)
{
	struct table_builder *b;

	arrays = (struct unwind_arrays){
		.files = calloc(8, sizeof(struct unwind_file)),
		.pages = calloc(65536, sizeof(struct unwind_page)),
		.rows = calloc(64, sizeof(uint32_t) * UNWIND_CHUNK_ROWS),
		.rules = calloc(16384, sizeof(struct unwind_rule)),
		.n_files = 8,
		.n_pages = 65536,
		.n_rows = 64 * UNWIND_CHUNK_ROWS,
		.n_rules = 16384,
		.n_mapped = UINT32_MAX,
	};
	tables = unwind_tables_new(&arrays);
	CHECK_EQ(table_builder_start(&b, getuid(), getgid()), 0);
	check_real_files(b);
	check_no_files(b);
	check_debug_files(b);
	check_real_files(b);
	check_death(b);
	check_stopped(b);
	table_builder_stop(b);
	check_layout();
	unwind_tables_free(tables);
	free(arrays.files);
	free(arrays.pages);
	free(arrays.rows);
	free(arrays.rules);
	return check_done();
}
