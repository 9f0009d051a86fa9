/* SPDX-License-Identifier: BSD-2-Clause */
/* In: the ids of this process, SUDO_UID, the user database. Out: struct identity, and a process that has
 * taken one. */
#include "capture/identity.h"

#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fail.h"

#define NOBODY 65534 /* the kernel's overflow id: what "nobody" is where the user database has none */

static int no_memory(void)
{
	return fail(-ENOMEM, "identity of a user: out of memory");
}

static int keep_text(char **field, const char *text)
{
	*field = strdup(text);
	return *field ? 0 : no_memory();
}

/* -1 (all bits) is no id: setresuid would take it for "leave as it is". */
static int parse_id(const char *text, uint32_t *id)
{
	char *end;
	unsigned long value;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno || *end || value >= UINT32_MAX)
		return -EINVAL;
	*id = value;
	return 0;
}

/* A number, from a variable that sudo sets. 1 if there is one, 0 if it is not set. */
static int sudo_id(const char *variable, uint32_t *id)
{
	const char *text = getenv(variable);

	if (!text)
		return 0;
	if (parse_id(text, id))
		return fail(
			-EINVAL,
			"environment variable %s is \"%.40s\", which is no id: unset it, or start with sudo",
			variable, text);
	return 1;
}

static int fill_groups(struct identity *id)
{
	int n = 32;

	for (;;) {
		int room = n;
		gid_t *groups = calloc(n, sizeof(*groups));

		if (!groups)
			return no_memory();
		if (getgrouplist(id->name, id->gid, groups, &n) >= 0) {
			id->groups = groups;
			id->n_groups = n;
			return 0;
		}
		free(groups);
		n = n > room ? n : room * 2;
	}
}

static int fill_from_entry(struct identity *id, const struct passwd *entry)
{
	int err;

	id->uid = entry->pw_uid;
	id->gid = entry->pw_gid;
	err = keep_text(&id->name, entry->pw_name);
	if (!err)
		err = keep_text(&id->home, entry->pw_dir && *entry->pw_dir ? entry->pw_dir : "/");
	if (!err)
		err = keep_text(&id->shell,
				entry->pw_shell && *entry->pw_shell ? entry->pw_shell : "/bin/sh");
	return err;
}

static int fill_present(struct identity *id)
{
	const struct passwd *entry;
	int n = getgroups(0, NULL);

	id->uid = geteuid();
	id->gid = getegid();
	if (n < 0)
		return fail(-errno, "groups of this process: %s", strerror(errno));
	id->groups = calloc(n + 1, sizeof(*id->groups));
	if (!id->groups)
		return no_memory();
	n = getgroups(n, id->groups);
	if (n < 0)
		return fail(-errno, "groups of this process: %s", strerror(errno));
	id->n_groups = n;
	entry = getpwuid(id->uid);
	return entry ? keep_text(&id->name, entry->pw_name) : 0;
}

static int fill_sudo(struct identity *id, uid_t uid)
{
	const struct passwd *entry;
	uint32_t gid = 0;
	int err;

	errno = 0;
	entry = getpwuid(uid);
	if (!entry)
		return fail(
			-ENOENT,
			"SUDO_UID %u: no such user%s%s: use --user NAME or --as-root, with SUDO_UID unset",
			uid, errno ? ": " : "", errno ? strerror(errno) : "");
	id->from_sudo = id->change = true;
	err = fill_from_entry(id, entry);
	if (err)
		return err;
	err = sudo_id("SUDO_GID", &gid);
	if (err < 0)
		return err;
	if (err)
		id->gid = gid;
	return fill_groups(id);
}

int identity_invoking(struct identity *id)
{
	uint32_t uid = 0;
	int err;

	memset(id, 0, sizeof(*id));
	if (geteuid() != 0)
		return fill_present(id);
	err = sudo_id("SUDO_UID", &uid);
	if (err < 0)
		return err;
	return err ? fill_sudo(id, uid) : fill_present(id);
}

static int fill_named(struct identity *id, const char *user)
{
	const struct passwd *entry;
	int err;

	errno = 0;
	entry = getpwnam(user);
	if (!entry)
		return fail(-ENOENT, "--user %.100s: no such user%s%s: `getent passwd` lists them", user,
			    errno ? ": " : "", errno ? strerror(errno) : "");
	if (geteuid() != 0 && entry->pw_uid != geteuid())
		return fail(-EPERM, "--user %.100s: only root may start a program as another user: use sudo",
			    user);
	if (geteuid() != 0)
		return fill_present(id);
	id->change = true;
	err = fill_from_entry(id, entry);
	return err ? err : fill_groups(id);
}

int identity_workload(struct identity *id, const char *user, bool as_root)
{
	memset(id, 0, sizeof(*id));
	if (user && as_root)
		return fail(-EINVAL, "--user and --as-root: they exclude each other: leave one out");
	if (user)
		return fill_named(id, user);
	if (as_root && geteuid() != 0)
		return fail(-EPERM, "--as-root: this process is not root: use sudo");
	return as_root ? fill_present(id) : identity_invoking(id);
}

int identity_unprivileged(struct identity *id)
{
	const struct passwd *entry;
	int err = identity_invoking(id);

	if (err || geteuid() != 0 || id->uid != 0)
		return err;
	identity_release(id);
	id->change = true;
	entry = getpwnam("nobody");
	if (entry && entry->pw_uid != 0) {
		err = fill_from_entry(id, entry);
	} else {
		id->uid = id->gid = NOBODY;
		err = keep_text(&id->name, "nobody");
		if (!err)
			err = keep_text(&id->home, "/");
		if (!err)
			err = keep_text(&id->shell, "/bin/sh");
	}
	return err; /* no supplementary groups: it needs none */
}

/* The kernel sorts them and may drop doubles: each that is there must be one of ours. */
static bool groups_are(const struct identity *id)
{
	gid_t *groups = calloc(id->n_groups + 1, sizeof(*groups));
	/* asked with room for none, it would only count */
	int n = groups && id->n_groups ? getgroups((int)id->n_groups, groups) : 0;
	bool same = groups && getgroups(0, NULL) == n;

	for (int i = 0; same && i < n; i++) {
		size_t at = 0;

		while (at < id->n_groups && id->groups[at] != groups[i])
			at++;
		same = at < id->n_groups;
	}
	free(groups);
	return same;
}

static bool users_are(uid_t uid)
{
	uid_t real, effective, saved;

	return !getresuid(&real, &effective, &saved) && real == uid && effective == uid && saved == uid;
}

static bool group_is(gid_t gid)
{
	gid_t real, effective, saved;

	return !getresgid(&real, &effective, &saved) && real == gid && effective == gid && saved == gid;
}

static int verify(const struct identity *id)
{
	if (!groups_are(id) || !users_are(id->uid) || !group_is(id->gid))
		return -EPERM;
	/* no way back */
	return id->uid != 0 && (setuid(0) == 0 || setresuid(-1, 0, -1) == 0) ? -EPERM : 0;
}

static int apply_environment(const struct identity *id)
{
	/* MAIL is root's once sudo has been through; the others would make the workload believe that it is
	 * root */
	static const char *const left_by_sudo[] = {"SUDO_UID",	"SUDO_GID", "SUDO_USER", "SUDO_COMMAND",
						   "SUDO_HOME", "SUDO_TTY", "MAIL"};

	if (setenv("HOME", id->home, 1) || setenv("USER", id->name, 1) || setenv("LOGNAME", id->name, 1) ||
	    setenv("SHELL", id->shell, 1))
		return -errno;
	if (getenv("SUDO_UID"))
		for (size_t i = 0; i < sizeof(left_by_sudo) / sizeof(*left_by_sudo); i++)
			unsetenv(left_by_sudo[i]);
	return 0;
}

int identity_apply(const struct identity *id)
{
	char who[80];
	int err = 0;

	if (!id->change)
		return 0;
	if (setgroups(id->n_groups, id->groups) || setresgid(id->gid, id->gid, id->gid) ||
	    setresuid(id->uid, id->uid, id->uid))
		err = -errno;
	if (!err)
		err = verify(id);
	if (!err)
		err = apply_environment(id);
	if (err)
		return fail(
			err,
			"becoming %s: %s: use --as-root, or give this container CAP_SETUID and CAP_SETGID",
			identity_text(id, who, sizeof(who)), strerror(-err));
	return 0;
}

void identity_release(struct identity *id)
{
	free(id->groups);
	free(id->name);
	free(id->home);
	free(id->shell);
	memset(id, 0, sizeof(*id));
}

const char *identity_text(const struct identity *id, char *buf, size_t size)
{
	if (id->name)
		snprintf(buf, size, "%s", id->name);
	else
		snprintf(buf, size, "user %u", id->uid);
	return buf;
}
