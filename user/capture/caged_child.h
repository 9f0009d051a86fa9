/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A child of this process in the cage (sandbox.h), with a SOCK_SEQPACKET pair between them: for work on untrusted bytes. What it sees of
 * memory is what there was when it was started.
 */
#ifndef CONCTRACE_CAGED_CHILD_H
#define CONCTRACE_CAGED_CHILD_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct caged_child {
	pid_t pid; /* 0: there is none */
	int fd;	   /* this end of the pair */
};

/* The child's life: it serves `fd` until the other end is closed. The first message that it sends says that the cage is shut. */
typedef void (*caged_main)(int fd, void *ctx);

/* -EPERM: it could not shut itself in; other errors of fork and socketpair. Nothing is printed. */
int caged_child_start(struct caged_child *c, uid_t uid, gid_t gid, caged_main run, void *ctx);
/* Kills and reaps it; one that was not started is fine. */
void caged_child_end(struct caged_child *c);

/* Sends a message with up to two descriptors (-1: none). -EBADF, or -EPIPE: the child died. */
int caged_child_send(const struct caged_child *c, const void *message, size_t len, const int fds[2]);
/* In the child: the next message; its length, or -EPIPE at the end. `fds` are the caller's, *n_fds of them. */
ssize_t caged_child_receive(int fd, void *message, size_t size, int fds[2], int *n_fds);

/* In the child: answers. 0 or -EPIPE. */
int caged_child_reply(int fd, const void *message, size_t len);

#endif
