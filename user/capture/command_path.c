/* SPDX-License-Identifier: BSD-2-Clause */
/* In: a command and PATH. Out: the files that execvp would try, in its order, checked without running them.
 */
#include "capture/command_path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEFAULT_SEARCH "/bin:/usr/bin" /* what the C library uses without a PATH */

void command_path_init(struct command_path *c, const char *command, const char *search)
{
	memset(c, 0, sizeof(*c));
	c->command = command;
	c->rest = search ? search : DEFAULT_SEARCH;
}

/*
 * `searching`: a directory of PATH that this user may not look into has no command (as shells have it; execvp
 * would say that permission is denied). With the PATH of root and the rights of a user this is common.
 */
static int may_run(const char *path, bool searching)
{
	struct stat st;

	if (stat(path, &st))
		return searching && errno == EACCES ? -ENOENT : -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (!S_ISREG(st.st_mode))
		return -EACCES;
	return faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) ? -errno : 0;
}

/* The next element of PATH and the command make .path. False: it is too long and left out. */
static bool take_element(struct command_path *c)
{
	size_t len = strcspn(c->rest, ":");
	const char *element = c->rest;
	int n;

	c->rest = element[len] ? element + len + 1 : NULL;
	/* an empty element is the working directory */
	n = snprintf(c->path, sizeof(c->path), "%.*s%s%s", (int)len, element, len ? "/" : "", c->command);
	return n > 0 && (size_t)n < sizeof(c->path);
}

static int only_candidate(struct command_path *c)
{
	size_t len = strlen(c->command);

	c->rest = NULL;
	if (len >= sizeof(c->path))
		return -ENAMETOOLONG;
	memcpy(c->path, c->command, len + 1);
	return may_run(c->path, false);
}

bool command_path_goes_on(struct command_path *c, int exec_errno)
{
	if (strchr(c->command, '/'))
		return false;
	switch (exec_errno) {
	case EACCES:
	case EISDIR:
		c->denied = EACCES;
		return true;
	case ENOENT:
	case ESTALE:
	case ENOTDIR:
	case ENODEV:
	case ETIMEDOUT:
		return true;
	default:
		return false;
	}
}

int command_path_next(struct command_path *c)
{
	if (!*c->command)
		return -ENOENT;
	if (strchr(c->command, '/'))
		return c->rest ? only_candidate(c) : -ENOENT;
	while (c->rest) {
		int err;

		if (!take_element(c))
			continue;
		err = may_run(c->path, true);
		/* what can't be looked at here is left to the exec, which knows best */
		if (!err || !command_path_goes_on(c, -err))
			return err;
	}
	return c->denied ? -c->denied : -ENOENT;
}

bool command_path_is_script(const char *path)
{
	char start[128];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;
	const char *line_end;

	if (fd < 0)
		return true; /* the shell says why it can't be read */
	n = read(fd, start, sizeof(start));
	close(fd);
	if (n <= 0)
		return true;
	line_end = memchr(start, '\n', n);
	return !memchr(start, '\0', line_end ? (size_t)(line_end - start) : (size_t)n);
}
