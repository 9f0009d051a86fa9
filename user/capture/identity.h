/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who somebody is: the ids, the groups and the environment that a process of theirs has. `sudo` is for the
 * probes alone: the workload, the output files and the helper process get an identity from here.
 *
 * Under sudo means: the effective user is root and SUDO_UID is set. The group is SUDO_GID (the invoking user
 * may have used newgrp), else the one of the user database. PATH stays what sudo made of it (its
 * secure_path).
 */
#ifndef CONCTRACE_IDENTITY_H
#define CONCTRACE_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct identity {
	uid_t uid;
	gid_t gid;
	gid_t *groups; /* supplementary; owned */
	size_t n_groups;
	bool change;	    /* not the identity this process has: identity_apply sets it */
	bool from_sudo;	    /* the one behind sudo */
	char *name;	    /* owned; NULL if the user database does not know the user */
	char *home, *shell; /* owned; set if `change` */
};

/*
 * All fill *id, which the caller releases whatever is returned; 0 or a negative errno with a message:
 * -ENOENT no such user, -EINVAL SUDO_UID or SUDO_GID is no id, -EPERM another user is asked for without root.
 */

/* Who called: the user behind sudo, else the present one. The output files are theirs, whatever the workload
 * is. */
int identity_invoking(struct identity *id);

/* Whom the workload runs as: `user` (may be NULL), or root with `as_root`, else who called. */
int identity_workload(struct identity *id, const char *user, bool as_root);

/* For a process that parses what we do not trust: who called if that is not root, else nobody. Not root: the
 * present one. */
int identity_unprivileged(struct identity *id);

/*
 * In a child: takes the ids and the groups (real, effective, saved, file system), checks that they are taken
 * and that there is no way back, then sets HOME, USER, LOGNAME and SHELL and removes what sudo left in the
 * environment. 0, or a negative errno with a message: then the child must not go on.
 */
int identity_apply(const struct identity *id);

void identity_release(struct identity *id);

/* "alice", or "user 1001": for messages. Returns buf. */
const char *identity_text(const struct identity *id, char *buf, size_t size);

#endif
