/* SPDX-License-Identifier: BSD-2-Clause */
/* In: PIDs of processes that run code without a file. Out: descriptors of their perf maps. */
#include "capture/jit_maps.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/fail.h"
#include "base/intmap.h"

#define MAX_OPEN 512

struct jit {
	uint64_t next_try;
	uint32_t pid, inner_pid; /* inner_pid: in its own PID namespace; 0: not known */
	uid_t uid;		 /* -1: not known */
	int fd;			 /* -1: not open */
	uint64_t wait;		 /* ticks between tries, doubling */
};

struct jit_maps {
	struct jit *jits;
	size_t n, cap, n_open;
	struct intmap by_pid; /* -> index */
};

struct jit_maps *jit_maps_new(void)
{
	struct jit_maps *j = calloc(1, sizeof(*j));

	if (!j)
		fail(-ENOMEM, "perf maps: no memory");
	return j;
}

void jit_maps_free(struct jit_maps *j)
{
	if (!j)
		return;
	for (size_t i = 0; i < j->n; i++)
		if (j->jits[i].fd >= 0)
			close(j->jits[i].fd);
	free(j->jits);
	intmap_release(&j->by_pid);
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

/* Neither follows a link nor waits for the other end of a FIFO. */
static int open_owned(const char *path, uid_t uid)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd < 0)
		return -ENOENT;
	if (!fstat(fd, &st) && S_ISREG(st.st_mode) && (st.st_uid == 0 || st.st_uid == uid))
		return fd;
	close(fd);
	return -ENOENT;
}

static void try_open(struct jit_maps *j, struct jit *jit)
{
	char path[64];
	int fd;

	if (j->n_open >= MAX_OPEN)
		return;
	if (!jit->inner_pid)
		read_status(jit);
	if (!jit->inner_pid)
		return;
	snprintf(path, sizeof(path), "/proc/%u/root/tmp/perf-%u.map", jit->pid, jit->inner_pid);
	fd = open_owned(path, jit->uid);
	if (fd < 0)
		return;
	jit->fd = fd;
	j->n_open++;
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
		*jit = (struct jit){.pid = pid, .uid = (uid_t)-1, .fd = -1, .wait = 1};
	} else {
		jit = &j->jits[*index];
	}
	if (jit->fd >= 0 || tick < jit->next_try)
		return 0;
	jit->next_try = tick + jit->wait;
	jit->wait *= 2;
	try_open(j, jit);
	return 0;
}

int jit_maps_open(struct jit_maps *j, uint32_t pid, uid_t uid)
{
	uint64_t *index = intmap_get(&j->by_pid, pid);
	struct jit *jit = index ? &j->jits[*index] : NULL;
	char path[64];
	int fd;

	if (jit && jit->fd < 0)
		try_open(j, jit);
	if (jit && jit->fd >= 0) {
		fd = fcntl(jit->fd, F_DUPFD_CLOEXEC, 0);
		return fd >= 0 ? fd : fail(-errno, "perf map of %u: %s", pid, strerror(errno));
	}
	if (jit && jit->uid != (uid_t)-1)
		uid = jit->uid;
	snprintf(path, sizeof(path), "/tmp/perf-%u.map", pid);
	fd = open_owned(path, uid);
	return fd >= 0 ? fd : fail(-ENOENT, "perf map of %u: %s: not there, or not of its user", pid, path);
}
