/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Perf maps of real processes: that grow, are replaced, outlive their process, lie in another /tmp, are left
 * from another process, belong to somebody else, or are no files.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "capture/jit_maps.h"
#include "check.h"

static pid_t start_sleeper(void)
{
	pid_t pid = fork();

	if (!pid) {
		pause();
		_exit(0);
	}
	return pid;
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void map_path(char path[64], pid_t pid)
{
	snprintf(path, 64, "/tmp/perf-%d.map", pid);
}

static void write_map(pid_t pid, const char *text, const char *mode)
{
	char path[64];
	FILE *map;

	map_path(path, pid);
	map = fopen(path, mode);
	CHECK(map != NULL);
	fputs(text, map);
	CHECK_EQ(fclose(map), 0);
}

static void remove_map(pid_t pid)
{
	char path[64];

	map_path(path, pid);
	unlink(path);
}

/* The maps of pid: their number, and what the first ones say. */
static size_t read_maps(struct jit_maps *j, pid_t pid, char text[2][64])
{
	int fds[JIT_MAPS_MAX];
	size_t n = jit_maps_open(j, (uint32_t)pid, geteuid(), fds);

	memset(text, 0, 2 * 64);
	for (size_t i = 0; i < n; i++) {
		CHECK(i > 1 || pread(fds[i], text[i], 63, 0) >= 0);
		close(fds[i]);
	}
	return n;
}

static void check_growth(struct jit_maps *j)
{
	pid_t pid = start_sleeper();
	char text[2][64];

	/* code runs before there is a map */
	CHECK_EQ(jit_maps_note(j, (uint32_t)pid, 1), 0);
	CHECK_EQ(read_maps(j, pid, text), 0);
	write_map(pid, "10 10 first\n", "w");
	CHECK_EQ(jit_maps_note(j, (uint32_t)pid, 100), 0);
	write_map(pid, "20 10 second\n", "a");
	CHECK_EQ(read_maps(j, pid, text), 1);
	CHECK_STR(text[0], "10 10 first\n20 10 second\n");
	/* another file takes its place: both are there, the newer in front */
	remove_map(pid);
	write_map(pid, "10 10 moved\n", "w");
	CHECK_EQ(jit_maps_note(j, (uint32_t)pid, 10000), 0);
	end(pid);
	remove_map(pid);
	CHECK_EQ(read_maps(j, pid, text), 2);
	CHECK_STR(text[0], "10 10 moved\n");
	CHECK_STR(text[1], "10 10 first\n20 10 second\n");
}

/* Written as the process ends, when nobody looks any more. */
static void check_written_late(struct jit_maps *j)
{
	pid_t pid = start_sleeper();
	char text[2][64];

	CHECK_EQ(jit_maps_note(j, (uint32_t)pid, 1), 0);
	write_map(pid, "10 10 late\n", "w");
	end(pid);
	CHECK_EQ(read_maps(j, pid, text), 1);
	CHECK_STR(text[0], "10 10 late\n");
	remove_map(pid);
}

static void check_children(struct jit_maps *j)
{
	pid_t parent = start_sleeper(), child = start_sleeper();
	char text[2][64];

	CHECK_EQ(jit_maps_fork(j, (uint32_t)parent, (uint32_t)child), 0);
	CHECK_EQ(jit_maps_note(j, (uint32_t)parent, 1), 0);
	CHECK_EQ(jit_maps_note(j, (uint32_t)child, 1), 0);
	write_map(parent, "10 10 inherited\n", "w");
	CHECK_EQ(read_maps(j, child, text), 1);
	CHECK_STR(text[0], "10 10 inherited\n");
	write_map(child, "20 10 own\n", "w");
	CHECK_EQ(read_maps(j, child, text), 2);
	CHECK_STR(text[0], "20 10 own\n");
	CHECK_STR(text[1], "10 10 inherited\n");
	CHECK_EQ(read_maps(j, parent, text), 1);
	CHECK_EQ(jit_maps_exec(j, (uint32_t)child), 0);
	CHECK_EQ(read_maps(j, child, text), 1);
	/* a chain without an end */
	CHECK_EQ(jit_maps_fork(j, (uint32_t)child, (uint32_t)parent), 0);
	CHECK_EQ(jit_maps_fork(j, (uint32_t)parent, (uint32_t)child), 0);
	CHECK(read_maps(j, child, text) <= JIT_MAPS_MAX);
	end(parent);
	end(child);
	remove_map(parent);
	remove_map(child);
}

static void check_refused(struct jit_maps *j)
{
	pid_t pid = start_sleeper();
	char text[2][64], path[64];

	map_path(path, pid);
	CHECK_EQ(jit_maps_note(j, (uint32_t)pid, 1), 0);
	CHECK_EQ(symlink("/etc/passwd", path), 0);
	CHECK_EQ(read_maps(j, pid, text), 0);
	CHECK_EQ(unlink(path), 0);
	CHECK_EQ(mkfifo(path, 0600), 0);
	CHECK_EQ(read_maps(j, pid, text), 0);
	CHECK_EQ(unlink(path), 0);
	if (geteuid() == 0) {
		write_map(pid, "10 10 foreign\n", "w");
		CHECK_EQ(chown(path, 65534, 65534), 0);
		CHECK_EQ(read_maps(j, pid, text), 0);
		CHECK_EQ(chown(path, 0, 0), 0);
		CHECK_EQ(read_maps(j, pid, text), 1);
		CHECK_EQ(unlink(path), 0);
	}
	end(pid);
}

/* A process with a PID of our choice, which an earlier one had: its map is not this one's. */
static void check_left_over(struct jit_maps *j)
{
	pid_t pid = 29990;
	struct clone_args args = {
		.exit_signal = SIGCHLD, .set_tid = (uint64_t)(uintptr_t)&pid, .set_tid_size = 1};
	char text[2][64];
	long child;

	while (!kill(pid, 0) || errno != ESRCH)
		pid++;
	write_map(pid, "10 10 left over\n", "w");
	CHECK_EQ(read_maps(j, pid, text), 1); /* of a process that nothing is known of */
	usleep(4200000);
	child = syscall(SYS_clone3, &args, sizeof(args));
	if (!child) {
		pause();
		_exit(0);
	}
	if (child == pid) {
		CHECK_EQ(jit_maps_note(j, (uint32_t)pid, 1), 0);
		CHECK_EQ(read_maps(j, pid, text), 0);
		write_map(pid, "10 10 own\n", "a");
		CHECK_EQ(read_maps(j, pid, text), 1);
		end(pid);
	} else {
		fprintf(stderr, "# skipped, a map left over: no process of a chosen PID: %s\n", strerror(errno));
	}
	remove_map(pid);
}

/* The first process of a PID namespace, with a /tmp of its own: it waits for a byte, writes its map, and waits
 * again. */
static void live_apart(int go, int told)
{
	FILE *map;
	char c = 0;

	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) || mount("none", "/tmp", "tmpfs", 0, NULL) ||
	    write(told, &c, 1) != 1 || read(go, &c, 1) != 1)
		_exit(1);
	map = fopen("/tmp/perf-1.map", "w");
	if (map) {
		fputs("10 10 apart\n", map);
		fclose(map);
	}
	_exit(write(told, &c, 1) == 1 && read(go, &c, 1) >= 0);
}

static void check_namespaces(struct jit_maps *j)
{
	int go[2] = {-1, -1}, told[2] = {-1, -1}, number[2] = {-1, -1};
	char text[2][64], c = 0;
	pid_t between, pid = 0;

	CHECK(!pipe(go) && !pipe(told) && !pipe(number));
	between = fork();
	if (!between) {
		if (unshare(CLONE_NEWPID | CLONE_NEWNS))
			_exit(1);
		pid = fork();
		if (!pid)
			live_apart(go[0], told[1]);
		_exit(write(number[1], &pid, sizeof(pid)) != sizeof(pid) || waitpid(pid, NULL, 0) != pid);
	}
	CHECK_EQ(read(number[0], &pid, sizeof(pid)), sizeof(pid));
	CHECK_EQ(read(told[0], &c, 1), 1);
	CHECK_EQ(jit_maps_note(j, (uint32_t)pid, 1), 0);
	write_map(1, "10 10 of another\n", "w"); /* in our /tmp that name is not theirs */
	CHECK_EQ(read_maps(j, pid, text), 0);
	CHECK_EQ(write(go[1], &c, 1), 1);
	CHECK_EQ(read(told[0], &c, 1), 1);
	/* it was not looked for while it lived */
	CHECK_EQ(write(go[1], &c, 1), 1);
	waitpid(between, NULL, 0);
	CHECK(kill(pid, 0) < 0);
	CHECK_EQ(read_maps(j, pid, text), 1);
	CHECK_STR(text[0], "10 10 apart\n");
	remove_map(1);
	for (int i = 0; i < 2; i++) {
		close(go[i]);
		close(told[i]);
		close(number[i]);
	}
}

int main(void)
{
	struct jit_maps *j = jit_maps_new();

	CHECK(j != NULL);
	check_growth(j);
	check_written_late(j);
	check_children(j);
	check_refused(j);
	if (geteuid() == 0) {
		check_left_over(j);
		check_namespaces(j);
	} else {
		fprintf(stderr, "# skipped, namespaces and chosen PIDs: not root\n");
	}
	jit_maps_free(j);
	jit_maps_free(NULL);
	return check_done();
}
