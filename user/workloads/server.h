/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The server that io jobs talk to: a process of its own on 127.0.0.1, one thread, one epoll. A request says
 * how long the answer takes and how many bytes it has.
 */
#ifndef CONCTRACE_WORKLOADS_SERVER_H
#define CONCTRACE_WORKLOADS_SERVER_H

#include <netinet/in.h>
#include <stdint.h>
#include <sys/types.h>

/* The bytes of a request, in the machine's own byte order: it never leaves the machine. */
struct server_request {
	uint64_t delay_ns, bytes;
};

struct server {
	struct sockaddr_in address;
	pid_t pid; /* 0: none */
	int stop_fd;
};

/* Listens and starts the process; returns when connections are taken. 0 or a negative errno with a fail
 * message. */
int server_start(struct server *s);
/* Ends the process and waits for it. 0, or -EIO if it had failed. A zeroed object is none. */
int server_stop(struct server *s);

#endif
