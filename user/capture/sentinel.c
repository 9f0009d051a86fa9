/* SPDX-License-Identifier: BSD-2-Clause */
/* In: the signals of our process group. Out: which of them came to everybody in it. */
#include "capture/sentinel.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/fail.h"

#define ANSWER_MS 100

static uint64_t take_pending(const sigset_t *all)
{
	const struct timespec now = {0, 0};
	uint64_t taken = 0;
	int sig;

	while ((sig = sigtimedwait(all, NULL, &now)) > 0)
		taken |= 1ULL << (sig - 1);
	return taken;
}

static _Noreturn void run_sentinel(int fd)
{
	sigset_t all;
	char question;

	/* fd is 3 or more: close what is below and above it */
	syscall(SYS_close_range, 0, fd - 1, 0);
	syscall(SYS_close_range, fd + 1, ~0U, 0);
	sigfillset(&all);
	prctl(PR_SET_NAME, "conctrace-group");
	while (read(fd, &question, 1) == 1) {
		uint64_t taken = take_pending(&all);

		if (write(fd, &taken, sizeof(taken)) != sizeof(taken))
			break;
	}
	_exit(0);
}

int sentinel_open(struct sentinel *s)
{
	int ends[2];
	sigset_t all, before;
	int err = 0;

	s->pid = 0;
	s->fd = -1;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
		return fail(-errno, "signals: no socket pair: %s", strerror(errno));
	/* blocked before the fork: from its first moment on no signal ends it */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	s->pid = fork();
	if (s->pid == 0)
		run_sentinel(ends[1]);
	if (s->pid < 0)
		err = fail(-errno, "signals: no new process: %s", strerror(errno));
	sigprocmask(SIG_SETMASK, &before, NULL);
	close(ends[1]);
	if (err) {
		s->pid = 0;
		close(ends[0]);
		return err;
	}
	s->fd = ends[0];
	return 0;
}

uint64_t sentinel_ask(struct sentinel *s)
{
	struct pollfd answer = {.fd = s->fd, .events = POLLIN};
	uint64_t taken;

	if (!s->pid || send(s->fd, "?", 1, MSG_NOSIGNAL) != 1)
		return 0;
	if (poll(&answer, 1, ANSWER_MS) != 1 ||
	    recv(s->fd, &taken, sizeof(taken), MSG_WAITALL) != sizeof(taken)) {
		sentinel_close(s); /* a late answer would be taken for that to the next question */
		return 0;
	}
	return taken;
}

void sentinel_close(struct sentinel *s)
{
	if (!s->pid)
		return;
	close(s->fd);
	kill(s->pid, SIGKILL);
	while (waitpid(s->pid, NULL, 0) < 0 && errno == EINTR)
		;
	s->pid = 0;
	s->fd = -1;
}
