/* SPDX-License-Identifier: BSD-2-Clause */
/* The child that reads symbols: right names, no rights, and files that kill it or keep it busy cost only
 * themselves. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "capture/symbolizer.h"
#include "check.h"
#include "symbols/elf_symbols.h"

struct names {
	size_t n, last;
	size_t starts; /* answers without a symbol */
	char name[64];
	uint64_t offset, start;
	int answer; /* of the callback */
};

static int take(void *ctx, const struct symbol_found *found)
{
	struct names *names = ctx;
	size_t len = found->len < sizeof(names->name) ? found->len : sizeof(names->name) - 1;

	CHECK(!names->n || found->index > names->last);
	names->n++;
	names->starts += !found->len;
	names->last = found->index;
	memcpy(names->name, found->name, len);
	names->name[len] = 0;
	names->start = found->start;
	names->offset = found->offset;
	return names->answer;
}

static int text_file(const char *text, size_t len)
{
	int fd = memfd_create("text", MFD_CLOEXEC);

	CHECK(fd >= 0 && write(fd, text, len) == (ssize_t)len);
	return fd;
}

static int ask(struct symbolizer *s, enum symbol_source source, int fd, const uint64_t *offsets, size_t n,
	       struct names *names)
{
	struct symbol_query q = {
		.source = source, .fd = fd, .offsets = offsets, .n = n, .fn = take, .ctx = names};

	names->n = names->starts = 0;
	names->name[0] = 0;
	return symbolizer_names(s, &q);
}

static void check_perf_map(struct symbolizer *s)
{
	static const char text[] = "1000 100 one\n2000 100 two\n";
	uint64_t offsets[] = {0x1004, 0x1f00, 0x2010};
	struct names names = {0};
	int fd = text_file(text, sizeof(text) - 1);

	CHECK_EQ(ask(s, SYMBOLS_PERF_MAP, fd, offsets, 3, &names), 0);
	CHECK_EQ(names.n, 2);
	CHECK_EQ(names.last, 2);
	CHECK_STR(names.name, "two");
	CHECK_EQ(names.offset, 0x10);
	/* what the callback says ends it, and the next question works */
	names.answer = -ENOSPC;
	CHECK_EQ(ask(s, SYMBOLS_PERF_MAP, fd, offsets, 3, &names), -ENOSPC);
	CHECK_EQ(names.n, 1);
	names.answer = 0;
	CHECK_EQ(ask(s, SYMBOLS_PERF_MAP, fd, offsets, 3, &names), 0);
	CHECK_EQ(names.n, 2);
	close(fd);
}

static void check_kernel(struct symbolizer *s)
{
	static const char text[] = "ffffffff81001000 T schedule\n"
				   "ffffffffc0000000 t bpf_prog_6deef7357e7b4530_name\t[bpf]\n"
				   "ffffffffc0100000 t module_function\t[ext4]\n";
	static const struct {
		uint64_t addr;
		const char *name;
	} truth[] = {{0xffffffff81001004, "schedule"},
		     {0xffffffffc0000004, "bpf_prog_6deef7357e7b4530_name [bpf]"},
		     {0xffffffffc0100004, "module_function [ext4]"}};
	struct names names = {0};
	int fd = text_file(text, sizeof(text) - 1);

	for (size_t i = 0; i < sizeof(truth) / sizeof(truth[0]); i++) {
		CHECK_EQ(ask(s, SYMBOLS_KERNEL, fd, &truth[i].addr, 1, &names), 0);
		CHECK_STR(names.name, truth[i].name);
		CHECK_EQ(names.offset, 4);
	}
	close(fd);
}

static void check_elf(struct symbolizer *s)
{
	size_t n = 10000;
	uint64_t *offsets = calloc(n, sizeof(*offsets));
	uint8_t wrong[20] = {1};
	struct names names = {0}, none = {0};
	struct elf_symbols *table = NULL;
	struct elf_file e;
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct symbol_query q = {
		.source = SYMBOLS_ELF, .fd = fd, .offsets = offsets, .n = n, .fn = take, .ctx = &names};
	size_t expected = 0;

	CHECK_EQ(elf_file_open(&e, fd), 0);
	CHECK_EQ(elf_symbols_new(&table, &e, NULL), 0);
	for (size_t i = 0; i < n; i++) {
		struct symbol at;

		offsets[i] = i * (e.size / n);
		expected += elf_symbols_at_offset(table, offsets[i], &at);
	}
	CHECK_EQ(symbolizer_names(s, &q), 0);
	CHECK(expected > 100);
	CHECK_EQ(names.n - names.starts, expected);
	if (e.build_id_len) {
		q.build_id = wrong;
		q.build_id_len = sizeof(wrong);
		q.ctx = &none;
		CHECK_EQ(symbolizer_names(s, &q), -ESTALE);
		CHECK_EQ(none.n, 0);
	}
	elf_symbols_free(table);
	elf_file_release(&e);
	close(fd);
	free(offsets);
}

static void check_refused(struct symbolizer *s)
{
	struct names names = {0};
	uint64_t offset = 0;
	pid_t pid = symbolizer_pid(s);
	int fd = text_file("#!/bin/sh\n", 10);

	CHECK_EQ(ask(s, SYMBOLS_ELF, fd, &offset, 1, &names), -ENOEXEC);
	CHECK_EQ(ask(s, SYMBOLS_KERNEL, fd, &offset, 1, &names), -ENODATA);
	/* no reason for a new child */
	CHECK_EQ(symbolizer_pid(s), pid);
	close(fd);
}

/* The file is emptied while the child reads it. */
static int take_and_cut(void *ctx, const struct symbol_found *found)
{
	const int *fd = ctx;

	(void)found;
	return ftruncate(*fd, 0);
}

/* What is mapped is gone then: the child dies of SIGBUS at the second part of the question. */
static void check_cut_file(struct symbolizer *s)
{
	char path[] = "/tmp/test_symbolizer.XXXXXX", self[512] = "", command[1200];
	static uint64_t offsets[6000];
	struct names names = {0};
	struct symbol_query q = {
		.source = SYMBOLS_ELF, .offsets = offsets, .n = 6000, .fn = take, .ctx = &names};
	int fd = mkstemp(path);
	struct stat st;

	CHECK(fd >= 0 && readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
	snprintf(command, sizeof(command), "cp %s %s", self, path);
	CHECK_EQ(system(command), 0); /* NOLINT(cert-env33-c): a command of this test */
	CHECK_EQ(fstat(fd, &st), 0);
	for (size_t i = 0; i < 6000; i++)
		offsets[i] = i * ((uint64_t)st.st_size / 6000);
	q.fd = fd;
	CHECK_EQ(symbolizer_names(s, &q), 0);
	CHECK(names.n > 100);
	q.fn = take_and_cut;
	q.ctx = &fd;
	CHECK_EQ(symbolizer_names(s, &q), -EPIPE);
	CHECK_EQ(symbolizer_pid(s), 0);
	names.n = 0;
	q.fn = take;
	q.ctx = &names;
	CHECK_EQ(symbolizer_names(s, &q), -ENOEXEC);
	CHECK(symbolizer_pid(s) > 0);
	/* a sparse giant takes its time or is refused, but gives no names and does no harm */
	CHECK_EQ(ftruncate(fd, 1ll << 40), 0);
	CHECK(symbolizer_names(s, &q) < 0);
	CHECK_EQ(names.n, 0);
	unlink(path);
	close(fd);
}

static void check_killed(struct symbolizer *s)
{
	static const char text[] = "1000 100 one\n";
	uint64_t offset = 0x1000;
	struct names names = {0};
	pid_t first;
	int fd = text_file(text, sizeof(text) - 1);

	CHECK_EQ(ask(s, SYMBOLS_PERF_MAP, fd, &offset, 1, &names), 0);
	first = symbolizer_pid(s);
	CHECK(first > 0);
	CHECK_EQ(kill(first, SIGKILL), 0);
	CHECK_EQ(ask(s, SYMBOLS_PERF_MAP, fd, &offset, 1, &names), -EPIPE);
	CHECK_EQ(ask(s, SYMBOLS_PERF_MAP, fd, &offset, 1, &names), 0);
	CHECK_STR(names.name, "one");
	CHECK(symbolizer_pid(s) > 0 && symbolizer_pid(s) != first);
	/* one that does not answer */
	first = symbolizer_pid(s);
	CHECK_EQ(kill(first, SIGSTOP), 0);
	symbolizer_set_limit(s, 200);
	CHECK_EQ(ask(s, SYMBOLS_PERF_MAP, fd, &offset, 1, &names), -ETIMEDOUT);
	symbolizer_set_limit(s, 5000);
	CHECK_EQ(ask(s, SYMBOLS_PERF_MAP, fd, &offset, 1, &names), 0);
	CHECK_EQ(names.n, 1);
	close(fd);
}

/* Nobody answers, as if somebody stopped each child that comes: three are waited for. */
static void check_stopped(struct symbolizer *s)
{
	static const char text[] = "1000 100 one\n";
	int fd = text_file(text, sizeof(text) - 1);
	struct names names = {0};
	uint64_t offset = 0x1000;

	for (int answers = 1; answers >= 0; answers--) {
		/* one that answers, and all is well again */
		for (int i = 0; i < 3 - answers; i++) {
			symbolizer_set_limit(s, 0);
			CHECK_EQ(ask(s, SYMBOLS_PERF_MAP, fd, &offset, 1, &names), -ETIMEDOUT);
			CHECK_EQ(symbolizer_pid(s), 0);
		}
		symbolizer_set_limit(s, 5000);
		CHECK_EQ(ask(s, SYMBOLS_PERF_MAP, fd, &offset, 1, &names), answers ? 0 : -ETIMEDOUT);
		CHECK(!symbolizer_pid(s) == !answers);
	}
	close(fd);
}

/* The line of /proc/PID/status that starts so. */
static void status_line(pid_t pid, const char *key, char *line, size_t size)
{
	char path[64];
	FILE *status;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	status = fopen(path, "r");
	while (status && fgets(line, (int)size, status))
		if (!strncmp(line, key, strlen(key)))
			break;
	if (status)
		fclose(status);
	line[strcspn(line, "\n")] = 0;
}

static void check_rights(const struct symbolizer *s)
{
	pid_t pid = symbolizer_pid(s);
	char line[256] = "";

	status_line(pid, "Seccomp:", line, sizeof(line));
	CHECK_STR(line, "Seccomp:\t2");
	status_line(pid, "NoNewPrivs:", line, sizeof(line));
	CHECK_STR(line, "NoNewPrivs:\t1");
	status_line(pid, "CapEff:", line, sizeof(line));
	CHECK_STR(line, "CapEff:\t0000000000000000");
	status_line(pid, "CapPrm:", line, sizeof(line));
	CHECK_STR(line, "CapPrm:\t0000000000000000");
	if (geteuid() == 0) {
		status_line(pid, "Uid:", line, sizeof(line));
		CHECK_STR(line, "Uid:\t65534\t65534\t65534\t65534");
		status_line(pid, "Groups:", line, sizeof(line));
		CHECK(!strpbrk(line, "0123456789"));
	}
}

int main(void)
{
	struct symbolizer *s = NULL;
	pid_t pid;
	int err = symbolizer_start(&s, geteuid(), getegid());

	CHECK_EQ(err, 0);
	if (err)
		return check_done();
	check_rights(s);
	check_perf_map(s);
	check_kernel(s);
	check_elf(s);
	check_refused(s);
	check_cut_file(s);
	check_killed(s);
	pid = symbolizer_pid(s);
	symbolizer_stop(s);
	CHECK(kill(pid, 0) < 0 && errno == ESRCH);
	symbolizer_stop(NULL);
	CHECK_EQ(symbolizer_start(&s, geteuid(), getegid()), 0);
	check_stopped(s);
	symbolizer_stop(s);
	return check_done();
}
