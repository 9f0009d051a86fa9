/* SPDX-License-Identifier: BSD-2-Clause */
/* Which file a command is: the search that execvp does, taken apart so that it can be done before the exec.
 */
#ifndef CONCTRACE_COMMAND_PATH_H
#define CONCTRACE_COMMAND_PATH_H

#include <limits.h>
#include <stdbool.h>

struct command_path {
	const char *command; /* not owned */
	const char *rest;    /* of PATH, not yet tried; NULL: nothing is left */
	int denied;	     /* errno of a file that was found and may not be run, or 0 */
	char path[PATH_MAX]; /* the candidate */
};

/* `search` is the value of PATH, NULL if it is not set. Both texts must outlive the object. */
void command_path_init(struct command_path *c, const char *command, const char *search);

/*
 * The next candidate that this process, as the user it now is, may run: 0 and .path; else a negative errno:
 * -EACCES if one was found that may not be run, -ENOENT if there is none, or why a command with a slash can't
 * be run.
 */
int command_path_next(struct command_path *c);

/* After a failed execve of .path: does execvp go on with the rest of PATH? Remembers a refusal. */
bool command_path_goes_on(struct command_path *c, int exec_errno);

/* A text file without "#!" (the kernel says ENOEXEC): for /bin/sh. Files with a NUL in their first line are
 * not. */
bool command_path_is_script(const char *path);

#endif
