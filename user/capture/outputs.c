/* SPDX-License-Identifier: BSD-2-Clause */
/* In: a path and whose it is. Out: a descriptor, and the file that was there before in a safe place. */
#include "capture/outputs.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fail.h"
#include "capture/file_rights.h"

#define OLD_SUFFIX ".old"

static const char *open_remedy(int err)
{
	switch (err) {
	case ENOENT:
		return "make its directory, or name another place with";
	case EROFS:
		return "the file system is read-only: name another place with";
	case EACCES:
	case EPERM:
		return "name a place where that user may write with";
	case ENOSPC:
	case EDQUOT:
		return "make room, or name another place with";
	case EINVAL:
		return "it is no file, FIFO or character device: name another place with";
	case EISDIR:
		return "name a file in it with";
	default:
		return "name another place with";
	}
}

static int open_failed(const struct output_request *request, const struct identity *owner, int err)
{
	const char *remedy = open_remedy(err);
	struct stat st;
	char who[80];

	if ((err == EACCES || err == EPERM) && !lstat(request->path, &st) && st.st_uid != owner->uid)
		remedy = "the one that is there is another user's: remove it, or name another file with";
	return fail(-err, "output file %s, as %s: %s: %s %s", request->path,
		    identity_text(owner, who, sizeof(who)), strerror(err), remedy, request->option);
}

/* "/dev/stdout" and its like: the number, -1 for any other path. */
static int named_descriptor(const char *path)
{
	static const char *const folders[] = {"/dev/fd/", "/proc/self/fd/"};

	if (!strcmp(path, "/dev/stdout"))
		return STDOUT_FILENO;
	if (!strcmp(path, "/dev/stderr"))
		return STDERR_FILENO;
	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++) {
		size_t len = strlen(folders[i]);

		if (!strncmp(path, folders[i], len) && isdigit((unsigned char)path[len]) &&
		    strlen(path + len) < 7)
			return atoi(path + len);
	}
	return -1;
}

/* The ones we were started with are open on exec; our own are not, and are nobody's business. -errno. */
static int open_descriptor(struct output *o, int number)
{
	int flags = fcntl(number, F_GETFD), mode = fcntl(number, F_GETFL);

	if (flags < 0 || mode < 0 || flags & FD_CLOEXEC)
		return -EBADF;
	if ((mode & O_ACCMODE) == O_RDONLY)
		return -EACCES;
	o->fd = fcntl(number, F_DUPFD_CLOEXEC, 3);
	return o->fd < 0 ? -errno : 0;
}

/* What is not a file: written as it is. */
static int open_special(struct output *o)
{
	struct stat st;

	o->fd = open(o->path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	if (o->fd < 0)
		return -errno;
	/* a block device would be overwritten, a directory can't be opened for writing */
	if (fstat(o->fd, &st) || S_ISBLK(st.st_mode))
		return -EINVAL;
	return 0;
}

/* 0 if FILE.old can take the former file later. */
static int check_old(const char *path)
{
	char old[PATH_MAX];
	struct stat st;

	if ((size_t)snprintf(old, sizeof(old), "%s" OLD_SUFFIX, path) >= sizeof(old))
		return -ENAMETOOLONG;
	if (lstat(old, &st))
		return errno == ENOENT ? 0 : -errno;
	return S_ISDIR(st.st_mode) ? -EISDIR : 0;
}

/* A rename that can be undone: FILE.old itself is touched only at the commit. */
static int move_aside(struct output *o)
{
	int err = check_old(o->path);

	if (err)
		return err;
	if (asprintf(&o->aside, "%s" OLD_SUFFIX ".%d", o->path, getpid()) < 0) {
		o->aside = NULL;
		return -ENOMEM;
	}
	if (rename(o->path, o->aside)) {
		err = -errno;
		free(o->aside);
		o->aside = NULL;
	}
	return err;
}

static void move_back(struct output *o)
{
	if (o->aside)
		rename(o->aside, o->path);
	free(o->aside);
	o->aside = NULL;
}

static int open_new(struct output *o)
{
	int err;

	o->fd = open(o->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, 0644);
	if (o->fd >= 0) {
		o->regular = o->created = true;
		return 0;
	}
	err = -errno;
	move_back(o);
	return err;
}

/* `keep_old` false: the same file, its bytes stay until the commit. */
static int open_existing(struct output *o)
{
	struct stat st;

	o->fd = open(o->path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	if (o->fd < 0 || fstat(o->fd, &st))
		return -errno;
	o->regular = S_ISREG(st.st_mode);
	return o->regular ? 0 : -EINVAL;
}

/* The path with its links followed: FILE.old is beside the real file. A link to nothing: what it names. */
static char *real_path(const char *path)
{
	char *real = realpath(path, NULL);
	char target[PATH_MAX];
	char *joined = NULL;
	const char *slash = strrchr(path, '/');
	ssize_t n;

	if (real || errno != ENOENT)
		return real;
	n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		return strdup(path); /* not there yet */
	target[n] = '\0';
	if (target[0] == '/' || !slash)
		return strdup(target);
	return asprintf(&joined, "%.*s/%s", (int)(slash - path), path, target) < 0 ? NULL : joined;
}

/* With the owner's rights. 0 or a negative errno, without a message. */
static int open_path(struct output *o, const struct output_request *request)
{
	struct stat st;
	int err;

	if (!*request->path)
		return -ENOENT;
	o->path = real_path(request->path);
	if (!o->path)
		return -errno;
	if (stat(o->path, &st))
		return errno == ENOENT ? open_new(o) : -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (!S_ISREG(st.st_mode))
		return open_special(o);
	if (!request->keep_old)
		return open_existing(o);
	err = move_aside(o);
	return err ? err : open_new(o);
}

int output_open(struct output *o, const struct output_request *request, const struct identity *owner)
{
	int number = named_descriptor(request->path);
	struct file_rights before;
	int err, back;

	memset(o, 0, sizeof(*o));
	o->fd = -1;
	o->owner = owner;
	if (number >= 0) {
		err = open_descriptor(o, number);
	} else {
		err = file_rights_take(&before, owner);
		if (err)
			return err;
		err = open_path(o, request);
		back = file_rights_return(&before);
		if (back) {
			output_release(o);
			return back;
		}
	}
	if (err) {
		output_release(o);
		return open_failed(request, owner, -err);
	}
	o->open = true;
	return 0;
}

static int keep_as_old(struct output *o)
{
	char old[PATH_MAX];
	struct file_rights before;
	int err = file_rights_take(&before, o->owner);

	if (err)
		return err;
	snprintf(old, sizeof(old), "%s" OLD_SUFFIX, o->path);
	if (rename(o->aside, old))
		err = -errno;
	file_rights_return(&before);
	if (err)
		return fail(err, "recording from before, to be kept as %s: %s: it is now %s", old,
			    strerror(-err), o->aside);
	return 0;
}

int output_commit(struct output *o)
{
	off_t written;
	int err = 0;

	if (!o->open)
		return 0;
	o->open = false;
	if (o->aside)
		return keep_as_old(o);
	if (!o->regular || o->created)
		return 0;
	written = lseek(o->fd, 0, SEEK_CUR);
	if (written < 0 || ftruncate(o->fd, written))
		err = fail(-errno, "output file %s: what it held can't be cut off: %s", o->path,
			   strerror(errno));
	return err;
}

void output_discard(struct output *o)
{
	struct file_rights before;

	if (o->open && o->created && !file_rights_take(&before, o->owner)) {
		unlink(o->path);
		move_back(o);
		file_rights_return(&before);
	}
	o->open = false;
	output_release(o);
}

bool output_same(const struct output *a, const struct output *b)
{
	struct stat sa, sb;

	if (!a->regular || !b->regular || fstat(a->fd, &sa) || fstat(b->fd, &sb))
		return false;
	return sa.st_dev == sb.st_dev && sa.st_ino == sb.st_ino;
}

void output_release(struct output *o)
{
	if (o->open)
		output_discard(o);
	if (o->owner && o->fd >= 0)
		close(o->fd);
	free(o->path);
	free(o->aside);
	memset(o, 0, sizeof(*o));
	o->fd = -1;
}
