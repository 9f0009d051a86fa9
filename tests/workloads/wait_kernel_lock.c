/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * In: a lock inside the kernel. Out: the main thread's system calls that waited for it, and how long they
 * took. The pipe's mutex and the inode's rwsem are held by a writer whose source page does not come before we
 * say so: exact. mmap_lock is held by a thread that changes a large mapping on the same CPU: only calls that
 * blocked are counted.
 */
#include <sys/stat.h>

#include "held_fault.h"

#define LARGE (192UL << 20)

/* word[0] is the descriptor of the pipe (its write end) or file, word[1] the other end, word[2]: holder has
 * begun. */
static struct held_pages held;
static pthread_t holder;

static void *hold_by_write(void *arg)
{
	struct series *s = arg;

	atomic_store(&s->area.word[2], gettid());
	check(write(s->area.word[0], held.pages + (size_t)atomic_load(&s->finished) * PAGE, PAGE) == PAGE,
	      "write");
	return NULL;
}

/* Once the holder sleeps it sleeps in the fault, with the lock. */
static void start_holder(struct series *s)
{
	pid_t tid;
	struct pollfd fault = {.fd = held.fd, .events = POLLIN};

	atomic_store(&s->area.word[2], 0);
	errno = pthread_create(&holder, NULL, hold_by_write, s);
	check(!errno, "pthread_create");
	while (!(tid = atomic_load(&s->area.word[2])))
		sleep_ns(POLL_NS);
	check(poll(&fault, 1, 10000) == 1, "the holder's fault");
	await_sleep(getpid(), tid);
}

static void end_holder(struct series *s)
{
	char page[PAGE];

	held_pages_give(&held, atomic_load(&s->finished));
	pthread_join(holder, NULL);
	if (s->area.word[1] >= 0)
		check(read(s->area.word[1], page, sizeof(page)) == sizeof(page), "read");
}

static void set_pipe_size(struct series *s)
{
	check(fcntl(s->area.word[0], F_SETPIPE_SZ, 2 * PAGE) == 2 * PAGE, "F_SETPIPE_SZ");
}

static int run_pipe(struct series *s)
{
	int fds[2];

	if (!held_pages_make(&held, s->count))
		return skip("userfaultfd is not allowed here: needs root");
	check(!pipe2(fds, O_CLOEXEC) && fcntl(fds[1], F_SETPIPE_SZ, 2 * PAGE) == 2 * PAGE, "pipe");
	s->area.word[0] = fds[1];
	s->area.word[1] = fds[0];
	return series_with_thread(s, start_holder, end_holder, set_pipe_size, NULL);
}

static void change_mode(struct series *s)
{
	check(!fchmod(s->area.word[0], 0600), "fchmod");
}

static int run_inode(struct series *s)
{
	char path[4096];

	if (!held_pages_make(&held, s->count))
		return skip("userfaultfd is not allowed here: needs root");
	snprintf(path, sizeof(path), "%s/wait_kernel_lock.XXXXXX", s->where ? s->where : "/var/tmp");
	s->area.word[0] = mkostemp(path, O_CLOEXEC);
	check(s->area.word[0] >= 0, path);
	unlink(path);
	s->area.word[1] = -1;
	return series_with_thread(s, start_holder, end_holder, change_mode, NULL);
}

static void *change_protection(void *arg)
{
	struct series *s = arg;
	char *large = mmap(NULL, LARGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int protection = PROT_READ;

	check(large != MAP_FAILED, "mmap");
	madvise(large, LARGE, MADV_NOHUGEPAGE);
	check(!madvise(large, LARGE, MADV_POPULATE_WRITE), "memory");
	pin_to_cpu(allowed_cpu(0));
	atomic_store(&s->area.word[2], 1);
	while (!atomic_load(&s->area.word[3])) {
		check(!mprotect(large, LARGE, protection), "mprotect");
		protection ^= PROT_WRITE;
	}
	return NULL;
}

/* The waiter wakes while the other is in the middle of its change, on its CPU: it can only sleep until that
 * is done. */
static int run_mmap_lock(struct series *s)
{
	unsigned int calls;
	pthread_t thread;

	clock_by_call = true;
	pin_to_cpu(allowed_cpu(0));
	series_begin(s);
	errno = pthread_create(&thread, NULL, change_protection, s);
	check(!errno, "pthread_create");
	while (!atomic_load(&s->area.word[2]))
		sleep_ns(POLL_NS);
	for (calls = 0; calls < s->count * 10 && s->waits < s->count; calls++) {
		void *page;

		sleep_ns(1700000);
		wait_begin(s);
		page = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		wait_end_if(s, false);
		check(page != MAP_FAILED, "mmap");
	}
	atomic_store(&s->area.word[3], 1);
	pthread_join(thread, NULL);
	return s->waits ? 0 : skip("no call blocked");
}

int main(int argc, char **argv)
{
	static const struct form forms[] = {
		{"pipe", run_pipe, NULL},
		{"inode", run_inode, NULL},
		{"mmap_lock", run_mmap_lock, NULL},
		{NULL, NULL, NULL},
	};

	return series_main(argc, argv, "kernel_lock", forms);
}
