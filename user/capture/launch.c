/* SPDX-License-Identifier: BSD-2-Clause */
/* In: a command line and an identity. Out: a child that waits to be released, then the running command. */
#include "capture/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/fail.h"
#include "capture/command_path.h"

struct launch {
	pid_t pid;
	int pidfd;
	int hold;   /* our end: a byte releases, closing makes the child exit */
	int report; /* the child's words; closed by a successful exec */
	bool held, ended;
	int wait_status;
	char command[200]; /* argv[0], for messages */
};

enum word_stage {
	WORD_HELD = 1,
	WORD_TOOL = 2, /* limits, signals, identity: `text` says what */
	WORD_EXEC = 3,
};

/* What the child says through the report pipe; less than PIPE_BUF: written and read as a whole. */
struct word {
	int stage;
	int err; /* positive errno */
	char text[1024];
};

static void say(int fd, int stage, int err, const char *text)
{
	struct word word;
	ssize_t n;

	memset(&word, 0, sizeof(word));
	word.stage = stage;
	word.err = err;
	snprintf(word.text, sizeof(word.text), "%s", text);
	do
		n = write(fd, &word, sizeof(word));
	while (n < 0 && errno == EINTR);
}

/* 1 with a word, 0 at the end (exec succeeded, or the child is dead), else a negative errno. */
static int hear(int fd, struct word *word)
{
	ssize_t n;

	do
		n = read(fd, word, sizeof(*word));
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if (n == 0)
		return 0;
	return n == sizeof(*word) ? 1 : -EPROTO;
}

/* Whole argv for `/bin/sh FILE ARG...`; made before the hold. */
static char **script_argv(char *const *argv, char *path)
{
	size_t n = 0;
	char **shell;

	while (argv[n])
		n++;
	shell = calloc(n + 2, sizeof(*shell));
	if (!shell)
		return NULL;
	shell[0] = (char *)"/bin/sh";
	shell[1] = path;
	for (size_t i = 1; i < n; i++)
		shell[i + 1] = argv[i];
	return shell;
}

/* The errno of the exec that decided. */
static int exec_command(struct command_path *where, char *const *argv, char *const *shell)
{
	for (;;) {
		int err;

		execve(where->path, argv, environ);
		err = errno;
		if (err == ENOEXEC && command_path_is_script(where->path)) {
			execve(shell[0], shell, environ);
			err = errno;
		}
		if (!command_path_goes_on(where, err))
			return err;
		err = command_path_next(where);
		if (err)
			return -err;
	}
}

static _Noreturn void run_child(const struct launch_request *request, int hold, int report)
{
	struct command_path where;
	char **shell;
	char released;
	ssize_t n;
	int err = origin_restore(request->origin);

	if (err) {
		say(report, WORD_TOOL, -err, "limits and signals of the command can't be set");
		_exit(LAUNCH_TOOL_FAILED);
	}
	err = identity_apply(request->identity);
	if (err) {
		say(report, WORD_TOOL, -err, fail_message());
		_exit(LAUNCH_TOOL_FAILED);
	}
	command_path_init(&where, request->argv[0], getenv("PATH"));
	shell = script_argv(request->argv, where.path);
	err = shell ? command_path_next(&where) : -ENOMEM;
	if (err) {
		say(report, WORD_EXEC, -err, "");
		_exit(LAUNCH_CANNOT_RUN);
	}
	say(report, WORD_HELD, 0, "");
	do
		n = read(hold, &released, 1);
	while (n < 0 && errno == EINTR);
	if (n != 1)
		_exit(LAUNCH_TOOL_FAILED); /* conctrace is gone: as if it had never been started */
	say(report, WORD_EXEC, exec_command(&where, request->argv, shell), "");
	_exit(LAUNCH_CANNOT_RUN);
}

static const char *exec_remedy(const char *command, int err)
{
	switch (err) {
	case ENOENT:
		if (!*command)
			return "the command is empty: name a program";
		if (strchr(command, '/'))
			return "check the path, and for a script the interpreter in its first line";
		return "it is in no directory of PATH (under sudo, that of sudo's secure_path): give its "
		       "path, as in ./prog";
	case EACCES:
	case EPERM:
		return "the user it runs as may not run it: check its mode (chmod +x), its directories and "
		       "their mount options";
	case EISDIR:
		return "name a program in it";
	case ENOEXEC:
		return "it is no program for this machine";
	case ETXTBSY:
		return "somebody is writing it";
	case EAGAIN:
		return "the user it runs as has too many processes (ulimit -u)";
	case E2BIG:
		return "shorten the arguments or the environment";
	default:
		return "nothing was started";
	}
}

static int exec_failed(const char *command, int err, int *status)
{
	*status = err == ENOENT ? LAUNCH_NOT_FOUND : LAUNCH_CANNOT_RUN;
	return fail(-err, "command \"%s\": %s: %s", command, strerror(err), exec_remedy(command, err));
}

/* Until the child really is in its read: seeded from there on, its time starts with the release. */
static void wait_until_blocked(pid_t pid)
{
	const struct timespec pause = {0, 100000};
	char path[40], text[600];

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	for (int i = 0; i < 1000; i++) {
		FILE *f = fopen(path, "re");
		const char *state = NULL;

		if (f && fgets(text, sizeof(text), f))
			state = strrchr(text, ')');
		if (f)
			fclose(f);
		/* stopped, dead or not to be seen: no reason to wait */
		if (!state || state[1] != ' ' || state[2] != 'R')
			return;
		nanosleep(&pause, NULL);
	}
}

static void reap(struct launch *l)
{
	pid_t got;

	if (l->ended || l->pid <= 0)
		return;
	do
		got = waitpid(l->pid, &l->wait_status, 0);
	while (got < 0 && errno == EINTR);
	l->ended = true;
}

static int first_word(struct launch *l, int *status)
{
	struct word word;
	int err = hear(l->report, &word);

	if (err == 1 && word.stage == WORD_HELD) {
		l->held = true;
		wait_until_blocked(l->pid);
		return 0;
	}
	if (err == 1 && word.stage == WORD_EXEC) {
		reap(l);
		return exec_failed(l->command, word.err, status);
	}
	if (err == 1)
		return fail(-word.err, "%s", word.text);
	if (err < 0)
		return fail(err, "starting \"%s\": %s", l->command, strerror(-err));
	reap(l);
	*status = launch_exit_status(l->wait_status);
	return fail(-EINTR, "command \"%s\": killed before it was started", l->command);
}

static int fork_child(struct launch *l, const struct launch_request *request)
{
	int hold[2] = {-1, -1}, report[2] = {-1, -1};
	int err = 0;

	if (pipe2(hold, O_CLOEXEC) || pipe2(report, O_CLOEXEC)) {
		err = fail(-errno, "starting \"%s\": no pipe: %s", l->command, strerror(errno));
		goto out;
	}
	l->pid = fork();
	if (l->pid < 0) {
		err = fail(-errno, "starting \"%s\": no new process: %s", l->command, strerror(errno));
		goto out;
	}
	if (l->pid == 0) {
		close(hold[1]); /* its reader sees our end only if nobody else has the other side */
		close(report[0]);
		run_child(request, hold[0], report[1]);
	}
	l->hold = hold[1];
	l->report = report[0];
	hold[1] = report[0] = -1;
	l->pidfd = syscall(SYS_pidfd_open, l->pid, 0);
	if (l->pidfd < 0)
		err = fail(-errno, "starting \"%s\": pidfd_open: %s: a kernel from 5.15 on is needed",
			   l->command, strerror(errno));
out:
	for (int i = 0; i < 2; i++) {
		if (hold[i] >= 0)
			close(hold[i]);
		if (report[i] >= 0)
			close(report[i]);
	}
	return err;
}

int launch_prepare(struct launch **out, const struct launch_request *request, int *status)
{
	struct launch *l = calloc(1, sizeof(*l));
	int err;

	*out = NULL;
	*status = LAUNCH_TOOL_FAILED;
	if (!l)
		return fail(-ENOMEM, "starting the command: out of memory");
	l->pidfd = l->hold = l->report = -1;
	snprintf(l->command, sizeof(l->command), "%s", request->argv[0] ? request->argv[0] : "");
	if (!request->argv[0]) {
		err = exec_failed("", ENOENT, status);
		goto out;
	}
	err = fork_child(l, request);
	if (!err)
		err = first_word(l, status);
out:
	if (err)
		launch_free(l);
	else
		*out = l;
	return err;
}

pid_t launch_pid(const struct launch *l)
{
	return l->pid;
}

int launch_pidfd(const struct launch *l)
{
	return l->pidfd;
}

static int killed_while_held(struct launch *l, int *status)
{
	reap(l);
	*status = launch_exit_status(l->wait_status);
	return fail(-EINTR, "command \"%s\": killed before it was started", l->command);
}

int launch_check_held(struct launch *l, int *status)
{
	struct pollfd end = {.fd = l->pidfd, .events = POLLIN};

	return poll(&end, 1, 0) > 0 ? killed_while_held(l, status) : 0;
}

int launch_release(struct launch *l, int *status)
{
	struct word word;
	ssize_t n;
	int err;

	l->held = false;
	err = launch_check_held(l, status);
	if (err)
		return err;
	do
		n = write(l->hold, "x", 1);
	while (n < 0 && errno == EINTR);
	if (n != 1)
		return killed_while_held(l, status);
	close(l->hold);
	l->hold = -1;
	err = hear(l->report, &word);
	if (err == 0)
		return 0;
	*status = LAUNCH_TOOL_FAILED;
	if (err < 0)
		return fail(err, "starting \"%s\": %s", l->command, strerror(-err));
	reap(l);
	return exec_failed(l->command, word.err, status);
}

int launch_wait(struct launch *l, int *wait_status)
{
	if (!l->ended && waitpid(l->pid, &l->wait_status, WNOHANG) == l->pid)
		l->ended = true;
	if (l->ended)
		*wait_status = l->wait_status;
	return l->ended;
}

int launch_exit_status(int wait_status)
{
	if (WIFSIGNALED(wait_status))
		return 128 + WTERMSIG(wait_status);
	return WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : LAUNCH_TOOL_FAILED;
}

void launch_free(struct launch *l)
{
	if (!l)
		return;
	if (l->held && l->pid > 0 && !l->ended)
		kill(l->pid, SIGKILL); /* our own child and not reaped: the number can't be somebody else's */
	if (l->hold >= 0)
		close(l->hold);
	/* Before the hold it exits by itself, when it finds the pipe closed. */
	if (l->held || l->hold >= 0)
		reap(l);
	if (l->report >= 0)
		close(l->report);
	if (l->pidfd >= 0)
		close(l->pidfd);
	free(l);
}
