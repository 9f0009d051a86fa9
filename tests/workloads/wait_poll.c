/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * In: a way to wait for descriptors. Out: the main thread waits until the partner makes one ready, and how
 * long that took. The descriptor is read after each wait, without blocking. With a timerfd as the only
 * descriptor the wait is a sleep.
 */
#include <liburing.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

#include "truth.h"

/* word[0] is the waiter's end, word[1] the partner's, word[2] an epoll; a second, idle descriptor is word[3].
 */
static int mine(struct series *s)
{
	return s->area.word[0];
}

static int idle(struct series *s)
{
	return s->area.word[3];
}

static void make_ready(struct series *s)
{
	check(write(s->area.word[1], "x", 1) == 1, "write");
}

static void take_byte(struct series *s)
{
	char byte;

	check(recv(mine(s), &byte, 1, MSG_DONTWAIT) == 1, "recv");
}

static void make_descriptors(struct series *s)
{
	struct epoll_event event = {.events = EPOLLIN};
	int fds[2], idle_fds[2];

	check(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), "socketpair");
	check(!pipe2(idle_fds, O_CLOEXEC), "pipe");
	s->area.word[0] = fds[0];
	s->area.word[1] = fds[1];
	s->area.word[3] = idle_fds[0];
	s->area.word[2] = epoll_create1(EPOLL_CLOEXEC);
	check(s->area.word[2] >= 0 && !epoll_ctl(s->area.word[2], EPOLL_CTL_ADD, fds[0], &event) &&
		      !epoll_ctl(s->area.word[2], EPOLL_CTL_ADD, idle_fds[0], &event),
	      "epoll");
}

static int run_with(struct series *s, void (*wait_once)(struct series *))
{
	make_descriptors(s);
	return series_with_thread(s, NULL, make_ready, wait_once, take_byte);
}

static void once_epoll(struct series *s)
{
	struct epoll_event event;

	check(epoll_wait(s->area.word[2], &event, 1, -1) == 1, "epoll_wait");
}

static int run_epoll(struct series *s)
{
	return run_with(s, once_epoll);
}

static void once_epoll_pwait(struct series *s)
{
	struct epoll_event event;
	sigset_t none;

	sigemptyset(&none);
	check(epoll_pwait(s->area.word[2], &event, 1, (int)(GIVE_UP_NS / 1000000), &none) == 1,
	      "epoll_pwait");
}

static int run_epoll_pwait(struct series *s)
{
	return run_with(s, once_epoll_pwait);
}

static void once_epoll_pwait2(struct series *s)
{
	struct timespec limit = timespec_of(GIVE_UP_NS);
	struct epoll_event event;

	check(epoll_pwait2(s->area.word[2], &event, 1, &limit, NULL) == 1, "epoll_pwait2");
}

static int run_epoll_pwait2(struct series *s)
{
	return run_with(s, once_epoll_pwait2);
}

static void once_poll(struct series *s)
{
	struct pollfd fds[2] = {{.fd = idle(s), .events = POLLIN}, {.fd = mine(s), .events = POLLIN}};

	check(poll(fds, 2, -1) == 1, "poll");
}

static int run_poll(struct series *s)
{
	return run_with(s, once_poll);
}

static void once_ppoll(struct series *s)
{
	struct pollfd fds[2] = {{.fd = idle(s), .events = POLLIN}, {.fd = mine(s), .events = POLLIN}};
	struct timespec limit = timespec_of(GIVE_UP_NS);

	check(ppoll(fds, 2, &limit, NULL) == 1, "ppoll");
}

static int run_ppoll(struct series *s)
{
	return run_with(s, once_ppoll);
}

static void once_select(struct series *s)
{
	fd_set set;

	FD_ZERO(&set);
	FD_SET(mine(s), &set);
	FD_SET(idle(s), &set);
	check(select(64, &set, NULL, NULL, NULL) == 1, "select");
}

static int run_select(struct series *s)
{
	return run_with(s, once_select);
}

static void once_pselect(struct series *s)
{
	struct timespec limit = timespec_of(GIVE_UP_NS);
	fd_set set;

	FD_ZERO(&set);
	FD_SET(mine(s), &set);
	check(pselect(64, &set, NULL, NULL, &limit, NULL) == 1, "pselect");
}

static int run_pselect(struct series *s)
{
	return run_with(s, once_pselect);
}

static struct io_uring ring;

/* The receive is asked for and waited for in one call; it takes the byte. */
static void once_uring(struct series *s)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);
	struct io_uring_cqe *cqe;
	static char byte;

	io_uring_prep_recv(sqe, mine(s), &byte, 1, 0);
	check(io_uring_submit_and_wait(&ring, 1) >= 0, "io_uring_enter");
	check(!io_uring_wait_cqe(&ring, &cqe) && cqe->res == 1, "io_uring");
	io_uring_cqe_seen(&ring, cqe);
}

static int run_uring(struct series *s)
{
	errno = -io_uring_queue_init(8, &ring, 0);
	if (errno)
		return skip("io_uring is not allowed here");
	make_descriptors(s);
	return series_with_thread(s, NULL, make_ready, once_uring, NULL);
}

/* ---- the timer alone: sleep -------------------------------------------------------------------------------
 */

static int timer_series(struct series *s, bool by_epoll)
{
	struct itimerspec t = {.it_value = timespec_of(s->delay_ns)};
	struct epoll_event event = {.events = EPOLLIN};
	int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC), epoll = epoll_create1(EPOLL_CLOEXEC);
	struct pollfd fd = {.fd = timer, .events = POLLIN};
	uint64_t fired;
	unsigned int i;

	check(timer >= 0 && epoll >= 0 && !epoll_ctl(epoll, EPOLL_CTL_ADD, timer, &event), "timerfd");
	series_begin(s);
	for (i = 0; i < s->count; i++) {
		check(!timerfd_settime(timer, 0, &t, NULL), "timerfd_settime");
		wait_begin(s);
		check((by_epoll ? epoll_wait(epoll, &event, 1, -1) : poll(&fd, 1, -1)) == 1, "poll");
		wait_end(s);
		check(read(timer, &fired, sizeof(fired)) == sizeof(fired), "read");
	}
	return 0;
}

static int run_poll_timerfd(struct series *s)
{
	return timer_series(s, false);
}

static int run_epoll_timerfd(struct series *s)
{
	return timer_series(s, true);
}

int main(int argc, char **argv)
{
	static const struct form forms[] = {
		{"epoll", run_epoll, NULL},
		{"epoll_pwait", run_epoll_pwait, NULL},
		{"epoll_pwait2", run_epoll_pwait2, NULL},
		{"poll", run_poll, NULL},
		{"ppoll", run_ppoll, NULL},
		{"select", run_select, NULL},
		{"pselect", run_pselect, NULL},
		{"uring", run_uring, NULL},
		{"poll_timerfd", run_poll_timerfd, "sleep"},
		{"epoll_timerfd", run_epoll_timerfd, "sleep"},
		{NULL, NULL, NULL},
	};

	return series_main(argc, argv, "poll", forms);
}
