/* SPDX-License-Identifier: BSD-2-Clause */
/* In: PIDs and paths. Out: descriptors of files below the roots of those processes. */
#include "capture/process_roots.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fail.h"

#define MAX_ROOTS 256 /* containers of one run; of those beyond only files that are mapped are opened */

struct root {
	int fd;
	dev_t dev;
	ino_t ino;
};

struct process_roots {
	struct root roots[MAX_ROOTS]; /* [PROCESS_ROOT_OWN] is this process's */
	uint32_t n;
};

static int open_root(const char *path, struct root *root)
{
	struct stat st;

	root->fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root->fd < 0 || fstat(root->fd, &st))
		return -errno;
	root->dev = st.st_dev;
	root->ino = st.st_ino;
	return 0;
}

struct process_roots *process_roots_new(void)
{
	struct process_roots *r = calloc(1, sizeof(*r));

	if (!r) {
		fail(-ENOMEM, "roots of processes: no memory");
		return NULL;
	}
	/* without it no file is found, and nothing else is wrong */
	(void)open_root("/", &r->roots[PROCESS_ROOT_OWN]);
	r->n = 1;
	return r;
}

void process_roots_free(struct process_roots *r)
{
	if (!r)
		return;
	for (uint32_t i = 0; i < r->n; i++)
		if (r->roots[i].fd >= 0)
			close(r->roots[i].fd);
	free(r);
}

/* By device and inode: mount namespaces that share a root directory share a number. */
static uint32_t find(const struct process_roots *r, dev_t dev, ino_t ino)
{
	for (uint32_t i = 0; i < r->n; i++)
		if (r->roots[i].dev == dev && r->roots[i].ino == ino)
			return i;
	return r->n;
}

uint32_t process_roots_of(struct process_roots *r, uint32_t pid)
{
	char path[64];
	struct root root = {.fd = -1};
	struct stat st;
	uint32_t at;

	snprintf(path, sizeof(path), "/proc/%u/root", pid);
	if (stat(path, &st))
		return PROCESS_ROOT_OWN;
	at = find(r, st.st_dev, st.st_ino);
	if (at < r->n)
		return at;
	if (r->n >= MAX_ROOTS)
		return PROCESS_ROOT_OWN;
	if (open_root(path, &root)) {
		if (root.fd >= 0)
			close(root.fd);
		return PROCESS_ROOT_OWN;
	}
	at = find(r, root.dev, root.ino); /* it may have called chroot in between */
	if (at < r->n)
		close(root.fd);
	else
		r->roots[r->n++] = root;
	return at;
}

int process_roots_open(const struct process_roots *r, uint32_t root, const char *path, struct stat *st)
{
	/* first only its place: a device may act on being opened, a FIFO may wait */
	struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
	char again[64];
	int place, fd;

	if (root >= r->n)
		return -ENOENT;
	place = (int)syscall(SYS_openat2, r->roots[root].fd, path, &how, sizeof(how));
	if (place < 0)
		return -errno;
	if (fstat(place, st) || !S_ISREG(st->st_mode)) {
		close(place);
		return -ENOENT;
	}
	snprintf(again, sizeof(again), "/proc/self/fd/%d", place);
	fd = open(again, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		fd = -errno;
	close(place);
	return fd;
}
