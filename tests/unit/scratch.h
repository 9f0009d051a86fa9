/* SPDX-License-Identifier: BSD-2-Clause */
/* A folder for a test's files: made in /tmp, emptied or removed with all that is in it. */
#ifndef CONCTRACE_SCRATCH_H
#define CONCTRACE_SCRATCH_H

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define SCRATCH_TEMPLATE "/tmp/conctrace-test-XXXXXX"

/* `path` holds SCRATCH_TEMPLATE and becomes the folder's name. 0, or -1 with errno. */
static inline int scratch_make(char *path)
{
	return mkdtemp(path) ? chmod(path, 0755) : -1;
}

static inline int scratch_remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

/* 0, or -1 if something could not be removed. Directories that their owner may not read must have been opened
 * up. */
static inline int scratch_remove(const char *path)
{
	return nftw(path, scratch_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

#endif
