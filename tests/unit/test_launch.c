/* SPDX-License-Identifier: BSD-2-Clause */
/* Commands that can and can't be run, what they inherit, and that the held one neither runs early nor
 * outlives us. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fail.h"
#include "capture/launch.h"
#include "check.h"
#include "scratch.h"

static char folder[] = SCRATCH_TEMPLATE;
static struct origin origin;
static struct identity me;

static const char *in_folder(const char *name)
{
	static char path[4][200];
	static int at;

	at = (at + 1) % 4;
	snprintf(path[at], sizeof(path[at]), "%s/%s", folder, name);
	return path[at];
}

static const char *make(const char *name, const char *text, mode_t mode)
{
	const char *path = in_folder(name);
	FILE *f = fopen(path, "w");

	CHECK(f && fputs(text, f) >= 0 && fclose(f) == 0 && chmod(path, mode) == 0);
	return path;
}

/* An ELF file of no machine: it has a NUL in its first line, so that it is no script. */
static const char *make_foreign(const char *name)
{
	static const char start[64] = "\177ELF\2\1\1";
	const char *path = in_folder(name);
	FILE *f = fopen(path, "w");

	CHECK(f && fwrite(start, sizeof(start), 1, f) == 1 && fclose(f) == 0 && chmod(path, 0755) == 0);
	return path;
}

static bool exists(const char *name)
{
	return access(in_folder(name), F_OK) == 0;
}

static const char *content(const char *name)
{
	static char text[4096];
	FILE *f = fopen(in_folder(name), "r");
	size_t n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;

	text[n] = '\0';
	if (f)
		fclose(f);
	return text;
}

static int wait_for_end(struct launch *l)
{
	struct pollfd end = {.fd = launch_pidfd(l), .events = POLLIN};
	int wait_status = -1;

	CHECK(poll(&end, 1, 20000) == 1);
	CHECK_EQ(launch_wait(l, &wait_status), 1);
	CHECK_EQ(launch_wait(l, &wait_status), 1); /* from then on always */
	return launch_exit_status(wait_status);
}

/* The exit status as conctrace would have it; *err is what stopped it, 0 if it ran. */
static int run_as(char *const *argv, const struct identity *who, int *err)
{
	struct launch_request request = {.argv = argv, .identity = who, .origin = &origin};
	struct launch *l;
	int status = -1;

	*err = launch_prepare(&l, &request, &status);
	if (!*err)
		*err = launch_release(l, &status);
	if (!*err)
		status = wait_for_end(l);
	launch_free(l);
	return status;
}

static int run(const char *command, int *err)
{
	char *argv[] = {(char *)command, NULL};

	return run_as(argv, &me, err);
}

static int shell(const char *script)
{
	char *argv[] = {(char *)"sh", (char *)"-c", (char *)script, NULL};
	int err, status = run_as(argv, &me, &err);

	CHECK_EQ(err, 0);
	return status;
}

static void ends(void)
{
	CHECK_EQ(shell("exit 0"), 0);
	CHECK_EQ(shell("exit 23"), 23);
	CHECK_EQ(shell("kill -TERM $$"), 128 + SIGTERM);
	CHECK_EQ(shell("kill -KILL $$"), 128 + SIGKILL);
}

static void refused(const char *command, int status, int errnum)
{
	int err;

	CHECK_EQ(run(command, &err), status);
	CHECK_EQ(err, -errnum);
	CHECK(strstr(fail_message(), command) != NULL);
	CHECK(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD); /* nobody is left behind */
}

static void not_runnable(void)
{
	static char too_long[5000];
	int err;

	refused("no-such-command-anywhere", 127, ENOENT);
	refused("/no/such/path", 127, ENOENT);
	refused("", 127, ENOENT);
	refused("/tmp", 126, EISDIR);
	refused("/dev/null", 126, EACCES);
	refused(make("plain", "#!/bin/sh\n", 0644), 126, EACCES);
	refused(in_folder("plain/x"), 126, ENOTDIR);
	refused(make("lost", "#!/no/such/interpreter\n", 0755), 127, ENOENT);
	refused(make_foreign("foreign"), 126, ENOEXEC);
	memset(too_long, 'x', sizeof(too_long) - 1);
	too_long[0] = '/';
	CHECK_EQ(run(too_long, &err), 126);
	CHECK_EQ(err, -ENAMETOOLONG);
}

static void scripts(void)
{
	int err;
	char *argv[] = {NULL, (char *)"one", (char *)"two words", NULL};

	/* no #!: the shell runs it, with its arguments */
	argv[0] = (char *)make("bare", "echo \"$#:$1:$2\" >\"$0.out\"\nexit 7\n", 0755);
	CHECK_EQ(run_as(argv, &me, &err), 7);
	CHECK_EQ(err, 0);
	CHECK_STR(content("bare.out"), "2:one:two words\n");
	CHECK_EQ(run(make("empty", "", 0755), &err), 0);
	CHECK_EQ(err, 0);
}

static void searches_path(void)
{
	char path[600], *was = getenv("PATH"), *before = strdup(was ? was : "/usr/bin:/bin");
	int err;

	mkdir(in_folder("a"), 0755);
	mkdir(in_folder("b"), 0755);
	mkdir(in_folder("a/prog2"), 0755);
	make("a/prog", "#!/bin/sh\nexit 3\n", 0644);
	make("b/prog", "#!/bin/sh\nexit 4\n", 0755);
	make("b/prog2", "#!/bin/sh\nexit 5\n", 0755);
	make("a/prog3", "#!/no/such/interpreter\n", 0755);
	make("b/prog3", "#!/bin/sh\nexit 6\n", 0755);
	mkdir(in_folder("shut"), 0000); /* not to be looked into: there is nothing */
	make("a/prog4", "#!/bin/sh\nexit 8\n", 0644);
	snprintf(path, sizeof(path), "/no/such/folder:%s/plain:%s/shut:%s/a:%s/b", folder, folder, folder,
		 folder);
	setenv("PATH", path, 1);
	CHECK_EQ(run("prog", &err), 4);	 /* past the one that may not be run */
	CHECK_EQ(run("prog2", &err), 5); /* past the directory */
	CHECK_EQ(run("prog3", &err), 6); /* past the one whose interpreter is missing, as execvp does */
	CHECK_EQ(run("prog4", &err), 126);
	CHECK_EQ(err, -EACCES);
	CHECK_EQ(run("prog5", &err), 127);
	unsetenv("PATH");
	CHECK_EQ(run("true", &err), 0);
	CHECK_EQ(run("prog", &err), 127);
	setenv("PATH", "", 1); /* the working directory */
	CHECK(chdir(in_folder("b")) == 0);
	CHECK_EQ(run("prog", &err), 4);
	CHECK_EQ(run("./prog", &err), 4);
	CHECK_EQ(run("../b/prog2", &err), 5);
	CHECK(chdir("/") == 0);
	setenv("PATH", before, 1);
	free(before);
}

/* Held: nothing has run, the child sleeps in a read. */
static void held(void)
{
	char *argv[] = {(char *)"touch", (char *)in_folder("ran"), NULL}, path[60], text[300] = "";
	struct launch_request request = {.argv = argv, .identity = &me, .origin = &origin};
	struct launch *l;
	int status, wait_status;
	FILE *f;

	CHECK_EQ(launch_prepare(&l, &request, &status), 0);
	snprintf(path, sizeof(path), "/proc/%d/stat", launch_pid(l));
	f = fopen(path, "r");
	CHECK(f && fgets(text, sizeof(text), f) && strstr(text, ") S ") != NULL);
	if (f)
		fclose(f);
	CHECK_EQ(launch_wait(l, &wait_status), 0);
	CHECK(!exists("ran"));
	CHECK_EQ(launch_release(l, &status), 0);
	CHECK_EQ(wait_for_end(l), 0);
	CHECK(exists("ran"));
	launch_free(l);

	/* given up while held */
	unlink(argv[1]);
	CHECK_EQ(launch_prepare(&l, &request, &status), 0);
	launch_free(l);
	CHECK(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
	CHECK(!exists("ran"));
	launch_free(NULL);

	/* killed while held */
	CHECK_EQ(launch_prepare(&l, &request, &status), 0);
	kill(launch_pid(l), SIGINT);
	CHECK(poll(&(struct pollfd){.fd = launch_pidfd(l), .events = POLLIN}, 1, 10000) == 1);
	CHECK_EQ(launch_release(l, &status), -EINTR);
	CHECK_EQ(status, 128 + SIGINT);
	launch_free(l);
	CHECK(!exists("ran"));
}

/* What becomes of the child of a launcher that is killed: held it never runs, released it runs on. */
static void launcher_killed(bool released, const char *mark)
{
	char script[300];
	char *argv[] = {(char *)"sh", (char *)"-c", script, NULL};
	struct launch_request request = {.argv = argv, .identity = &me, .origin = &origin};
	int ends_with[2], status;
	pid_t pid;

	snprintf(script, sizeof(script), "sleep 0.3; echo ran >%s", in_folder(mark));
	/* inherited by the child: its end of file is the death of all */
	CHECK(pipe(ends_with) == 0);
	pid = fork();
	if (pid == 0) {
		struct launch *l;

		close(ends_with[0]);
		if (launch_prepare(&l, &request, &status) || (released && launch_release(l, &status)))
			_exit(1);
		raise(SIGKILL);
	}
	close(ends_with[1]);
	CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status));
	CHECK(poll(&(struct pollfd){.fd = ends_with[0], .events = POLLIN}, 1, 10000) == 1);
	close(ends_with[0]);
	CHECK_EQ(exists(mark), released);
}

static uint64_t bits(const sigset_t *set)
{
	uint64_t all = 0;

	for (int sig = 1; sig < NSIG; sig++)
		if (sigismember(set, sig) == 1)
			all |= 1ULL << (sig - 1);
	return all;
}

/* Descriptors, limits, signals, process group and session of the command are those we were started with. */
static void inherits(void)
{
	struct origin changed, start;
	struct rlimit more;
	sigset_t mask;
	char script[900], expected[100];
	const char *out = in_folder("inherited"), *line;
	int ours = open("/dev/null", O_RDONLY | O_CLOEXEC), theirs = open("/dev/null", O_RDONLY);

	signal(SIGUSR2, SIG_IGN);
	CHECK_EQ(origin_save(&changed), 0);
	origin_raise_limits(&changed, 200000);
	getrlimit(RLIMIT_NOFILE, &more);
	CHECK(more.rlim_cur >= changed.files.rlim_cur && more.rlim_cur == more.rlim_max);
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&mask);
	sigaddset(&mask, SIGINT);
	sigaddset(&mask, SIGTERM);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	snprintf(script, sizeof(script),
		 "{ ulimit -Sn; ulimit -Hn; ulimit -l; grep -E '^Sig(Blk|Ign):' /proc/self/status; "
		 "ls /proc/$$/fd; cut -d' ' -f5,6 /proc/$$/stat; } >%s",
		 out);
	start = origin;
	origin = changed;
	CHECK_EQ(shell(script), 0);
	origin = start;
	sigprocmask(SIG_UNBLOCK, &mask, NULL);
	signal(SIGPIPE, SIG_DFL);
	setrlimit(RLIMIT_NOFILE, &changed.files);
	snprintf(expected, sizeof(expected), "%llu\n%llu\n", (unsigned long long)changed.files.rlim_cur,
		 (unsigned long long)changed.files.rlim_max);
	CHECK(!strncmp(content("inherited"), expected, strlen(expected)));
	snprintf(expected, sizeof(expected), "SigBlk:\t%016" PRIx64 "\n", bits(&changed.mask));
	CHECK(strstr(content("inherited"), expected) != NULL);
	line = strstr(content("inherited"), "SigIgn:");
	/* 32 and 33 are the C library's own: sigaction(2) through it neither tells nor changes them */
	CHECK(line && (strtoull(line + 7, NULL, 16) & ~(UINT64_C(3) << 31)) == bits(&changed.ignored));
	CHECK(bits(&changed.ignored) & 1 << (SIGUSR2 - 1));
	snprintf(expected, sizeof(expected), "\n%d\n", theirs);
	CHECK(strstr(content("inherited"), expected) != NULL);
	snprintf(expected, sizeof(expected), "\n%d\n", ours);
	CHECK(strstr(content("inherited"), expected) == NULL);
	snprintf(expected, sizeof(expected), "\n%d %d\n", getpgrp(), getsid(0));
	CHECK(strstr(content("inherited"), expected) != NULL);
	signal(SIGUSR2, SIG_DFL);
	close(ours);
	close(theirs);
}

/* Nothing that conctrace opens becomes a standard descriptor, and the command finds them closed. */
static void closed_input(void)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		struct origin mine;
		char *argv[] = {(char *)"sh", (char *)"-c", (char *)"test ! -e /proc/$$/fd/0", NULL};
		struct launch_request request = {.argv = argv, .identity = &me, .origin = &mine};
		struct launch *l;
		int wait_status;

		close(0);
		if (origin_save(&mine) || fcntl(0, F_GETFD) != FD_CLOEXEC)
			_exit(1);
		if (launch_prepare(&l, &request, &status) || launch_release(l, &status))
			_exit(2);
		poll(&(struct pollfd){.fd = launch_pidfd(l), .events = POLLIN}, 1, 10000);
		_exit(launch_wait(l, &wait_status) == 1 ? launch_exit_status(wait_status) : 3);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK_EQ(status, 0);
}

/* A program that is set-user-id root runs with root's rights, whoever starts it, and its end is seen. */
static void set_user_id(const struct identity *who)
{
	char *copy[] = {(char *)"sh", (char *)"-c",
			(char *)"cp \"$(command -v touch)\" \"$0\" && chmod 4755 \"$0\"",
			(char *)in_folder("as-root"), NULL};
	char *argv[] = {copy[3], (char *)in_folder("closed/touched"), NULL};
	struct statvfs mount;
	int err;

	if (statvfs(folder, &mount) || mount.f_flag & ST_NOSUID) {
		fprintf(stderr, "skipped: set-user-id program: %s is mounted nosuid\n", folder);
		return;
	}
	CHECK_EQ(run_as(copy, &me, &err), 0);
	CHECK_EQ(run_as(argv, who, &err), 0);
	CHECK(exists("closed/touched"));
}

/* As another user: found, refused and run with that user's rights, not with root's. */
static void another_user(void)
{
	gid_t groups[] = {7101};
	struct identity other = {.uid = 7100,
				 .gid = 7100,
				 .groups = groups,
				 .n_groups = 1,
				 .change = true,
				 .name = (char *)"other",
				 .home = (char *)"/home/other",
				 .shell = (char *)"/bin/sh"};
	char *ids[] = {(char *)"sh", (char *)"-c",
		       (char *)"test \"$(id -u):$(id -g):$(id -G):$HOME:$USER\" = '7100:7100:7100 "
			       "7101:/home/other:other'",
		       NULL};
	char *secret[] = {(char *)make("secret", "#!/bin/sh\n", 0700), NULL};
	char *group[] = {(char *)make("group", "#!/bin/sh\nexit 9\n", 0750), NULL};
	char *relative[] = {(char *)"./group", NULL};
	int err;

	CHECK_EQ(run_as(ids, &other, &err), 0);
	CHECK_EQ(run_as(secret, &other, &err), 126);
	CHECK_EQ(err, -EACCES);
	CHECK(chown(group[0], 0, 7101) == 0);
	CHECK_EQ(run_as(group, &other, &err), 9); /* by a supplementary group */
	/* a working directory that the user may not enter: its files are not to be had, others are */
	mkdir(in_folder("closed"), 0700);
	CHECK(chdir(in_folder("closed")) == 0);
	CHECK_EQ(run_as(relative, &other, &err), 126);
	CHECK_EQ(err, -EACCES);
	CHECK_EQ(run_as(ids, &other, &err), 0);
	CHECK(chdir("/") == 0);
	set_user_id(&other);
}

/* An identity that can't be taken: our failure, and nothing is run. */
static void identity_refused(void)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		struct identity other = {.uid = 7100, .gid = 7100, .change = true, .name = (char *)"other"};
		char *argv[] = {(char *)"touch", (char *)in_folder("wrong-user"), NULL};
		int err;

		if (geteuid() == 0 && setresuid(7200, 7200, 7200))
			_exit(1);
		status = run_as(argv, &other, &err);
		_exit(status == LAUNCH_TOOL_FAILED && err == -EPERM && strstr(fail_message(), "other") ? 0
												       : 2);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK_EQ(status, 0);
	CHECK(!exists("wrong-user"));
}

/* Jobs in the background of a script are started with these ignored; the cases below send them. */
static void take_signals(void)
{
	signal(SIGINT, SIG_DFL);
	signal(SIGQUIT, SIG_DFL);
}

int main(void)
{
	take_signals();
	CHECK_EQ(scratch_make(folder), 0);
	CHECK_EQ(origin_save(&origin), 0);
	CHECK_EQ(identity_invoking(&me), 0);
	ends();
	not_runnable();
	scripts();
	searches_path();
	held();
	launcher_killed(false, "held-ran");
	launcher_killed(true, "released-ran");
	inherits();
	closed_input();
	identity_refused();
	if (geteuid() == 0)
		another_user();
	else
		fprintf(stderr, "skipped: another user's commands: not root\n");
	identity_release(&me);
	CHECK(chmod(in_folder("shut"), 0700) == 0);
	CHECK_EQ(scratch_remove(folder), 0);
	return check_done();
}
