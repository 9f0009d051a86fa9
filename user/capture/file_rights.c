/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * In: an identity. Out: file system ids and groups of the calling thread. By system calls, not by the C
 * library: its wrappers would change every thread. Leaving root, the file system id takes CAP_DAC_OVERRIDE
 * and its kin out of the effective set, coming back brings them again (capabilities(7)).
 */
#include "capture/file_rights.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fail.h"

static int set_groups(size_t n, const gid_t *groups)
{
	return syscall(SYS_setgroups, n, groups) ? -errno : 0;
}

/* setfsuid says nothing but the former id: asking with an impossible one tells the present. */
static int set_ids(uid_t uid, gid_t gid, bool uid_first)
{
	if (uid_first)
		syscall(SYS_setfsuid, uid);
	syscall(SYS_setfsgid, gid);
	if (!uid_first)
		syscall(SYS_setfsuid, uid);
	if ((uid_t)syscall(SYS_setfsuid, -1) != uid || (gid_t)syscall(SYS_setfsgid, -1) != gid)
		return -EPERM;
	return 0;
}

int file_rights_take(struct file_rights *before, const struct identity *id)
{
	int n, err;

	memset(before, 0, sizeof(*before));
	if (!id->change)
		return 0;
	n = getgroups(0, NULL);
	before->groups = calloc((n < 0 ? 0 : n) + 1, sizeof(*before->groups));
	if (!before->groups || n < 0 || getgroups(n, before->groups) != n) {
		free(before->groups);
		before->groups = NULL;
		return fail(-ENOMEM, "groups of this process: they can't be read");
	}
	before->n_groups = n;
	before->uid = geteuid();
	before->gid = getegid();
	before->taken = true;
	err = set_groups(id->n_groups, id->groups);
	if (!err)
		err = set_ids(id->uid, id->gid, false);
	if (err) {
		char who[80];

		file_rights_return(before);
		return fail(err, "output files of %s: %s: give this container CAP_SETUID and CAP_SETGID",
			    identity_text(id, who, sizeof(who)), strerror(-err));
	}
	return 0;
}

int file_rights_return(struct file_rights *before)
{
	int kept = errno, err;

	if (!before->taken)
		return 0;
	before->taken = false;
	err = set_ids(before->uid, before->gid, true);
	if (!err)
		err = set_groups(before->n_groups, before->groups);
	free(before->groups);
	before->groups = NULL;
	errno = kept;
	return err ? fail(err, "rights on files: the own ones can't be taken back: %s", strerror(-err)) : 0;
}
