/* SPDX-License-Identifier: BSD-2-Clause */
/* In: a pipe, a unix socket, a terminal, ... Out: the main thread waits for it, and how long that took. */
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <termios.h>

#include "truth.h"

static char directory[] = "/tmp/wait_local.XXXXXX";
static char local_path[sizeof(directory) + 16];

/* word[0] is the waiter's end, word[1] the partner's. */
static int mine(struct series *s)
{
	return s->area.word[0];
}

static int other(struct series *s)
{
	return s->area.word[1];
}

static void keep(struct series *s, int waiter, int partner)
{
	check(waiter >= 0 && partner >= 0, "a descriptor");
	s->area.word[0] = waiter;
	s->area.word[1] = partner;
}

static void make_path(const char *name)
{
	check(mkdtemp(directory) != NULL, directory);
	snprintf(local_path, sizeof(local_path), "%s/%s", directory, name);
}

static void remove_path(void)
{
	unlink(local_path);
	rmdir(directory);
}

static void send_byte(struct series *s)
{
	check(write(other(s), "x", 1) == 1, "write");
}

static void receive_byte(struct series *s)
{
	char byte;

	check(read(mine(s), &byte, 1) == 1, "read");
}

static int run_pipe(struct series *s)
{
	int fds[2];

	check(!pipe2(fds, O_CLOEXEC), "pipe");
	keep(s, fds[0], fds[1]);
	return series_with_thread(s, NULL, send_byte, receive_byte, NULL);
}

/* The last descriptor that is kept within the kernel's files_struct; its neighbours are a directory. */
static int run_pipe_63(struct series *s)
{
	int fds[2];

	for (int fd = open("/", O_RDONLY | O_CLOEXEC); fd >= 0 && fd < 62; fd = open("/", O_RDONLY | O_CLOEXEC))
		;
	check(!close(61) && !close(62) && !pipe2(fds, O_CLOEXEC) && dup2(fds[0], 63) == 63, "pipe");
	keep(s, 63, fds[1]);
	return series_with_thread(s, NULL, send_byte, receive_byte, NULL);
}

/* The first one that is not. */
static int run_pipe_64(struct series *s)
{
	int fds[2];

	check(!pipe2(fds, O_CLOEXEC) && dup2(fds[0], 64) == 64, "pipe");
	keep(s, 64, fds[1]);
	return series_with_thread(s, NULL, send_byte, receive_byte, NULL);
}

/* A low one, of a table that has grown since there was a directory in its place. */
static int run_pipe_grown(struct series *s)
{
	int fds[2], low = open("/", O_RDONLY | O_CLOEXEC);

	check(low >= 0 && dup2(low, 200) == 200 && !close(low) && !pipe2(fds, O_CLOEXEC) && fds[0] == low, "pipe");
	keep(s, fds[0], fds[1]);
	return series_with_thread(s, NULL, send_byte, receive_byte, NULL);
}

static void receive_page(struct series *s)
{
	char page[4096];

	check(read(other(s), page, sizeof(page)) == sizeof(page), "read");
}

static void send_page(struct series *s)
{
	static const char page[4096];

	check(write(mine(s), page, sizeof(page)) == sizeof(page), "write");
}

/* The pipe holds one page, and that is in it: each write waits until the one before was read. */
static int run_pipe_write(struct series *s)
{
	int fds[2];

	check(!pipe2(fds, O_CLOEXEC) && fcntl(fds[1], F_SETPIPE_SZ, 4096) == 4096, "pipe");
	keep(s, fds[1], fds[0]);
	send_page(s);
	return series_with_thread(s, NULL, receive_page, send_page, NULL);
}

static int run_unix(struct series *s)
{
	int fds[2];

	check(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), "socketpair");
	keep(s, fds[0], fds[1]);
	return series_with_thread(s, NULL, send_byte, receive_byte, NULL);
}

static void receive_datagram(struct series *s)
{
	char byte;

	check(recv(mine(s), &byte, 1, 0) == 1, "recv");
}

static int run_unix_datagram(struct series *s)
{
	int fds[2];

	check(!socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, fds), "socketpair");
	keep(s, fds[0], fds[1]);
	return series_with_thread(s, NULL, send_byte, receive_datagram, NULL);
}

static void unix_connect(struct series *s)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)s;
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", local_path);
	check(fd >= 0 && !connect(fd, (struct sockaddr *)&address, sizeof(address)), "connect");
	close(fd);
}

static void unix_accept(struct series *s)
{
	int fd = accept4(mine(s), NULL, NULL, SOCK_CLOEXEC);

	check(fd >= 0, "accept");
	close(fd);
}

static int run_unix_accept(struct series *s)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int status, fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	make_path("socket");
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", local_path);
	check(fd >= 0 && !bind(fd, (struct sockaddr *)&address, sizeof(address)) && !listen(fd, 8), "listen");
	keep(s, fd, fd);
	status = series_with_thread(s, NULL, unix_connect, unix_accept, NULL);
	remove_path();
	return status;
}

static void event_tell(struct series *s)
{
	check(!eventfd_write(other(s), 1), "eventfd_write");
}

static void event_wait(struct series *s)
{
	eventfd_t value;

	check(!eventfd_read(mine(s), &value), "eventfd_read");
}

static int run_eventfd(struct series *s)
{
	int fd = eventfd(0, EFD_CLOEXEC);

	keep(s, fd, fd);
	return series_with_thread(s, NULL, event_tell, event_wait, NULL);
}

static void fifo_open_write(struct series *s)
{
	int fd = open(local_path, O_WRONLY | O_CLOEXEC);

	(void)s;
	check(fd >= 0, local_path);
	close(fd);
}

static void fifo_open_read(struct series *s)
{
	int fd = open(local_path, O_RDONLY | O_CLOEXEC);

	(void)s;
	check(fd >= 0, local_path);
	close(fd);
}

/* open(2) of a FIFO waits for the other side's. */
static int run_fifo_open(struct series *s)
{
	int status;

	make_path("fifo");
	check(!mkfifo(local_path, 0600), local_path);
	status = series_with_thread(s, NULL, fifo_open_write, fifo_open_read, NULL);
	remove_path();
	return status;
}

static int run_fifo(struct series *s)
{
	int fd;

	make_path("fifo");
	check(!mkfifo(local_path, 0600), local_path);
	fd = open(local_path, O_RDWR | O_CLOEXEC);
	remove_path();
	keep(s, fd, fd);
	return series_with_thread(s, NULL, send_byte, receive_byte, NULL);
}

static int run_pty(struct series *s)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), slave;
	struct termios raw;

	check(master >= 0 && !grantpt(master) && !unlockpt(master), "posix_openpt");
	slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	check(slave >= 0 && !tcgetattr(slave, &raw), "the terminal");
	cfmakeraw(&raw);
	check(!tcsetattr(slave, TCSANOW, &raw), "tcsetattr");
	keep(s, slave, master);
	return series_with_thread(s, NULL, send_byte, receive_byte, NULL);
}

int main(int argc, char **argv)
{
	static const struct form forms[] = {
		{"pipe", run_pipe, NULL},
		{"pipe_write", run_pipe_write, NULL},
		{"pipe_63", run_pipe_63, NULL},
		{"pipe_64", run_pipe_64, NULL},
		{"pipe_grown", run_pipe_grown, NULL},
		{"unix", run_unix, NULL},
		{"unix_datagram", run_unix_datagram, NULL},
		{"unix_accept", run_unix_accept, NULL},
		{"eventfd", run_eventfd, NULL},
		{"fifo", run_fifo, NULL},
		{"fifo_open", run_fifo_open, NULL},
		{"pty", run_pty, NULL},
		{NULL, NULL, NULL},
	};

	return series_main(argc, argv, "local", forms);
}
