/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * iowq [FORM [COUNT [DELAY_MS [DIR]]]]: io_uring requests that kernel workers of this process do.
 *
 * async: COUNT direct reads of a file with IOSQE_ASYNC, 4 in flight: io-wq workers (iou-wrk-PID) read.
 *
 * open: COUNT times a FIFO is opened with IOSQE_ASYNC: a worker is blocked for DELAY_MS each time.
 *
 * sqpoll: COUNT direct reads given by a ring with SQPOLL: a kernel thread (iou-sqp-PID) submits them.
 *
 * Out: the requests done, and the kernel workers there were, with their tids.
 */
#include <dirent.h>
#include <liburing.h>
#include <sys/stat.h>

#include "truth.h"

#define BLOCK	    65536
#define IN_FLIGHT   4
#define MAX_WORKERS 64

struct kernel_workers {
	pid_t tids[MAX_WORKERS];
	int n;
};

static struct io_uring ring;

/* The threads of this process that the kernel made: their names begin with "iou-". */
static void look_for_workers(struct kernel_workers *w)
{
	DIR *d = opendir("/proc/self/task");
	const struct dirent *entry;
	char path[300], comm[32];

	check(d != NULL, "/proc/self/task");
	while ((entry = readdir(d))) {
		pid_t tid = (pid_t)strtol(entry->d_name, NULL, 10);
		int fd, i;
		ssize_t n;

		snprintf(path, sizeof(path), "/proc/self/task/%s/comm", entry->d_name);
		fd = tid ? open(path, O_RDONLY | O_CLOEXEC) : -1;
		if (fd < 0)
			continue;
		n = read(fd, comm, sizeof(comm));
		close(fd);
		for (i = 0; i < w->n && w->tids[i] != tid; i++)
			;
		if (n > 4 && !memcmp(comm, "iou-", 4) && i == w->n && i < MAX_WORKERS)
			w->tids[w->n++] = tid;
	}
	closedir(d);
}

static void complete_one(int expected)
{
	struct io_uring_cqe *cqe = NULL;

	errno = -io_uring_wait_cqe(&ring, &cqe);
	check(!errno, "io_uring");
	if (cqe->res != expected) {
		errno = cqe->res < 0 ? -cqe->res : EIO;
		check(false, "a request");
	}
	io_uring_cqe_seen(&ring, cqe);
}

static int make_file(const char *where, unsigned int blocks)
{
	static char bytes[BLOCK];
	char path[4096];
	unsigned int i;
	int fd, direct;

	snprintf(path, sizeof(path), "%s/iowq.XXXXXX", where);
	fd = mkostemp(path, O_CLOEXEC);
	check(fd >= 0, path);
	for (i = 0; i < blocks; i++) {
		memset(bytes, (int)i, BLOCK);
		check(write(fd, bytes, BLOCK) == BLOCK, path);
	}
	check(!fsync(fd), "fsync");
	direct = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);
	unlink(path);
	close(fd);
	return direct;
}

static int read_file(const char *where, unsigned int count, unsigned int flags, struct kernel_workers *w)
{
	int fd = make_file(where, count);
	char *blocks = aligned_alloc(4096, (size_t)BLOCK * IN_FLIGHT);
	unsigned int asked = 0, done;

	check(blocks != NULL, "memory");
	if (fd < 0) {
		free(blocks);
		return skip("no direct I/O on this file system");
	}
	for (done = 0; done < count; done++) {
		for (; asked < count && asked < done + IN_FLIGHT; asked++) {
			struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);

			check(sqe != NULL, "a free request");
			io_uring_prep_read(sqe, fd, blocks + (size_t)(asked % IN_FLIGHT) * BLOCK, BLOCK,
					   (uint64_t)asked * BLOCK);
			sqe->flags |= flags;
			check(io_uring_submit(&ring) >= 0, "io_uring_submit");
		}
		complete_one(BLOCK);
		look_for_workers(w);
	}
	free(blocks);
	close(fd);
	return 0;
}

/* Opening a FIFO cannot be polled for: the worker itself is blocked until the other side opens it. */
static int open_fifo(unsigned int count, uint64_t delay_ns, struct kernel_workers *w)
{
	char directory[] = "/tmp/iowq.XXXXXX", path[sizeof(directory) + 8];
	unsigned int i;

	check(mkdtemp(directory) != NULL, directory);
	snprintf(path, sizeof(path), "%s/fifo", directory);
	check(!mkfifo(path, 0600), path);
	for (i = 0; i < count; i++) {
		struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);
		struct io_uring_cqe *cqe = NULL;
		int fd;

		check(sqe != NULL, "a free request");
		io_uring_prep_openat(sqe, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
		sqe->flags |= IOSQE_ASYNC;
		check(io_uring_submit(&ring) >= 0, "io_uring_submit");
		sleep_ns(delay_ns);
		look_for_workers(w);
		fd = open(path, O_WRONLY | O_CLOEXEC);
		check(fd >= 0 && !io_uring_wait_cqe(&ring, &cqe) && cqe->res >= 0, "io_uring");
		close(cqe->res);
		close(fd);
		io_uring_cqe_seen(&ring, cqe);
	}
	unlink(path);
	rmdir(directory);
	return 0;
}

int main(int argc, char **argv)
{
	const char *form = argc > 1 ? argv[1] : "async", *where = argc > 4 ? argv[4] : "/var/tmp";
	unsigned int count = argc > 2 ? (unsigned int)strtoul(argv[2], NULL, 10) : DEFAULT_COUNT;
	uint64_t delay_ns = (argc > 3 ? strtoull(argv[3], NULL, 10) : 10) * 1000000;
	struct io_uring_params params = {.sq_thread_idle = 50};
	struct kernel_workers w = {0};
	int i, status;

	if (!strcmp(form, "--list")) {
		printf("async\nopen\nsqpoll\n");
		return 0;
	}
	if (!strcmp(form, "sqpoll"))
		params.flags = IORING_SETUP_SQPOLL;
	errno = -io_uring_queue_init_params(64, &ring, &params);
	if (errno)
		return skip("io_uring is not allowed here");
	status = !strcmp(form, "open") ? open_fifo(count, delay_ns, &w)
				       : read_file(where, count, params.flags ? 0 : IOSQE_ASYNC, &w);
	if (status)
		return status;
	printf("{\"kind\":\"iowq\",\"form\":\"%s\",\"requests\":%u,\"pid\":%d,\"kernel_workers\":[", form,
	       count, getpid());
	for (i = 0; i < w.n; i++)
		printf("%s%d", i ? "," : "", w.tids[i]);
	printf("]}\n");
	io_uring_queue_exit(&ring);
	return fflush(stdout) ? 1 : 0;
}
