/* SPDX-License-Identifier: BSD-2-Clause */
/* In: signals. Out: the same signals at the workload, once, and a verdict for the main loop. */
#include "capture/signals.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/fail.h"
#include "capture/sentinel.h"

#define INSIST_NS     1000000000ULL
#define INSIST_TIMES  3
#define GROUP_WAIT_NS 2000000

struct signals {
	enum signals_mode mode;
	int fd;
	sigset_t taken, before;
	struct sigaction pipe_before, ttou_before;
	struct sentinel sentinel;
	uint64_t group; /* bit N-1: the sentinel has had signal N, and we are still to take our own of it */
	uint64_t asked[INSIST_TIMES]; /* when the last ones came, newest first; 0: none */
};

static bool asks_to_end(int sig)
{
	return sig == SIGINT || sig == SIGQUIT || sig == SIGTERM || sig == SIGHUP;
}

static void choose(sigset_t *taken, enum signals_mode mode, const struct origin *origin)
{
	static const int run[] = {SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2};

	sigemptyset(taken);
	if (mode == SIGNALS_ATTACH) {
		/* even if ignored: `conctrace attach &` in a script is ended by kill -INT */
		sigaddset(taken, SIGINT);
		sigaddset(taken, SIGTERM);
		if (sigismember(&origin->ignored, SIGHUP) != 1)
			sigaddset(taken, SIGHUP);
		return;
	}
	for (size_t i = 0; i < sizeof(run) / sizeof(*run); i++)
		if (sigismember(&origin->ignored, run[i]) != 1)
			sigaddset(taken, run[i]);
}

int signals_open(struct signals **out, enum signals_mode mode, const struct origin *origin)
{
	struct sigaction ignore = {.sa_handler = SIG_IGN};
	struct signals *s = calloc(1, sizeof(*s));
	int err = 0;

	*out = NULL;
	if (!s)
		return fail(-ENOMEM, "signals: out of memory");
	s->mode = mode;
	s->fd = s->sentinel.fd = -1;
	choose(&s->taken, mode, origin);
	sigprocmask(SIG_BLOCK, &s->taken, &s->before);
	sigaction(SIGPIPE, &ignore, &s->pipe_before);
	sigaction(SIGTTOU, &ignore, &s->ttou_before);
	s->fd = signalfd(-1, &s->taken, SFD_CLOEXEC | SFD_NONBLOCK);
	if (s->fd < 0)
		err = fail(-errno, "signals: signalfd: %s", strerror(errno));
	if (!err && mode == SIGNALS_RUN)
		err = sentinel_open(&s->sentinel);
	if (err)
		signals_close(s);
	else
		*out = s;
	return err;
}

int signals_fd(const struct signals *s)
{
	return s->fd;
}

static bool insists(struct signals *s)
{
	struct timespec now;
	uint64_t ns;

	clock_gettime(CLOCK_MONOTONIC, &now);
	ns = now.tv_sec * 1000000000ULL + now.tv_nsec;
	memmove(s->asked + 1, s->asked, sizeof(s->asked) - sizeof(*s->asked));
	s->asked[0] = ns;
	return s->asked[INSIST_TIMES - 1] && ns - s->asked[INSIST_TIMES - 1] <= INSIST_NS;
}

/*
 * Did the whole group get it? Asked for every signal, so that the sentinel's are taken as ours are. Who
 * signals one process after the other (systemd's stop) may not have come to the sentinel yet: asked twice.
 */
static bool came_to_group(struct signals *s, unsigned int sig)
{
	const struct timespec pause = {0, GROUP_WAIT_NS};
	uint64_t bit = 1ULL << (sig - 1);

	s->group |= sentinel_ask(&s->sentinel);
	if (!(s->group & bit)) {
		nanosleep(&pause, NULL);
		s->group |= sentinel_ask(&s->sentinel);
	}
	if (!(s->group & bit))
		return false;
	s->group &= ~bit;
	return true;
}

/* 1: it has ended and been reaped, only what it left behind is waited for (--wait-all). */
static int forward(struct signals *s, const struct signalfd_siginfo *info, int workload)
{
	if (came_to_group(s, info->ssi_signo) || info->ssi_code == SI_KERNEL || workload < 0)
		return 0;
	if (!syscall(SYS_pidfd_send_signal, workload, info->ssi_signo, NULL, 0))
		return 0;
	if (errno == ESRCH)
		return 1;
	return fail(-errno, "signal %u for the command: %s: it runs as another user", info->ssi_signo,
		    strerror(errno));
}

static int handle_one(struct signals *s, const struct signalfd_siginfo *info, int workload,
		      struct signals_verdict *verdict)
{
	int gone = s->mode == SIGNALS_RUN ? forward(s, info, workload) : 0;

	if (asks_to_end(info->ssi_signo)) {
		bool insisted = insists(s);

		verdict->number = info->ssi_signo;
		if (s->mode == SIGNALS_ATTACH || workload < 0 || gone == 1 || insisted)
			verdict->end = true;
	}
	return gone < 0 ? gone : 0;
}

int signals_handle(struct signals *s, int workload, struct signals_verdict *verdict)
{
	struct signalfd_siginfo info;
	int err = 0;

	memset(verdict, 0, sizeof(*verdict));
	for (;;) {
		ssize_t n = read(s->fd, &info, sizeof(info));
		int one;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return err;
		if (n != sizeof(info))
			return fail(n < 0 ? -errno : -EIO, "signals: signalfd: %s",
				    strerror(n < 0 ? errno : EIO));
		one = handle_one(s, &info, workload, verdict);
		if (!err)
			err = one;
	}
}

void signals_close(struct signals *s)
{
	const struct timespec now = {0, 0};

	if (!s)
		return;
	sentinel_close(&s->sentinel);
	while (sigtimedwait(&s->taken, NULL, &now) > 0)
		;
	if (s->fd >= 0)
		close(s->fd);
	sigaction(SIGPIPE, &s->pipe_before, NULL);
	sigaction(SIGTTOU, &s->ttou_before, NULL);
	sigprocmask(SIG_SETMASK, &s->before, NULL);
	free(s);
}
