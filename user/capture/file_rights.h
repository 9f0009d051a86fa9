/* SPDX-License-Identifier: BSD-2-Clause */
/* The rights of another user on files, for this thread and for the moment. */
#ifndef CONCTRACE_FILE_RIGHTS_H
#define CONCTRACE_FILE_RIGHTS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "capture/identity.h"

struct file_rights {
	bool taken;
	uid_t uid;
	gid_t gid;
	gid_t *groups;
	size_t n_groups;
};

/* From here on open, rename and their like are allowed and denied as for `id`, and files made are theirs. 0
 * or -errno. */
int file_rights_take(struct file_rights *before, const struct identity *id);

/* The way back. 0 or a negative errno: then this process has too few rights, never too many. errno is kept.
 */
int file_rights_return(struct file_rights *before);

#endif
