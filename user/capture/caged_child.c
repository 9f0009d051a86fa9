/* SPDX-License-Identifier: BSD-2-Clause */
/* In: what to do in the cage. Out: a process that does it, and a way to talk to it. */
#include "capture/caged_child.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "symbols/sandbox.h"

#define START_MS 5000

void caged_child_end(struct caged_child *c)
{
	if (!c->pid)
		return;
	close(c->fd);
	kill(c->pid, SIGKILL);
	while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR)
		;
	c->pid = 0;
	c->fd = -1;
}

/* Its first word: the cage is shut. */
static int wait_for_start(struct caged_child *c)
{
	struct pollfd ready = {.fd = c->fd, .events = POLLIN};
	char first[256];
	int n;

	do
		n = poll(&ready, 1, START_MS);
	while (n < 0 && errno == EINTR);
	return n == 1 && recv(c->fd, first, sizeof(first), MSG_DONTWAIT) > 0 ? 0 : -EPERM;
}

int caged_child_start(struct caged_child *c, uid_t uid, gid_t gid, caged_main run, void *ctx)
{
	pid_t self = getpid();
	int pair[2], err;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return -errno;
	c->pid = fork();
	if (c->pid < 0) {
		err = -errno;
		c->pid = 0;
		close(pair[0]);
		close(pair[1]);
		return err;
	}
	if (!c->pid) {
		if (!sandbox_enter(pair[1], uid, gid, self, SANDBOX_MEMORY))
			run(SANDBOX_FD, ctx);
		_exit(0);
	}
	close(pair[1]);
	c->fd = pair[0];
	err = wait_for_start(c);
	if (err)
		caged_child_end(c);
	return err;
}

union descriptors {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(2 * sizeof(int))];
};

int caged_child_send(const struct caged_child *c, const void *message, size_t len, const int fds[2])
{
	struct iovec data = {(void *)(uintptr_t)message, len};
	struct msghdr header = {.msg_iov = &data, .msg_iovlen = 1};
	size_t n = fds[0] < 0 ? 0 : fds[1] < 0 ? 1 : 2;
	union descriptors control;

	if (n) {
		struct cmsghdr *part;

		memset(&control, 0, sizeof(control));
		header.msg_control = &control;
		header.msg_controllen = CMSG_SPACE(n * sizeof(int));
		part = CMSG_FIRSTHDR(&header);
		part->cmsg_level = SOL_SOCKET;
		part->cmsg_type = SCM_RIGHTS;
		part->cmsg_len = CMSG_LEN(n * sizeof(int));
		memcpy(CMSG_DATA(part), fds, n * sizeof(int));
	}
	if (sendmsg(c->fd, &header, MSG_NOSIGNAL) < 0)
		return errno == EBADF ? -EBADF : -EPIPE;
	return 0;
}

ssize_t caged_child_receive(int fd, void *message, size_t size, int fds[2], int *n_fds)
{
	union descriptors control;
	struct iovec data = {message, size};
	struct msghdr header = {
		.msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
	ssize_t len = recvmsg(fd, &header, 0);
	struct cmsghdr *part;

	*n_fds = 0;
	if (len <= 0)
		return -EPIPE;
	part = CMSG_FIRSTHDR(&header);
	if (part && part->cmsg_type == SCM_RIGHTS) {
		*n_fds = (int)((part->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		memcpy(fds, CMSG_DATA(part), (size_t)*n_fds * sizeof(int));
	}
	return len;
}

int caged_child_reply(int fd, const void *message, size_t len)
{
	struct iovec data = {(void *)(uintptr_t)message, len};
	struct msghdr header = {.msg_iov = &data, .msg_iovlen = 1};

	return sendmsg(fd, &header, MSG_NOSIGNAL) == (ssize_t)len ? 0 : -EPIPE;
}
