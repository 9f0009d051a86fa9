/* SPDX-License-Identifier: BSD-2-Clause */
/* Who the workload, the files and the helper are, from the environment and the user database; taking it for
 * real needs root. */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fail.h"
#include "capture/identity.h"
#include "check.h"

static void no_sudo(void)
{
	unsetenv("SUDO_UID");
	unsetenv("SUDO_GID");
	unsetenv("SUDO_USER");
}

/* Any account that is not root: every system has "daemon". */
static const struct passwd *somebody(void)
{
	const struct passwd *entry = getpwnam("daemon");

	return entry ? entry : getpwnam("nobody");
}

static void present(void)
{
	struct identity id;

	no_sudo();
	CHECK_EQ(identity_invoking(&id), 0);
	CHECK_EQ(id.uid, geteuid());
	CHECK_EQ(id.gid, getegid());
	CHECK_EQ(id.n_groups, getgroups(0, NULL));
	CHECK(!id.change);
	CHECK(!id.from_sudo);
	CHECK_EQ(identity_apply(&id), 0); /* nothing to do, and done in this very process */
	identity_release(&id);
	CHECK(id.groups == NULL);
	identity_release(&id);
}

static void wrong_requests(void)
{
	struct identity id;

	no_sudo();
	CHECK_EQ(identity_workload(&id, "no-such-user-here", false), -ENOENT);
	CHECK(strstr(fail_message(), "no-such-user-here") != NULL);
	identity_release(&id);
	CHECK_EQ(identity_workload(&id, "root", true), -EINVAL);
	identity_release(&id);
}

static void sudo_garbage(void)
{
	static const char *const garbage[] = {"",   "abc",	  "12x",	"-1",
					      " 5", "4294967295", "4294967296", "0x10"};
	struct identity id;

	for (size_t i = 0; i < sizeof(garbage) / sizeof(*garbage); i++) {
		setenv("SUDO_UID", garbage[i], 1);
		CHECK_EQ(identity_invoking(&id), -EINVAL);
		CHECK(strstr(fail_message(), "SUDO_UID") != NULL);
		identity_release(&id);
		CHECK_EQ(identity_workload(&id, NULL, false), -EINVAL);
		identity_release(&id);
	}
	setenv("SUDO_UID", "3999999999", 1);
	CHECK_EQ(identity_invoking(&id), -ENOENT);
	identity_release(&id);
	setenv("SUDO_UID", "1", 1);
	setenv("SUDO_GID", "one", 1);
	CHECK_EQ(identity_invoking(&id), -EINVAL);
	CHECK(strstr(fail_message(), "SUDO_GID") != NULL);
	identity_release(&id);
	no_sudo();
}

static void set_sudo(const struct passwd *entry)
{
	char text[20];

	snprintf(text, sizeof(text), "%u", entry->pw_uid);
	setenv("SUDO_UID", text, 1);
	snprintf(text, sizeof(text), "%u", entry->pw_gid);
	setenv("SUDO_GID", text, 1);
	setenv("SUDO_USER", entry->pw_name, 1);
}

static void under_sudo(void)
{
	struct passwd entry = *somebody();
	uid_t uid = entry.pw_uid;
	gid_t gid = entry.pw_gid;
	char text[80];
	struct identity id;

	set_sudo(&entry);
	CHECK_EQ(identity_invoking(&id), 0);
	CHECK_EQ(id.uid, uid);
	CHECK_EQ(id.gid, gid);
	CHECK(id.from_sudo && id.change);
	CHECK(id.home && *id.home == '/' && id.shell && *id.shell == '/');
	CHECK_STR(identity_text(&id, text, sizeof(text)), id.name);
	identity_release(&id);

	/* the group of a newgrp before sudo counts */
	setenv("SUDO_GID", "54321", 1);
	CHECK_EQ(identity_invoking(&id), 0);
	CHECK_EQ(id.gid, 54321);
	identity_release(&id);

	CHECK_EQ(identity_workload(&id, NULL, true), 0);
	CHECK_EQ(id.uid, 0);
	CHECK(!id.change);
	identity_release(&id);

	CHECK_EQ(identity_workload(&id, "root", false), 0);
	CHECK_EQ(id.uid, 0);
	CHECK(id.change); /* root's own HOME, whatever sudo left */
	identity_release(&id);

	CHECK_EQ(identity_unprivileged(&id), 0);
	CHECK_EQ(id.uid, uid);
	identity_release(&id);

	no_sudo();
	CHECK_EQ(identity_unprivileged(&id), 0);
	CHECK(id.uid != 0);
	CHECK_EQ(id.n_groups, 0);
	identity_release(&id);
}

static int differs(const char *variable, const char *value)
{
	const char *now = getenv(variable);

	return !now || strcmp(now, value) != 0;
}

static int took_it(const struct identity *id)
{
	uid_t real, effective, saved;
	gid_t groups[64];
	int n;

	setenv("MAIL", "/var/mail/root", 1);
	setenv("SUDO_COMMAND", "conctrace", 1);
	if (identity_apply(id))
		return 1;
	getresuid(&real, &effective, &saved);
	if (real != id->uid || effective != id->uid || saved != id->uid || getgid() != id->gid)
		return 2;
	n = getgroups(64, groups);
	if (n != 2 || groups[0] != 7001 || groups[1] != 7002)
		return 3;
	if (differs("HOME", "/home/of-it") || differs("USER", "it") || differs("LOGNAME", "it") ||
	    differs("SHELL", "/bin/it"))
		return 4;
	if (getenv("SUDO_UID") || getenv("SUDO_COMMAND") || getenv("MAIL"))
		return 5;
	if (setuid(0) == 0 || seteuid(0) == 0 || setgid(0) == 0)
		return 6;
	return access("/root/.", R_OK) == 0 && access("/proc/1/environ", R_OK) == 0 ? 7 : 0;
}

static void taken(void)
{
	gid_t groups[] = {7002, 7001};
	struct identity id = {.uid = 7000,
			      .gid = 7003,
			      .groups = groups,
			      .n_groups = 2,
			      .change = true,
			      .name = (char *)"it",
			      .home = (char *)"/home/of-it",
			      .shell = (char *)"/bin/it"};
	int status = -1;
	pid_t pid;

	setenv("SUDO_UID", "7000", 1);
	pid = fork();
	if (pid == 0)
		_exit(took_it(&id));
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK_EQ(status, 0);

	/* without the right to: an error, never another identity */
	pid = fork();
	if (pid == 0) {
		if (setresuid(7000, 7000, 7000))
			_exit(1);
		id.uid = 7004;
		_exit(identity_apply(&id) == -EPERM && geteuid() == 7000 ? 0 : 2);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK_EQ(status, 0);
	no_sudo();
}

/* SUDO_UID in the environment of somebody who is not root means nothing. */
static void not_root(void)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		struct identity id;
		int bad = 0;

		if (geteuid() == 0 && setresuid(7000, 7000, 7000))
			_exit(1);
		setenv("SUDO_UID", "0", 1);
		bad |= identity_invoking(&id) != 0 || id.uid != geteuid() || id.change;
		identity_release(&id);
		bad |= identity_workload(&id, NULL, true) != -EPERM;
		identity_release(&id);
		bad |= identity_workload(&id, "root", false) != -EPERM;
		identity_release(&id);
		bad |= identity_unprivileged(&id) != 0 || id.change;
		identity_release(&id);
		_exit(bad);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK_EQ(status, 0);
}

int main(void)
{
	present();
	wrong_requests();
	not_root();
	if (geteuid() != 0) {
		fprintf(stderr, "skipped: what sudo leads to: not root\n");
		return check_done();
	}
	sudo_garbage();
	under_sudo();
	taken();
	return check_done();
}
