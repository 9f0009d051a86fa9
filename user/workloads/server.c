/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * In: connections with requests (delay, bytes). Out: the bytes, when the delay is over, to the nanosecond the
 * timer gives: one timerfd is set to the answer that is due next, the others wait in a heap.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/fail.h"
#include "workloads/clock.h"
#include "workloads/server.h"

#define ANSWER_CHUNK 65536
#define N_EVENTS     256

struct connection {
	int fd;
	size_t got; /* bytes of the request that are there */
	struct server_request request;
	uint64_t left;	      /* bytes of the answer that are not sent */
	bool waiting, closed; /* in the heap; the peer has gone */
};

/* An answer that is waited for. */
struct due {
	uint64_t ns;
	struct connection *connection;
};

struct answers {
	struct due *heap; /* the one due next first */
	size_t len, cap;
	int epoll_fd, timer_fd, listen_fd, stop_fd;
};

static const char zeros[ANSWER_CHUNK];

static void connection_close(struct connection *c)
{
	close(c->fd);
	free(c);
}

static int heap_push(struct answers *a, struct due due)
{
	size_t at = a->len;

	if (array_grow(&a->heap, &a->cap, a->len + 1, sizeof(a->heap[0])))
		return -ENOMEM;
	a->len++;
	while (at && a->heap[(at - 1) / 2].ns > due.ns) {
		a->heap[at] = a->heap[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	a->heap[at] = due;
	return 0;
}

static struct connection *heap_pop(struct answers *a)
{
	struct due first = a->heap[0], last = a->heap[--a->len];
	size_t at = 0, child;

	while ((child = at * 2 + 1) < a->len) {
		if (child + 1 < a->len && a->heap[child + 1].ns < a->heap[child].ns)
			child++;
		if (a->heap[child].ns >= last.ns)
			break;
		a->heap[at] = a->heap[child];
		at = child;
	}
	if (a->len)
		a->heap[at] = last;
	/* A connection is in the heap once, while it is waiting: it was not closed.
	 * NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
	return first.connection;
}

static void set_timer(struct answers *a)
{
	struct itimerspec t = {0};

	if (a->len) /* a time in the past fires at once */
		t.it_value = timespec_of(a->heap[0].ns);
	timerfd_settime(a->timer_fd, TFD_TIMER_ABSTIME, &t, NULL);
}

/* Sends what the socket takes. False: the connection is to be closed. */
static bool send_answer(struct connection *c)
{
	while (c->left) {
		size_t n = c->left < sizeof(zeros) ? (size_t)c->left : sizeof(zeros);
		ssize_t sent = send(c->fd, zeros, n, MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return errno == EAGAIN;
		c->left -= (uint64_t)sent;
	}
	return true;
}

/* Reads as much of the request as is there; once it is whole the answer is put into the heap. */
static bool read_request(struct answers *a, struct connection *c)
{
	while (!c->waiting && !c->left) {
		char *to = (char *)&c->request + c->got;
		ssize_t n = recv(c->fd, to, sizeof(c->request) - c->got, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN;
		if (!n)
			return false;
		c->got += (size_t)n;
		if (c->got < sizeof(c->request))
			continue;
		c->got = 0;
		if (heap_push(a, (struct due){.ns = now_ns() + c->request.delay_ns, .connection = c}))
			return false;
		c->waiting = true;
		if (a->heap[0].connection == c)
			set_timer(a);
	}
	return true;
}

static void serve_connection(struct answers *a, struct connection *c, uint32_t events)
{
	bool keep = !(events & (EPOLLERR | EPOLLHUP));

	if (keep && c->left)
		keep = send_answer(c);
	if (keep)
		keep = read_request(a, c);
	if (keep)
		return;
	if (c->waiting)
		c->closed = true; /* closed when it leaves the heap */
	else
		connection_close(c);
}

static void answer_due(struct answers *a)
{
	uint64_t fired;

	if (read(a->timer_fd, &fired, sizeof(fired)) < 0 && errno != EAGAIN)
		return;
	while (a->len && a->heap[0].ns <= now_ns()) {
		struct connection *c = heap_pop(a);

		c->waiting = false;
		c->left = c->request.bytes;
		if (c->closed || !send_answer(c) || !read_request(a, c))
			connection_close(c);
	}
	set_timer(a);
}

static void take_connections(struct answers *a)
{
	for (;;) {
		struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET};
		int one = 1, fd = accept4(a->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		struct connection *c;

		if (fd < 0)
			return;
		c = calloc(1, sizeof(*c));
		if (!c) {
			close(fd);
			return;
		}
		c->fd = fd;
		event.data.ptr = c;
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		if (epoll_ctl(a->epoll_fd, EPOLL_CTL_ADD, fd, &event))
			connection_close(c);
	}
}

static int watch(const struct answers *a, const int *fd)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = (void *)fd};

	return epoll_ctl(a->epoll_fd, EPOLL_CTL_ADD, *fd, &event);
}

static int serve(struct answers *a)
{
	struct epoll_event events[N_EVENTS];
	int i, n;

	a->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	a->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (a->epoll_fd < 0 || a->timer_fd < 0 || watch(a, &a->timer_fd) || watch(a, &a->listen_fd) ||
	    watch(a, &a->stop_fd))
		return 1;
	for (;;) {
		n = epoll_wait(a->epoll_fd, events, N_EVENTS, -1);
		if (n < 0 && errno != EINTR)
			return 1;
		for (i = 0; i < n; i++) {
			const void *who = events[i].data.ptr;

			if (who == &a->stop_fd)
				return 0;
			if (who == &a->listen_fd)
				take_connections(a);
			else if (who != &a->timer_fd)
				serve_connection(a, events[i].data.ptr, events[i].events);
		}
		/* Last: it may close connections that the events above still name. */
		if (a->len && a->heap[0].ns <= now_ns())
			answer_due(a);
	}
}

static int listen_on_loopback(struct sockaddr_in *address)
{
	socklen_t len = sizeof(*address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	*address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	if (fd >= 0 && !bind(fd, (struct sockaddr *)address, len) && !listen(fd, SOMAXCONN) &&
	    !getsockname(fd, (struct sockaddr *)address, &len))
		return fd;
	len = (socklen_t)errno;
	if (fd >= 0)
		close(fd);
	return fail(-(int)len, "the server, on 127.0.0.1: %s: is the loopback interface up?",
		    strerror((int)len));
}

int server_start(struct server *s)
{
	int listen_fd, pipe_fds[2], err;
	pid_t parent = getpid();

	listen_fd = listen_on_loopback(&s->address);
	if (listen_fd < 0)
		return listen_fd;
	if (pipe2(pipe_fds, O_CLOEXEC)) {
		err = errno;
		close(listen_fd);
		return fail(-err, "the server's pipe: %s", strerror(err));
	}
	s->pid = fork();
	if (!s->pid) {
		struct answers a = {.listen_fd = listen_fd, .stop_fd = pipe_fds[0]};

		close(pipe_fds[1]);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		prctl(PR_SET_NAME, "io-server");
		_exit(getppid() == parent ? serve(&a) : 0);
	}
	err = errno;
	close(listen_fd);
	close(pipe_fds[0]);
	if (s->pid < 0) {
		s->pid = 0;
		close(pipe_fds[1]);
		return fail(-err, "the server's process: %s", strerror(err));
	}
	s->stop_fd = pipe_fds[1];
	return 0;
}

int server_stop(struct server *s)
{
	int status = 0;

	if (!s->pid)
		return 0;
	close(s->stop_fd);
	while (waitpid(s->pid, &status, 0) < 0 && errno == EINTR)
		;
	s->pid = 0;
	if (status)
		return fail(-EIO, "the server: ended with %s %d", WIFSIGNALED(status) ? "signal" : "status",
			    WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	return 0;
}
