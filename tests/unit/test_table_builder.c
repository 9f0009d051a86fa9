/* SPDX-License-Identifier: BSD-2-Clause */
/* The child that makes unwind tables: real ones of real files, none of what is no file, and it is replaced when it dies. */
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
#include "symbols/vdso.h"

static struct unwind_arrays arrays;
static struct unwind_tables *tables;

static int take(struct table_builder *b, struct packed_table *packed)
{
	int got = 0;

	for (int i = 0; i < 100 && !got; i++) {
		table_builder_wait(b, 100);
		got = table_builder_take(b, packed);
	}
	return got;
}

static int ask(struct table_builder *b, int fd, struct packed_table *packed)
{
	int err;

	CHECK(fd >= 0);
	CHECK(table_builder_is_idle(b));
	err = table_builder_ask(b, fd, -1);
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
	CHECK_EQ(table_builder_ask(b, fd, -1), 0);
	CHECK_EQ(table_builder_take(b, &packed), 0);
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
		CHECK_EQ(table_builder_ask(b, fd, -1), 0);
		if (table_builder_take(b, &packed) == -ETIMEDOUT)
			slow++;
		else
			slow = 0; /* it was quick */
	}
	table_builder_set_limit(b, 5000);
	CHECK_EQ(table_builder_ask(b, fd, -1), -ETIMEDOUT);
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
	};
	tables = unwind_tables_new(&arrays);
	CHECK_EQ(table_builder_start(&b, getuid(), getgid()), 0);
	check_real_files(b);
	check_no_files(b);
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
