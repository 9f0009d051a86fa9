/* SPDX-License-Identifier: BSD-2-Clause */
/* A child blocked in a system call: what its arguments point to, at the ends of mappings, and what is not in memory. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "capture/blocked_calls.h"
#include "check.h"

static struct wire_seed_memory seen;
static int n_seen;

static int see(void *ctx, pid_t tid, const struct wire_seed_memory *memory)
{
	n_seen++;
	seen = *memory;
	return *(pid_t *)ctx == tid ? 0 : -1;
}

/* A child that blocks in futex(word, FUTEX_WAIT, value, NULL, other). */
static pid_t blocked(uint32_t *word, uint32_t value, const void *other)
{
	pid_t pid = fork();

	if (!pid)
		_exit((int)syscall(SYS_futex, word, 0, value, NULL, other, 0));
	return pid;
}

static void look(pid_t pid)
{
	const struct timespec pause = {.tv_nsec = 2000000};

	n_seen = 0;
	for (int i = 0; i < 2000 && !n_seen; i++) {
		CHECK_EQ(blocked_calls_read(pid, see, &pid), 0);
		nanosleep(&pause, NULL);
	}
	CHECK_EQ(n_seen, 1);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

int main(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *pages = mmap(NULL, 4 * page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uint32_t *first, *last;

	if (pages == MAP_FAILED)
		return 1;
	/* pages 0 and 3 are holes; 1 is written to; 2 is not in memory */
	mprotect(pages, page, PROT_NONE);
	mprotect(pages + 3 * page, page, PROT_NONE);
	for (uint32_t i = 0; i < page / 4; i++)
		((uint32_t *)(void *)(pages + page))[i] = i;
	first = (uint32_t *)(void *)(pages + page);
	last = (uint32_t *)(void *)(pages + 2 * page) - 4;

	look(blocked(first + 100, 100, first));
	CHECK_EQ(seen.nr, SYS_futex);
	CHECK_EQ(seen.arg[0], (uintptr_t)(first + 100));
	CHECK_EQ(seen.arg[2], 100);
	CHECK_EQ(seen.there, 1u << 0 | 1u << 4);
	for (uint32_t i = 0; i < SEED_BYTES / 4; i++)
		CHECK_EQ(((uint32_t *)(void *)seen.memory[0])[i], 100 - SEED_BEFORE / 4 + i);
	/* nothing before it */
	CHECK_EQ(((uint32_t *)(void *)seen.memory[4])[SEED_BEFORE / 4], 0);
	CHECK_EQ(((uint32_t *)(void *)seen.memory[4])[SEED_BEFORE / 4 + 1], 1);

	/* nothing behind it but what is not in memory */
	look(blocked(last, *last, pages + 2 * page));
	CHECK_EQ(seen.there, 1u << 0);
	CHECK_EQ(((uint32_t *)(void *)seen.memory[0])[SEED_BEFORE / 4], page / 4 - 4);
	CHECK_EQ(((uint32_t *)(void *)seen.memory[0])[SEED_BEFORE / 4 + 4], 0);

	/* a process that is not there */
	CHECK_EQ(blocked_calls_read(1 << 23, see, NULL), 0);
	CHECK_EQ(blocked_calls_read(getpid(), see, &(pid_t){0}), 0); /* it runs */
	munmap(pages, 4 * page);
	return check_done();
}
