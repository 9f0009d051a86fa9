/* SPDX-License-Identifier: BSD-2-Clause */
/* Chains that end in reading, writing, connecting, and locking of files. */
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "chains.h"

static char folder[64]; /* for FIFO, file and socket */

static const char *path_of(const char *name, char *buf, size_t size)
{
	if (!folder[0]) {
		const char *tmp = getenv("TMPDIR");

		must(snprintf(folder, sizeof(folder), "%.40s/chains.XXXXXX", tmp ? tmp : "/tmp") > 0, "snprintf");
		must(mkdtemp(folder) != NULL, "mkdtemp");
	}
	must(snprintf(buf, size, "%s/%s", folder, name) < (int)size, "a path");
	return buf;
}

static void remove_later(const char *name)
{
	char path[100];

	if (folder[0]) {
		unlink(path_of(name, path, sizeof(path)));
		rmdir(folder); /* the last one does it */
	}
}

/* ---- pipes -------------------------------------------------------------------------------------------------------------- */

static void prepare_pipe(struct job *job)
{
	must(!pipe2(job->fd, O_CLOEXEC), "pipe");
}

static void kick_pipe(struct job *job)
{
	must(write(job->fd[1], "x", 1) == 1, "write");
}

CHAIN(read, must(read(job->fd[0], area, 1) == 1, "read"))

static void prepare_full_pipe(struct job *job)
{
	prepare_pipe(job);
	must(fcntl(job->fd[1], F_SETPIPE_SZ, 4096) == 4096, "F_SETPIPE_SZ");
}

static void drain_pipe(struct job *job)
{
	char bytes[4096];
	int n = 0;

	must(!ioctl(job->fd[0], FIONREAD, &n), "FIONREAD");
	if (n)
		must(read(job->fd[0], bytes, sizeof(bytes)) > 0, "read");
}

static void fill_pipe(struct job *job)
{
	static const char bytes[4096];

	drain_pipe(job);
	must(write(job->fd[1], bytes, sizeof(bytes)) == sizeof(bytes), "write");
}

CHAIN(write, must(write(job->fd[1], area, 1) == 1, "write"))

/* Text from a pipe, through a stream. */
static void prepare_stream(struct job *job)
{
	prepare_pipe(job);
	job->pointer = fdopen(job->fd[0], "r");
	must(job->pointer != NULL, "fdopen");
}

static void kick_stream(struct job *job)
{
	must(write(job->fd[1], "line\n", 5) == 5, "write");
}

CHAIN(fgets, must(fgets(area, sizeof(area), job->pointer) != NULL, "fgets"))

static void prepare_fifo(struct job *job)
{
	char path[100];

	must(!mkfifo(path_of("fifo", path, sizeof(path)), 0600), "mkfifo");
	job->pointer = strdup(path);
	must(job->pointer != NULL, "strdup");
}

static void kick_fifo(struct job *job)
{
	int fd = open(job->pointer, O_WRONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd >= 0)
		close(fd);
}

CHAIN(open, {
	int fd = open(job->pointer, O_RDONLY | O_CLOEXEC);

	must(fd >= 0, "open");
	close(fd);
})

/* ---- sockets ------------------------------------------------------------------------------------------------------------ */

static void prepare_sockets(struct job *job)
{
	must(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, job->fd), "socketpair");
}

CHAIN(recv, must(recv(job->fd[0], area, 1, 0) == 1, "recv"))

CHAIN(recvmsg, {
	struct iovec part = {area, 1};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};

	must(recvmsg(job->fd[0], &message, 0) == 1, "recvmsg");
})

static void drain_socket(struct job *job)
{
	char bytes[4096];

	while (recv(job->fd[0], bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		;
}

static void fill_socket(struct job *job)
{
	char bytes[4096] = {0};

	while (send(job->fd[1], bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		;
	while (send(job->fd[1], bytes, 1, MSG_DONTWAIT) > 0)
		;
}

CHAIN(send, must(send(job->fd[1], area, 1, 0) == 1, "send"))

static void prepare_listener(struct job *job)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

	job->fd[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	must(!bind(job->fd[0], (struct sockaddr *)&address, sizeof(address)) && !listen(job->fd[0], 8), "listen");
}

static void kick_listener(struct job *job)
{
	struct sockaddr_in address;
	socklen_t size = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	must(!getsockname(job->fd[0], (struct sockaddr *)&address, &size), "getsockname");
	must(!connect(fd, (struct sockaddr *)&address, size), "connect");
	close(fd);
}

CHAIN(accept, {
	int fd = accept(job->fd[0], NULL, NULL);

	must(fd >= 0, "accept");
	close(fd);
})

/* A listener whose queue is full: who connects waits until somebody is accepted. */
static void prepare_full_listener(struct job *job)
{
	struct sockaddr_un *address = calloc(1, sizeof(*address));

	must(address != NULL, "memory");
	address->sun_family = AF_UNIX;
	path_of("socket", address->sun_path, sizeof(address->sun_path));
	job->pointer = address;
	job->fd[0] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	must(!bind(job->fd[0], (struct sockaddr *)address, sizeof(*address)) && !listen(job->fd[0], 0), "listen");
}

static void accept_all(struct job *job)
{
	int fd;

	while ((fd = accept4(job->fd[0], NULL, NULL, SOCK_CLOEXEC)) >= 0)
		close(fd);
}

static void fill_listener(struct job *job)
{
	int fd;
	bool went = true;

	accept_all(job);
	while (went) {
		fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		went = !connect(fd, job->pointer, sizeof(struct sockaddr_un));
		close(fd);
	}
}

CHAIN(connect, {
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	must(!connect(fd, job->pointer, sizeof(struct sockaddr_un)), "connect");
	close(fd);
})

/* ---- files -------------------------------------------------------------------------------------------------------------- */

static void prepare_file(struct job *job)
{
	char path[100];
	unsigned int i;

	path_of("file", path, sizeof(path));
	for (i = 0; i < 2; i++) {
		job->fd[i] = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		must(job->fd[i] >= 0, "open");
	}
}

CHAIN(fsync, {
	must(pwrite(job->fd[0], area, sizeof(area), 0) == sizeof(area), "pwrite");
	must(!fsync(job->fd[0]), "fsync");
})

static void take_flock(struct job *job)
{
	must(!flock(job->fd[1], LOCK_EX), "flock");
}

static void drop_flock(struct job *job)
{
	must(!flock(job->fd[1], LOCK_UN), "flock");
}

CHAIN(flock, {
	must(!flock(job->fd[0], LOCK_EX), "flock");
	must(!flock(job->fd[0], LOCK_UN), "flock");
})

static struct flock all_of_it(short type)
{
	return (struct flock){.l_type = type, .l_whence = SEEK_SET};
}

static void take_range(struct job *job)
{
	struct flock lock = all_of_it(F_WRLCK);

	must(!fcntl(job->fd[1], F_OFD_SETLKW, &lock), "F_OFD_SETLKW");
}

static void drop_range(struct job *job)
{
	struct flock lock = all_of_it(F_UNLCK);

	must(!fcntl(job->fd[1], F_OFD_SETLKW, &lock), "F_OFD_SETLKW");
}

CHAIN(fcntl, {
	struct flock lock = all_of_it(F_WRLCK);

	must(!fcntl(job->fd[0], F_OFD_SETLKW, &lock), "F_OFD_SETLKW");
	lock.l_type = F_UNLCK;
	must(!fcntl(job->fd[0], F_OFD_SETLKW, &lock), "F_OFD_SETLKW");
})

/* Nothing is left behind: whoever has them open keeps what has no name any more. */
static void descriptors_tidy(void)
{
	remove_later("fifo");
	remove_later("socket");
	remove_later("file");
}

__attribute__((constructor)) static void descriptors_tidy_at_exit(void)
{
	must(!atexit(descriptors_tidy), "atexit");
}

const struct chain descriptor_chains[] = {
	{ROW(read, "read"), .prepare = prepare_pipe, .kick = kick_pipe},
	{ROW(write, "write"), .prepare = prepare_full_pipe, .arm = fill_pipe, .kick = drain_pipe},
	{ROW(fgets, "fgets"), .prepare = prepare_stream, .kick = kick_stream},
	{ROW(open, "open|open64"), .prepare = prepare_fifo, .kick = kick_fifo, .repeat = true},
	{ROW(recv, "recv"), .prepare = prepare_sockets, .kick = kick_pipe},
	{ROW(recvmsg, "recvmsg"), .prepare = prepare_sockets, .kick = kick_pipe},
	{ROW(send, "send"), .prepare = prepare_sockets, .arm = fill_socket, .kick = drain_socket},
	{ROW(accept, "accept"), .prepare = prepare_listener, .kick = kick_listener},
	{ROW(connect, "connect"), .prepare = prepare_full_listener, .arm = fill_listener, .kick = accept_all},
	{ROW(fsync, "? fsync"), .prepare = prepare_file},
	{ROW(flock, "flock"), .prepare = prepare_file, .arm = take_flock, .kick = drop_flock},
	{ROW(fcntl, "fcntl|fcntl64"), .prepare = prepare_file, .arm = take_range, .kick = drop_range},
	{0},
};
