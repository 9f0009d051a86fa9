/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages between a process and a child of it, over a SOCK_SEQPACKET pair, some with descriptors; and the
 * child itself: started, waited for, ended. What a message says is for the receiver to check.
 */
#ifndef CONCTRACE_CHILD_LINK_H
#define CONCTRACE_CHILD_LINK_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define CHILD_LINK_FDS 9 /* descriptors of one message at most: a file and what may be its debug file */

struct child_link {
	pid_t pid; /* 0: there is no child; a zeroed object has none */
	int fd;	   /* of the parent */
};

/*
 * Forks. In the child `life` is called with the other end of the pair, and the child ends when it returns
 * (after its own cleaning up, without that of the parent). 0, or a negative errno with a message.
 */
int child_link_start(struct child_link *link, void (*life)(int fd, pid_t parent, const void *ctx),
		     const void *ctx);
/* Closes the parent's end, kills the child if `now` (else it is to end by itself), and waits for it. */
void child_link_end(struct child_link *link, int now);

/* One message with n descriptors, which stay the sender's. 0; -EPIPE: nobody is there to take it; or an
 * errno. */
int child_link_send(int fd, const void *data, size_t len, const int *fds, size_t n);
/*
 * One message into data, within `limit_ms` (negative: for ever); its length in *len. Descriptors
 * (close-on-exec) are put into fds, their number in *n; none may be expected with fds NULL. 0, -ETIMEDOUT, or
 * -EPIPE: the other side is gone.
 */
int child_link_receive(int fd, void *data, size_t size, size_t *len, int *fds, size_t *n, int limit_ms);

/* CLOCK_MONOTONIC in ms, for limits. */
int64_t child_link_now_ms(void);

#endif
