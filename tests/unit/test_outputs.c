/* SPDX-License-Identifier: BSD-2-Clause */
/* Output files: what is kept, what is refused, and that a run which does not happen leaves nothing behind. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fail.h"
#include "capture/file_rights.h"
#include "capture/outputs.h"
#include "check.h"
#include "scratch.h"

static char folder[] = SCRATCH_TEMPLATE;
static struct identity me;

static const char *at(const char *name)
{
	static char path[4][200];
	static int turn;

	turn = (turn + 1) % 4;
	snprintf(path[turn], sizeof(path[turn]), "%s/%s", folder, name);
	return path[turn];
}

static void put(const char *name, const char *text)
{
	FILE *f = fopen(at(name), "w");

	CHECK(f && fputs(text, f) >= 0 && fclose(f) == 0);
}

static const char *content(const char *name)
{
	static char text[2][200];
	static int turn;
	FILE *f = fopen(at(name), "r");
	size_t n;

	if (!f)
		return "(not there)";
	turn = !turn;
	n = fread(text[turn], 1, sizeof(text[turn]) - 1, f);
	text[turn][n] = '\0';
	fclose(f);
	return text[turn];
}

/* Entries of the test's folder: what is left behind shows. */
static int entries(void)
{
	DIR *d = opendir(folder);
	int n = -2; /* "." and ".." */

	while (d && readdir(d))
		n++;
	if (d)
		closedir(d);
	return n;
}

static void clean(void)
{
	CHECK_EQ(scratch_remove(folder), 0);
	CHECK(mkdir(folder, 0755) == 0);
}

static int open_as(struct output *o, const char *path, bool keep, const struct identity *who)
{
	struct output_request request = {.path = path, .option = "-o", .keep_old = keep};

	return output_open(o, &request, who);
}

static void say(const struct output *o, const char *text)
{
	CHECK_EQ(write(o->fd, text, strlen(text)), strlen(text));
}

static void new_file(void)
{
	struct output o;
	struct stat st;

	umask(0022);
	CHECK_EQ(open_as(&o, at("new"), true, &me), 0);
	say(&o, "text");
	CHECK(fcntl(o.fd, F_GETFD) & FD_CLOEXEC);
	CHECK_EQ(output_commit(&o), 0);
	output_release(&o);
	output_release(&o);
	CHECK_STR(content("new"), "text");
	CHECK(stat(at("new"), &st) == 0 && (st.st_mode & 07777) == 0644);
	CHECK_EQ(open_as(&o, at("gone"), true, &me), 0);
	output_discard(&o);
	CHECK_EQ(o.fd, -1);
	CHECK_EQ(entries(), 1);
	/* not committed: the release takes it back as well */
	CHECK_EQ(open_as(&o, at("gone"), false, &me), 0);
	output_release(&o);
	CHECK_EQ(entries(), 1);
	umask(0077);
	CHECK_EQ(open_as(&o, at("private"), true, &me), 0);
	CHECK_EQ(output_commit(&o), 0);
	output_release(&o);
	umask(0022);
	CHECK(stat(at("private"), &st) == 0 && (st.st_mode & 07777) == 0600);
	clean();
}

static void former_kept(void)
{
	struct output o;

	put("rec", "second");
	put("rec.old", "first");
	CHECK_EQ(open_as(&o, at("rec"), true, &me), 0);
	CHECK_STR(content("rec.old"), "first"); /* untouched until it is known that the command runs */
	output_discard(&o);
	CHECK_STR(content("rec"), "second");
	CHECK_STR(content("rec.old"), "first");
	CHECK_EQ(entries(), 2);

	CHECK_EQ(open_as(&o, at("rec"), true, &me), 0);
	say(&o, "third");
	CHECK_EQ(output_commit(&o), 0);
	CHECK_EQ(output_commit(&o), 0);
	output_discard(&o); /* too late: it stays */
	CHECK_STR(content("rec"), "third");
	CHECK_STR(content("rec.old"), "second");
	CHECK_EQ(entries(), 2);
	clean();

	put("rec", "second");
	CHECK(mkdir(at("rec.old"), 0755) == 0);
	CHECK_EQ(open_as(&o, at("rec"), true, &me), -EISDIR);
	CHECK_STR(content("rec"), "second");
	CHECK_EQ(entries(), 2);
	clean();
}

static void former_replaced(void)
{
	struct output o;

	put("folded", "a long text from before");
	CHECK_EQ(open_as(&o, at("folded"), false, &me), 0);
	CHECK_STR(content("folded"), "a long text from before");
	output_discard(&o);
	CHECK_STR(content("folded"), "a long text from before");
	CHECK_EQ(open_as(&o, at("folded"), false, &me), 0);
	CHECK_EQ(output_commit(&o), 0);
	say(&o, "new");
	output_release(&o);
	CHECK_STR(content("folded"), "new");
	CHECK_EQ(open_as(&o, at("folded"), false, &me), 0);
	say(&o, "12"); /* what was written before the commit stays */
	CHECK_EQ(output_commit(&o), 0);
	output_release(&o);
	CHECK_STR(content("folded"), "12");
	CHECK_EQ(entries(), 1);
	clean();
}

static void special(void)
{
	struct output o;
	int reader;

	CHECK_EQ(open_as(&o, "/dev/null", true, &me), 0);
	say(&o, "x");
	CHECK_EQ(output_commit(&o), 0);
	output_release(&o);
	CHECK_EQ(access("/dev/null.old", F_OK), -1);

	CHECK(mkfifo(at("fifo"), 0666) == 0);
	reader = open(at("fifo"), O_RDONLY | O_NONBLOCK);
	CHECK_EQ(open_as(&o, at("fifo"), true, &me), 0);
	say(&o, "y");
	output_discard(&o);
	CHECK_EQ(entries(), 1);
	close(reader);

	CHECK_EQ(open_as(&o, "/dev/stderr", true, &me), 0);
	CHECK(o.fd > 2 && o.path == NULL);
	output_release(&o);
	CHECK_EQ(fcntl(2, F_GETFD), 0);
	CHECK_EQ(open_as(&o, "/dev/fd/777", true, &me), -EBADF);
	/* a descriptor of ours is not there for the asking */
	{
		int ours = open("/dev/null", O_WRONLY | O_CLOEXEC);
		char path[40];

		snprintf(path, sizeof(path), "/dev/fd/%d", ours);
		CHECK_EQ(open_as(&o, path, true, &me), -EBADF);
		close(ours);
	}
	clean();
}

static void links(void)
{
	struct output o;
	struct stat st;

	CHECK(mkdir(at("far"), 0755) == 0);
	put("far/rec", "former");
	CHECK(symlink("far/rec", at("rec")) == 0);
	CHECK_EQ(open_as(&o, at("rec"), true, &me), 0);
	CHECK_EQ(output_commit(&o), 0);
	output_release(&o);
	CHECK_STR(content("far/rec.old"), "former"); /* beside the real file, the link stays */
	CHECK(lstat(at("rec"), &st) == 0 && S_ISLNK(st.st_mode));

	CHECK(symlink("far/to-be", at("dangling")) == 0);
	CHECK_EQ(open_as(&o, at("dangling"), true, &me), 0);
	CHECK_STR(content("far/to-be"), "");
	output_discard(&o);
	CHECK_STR(content("far/to-be"), "(not there)");
	CHECK(lstat(at("dangling"), &st) == 0);
	clean();
}

static void refused(void)
{
	struct output o;

	CHECK_EQ(open_as(&o, at("no-folder/rec"), true, &me), -ENOENT);
	CHECK(strstr(fail_message(), "no-folder/rec") && strstr(fail_message(), "-o"));
	CHECK_EQ(open_as(&o, folder, true, &me), -EISDIR);
	CHECK_EQ(open_as(&o, "", true, &me), -ENOENT);
	put("file", "x");
	CHECK_EQ(open_as(&o, at("file/rec"), true, &me), -ENOTDIR);
	CHECK_EQ(open_as(&o, "/proc/rec", false, &me), -ENOENT);
	CHECK_EQ(o.fd, -1);
	output_release(&o);
	CHECK_EQ(entries(), 1);
	clean();
}

static void same(void)
{
	struct output a, b, null;

	put("x", "");
	CHECK(symlink("x", at("y")) == 0);
	CHECK_EQ(open_as(&a, at("x"), false, &me), 0);
	CHECK_EQ(open_as(&b, at("y"), false, &me), 0);
	CHECK_EQ(open_as(&null, "/dev/null", false, &me), 0);
	CHECK(output_same(&a, &b));
	CHECK(!output_same(&a, &null));
	CHECK(!output_same(&null, &null));
	output_release(&a);
	output_release(&b);
	output_release(&null);
	clean();
}

/* Root, for somebody: only what that user may do, and everything is theirs. */
static void for_another(void)
{
	gid_t groups[] = {7101};
	struct identity other = {.uid = 7100,
				 .gid = 7100,
				 .groups = groups,
				 .n_groups = 1,
				 .change = true,
				 .name = (char *)"other"};
	struct output o;
	struct stat st;

	CHECK_EQ(open_as(&o, at("rec"), true, &other), -EACCES);
	CHECK(strstr(fail_message(), "other") != NULL);
	CHECK_EQ(entries(), 0);

	/* by a supplementary group */
	CHECK(mkdir(at("team"), 0770) == 0 && chmod(at("team"), 0770) == 0 &&
	      chown(at("team"), 0, 7101) == 0);
	CHECK_EQ(open_as(&o, at("team/rec"), true, &other), 0);
	CHECK_EQ(output_commit(&o), 0);
	output_release(&o);
	CHECK(stat(at("team/rec"), &st) == 0 && st.st_uid == 7100 && st.st_gid == 7100);

	/* a link to what only root may write */
	put("roots", "precious");
	CHECK(symlink(at("roots"), at("team/link")) == 0);
	CHECK_EQ(open_as(&o, at("team/link"), true, &other), -EACCES);
	CHECK_EQ(open_as(&o, at("team/link"), false, &other), -EACCES);
	CHECK_STR(content("roots"), "precious");

	/* root's file in a folder of theirs may be moved aside, as mv would */
	CHECK(mkdir(at("home"), 0755) == 0 && chown(at("home"), 7100, 7100) == 0);
	put("home/rec", "by root");
	CHECK_EQ(open_as(&o, at("home/rec"), true, &other), 0);
	CHECK_EQ(output_commit(&o), 0);
	output_release(&o);
	CHECK_STR(content("home/rec.old"), "by root");
	CHECK_EQ(open_as(&o, at("home/rec.old"), false, &other), -EACCES);

	/* a folder like /tmp: the file of somebody else stays */
	CHECK(mkdir(at("sticky"), 0777) == 0 && chmod(at("sticky"), 01777) == 0);
	put("sticky/rec", "by root");
	CHECK_EQ(open_as(&o, at("sticky/rec"), true, &other), -EPERM);
	CHECK_STR(content("sticky/rec"), "by root");

	/* and we are root again, with all rights and our own groups */
	CHECK_EQ(geteuid(), 0);
	CHECK_EQ(getgroups(0, NULL), me.n_groups);
	put("roots", "still to be written");
	CHECK(stat(at("roots"), &st) == 0 && st.st_uid == 0);
	clean();
}

int main(void)
{
	CHECK_EQ(scratch_make(folder), 0);
	CHECK_EQ(identity_invoking(&me), 0);
	new_file();
	former_kept();
	former_replaced();
	special();
	links();
	refused();
	same();
	if (geteuid() == 0)
		for_another();
	else
		fprintf(stderr, "skipped: files of another user: not root\n");
	identity_release(&me);
	CHECK(rmdir(folder) == 0);
	return check_done();
}
