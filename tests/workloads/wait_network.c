/* SPDX-License-Identifier: BSD-2-Clause */
/* In: an internet socket on the loopback. Out: the main thread waits for the peer's act, and how long that
 * took. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "truth.h"

#define CHUNK 65536

/* word[0] is the waiter's end, word[1] the partner's; word[2]: the listener's port. */
static int mine(struct series *s)
{
	return s->area.word[0];
}

static int other(struct series *s)
{
	return s->area.word[1];
}

static socklen_t loopback(int family, struct sockaddr_storage *address, int port)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)address;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)address;

	memset(address, 0, sizeof(*address));
	if (family == AF_INET) {
		*v4 = (struct sockaddr_in){.sin_family = AF_INET,
					   .sin_port = htons((uint16_t)port),
					   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
		return sizeof(*v4);
	}
	*v6 = (struct sockaddr_in6){.sin6_family = AF_INET6,
				    .sin6_port = htons((uint16_t)port),
				    .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	return sizeof(*v6);
}

/* A socket bound to a free port of the loopback; -1: there is no such address. */
static int bound_socket(int family, int type, int *port)
{
	struct sockaddr_storage address;
	socklen_t len = loopback(family, &address, 0);
	int fd = socket(family, type | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, len))
		return -1;
	check(!getsockname(fd, (struct sockaddr *)&address, &len), "getsockname");
	*port = ntohs(family == AF_INET ? ((struct sockaddr_in *)&address)->sin_port
					: ((struct sockaddr_in6 *)&address)->sin6_port);
	return fd;
}

static int connected_socket(int family, int type, int port)
{
	struct sockaddr_storage address;
	socklen_t len = loopback(family, &address, port);
	int one = 1, fd = socket(family, type | SOCK_CLOEXEC, 0);

	check(fd >= 0 && !connect(fd, (struct sockaddr *)&address, len), "connect");
	if (type == SOCK_STREAM)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

/* A connection: both its ends. False: no such family here. */
static bool connect_pair(struct series *s, int family)
{
	int one = 1, port = 0, listener = bound_socket(family, SOCK_STREAM, &port);

	if (listener < 0)
		return false;
	check(!listen(listener, 8), "listen");
	s->area.word[0] = connected_socket(family, SOCK_STREAM, port);
	s->area.word[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	check(other(s) >= 0, "accept");
	setsockopt(other(s), IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	close(listener);
	return true;
}

static void send_byte(struct series *s)
{
	check(send(other(s), "x", 1, MSG_NOSIGNAL) == 1, "send");
}

static void receive_byte(struct series *s)
{
	char byte;

	check(recv(mine(s), &byte, 1, 0) == 1, "recv");
}

static void read_byte(struct series *s)
{
	char byte;

	check(read(mine(s), &byte, 1) == 1, "read");
}

static int run_tcp(struct series *s)
{
	check(connect_pair(s, AF_INET), "127.0.0.1");
	return series_with_thread(s, NULL, send_byte, receive_byte, NULL);
}

static int run_read(struct series *s)
{
	check(connect_pair(s, AF_INET), "127.0.0.1");
	return series_with_thread(s, NULL, send_byte, read_byte, NULL);
}

static int run_tcp6(struct series *s)
{
	if (!connect_pair(s, AF_INET6))
		return skip("no IPv6 on the loopback");
	return series_with_thread(s, NULL, send_byte, receive_byte, NULL);
}

static int run_udp(struct series *s)
{
	int port = 0, fd = bound_socket(AF_INET, SOCK_DGRAM, &port);

	check(fd >= 0, "127.0.0.1");
	s->area.word[0] = fd;
	s->area.word[1] = connected_socket(AF_INET, SOCK_DGRAM, port);
	return series_with_thread(s, NULL, send_byte, receive_byte, NULL);
}

static void tcp_connect(struct series *s)
{
	close(connected_socket(AF_INET, SOCK_STREAM, s->area.word[2]));
}

static void tcp_accept(struct series *s)
{
	int fd = accept4(mine(s), NULL, NULL, SOCK_CLOEXEC);

	check(fd >= 0, "accept");
	close(fd);
}

static int run_accept(struct series *s)
{
	int port = 0, fd = bound_socket(AF_INET, SOCK_STREAM, &port);

	check(fd >= 0 && !listen(fd, 8), "listen");
	s->area.word[0] = fd;
	s->area.word[2] = port;
	return series_with_thread(s, NULL, tcp_connect, tcp_accept, NULL);
}

/* Everything the socket takes is in it: the next byte waits. */
static void fill(struct series *s)
{
	static const char bytes[CHUNK];

	while (send(mine(s), bytes, sizeof(bytes), MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
		;
	check(errno == EAGAIN, "send");
}

static void drain(struct series *s)
{
	static char bytes[CHUNK];

	/* What is on its way comes once there is room: until nothing has come for 2 ms. */
	for (;;) {
		while (recv(other(s), bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
			;
		sleep_ns(2000000);
		if (recv(other(s), bytes, 1, MSG_DONTWAIT) <= 0)
			return;
	}
}

static void send_one(struct series *s)
{
	check(send(mine(s), "x", 1, MSG_NOSIGNAL) == 1, "send");
}

static int run_send(struct series *s)
{
	check(connect_pair(s, AF_INET), "127.0.0.1");
	return series_with_thread(s, fill, drain, send_one, NULL);
}

int main(int argc, char **argv)
{
	static const struct form forms[] = {
		{"tcp", run_tcp, NULL}, {"read", run_read, NULL},     {"tcp6", run_tcp6, NULL},
		{"udp", run_udp, NULL}, {"accept", run_accept, NULL}, {"send", run_send, NULL},
		{NULL, NULL, NULL},
	};

	return series_main(argc, argv, "network", forms);
}
