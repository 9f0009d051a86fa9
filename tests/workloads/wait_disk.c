/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * In: a way to read or write a file; a folder on a real disk. Out: a second thread's calls that blocked, and
 * how long they took: the disk decides. A call may block more than once (fsync does): "switches" counts that.
 * The file is written by a child, and the thread that measures has no faults of the program's start in its
 * account.
 */
#include <linux/aio_abi.h>

#include "truth.h"

#define BLOCK	  65536U
#define ALIGNMENT 4096

static int file = -1;

static void write_whole_file(unsigned int blocks)
{
	static char bytes[BLOCK];
	unsigned int i, k;

	for (i = 0; i < blocks; i++) {
		for (k = 0; k < BLOCK; k += 4)
			memcpy(bytes + k, &(uint32_t){(i * BLOCK + k) * 2654435761U}, 4);
		check(write(file, bytes, BLOCK) == BLOCK, "write");
	}
	check(!fsync(file), "fsync");
	posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
}

/* Opens a new file of s->count blocks, without a name, not in the page cache. */
static int make_file(struct series *s, int flags)
{
	const char *where = s->where ? s->where : "/var/tmp";
	char path[4096];
	int status = 0, made;
	pid_t pid;

	snprintf(path, sizeof(path), "%s/wait_disk.XXXXXX", where);
	made = mkostemp(path, O_CLOEXEC);
	check(made >= 0, path);
	file = made;
	pid = fork();
	check(pid >= 0, "fork");
	if (!pid) {
		write_whole_file(s->count);
		_exit(0);
	}
	check(waitpid(pid, &status, 0) == pid && !status, "writing the file");
	file = open(path, O_RDWR | O_CLOEXEC | flags);
	unlink(path);
	close(made);
	return file < 0 ? skip("no direct I/O on this file system") : 0;
}

static void *aligned_block(void)
{
	void *block = aligned_alloc(ALIGNMENT, BLOCK);

	check(block != NULL, "memory");
	memset(block, 1, BLOCK);
	return block;
}

/* The parts are read from the end to the start: no read-ahead. */
static off_t place(const struct series *s, unsigned int i)
{
	return (off_t)(s->count - 1 - i) * BLOCK;
}

static void *read_blocks(void *arg)
{
	struct series *s = arg;
	char *block = aligned_block();
	unsigned int i;

	series_begin(s);
	for (i = 0; i < s->count; i++) {
		wait_begin(s);
		check(pread(file, block, BLOCK, place(s, i)) == BLOCK, "pread");
		wait_end_if(s, false);
	}
	free(block);
	return NULL;
}

static void *write_and_sync(void *arg)
{
	struct series *s = arg;
	char *block = aligned_block();
	unsigned int i;

	series_begin(s);
	for (i = 0; i < s->count; i++) {
		check(pwrite(file, block, BLOCK, place(s, i)) == BLOCK, "pwrite");
		wait_begin(s);
		check(!fsync(file), "fsync");
		wait_end_if(s, false);
	}
	free(block);
	return NULL;
}

static void *touch_mapping(void *arg)
{
	struct series *s = arg;
	size_t size = (size_t)s->count * BLOCK;
	void *map = mmap(NULL, size, PROT_READ, MAP_SHARED, file, 0);
	const volatile char *bytes = map;
	unsigned int i, sum = 0;

	check(map != MAP_FAILED, "mmap");
	madvise(map, size, MADV_RANDOM);
	series_begin(s);
	for (i = 0; i < s->count; i++) {
		wait_begin(s);
		sum += (unsigned char)bytes[place(s, i) + 4];
		wait_end_if(s, false);
	}
	munmap(map, size);
	check(sum, "the bytes of the file"); /* the 5th of a block is never 0 */
	return NULL;
}

static void *read_by_aio(void *arg)
{
	struct series *s = arg;
	char *block = aligned_block();
	aio_context_t context = 0;
	unsigned int i;

	check(!syscall(SYS_io_setup, 8, &context), "io_setup");
	series_begin(s);
	for (i = 0; i < s->count; i++) {
		struct iocb cb = {.aio_lio_opcode = IOCB_CMD_PREAD,
				  .aio_fildes = (uint32_t)file,
				  .aio_buf = (uintptr_t)block,
				  .aio_nbytes = BLOCK,
				  .aio_offset = place(s, i)};
		struct iocb *list[1] = {&cb};
		struct io_event event;

		check(syscall(SYS_io_submit, context, 1L, list) == 1, "io_submit");
		wait_begin(s);
		check(syscall(SYS_io_getevents, context, 1L, 1L, &event, NULL) == 1, "io_getevents");
		wait_end_if(s, false);
		check(event.res == BLOCK, "aio");
	}
	syscall(SYS_io_destroy, context);
	free(block);
	return NULL;
}

static int in_a_thread(struct series *s, int flags, void *(*work)(void *))
{
	int status = make_file(s, flags);
	pthread_t thread;

	if (status)
		return status;
	errno = pthread_create(&thread, NULL, work, s);
	check(!errno, "pthread_create");
	pthread_join(thread, NULL);
	close(file);
	if (!s->waits)
		return skip("no call blocked: is this a disk?");
	return 0;
}

static int run_direct(struct series *s)
{
	return in_a_thread(s, O_DIRECT, read_blocks);
}

static int run_buffered(struct series *s)
{
	return in_a_thread(s, 0, read_blocks);
}

static int run_fsync(struct series *s)
{
	return in_a_thread(s, 0, write_and_sync);
}

static int run_mapped(struct series *s)
{
	return in_a_thread(s, 0, touch_mapping);
}

static int run_aio(struct series *s)
{
	return in_a_thread(s, O_DIRECT, read_by_aio);
}

int main(int argc, char **argv)
{
	static const struct form forms[] = {
		{"direct", run_direct, NULL}, {"buffered", run_buffered, NULL}, {"fsync", run_fsync, NULL},
		{"mapped", run_mapped, NULL}, {"aio", run_aio, NULL},		{NULL, NULL, NULL},
	};

	return series_main(argc, argv, "disk", forms);
}
