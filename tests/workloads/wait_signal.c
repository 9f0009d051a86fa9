/* SPDX-License-Identifier: BSD-2-Clause */
/* In: a way to wait for a signal. Out: the main thread waits for those that the partner sends, and how long
 * it took. */
#include <poll.h>
#include <sys/select.h>
#include <sys/signalfd.h>

#include "truth.h"

static void nothing(int number)
{
	(void)number;
}

static void send_signal(struct series *s)
{
	syscall(SYS_tgkill, s->pid, s->tid, SIGUSR1);
}

static void only_usr1(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGUSR1);
}

static void once_pause(struct series *s)
{
	(void)s;
	pause();
}

static int run_pause(struct series *s)
{
	signal(SIGUSR1, nothing);
	return series_with_thread(s, NULL, send_signal, once_pause, NULL);
}

/* No descriptors and no timeout: nothing but a signal ends it. */
static void once_ppoll(struct series *s)
{
	(void)s;
	ppoll(NULL, 0, NULL, NULL);
}

static int run_ppoll(struct series *s)
{
	signal(SIGUSR1, nothing);
	return series_with_thread(s, NULL, send_signal, once_ppoll, NULL);
}

static void once_select(struct series *s)
{
	(void)s;
	select(0, NULL, NULL, NULL, NULL);
}

static int run_select(struct series *s)
{
	signal(SIGUSR1, nothing);
	return series_with_thread(s, NULL, send_signal, once_select, NULL);
}

static int run_blocked(struct series *s, void (*once)(struct series *))
{
	sigset_t set;

	signal(SIGUSR1, nothing);
	only_usr1(&set);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	return series_with_thread(s, NULL, send_signal, once, NULL);
}

static void once_sigsuspend(struct series *s)
{
	sigset_t none;

	(void)s;
	sigemptyset(&none);
	sigsuspend(&none);
}

static int run_sigsuspend(struct series *s)
{
	return run_blocked(s, once_sigsuspend);
}

static void once_sigwaitinfo(struct series *s)
{
	sigset_t set;

	(void)s;
	only_usr1(&set);
	check(sigwaitinfo(&set, NULL) == SIGUSR1, "sigwaitinfo");
}

static int run_sigwaitinfo(struct series *s)
{
	return run_blocked(s, once_sigwaitinfo);
}

static void once_sigtimedwait(struct series *s)
{
	struct timespec limit = timespec_of(GIVE_UP_NS);
	sigset_t set;

	(void)s;
	only_usr1(&set);
	check(sigtimedwait(&set, NULL, &limit) == SIGUSR1, "sigtimedwait");
}

static int run_sigtimedwait(struct series *s)
{
	return run_blocked(s, once_sigtimedwait);
}

static void once_signalfd(struct series *s)
{
	struct signalfd_siginfo info;

	check(read(s->area.word[0], &info, sizeof(info)) == sizeof(info), "read");
}

static int run_signalfd(struct series *s)
{
	sigset_t set;

	only_usr1(&set);
	s->area.word[0] = signalfd(-1, &set, SFD_CLOEXEC);
	check(s->area.word[0] >= 0, "signalfd");
	return run_blocked(s, once_signalfd);
}

int main(int argc, char **argv)
{
	static const struct form forms[] = {
		{"pause", run_pause, NULL},
		{"ppoll", run_ppoll, NULL},
		{"select", run_select, NULL},
		{"sigsuspend", run_sigsuspend, NULL},
		{"sigwaitinfo", run_sigwaitinfo, NULL},
		{"sigtimedwait", run_sigtimedwait, NULL},
		{"signalfd", run_signalfd, NULL},
		{NULL, NULL, NULL},
	};

	return series_main(argc, argv, "signal", forms);
}
