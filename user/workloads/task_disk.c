/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * In: a job; a folder on a disk. Out: its steps: reads at random places of a file that is not in the page
 * cache. The file is written by a process of its own, so that no worker has waits from making it, and has no
 * name afterwards.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fail.h"
#include "workloads/task.h"

#define FILE_BYTES   (64ULL << 20)
#define WRITE_BYTES  (1ULL << 20)
#define PATH_MAX_LEN 4096

static enum step first(void)
{
	return STEP_READ;
}

static enum step next(const struct run *r, struct job *job)
{
	return ++job->round < (r->set->bytes + r->set->block - 1) / r->set->block ? STEP_READ : STEP_DONE;
}

const struct task task_disk = {.first = first, .next = next};

/* splitmix64: places far apart, the same in every run. */
static uint64_t scatter(uint64_t x)
{
	x += 0x9e3779b97f4a7c15ULL;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
	return x ^ (x >> 31);
}

off_t disk_offset(const struct run *r, const struct job *job)
{
	uint64_t blocks = FILE_BYTES / r->set->block;

	return (off_t)(scatter(job->number << 32 | job->round) % (blocks ? blocks : 1) * r->set->block +
		       job->at);
}

static int write_file(int fd)
{
	char *bytes = malloc(WRITE_BYTES);
	uint64_t at, i, word;
	int err = bytes ? 0 : ENOMEM;

	for (at = 0; at < FILE_BYTES && !err; at += WRITE_BYTES) {
		/* Numbers that do not compress: some disks would not store zeros. */
		for (i = 0; i < WRITE_BYTES; i += sizeof(word)) {
			word = scatter(at + i);
			memcpy(bytes + i, &word, sizeof(word));
		}
		if (pwrite(fd, bytes, WRITE_BYTES, (off_t)at) != (ssize_t)WRITE_BYTES)
			err = errno ? errno : ENOSPC;
	}
	if (!err && fsync(fd))
		err = errno;
	if (!err)
		posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	free(bytes);
	return err;
}

/* The errno that the writing process ended with. */
static int write_file_aside(int fd)
{
	int status = 0;
	pid_t pid = fork();

	if (pid < 0)
		return errno;
	if (!pid)
		_exit(write_file(fd) & 0xff);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : EIO;
}

int disk_open(struct run *r)
{
	char path[PATH_MAX_LEN];
	int fd, err;

	if (snprintf(path, sizeof(path), "%s/conctrace-workload.XXXXXX", r->set->dir) >= (int)sizeof(path))
		return fail(-ENAMETOOLONG, "--dir: the name is too long");
	fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0) {
		err = errno;
		return fail(-err, "a file in %s: %s: choose another folder with --dir", r->set->dir,
			    strerror(err));
	}
	err = write_file_aside(fd);
	if (!err) {
		r->disk_fd = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);
		r->direct = r->disk_fd >= 0;
		if (!r->direct) /* tmpfs before 6.6, some network file systems */
			r->disk_fd = open(path, O_RDONLY | O_CLOEXEC);
		if (r->disk_fd < 0)
			err = errno;
	}
	unlink(path);
	close(fd);
	if (err)
		return fail(-err, "the file in %s, of %llu MiB: %s: choose another folder with --dir",
			    r->set->dir, FILE_BYTES >> 20, strerror(err));
	return 0;
}
