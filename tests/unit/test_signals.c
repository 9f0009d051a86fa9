/* SPDX-License-Identifier: BSD-2-Clause */
/* Signals to conctrace alone and to its group: a stand-in for the workload tells what comes through to it. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/fail.h"
#include "capture/sentinel.h"
#include "capture/signals.h"
#include "check.h"

static struct origin origin;

static void nap(int ms)
{
	const struct timespec t = {ms / 1000, ms % 1000 * 1000000L};

	nanosleep(&t, NULL);
}

/* Writes the number of every signal it gets as a byte, and ends with SIGTERM's. */
static pid_t stand_in(int *from)
{
	sigset_t all;
	int ends[2];
	pid_t pid;

	sigfillset(&all);
	if (pipe(ends))
		return -1;
	pid = fork();
	if (pid == 0) {
		sigprocmask(SIG_SETMASK, &all, NULL);
		for (;;) {
			siginfo_t info;
			unsigned char number;
			int sig = sigwaitinfo(&all, &info);

			if (sig < 0 || sig == SIGCONT)
				continue;
			number = sig;
			if (write(ends[1], &number, 1) != 1)
				_exit(1);
		}
	}
	close(ends[1]);
	*from = ends[0];
	return pid;
}

/* The signals that came to the stand-in, as text: "2 15 ". For as many as are wanted it waits long, then a moment for more. */
static const char *came(int from, const char *wanted)
{
	static char text[200];
	size_t len = 0;

	text[0] = '\0';
	while (poll(&(struct pollfd){.fd = from, .events = POLLIN}, 1, strlen(text) < strlen(wanted) ? 10000 : 150) == 1) {
		unsigned char number;

		if (read(from, &number, 1) != 1)
			break;
		len += snprintf(text + len, sizeof(text) - len, "%d ", number);
	}
	return text;
}

#define CHECK_CAME(FROM, WANTED) CHECK_STR(came(FROM, WANTED), WANTED)

struct scene {
	struct signals *signals;
	struct signals_verdict verdict;
	pid_t child;
	int pidfd, from;
};

/* Waits until something has come and handles it. */
static int handle(struct scene *s)
{
	struct pollfd ready = {.fd = signals_fd(s->signals), .events = POLLIN};

	if (poll(&ready, 1, 5000) != 1)
		return -ETIMEDOUT;
	return signals_handle(s->signals, s->pidfd, &s->verdict);
}

/* From somebody else: a process of its own sends. To a group if `to` is negative. */
static void send_from_outside(pid_t to, int sig)
{
	pid_t pid = fork();

	if (pid == 0) {
		setpgid(0, 0);
		_exit(kill(to, sig) ? 1 : 0);
	}
	waitpid(pid, NULL, 0);
}

static void scene_begin(struct scene *s, enum signals_mode mode)
{
	memset(s, 0, sizeof(*s));
	s->pidfd = s->from = -1;
	CHECK_EQ(signals_open(&s->signals, mode, &origin), 0);
	s->child = stand_in(&s->from);
	s->pidfd = syscall(SYS_pidfd_open, s->child, 0);
	CHECK(s->child > 0 && s->pidfd >= 0);
}

static void scene_end(struct scene *s)
{
	kill(s->child, SIGKILL);
	waitpid(s->child, NULL, 0);
	close(s->pidfd);
	close(s->from);
	signals_close(s->signals);
}

static void to_us_alone(void)
{
	struct scene s;

	scene_begin(&s, SIGNALS_RUN);
	send_from_outside(getpid(), SIGINT);
	CHECK_EQ(handle(&s), 0);
	CHECK(!s.verdict.end);
	CHECK_EQ(s.verdict.number, SIGINT);
	CHECK_CAME(s.from, "2 ");
	send_from_outside(getpid(), SIGTERM);
	CHECK_EQ(handle(&s), 0);
	CHECK_CAME(s.from, "15 ");
	send_from_outside(getpid(), SIGUSR1);
	CHECK_EQ(handle(&s), 0);
	CHECK_EQ(s.verdict.number, 0);
	CHECK_CAME(s.from, "10 ");
	scene_end(&s);
}

static void to_the_group(void)
{
	struct scene s;

	scene_begin(&s, SIGNALS_RUN);
	for (int i = 0; i < 3; i++) {
		send_from_outside(-getpgrp(), SIGTERM);
		CHECK_EQ(handle(&s), 0);
		CHECK_CAME(s.from, "15 "); /* once */
	}
	/* two at a time, then one for us alone: what was told of the group is not told again */
	send_from_outside(-getpgrp(), SIGINT);
	send_from_outside(-getpgrp(), SIGHUP);
	CHECK_EQ(handle(&s), 0);
	CHECK_EQ(strlen(came(s.from, "2 1 ")), strlen("2 1 "));
	send_from_outside(getpid(), SIGINT);
	CHECK_EQ(handle(&s), 0);
	CHECK_CAME(s.from, "2 ");
	scene_end(&s);
}

static void insisting(void)
{
	struct scene s;

	scene_begin(&s, SIGNALS_RUN);
	for (int i = 0; i < 3; i++) {
		send_from_outside(getpid(), SIGINT);
		CHECK_EQ(handle(&s), 0);
		CHECK_EQ(s.verdict.end, i == 2);
	}
	scene_end(&s);
	/* slowly: never */
	scene_begin(&s, SIGNALS_RUN);
	for (int i = 0; i < 4; i++) {
		send_from_outside(getpid(), SIGINT);
		CHECK_EQ(handle(&s), 0);
		CHECK(!s.verdict.end);
		nap(600);
	}
	scene_end(&s);
}

static void without_a_workload(void)
{
	struct scene s;
	int pidfd;

	scene_begin(&s, SIGNALS_RUN);
	pidfd = s.pidfd;
	s.pidfd = -1;
	send_from_outside(getpid(), SIGINT);
	CHECK_EQ(handle(&s), 0);
	CHECK(s.verdict.end);
	CHECK_CAME(s.from, "");
	s.pidfd = pidfd;
	/* ended and reaped */
	kill(s.child, SIGKILL);
	waitpid(s.child, NULL, 0);
	send_from_outside(getpid(), SIGTERM);
	CHECK_EQ(handle(&s), 0);
	CHECK(s.verdict.end);
	s.child = stand_in(&s.from);
	scene_end(&s);
}

static void attached(void)
{
	struct scene s;

	scene_begin(&s, SIGNALS_ATTACH);
	send_from_outside(getpid(), SIGINT);
	CHECK_EQ(handle(&s), 0);
	CHECK(s.verdict.end);
	CHECK_CAME(s.from, ""); /* the target is none of our business */
	scene_end(&s);
}

static void treatment(void)
{
	struct origin ignoring = origin;
	struct scene s;
	struct sigaction action;
	sigset_t mask;

	sigaddset(&ignoring.ignored, SIGHUP);
	signal(SIGHUP, SIG_IGN);
	CHECK_EQ(signals_open(&s.signals, SIGNALS_RUN, &ignoring), 0);
	sigprocmask(SIG_SETMASK, NULL, &mask);
	CHECK_EQ(sigismember(&mask, SIGHUP), 0); /* nohup holds */
	CHECK_EQ(sigismember(&mask, SIGINT), 1);
	sigaction(SIGPIPE, NULL, &action);
	CHECK(action.sa_handler == SIG_IGN);
	kill(getpid(), SIGHUP);
	kill(getpid(), SIGTERM); /* not read: dropped */
	signals_close(s.signals);
	signal(SIGHUP, SIG_DFL);
	sigprocmask(SIG_SETMASK, NULL, &mask);
	CHECK_EQ(sigismember(&mask, SIGINT), 0);
	sigaction(SIGPIPE, NULL, &action);
	CHECK(action.sa_handler == SIG_DFL);
	signals_close(NULL);
}

/* It ends with the one who opened it, and is there for nobody else. */
static void sentinel_alone(void)
{
	struct sentinel s;
	pid_t pid;

	CHECK_EQ(sentinel_open(&s), 0);
	CHECK_EQ(sentinel_ask(&s), 0);
	CHECK_EQ(getpgid(s.pid), getpgrp());
	kill(s.pid, SIGINT);
	kill(s.pid, SIGUSR2);
	CHECK_EQ(sentinel_ask(&s), 1 << (SIGINT - 1) | 1 << (SIGUSR2 - 1));
	CHECK_EQ(sentinel_ask(&s), 0);
	pid = s.pid;
	close(s.fd);
	CHECK(waitpid(pid, NULL, 0) == pid);
	s.pid = 0;
	sentinel_close(&s);

	/* one that does not answer is given up */
	CHECK_EQ(sentinel_open(&s), 0);
	pid = s.pid;
	kill(pid, SIGSTOP);
	CHECK_EQ(sentinel_ask(&s), 0);
	CHECK_EQ(s.pid, 0);
	CHECK(waitpid(pid, NULL, WNOHANG) == -1 && errno == ECHILD);
	CHECK_EQ(sentinel_ask(&s), 0);
}

int main(void)
{
	setpgid(0, 0); /* what is sent to our group stays in the test */
	CHECK_EQ(origin_save(&origin), 0);
	sigemptyset(&origin.ignored);
	for (int sig = SIGHUP; sig <= SIGTERM; sig++)
		if (sig != SIGKILL)
			signal(sig, SIG_DFL);
	sentinel_alone();
	to_us_alone();
	to_the_group();
	insisting();
	without_a_workload();
	attached();
	treatment();
	return check_done();
}
