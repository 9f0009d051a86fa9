/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The mapping tracker and its symbols on real processes: short ones, a deleted program, a library opened
 * late, a JIT, forks. Needs perf events of the whole machine; the address space alone is tested without.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/fail.h"
#include "capture/address_space.h"
#include "capture/mappings.h"
#include "capture/process_table.h"
#include "capture/symbols_write.h"
#include "check.h"
#include "wire_record.h"

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int map(struct address_space **a, uint64_t start, uint64_t end, uint64_t offset, uint64_t since,
	       uint32_t file)
{
	struct mapping m = {.start = start, .end = end, .offset = offset, .since = since, .file = file};

	return address_space_map(a, &m, 0);
}

static uint32_t file_at(const struct address_space *a, uint64_t ts, uint64_t addr)
{
	const struct mapping *m = address_space_at(a, ts, addr);

	return m ? m->file : 0;
}

static void check_address_space(void)
{
	struct address_space *a = address_space_new(0), *b;

	CHECK_EQ(map(&a, 0x1000, 0x5000, 0, 10, 1), 0);
	CHECK_EQ(map(&a, 0x2000, 0x3000, 0x40000, 20, 2), 0);
	CHECK_EQ(address_space_count(a), 3);
	CHECK_EQ(file_at(a, 30, 0x1fff), 1);
	CHECK_EQ(file_at(a, 30, 0x2000), 2);
	CHECK_EQ(file_at(a, 30, 0x3000), 1);
	CHECK_EQ(address_space_at(a, 30, 0x3000)->offset, 0x2000);
	CHECK_EQ(file_at(a, 15, 0x2000), 1); /* as it was then */
	CHECK_EQ(file_at(a, 30, 0x5000), 0);
	CHECK_EQ(file_at(a, 30, 0xfff), 0);
	b = address_space_share(a);
	CHECK_EQ(map(&b, 0x8000, 0x9000, 0, 40, 3), 0);
	CHECK_EQ(file_at(b, 50, 0x8000), 3);
	CHECK_EQ(file_at(a, 50, 0x8000), 0); /* the fork's own */
	CHECK_EQ(file_at(b, 50, 0x2000), 2);
	CHECK_EQ(map(&b, 0x8000, 0x9000, 0, 60, 3), 0);
	CHECK_EQ(address_space_at(b, 70, 0x8000)->since, 40); /* told twice */
	CHECK_EQ(map(&b, 0, 0x10000, 0, 80, 4), 0);
	CHECK_EQ(address_space_count(b), 1);
	CHECK_EQ(file_at(b, 75, 0x8000), 3);
	CHECK_EQ(file_at(b, 75, 0x2800), 2);
	CHECK_EQ(file_at(b, 80, 0x2800), 4);
	address_space_release(a);
	address_space_release(b);
}

static void check_process_table(void)
{
	struct process_table *t = process_table_new();
	struct mapping m = {.start = 0x1000, .end = 0x2000, .since = 10, .file = 1};
	uint32_t me = (uint32_t)getpid(), child = 4000001, grandchild = 4000002;

	CHECK_EQ(process_table_follow(t, me, 1), 0);
	CHECK_EQ(process_table_follow(t, 4000009, 0), -ESRCH);
	CHECK_EQ(process_table_map(t, me, &m), 0);
	CHECK_EQ(process_table_fork(t, me, child, 20), 0);
	CHECK_EQ(process_table_fork(t, 4000008, 4000007, 20), 0);
	CHECK(!process_table_has(t, 4000007));
	CHECK(process_table_at(t, child, 25, 0x1800) != NULL);
	CHECK_EQ(process_table_exec(t, child, 30), 0);
	CHECK(process_table_at(t, child, 35, 0x1800) == NULL);
	CHECK(process_table_at(t, child, 25, 0x1800) != NULL);
	CHECK(process_table_at(t, me, 35, 0x1800) != NULL);
	CHECK_EQ(process_table_fork(t, child, child, 40), 0); /* a thread */
	CHECK_EQ(process_table_fork(t, child, grandchild, 50), 0);
	process_table_exit(t, child, 60);
	CHECK_EQ(process_table_count(t), 3);
	for (int i = 0; i < 5; i++)
		process_table_forget(t);
	CHECK(process_table_has(t, child)); /* one thread is left */
	process_table_exit(t, child, 70);
	process_table_forget(t);
	CHECK(process_table_has(t, child));
	for (int i = 0; i < 5; i++)
		process_table_forget(t);
	CHECK(!process_table_has(t, child));
	CHECK(process_table_has(t, grandchild));
	/* many short ones: what they took is used again */
	for (uint32_t pid = 1000000; pid < 1100000; pid++) {
		CHECK_EQ(process_table_fork(t, me, pid, 100), 0);
		CHECK_EQ(process_table_exec(t, pid, 101), 0);
		m.since = 102;
		CHECK_EQ(process_table_map(t, pid, &m), 0);
		process_table_exit(t, pid, 103);
		process_table_forget(t);
		if (process_table_count(t) > 10)
			break;
	}
	CHECK(process_table_count(t) <= 10);
	process_table_free(t);
}

/* A program that says where its function is, waits, and ends. */
static const char program[] =
	"#include <stdio.h>\n#include <unistd.h>\n"
	"__attribute__((noinline)) int shown_function(int n) { return n * 7 + getpid(); }\n"
	"int main(void) { printf(\"%p %d\\n\", (void *)shown_function, shown_function(1) & 0);"
	"fflush(stdout); return getchar() == 'x'; }\n";

static char folder[] = "/tmp/test_mappings.XXXXXX";

static int shell(const char *format, const char *a)
{
	char command[1200];

	snprintf(command, sizeof(command), format, folder, a);
	return system(command); /* NOLINT(cert-env33-c): a command of this test */
}

static pid_t start(const char *path, int *to, int *from)
{
	int in[2], out[2];
	pid_t pid;

	if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC))
		return -1;
	pid = fork();
	if (!pid) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		execl(path, path, (char *)NULL);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	*to = in[1];
	*from = out[0];
	return pid;
}

static uint64_t read_address(int fd)
{
	char line[64] = "";
	ssize_t n = read(fd, line, sizeof(line) - 1);

	return n > 0 ? strtoull(line, NULL, 16) : 0;
}

/* The name that the recording has for a frame, "" if none. */
struct found {
	char name[256], path[256];
	uint32_t offset;
	uint16_t kind;
};

static void find(const char *recording, uint64_t frame, struct found *found)
{
	struct recording *r;
	const unsigned char *data;
	uint32_t type;
	size_t len;

	memset(found, 0, sizeof(*found));
	found->kind = 99;
	CHECK_EQ(recording_open(&r, recording), 0);
	while (recording_next(r, &type, &data, &len) == 1) {
		for (size_t at = 0; at < len && (type == SECTION_FILES || type == SECTION_NAMES);) {
			struct section_file f;
			struct section_name n;

			if (type == SECTION_FILES) {
				memcpy(&f, data + at, sizeof(f));
				at += sizeof(f);
				if (f.number == frame >> WIRE_FRAME_OFFSET_BITS) {
					snprintf(found->path, sizeof(found->path), "%.*s", f.path_len,
						 data + at);
					found->kind = f.kind;
				}
				at += (f.path_len + 7u) & ~7u;
			} else {
				memcpy(&n, data + at, sizeof(n));
				at += sizeof(n);
				if (n.frame == frame) {
					snprintf(found->name, sizeof(found->name), "%.*s", n.name_len,
						 data + at);
					found->offset = n.offset;
				}
				at += (n.name_len + 7u) & ~7u;
			}
		}
	}
	CHECK(recording_damage(r) == NULL);
	recording_close(r);
}

/* One program of which a frame is taken while it lives or when it is gone; what is asked afterwards. */
struct shown {
	pid_t pid;
	uint64_t ts, addr, leaf, caller;
};

static void show(struct mappings *m, const char *path, bool drain_while_alive, struct shown *s)
{
	int to = -1, from = -1;

	s->pid = start(path, &to, &from);
	s->addr = read_address(from);
	s->ts = now_ns();
	CHECK(s->addr != 0);
	if (drain_while_alive)
		CHECK_EQ(mappings_drain(m), 0);
	close(to);
	close(from);
	waitpid(s->pid, NULL, 0);
	CHECK_EQ(mappings_drain(m), 0);
	s->leaf = mappings_frame(m, (uint32_t)s->pid, s->ts, s->addr, true);
	s->caller = mappings_frame(m, (uint32_t)s->pid, s->ts, s->addr + 5, false);
}

static void check_shown(const char *recording, const struct shown *s, const char *path)
{
	struct found found;

	find(recording, s->leaf, &found);
	CHECK_EQ(found.kind, SECTION_FILE_ELF);
	CHECK(strstr(found.path, path) != NULL);
	CHECK_STR(found.name, "shown_function");
	CHECK_EQ(found.offset, 0);
	find(recording, s->caller, &found);
	CHECK_STR(found.name, "shown_function");
	CHECK_EQ(found.offset, 4);
}

/* Code without a file, with a perf map, in a child that is followed through the fork. */
static void show_jit(struct mappings *m, struct shown *s)
{
	int go[2] = {-1, -1}, done[2] = {-1, -1};
	char c = 0;

	CHECK(!pipe(go) && !pipe(done));
	s->pid = fork();
	if (!s->pid) {
		char path[64];
		void *code = mmap((void *)0x7e0000000000, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		FILE *file;

		snprintf(path, sizeof(path), "/tmp/perf-%d.map", getpid());
		file = fopen(path, "w");
		if (file) {
			fprintf(file, "%llx 100 jitted code\n", (unsigned long long)(uintptr_t)code + 0x100);
			fclose(file);
		}
		if (write(done[1], &code, sizeof(code)) < 0 || read(go[0], &c, 1) < 0)
			_exit(1);
		unlink(path);
		_exit(0);
	}
	CHECK_EQ(read(done[0], &s->addr, sizeof(s->addr)), sizeof(s->addr));
	s->addr += 0x180;
	CHECK_EQ(mappings_drain(m), 0);
	s->ts = now_ns();
	s->leaf = mappings_frame(m, (uint32_t)s->pid, s->ts, s->addr, true);
	/* this test's own function, in a mapping that the child inherited */
	s->caller = mappings_frame(m, (uint32_t)s->pid, s->ts, (uint64_t)(uintptr_t)show_jit, true);
	CHECK_EQ(write(go[1], &c, 1), 1);
	waitpid(s->pid, NULL, 0);
	for (int i = 0; i < 2; i++) {
		close(go[i]);
		close(done[i]);
	}
}

static void write_recording(struct mappings *m, struct symbolizer *s, const char *path,
			    struct symbols_result *result)
{
	struct recording_writer *w =
		recording_writer_new(open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), path);
	uint64_t begin = now_ns();

	CHECK(w != NULL);
	CHECK_EQ(mappings_write_files(m, w), 0);
	CHECK_EQ(symbols_write(m, s, NULL, w, result), 0);
	CHECK_EQ(recording_writer_close(w, true), 0);
	fprintf(stderr,
		"# %" PRIu64 " files (%" PRIu64 " lost), %" PRIu64 " frames (%" PRIu64 " named) in %.1f ms\n",
		result->files, result->files_lost, result->frames, result->frames_named,
		(double)(now_ns() - begin) / 1e6);
}

static void check_real(struct mappings *m, struct symbolizer *s)
{
	char plain[64], deleted[64], fixed[64], recording[64];
	struct shown shown[4], jit;
	struct symbols_result result;
	struct found found;
	uint64_t unknown, nonsense, late, kernel;
	void *library;

	snprintf(plain, sizeof(plain), "%s/plain", folder);
	snprintf(deleted, sizeof(deleted), "%s/deleted", folder);
	snprintf(fixed, sizeof(fixed), "%s/fixed", folder);
	snprintf(recording, sizeof(recording), "%s/recording", folder);
	CHECK_EQ(mappings_follow(m, (uint32_t)getpid()), 0);
	show(m, plain, true, &shown[0]);
	show(m, plain, false, &shown[1]); /* gone before its events were read */
	show(m, fixed, true, &shown[2]);
	show(m, deleted, true, &shown[3]);
	CHECK(shown[0].leaf == shown[1].leaf); /* one file, one number */
	CHECK(shown[0].leaf != shown[3].leaf);
	/* the program is removed, and another takes its name */
	CHECK_EQ(shell("rm %s/%s", "deleted"), 0);
	CHECK_EQ(shell("cp /bin/true %s/%s", "deleted"), 0);
	show_jit(m, &jit);
	library = dlopen("libm.so.6", RTLD_NOW | RTLD_LOCAL);
	CHECK(library != NULL);
	CHECK_EQ(mappings_drain(m), 0);
	late = mappings_frame(m, (uint32_t)getpid(), now_ns(), (uint64_t)(uintptr_t)dlsym(library, "cbrt"),
			      true);
	unknown = mappings_frame(m, (uint32_t)getpid(), now_ns(), 0x1234000, true);
	nonsense = mappings_frame(m, (uint32_t)getpid(), now_ns(), 0xdeadbeefdeadbeef, true);
	kernel = mappings_kernel_frame(m, 0xffffffffffff1235, false);
	CHECK_EQ(kernel, 0xffffffffffff1234);
	write_recording(m, s, recording, &result);
	CHECK_EQ(result.files_lost, 0);
	check_shown(recording, &shown[0], "/plain");
	check_shown(recording, &shown[1], "/plain");
	check_shown(recording, &shown[2], "/fixed");
	check_shown(recording, &shown[3], "/deleted");
	find(recording, jit.leaf, &found);
	CHECK_EQ(found.kind, SECTION_FILE_ANON);
	CHECK_STR(found.name, "jitted code");
	CHECK_EQ(found.offset, 0x80);
	find(recording, jit.caller, &found);
	CHECK_STR(found.name, "show_jit");
	find(recording, late, &found);
	CHECK(strstr(found.path, "libm") != NULL);
	CHECK(found.kind == SECTION_FILE_ELF);
	find(recording, unknown, &found);
	CHECK_EQ(found.kind, SECTION_FILE_UNKNOWN);
	find(recording, nonsense, &found);
	CHECK_EQ(found.kind, SECTION_FILE_UNKNOWN);
	CHECK_STR(found.name, "");
	dlclose(library);
}

/* Many processes in a row, more than a CPU's ring has room for: the descriptors tell in time, nothing is lost, and their state is not kept. */
static void check_many(struct mappings *m)
{
	size_t most = 0, woken = 0, n;
	cpu_set_t before, one;
	struct pollfd ready[256];
	const int *fds = mappings_fds(m, &n);

	CHECK(n > 0);
	for (size_t i = 0; i < n && i < 256; i++)
		ready[i] = (struct pollfd){.fd = fds[i], .events = POLLIN};
	CHECK(!sched_getaffinity(0, sizeof(before), &before));
	CPU_ZERO(&one);
	for (int cpu = 0; cpu < CPU_SETSIZE && !CPU_COUNT(&one); cpu++)
		if (CPU_ISSET(cpu, &before))
			CPU_SET(cpu, &one);
	CHECK(!sched_setaffinity(0, sizeof(one), &one));
	for (int i = 0; i < 600; i++) {
		pid_t pid = fork();

		if (!pid)
			_exit(execl("/bin/true", "true", (char *)NULL));
		waitpid(pid, NULL, 0);
		if (poll(ready, n < 256 ? n : 256, 0) <= 0)
			continue;
		woken++;
		CHECK_EQ(mappings_drain(m), 0);
		if (mappings_processes(m) > most)
			most = mappings_processes(m);
	}
	CHECK(woken > 0 && woken < 30);
	CHECK(!sched_setaffinity(0, sizeof(before), &before));
	CHECK_EQ(mappings_drain(m), 0);
	CHECK_EQ(mappings_lost(m), 0);
	usleep(2100000);
	for (int i = 0; i < 5; i++)
		CHECK_EQ(mappings_drain(m), 0);
	fprintf(stderr, "# at most %zu processes kept, now %zu\n", most, mappings_processes(m));
	CHECK_EQ(mappings_processes(m), 1);
}

static int make_programs(void)
{
	char path[64];
	FILE *source;

	if (!mkdtemp(folder))
		return -errno;
	snprintf(path, sizeof(path), "%s/p.c", folder);
	source = fopen(path, "w");
	if (!source)
		return -errno;
	fputs(program, source);
	fclose(source);
	if (shell("cd %s && cc -O1 -fPIE -pie -o %s p.c", "plain") ||
	    shell("cd %s && cc -O1 -fno-pie -no-pie -o %s p.c", "fixed") ||
	    shell("cd %s && cc -O1 -DX -fPIE -pie -Wl,--build-id=none -o %s p.c", "deleted"))
		return -ENOENT;
	return 0;
}

int main(void)
{
	struct mappings *m = NULL;
	struct symbolizer *s = NULL;
	int err;

	check_address_space();
	check_process_table();
	CHECK_EQ(symbolizer_start(&s, geteuid(), getegid()), 0);
	err = mappings_new(&m);
	if (err) {
		CHECK(m == NULL);
		fprintf(stderr, "# skipped, the mappings of real processes: %s\n", fail_message());
	} else if (make_programs()) {
		fprintf(stderr, "# skipped, the mappings of real processes: no compiler\n");
	} else if (s) {
		check_real(m, s);
		check_many(m);
	}
	shell("rm -rf %s %s", "");
	symbolizer_stop(s);
	mappings_free(m);
	return check_done();
}
