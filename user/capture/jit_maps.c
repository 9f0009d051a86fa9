/* SPDX-License-Identifier: BSD-2-Clause */
/* In: PIDs of processes that run code without a file. Out: descriptors of their perf maps. */
#include "capture/jit_maps.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/fail.h"
#include "base/intmap.h"

#define MAX_OPEN    256 /* maps held open */
#define MAX_FOLDERS 128 /* folders, of processes whose /tmp is not ours */
#define MAX_PARENTS 1000000u
#define MAX_DEPTH   4 /* of forks without an exec */
#define MAX_NAME    32
#define CLOCK_SLACK 2 /* seconds: between the clocks of processes and of files */

struct jit {
	uint64_t next_try;
	uint32_t pid, inner_pid; /* inner_pid: in its own PID namespace; 0: not known */
	uid_t uid;		 /* -1: not known */
	int folder;		 /* its /tmp; -1: it is ours, or can't be had */
	int fd, older;		 /* the map, and the one that it replaced; -1: none */
	uint64_t wait;		 /* ticks between tries, doubling */
	int64_t began;		 /* its start, in seconds since 1970; 0: not known */
};

struct jit_maps {
	struct jit *jits;
	size_t n, cap, n_open, n_folders;
	struct intmap by_pid;  /* -> index */
	struct intmap parents; /* pid -> that of the process whose code it began with, 0: none */
	int own_folder;	       /* our /tmp */
};

struct jit_maps *jit_maps_new(void)
{
	struct jit_maps *j = calloc(1, sizeof(*j));

	if (!j) {
		fail(-ENOMEM, "perf maps: no memory");
		return NULL;
	}
	j->own_folder = open("/tmp", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return j;
}

static void close_one(int fd)
{
	if (fd >= 0)
		close(fd);
}

void jit_maps_free(struct jit_maps *j)
{
	if (!j)
		return;
	for (size_t i = 0; i < j->n; i++) {
		close_one(j->jits[i].folder);
		close_one(j->jits[i].fd);
		close_one(j->jits[i].older);
	}
	close_one(j->own_folder);
	free(j->jits);
	intmap_release(&j->by_pid);
	intmap_release(&j->parents);
	free(j);
}

/* Uid and innermost PID from /proc/PID/status. */
static void read_status(struct jit *jit)
{
	char path[64], line[256];
	FILE *status;

	snprintf(path, sizeof(path), "/proc/%u/status", jit->pid);
	status = fopen(path, "re");
	if (!status)
		return;
	while (fgets(line, sizeof(line), status)) {
		unsigned int effective;
		char *last;

		if (sscanf(line, "Uid: %*u %u", &effective) == 1)
			jit->uid = effective;
		if (strncmp(line, "NSpid:", 6))
			continue;
		last = strrchr(line, '\t');
		jit->inner_pid = last ? (uint32_t)strtoul(last, NULL, 10) : 0;
	}
	fclose(status);
}

/* Seconds since 1970 at which it started, by the 22nd field of /proc/PID/stat; 0 if that can't be read. */
static int64_t start_time(uint32_t pid)
{
	struct timespec since_boot, now;
	unsigned long long ticks = 0;
	char path[64], text[1024];
	const char *at;
	FILE *file;
	size_t len;

	snprintf(path, sizeof(path), "/proc/%u/stat", pid);
	file = fopen(path, "re");
	if (!file)
		return 0;
	len = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[len] = '\0';
	at = strrchr(text, ')'); /* of the name, which may hold anything */
	for (int field = 2; at && field < 22; field++)
		at = strchr(at + 1, ' ');
	if (!at || sscanf(at, "%llu", &ticks) != 1)
		return 0;
	clock_gettime(CLOCK_BOOTTIME, &since_boot);
	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec - (int64_t)since_boot.tv_sec + (int64_t)ticks / sysconf(_SC_CLK_TCK);
}

static bool is_owned(const struct stat *st, uid_t uid)
{
	return S_ISREG(st->st_mode) && (st->st_uid == 0 || st->st_uid == uid);
}

/* Neither follows a link nor waits for the other end of a FIFO; negative if it is not there, or not theirs. */
static int open_owned(int folder, uint32_t pid, uid_t uid, int64_t began)
{
	char name[MAX_NAME];
	struct stat st;
	int fd;

	snprintf(name, sizeof(name), "perf-%u.map", pid);
	/* a device could act on being opened */
	if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) || !is_owned(&st, uid))
		return -ENOENT;
	if (st.st_ctim.tv_sec + CLOCK_SLACK < began)
		return -ENOENT; /* left by another process that had the same PID */
	fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return -ENOENT;
	if (!fstat(fd, &st) && is_owned(&st, uid))
		return fd;
	close(fd);
	return -ENOENT;
}

static bool is_same_file(int a, int b)
{
	struct stat x, y;

	return !fstat(a, &x) && !fstat(b, &y) && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* Its /tmp, found as the process would: a link stays within its root. */
static int open_folder(uint32_t pid)
{
	struct open_how how = {.flags = O_PATH | O_DIRECTORY | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
	char path[64];
	int root, folder;

	snprintf(path, sizeof(path), "/proc/%u/root", pid);
	root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return -1;
	folder = (int)syscall(SYS_openat2, root, "tmp", &how, sizeof(how));
	close(root);
	return folder;
}

/* While it lives: who it is, and where it writes. */
static void meet(struct jit_maps *j, struct jit *jit)
{
	int folder;

	read_status(jit);
	jit->began = start_time(jit->pid);
	if (!jit->inner_pid || j->n_folders >= MAX_FOLDERS)
		return;
	folder = open_folder(jit->pid);
	if (folder >= 0 && is_same_file(folder, j->own_folder)) {
		close(folder);
	} else if (folder >= 0) {
		jit->folder = folder;
		j->n_folders++;
	}
}

/* The map that is there now, if it is not the one that is held. */
static void look(struct jit_maps *j, struct jit *jit)
{
	int folder = jit->folder >= 0 ? jit->folder : j->own_folder, fd;

	/* with a /tmp that is not known its number means nothing in ours */
	if (!jit->inner_pid || (jit->folder < 0 && jit->inner_pid != jit->pid))
		return;
	fd = open_owned(folder, jit->inner_pid, jit->uid, jit->began);
	if (fd < 0)
		return;
	if (jit->fd >= 0 && is_same_file(fd, jit->fd)) {
		close(fd);
		return;
	}
	if (j->n_open >= MAX_OPEN && jit->fd < 0) {
		close(fd);
		return;
	}
	j->n_open += jit->fd < 0;
	close_one(jit->older);
	jit->older = jit->fd;
	jit->fd = fd;
}

int jit_maps_note(struct jit_maps *j, uint32_t pid, uint64_t tick)
{
	uint64_t *index = intmap_get(&j->by_pid, pid);
	struct jit *jit;
	int err;

	if (!index) {
		err = array_grow(&j->jits, &j->cap, j->n + 1, sizeof(*j->jits));
		if (!err)
			err = intmap_put(&j->by_pid, pid, j->n);
		if (err)
			return err;
		jit = &j->jits[j->n++];
		*jit = (struct jit){.pid = pid, .uid = (uid_t)-1, .folder = -1, .fd = -1, .older = -1, .wait = 1};
		meet(j, jit);
	} else {
		jit = &j->jits[*index];
	}
	if (tick < jit->next_try)
		return 0;
	jit->next_try = tick + jit->wait;
	jit->wait *= 2;
	look(j, jit);
	return 0;
}

int jit_maps_fork(struct jit_maps *j, uint32_t parent, uint32_t child)
{
	if (parent == child || (j->parents.len >= MAX_PARENTS && !intmap_get(&j->parents, child)))
		return 0;
	return intmap_put(&j->parents, child, parent);
}

int jit_maps_exec(struct jit_maps *j, uint32_t pid)
{
	return intmap_get(&j->parents, pid) ? intmap_put(&j->parents, pid, 0) : 0;
}

static size_t add_copy(int *fds, size_t n, int fd)
{
	int copy = fd >= 0 && n < JIT_MAPS_MAX ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;

	if (copy < 0)
		return n;
	fds[n] = copy;
	return n + 1;
}

/* Those of one process. */
static size_t open_maps(struct jit_maps *j, uint32_t pid, uid_t uid, int *fds, size_t n)
{
	uint64_t *index = intmap_get(&j->by_pid, pid);
	struct jit *jit = index ? &j->jits[*index] : NULL;

	if (jit)
		look(j, jit);
	if (jit && jit->fd >= 0) {
		n = add_copy(fds, n, jit->fd);
		return add_copy(fds, n, jit->older);
	}
	if (jit && (jit->folder >= 0 || (jit->inner_pid && jit->inner_pid != pid)))
		return n; /* one of that number in our /tmp is another's */
	if (jit && jit->uid != (uid_t)-1)
		uid = jit->uid;
	if (n < JIT_MAPS_MAX) {
		fds[n] = open_owned(j->own_folder, pid, uid, jit ? jit->began : 0);
		n += fds[n] >= 0;
	}
	return n;
}

size_t jit_maps_open(struct jit_maps *j, uint32_t pid, uid_t uid, int *fds)
{
	size_t n = 0;

	for (int depth = 0; pid && depth <= MAX_DEPTH; depth++) {
		uint64_t *parent = intmap_get(&j->parents, pid);

		n = open_maps(j, pid, uid, fds, n);
		pid = parent ? (uint32_t)*parent : 0;
	}
	return n;
}
