/* SPDX-License-Identifier: BSD-2-Clause */
/* In: messages and descriptors. Out: the same on the other side of a socket, where a child of this process
 * is. */
#include "symbols/child_link.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/fail.h"

union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(CHILD_LINK_FDS * sizeof(int))];
};

int64_t child_link_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int child_link_start(struct child_link *link, void (*life)(int fd, pid_t parent, const void *ctx),
		     const void *ctx)
{
	pid_t self = getpid();
	int pair[2], err;

	memset(link, 0, sizeof(*link));
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return fail(-errno, "socketpair: %s", strerror(errno));
	link->pid = fork();
	if (link->pid < 0) {
		err = -errno;
		link->pid = 0;
		close(pair[0]);
		close(pair[1]);
		return fail(err, "fork: %s", strerror(-err));
	}
	if (!link->pid) {
		close(pair[0]);
		life(pair[1], self, ctx);
		_exit(0);
	}
	close(pair[1]);
	link->fd = pair[0];
	return 0;
}

void child_link_end(struct child_link *link, int now)
{
	if (!link->pid)
		return;
	close(link->fd);
	if (now)
		kill(link->pid, SIGKILL);
	while (waitpid(link->pid, NULL, 0) < 0 && errno == EINTR)
		;
	memset(link, 0, sizeof(*link));
}

int child_link_send(int fd, const void *data, size_t len, const int *fds, size_t n)
{
	struct iovec part = {(void *)data, len};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
	union control control;
	ssize_t sent;

	if (n > CHILD_LINK_FDS)
		return fail(-EINVAL, "a message with %zu descriptors", n);
	if (n) {
		struct cmsghdr *head;

		memset(&control, 0, sizeof(control));
		message.msg_control = &control;
		message.msg_controllen = CMSG_SPACE(n * sizeof(int));
		head = CMSG_FIRSTHDR(&message);
		head->cmsg_level = SOL_SOCKET;
		head->cmsg_type = SCM_RIGHTS;
		head->cmsg_len = CMSG_LEN(n * sizeof(int));
		memcpy(CMSG_DATA(head), fds, n * sizeof(int));
	}
	do {
		sent = sendmsg(fd, &message, MSG_NOSIGNAL);
	} while (sent < 0 && errno == EINTR);
	if (sent == (ssize_t)len)
		return 0;
	if (sent >= 0 || errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN)
		return fail(-EPIPE, "nobody is there to take a message");
	return fail(-errno, "a message could not be sent: %s", strerror(errno));
}

/* The descriptors of a message that was received; those beyond `room` are closed. */
static size_t take_fds(struct msghdr *message, int *fds, size_t room)
{
	size_t n = 0;

	for (struct cmsghdr *head = CMSG_FIRSTHDR(message); head; head = CMSG_NXTHDR(message, head)) {
		size_t count = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < count; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(head) + i * sizeof(int), sizeof(fd));
			if (n < room)
				fds[n++] = fd;
			else
				close(fd);
		}
	}
	return n;
}

static int wait_for(int fd, int64_t deadline)
{
	for (;;) {
		struct pollfd ready = {.fd = fd, .events = POLLIN};
		int64_t left = deadline < 0 ? -1 : deadline - child_link_now_ms();
		int n;

		if (deadline >= 0 && left <= 0)
			return fail(-ETIMEDOUT, "no answer in time");
		n = poll(&ready, 1, (int)left);
		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return fail(-errno, "poll: %s", strerror(errno));
	}
}

int child_link_receive(int fd, void *data, size_t size, size_t *len, int *fds, size_t *n, int limit_ms)
{
	int64_t deadline = limit_ms < 0 ? -1 : child_link_now_ms() + limit_ms;

	for (;;) {
		union control control;
		struct iovec part = {data, size};
		struct msghdr message = {.msg_iov = &part,
					 .msg_iovlen = 1,
					 .msg_control = &control,
					 .msg_controllen = sizeof(control)};
		int err = limit_ms < 0 ? 0 : wait_for(fd, deadline);
		size_t taken;
		ssize_t got;

		if (err)
			return err;
		got = recvmsg(fd, &message, MSG_CMSG_CLOEXEC | (limit_ms < 0 ? 0 : MSG_DONTWAIT));
		if (got < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (got <= 0)
			return fail(-EPIPE, "the other side of a conversation is gone");
		taken = take_fds(&message, fds, fds ? CHILD_LINK_FDS : 0);
		if (n)
			*n = taken;
		*len = (size_t)got;
		return 0;
	}
}
