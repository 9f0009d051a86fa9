/* SPDX-License-Identifier: BSD-2-Clause */
/* In: /proc/PID/task/TID/syscall, /proc/PID/pagemap and the memory of the process. Out: a wire_seed_memory for each thread. */
#include "capture/blocked_calls.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#define LEAST_ADDRESS 65536u /* mmap_min_addr: what is less is a number */
#define MOST_ADDRESS  (1ull << 56)

/* "NUMBER ARGUMENT... SP PC"; "-1 SP PC" outside of a call, "running". */
static bool read_call(pid_t pid, pid_t tid, struct wire_seed_memory *m)
{
	unsigned long long arg[6];
	char path[64], line[256];
	bool got;
	FILE *f;
	int nr;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/syscall", pid, tid);
	f = fopen(path, "re");
	if (!f)
		return false;
	got = fgets(line, sizeof(line), f) && sscanf(line, "%d %llx %llx %llx %llx %llx %llx", &nr, &arg[0], &arg[1], &arg[2], &arg[3],
						     &arg[4], &arg[5]) == 7;
	fclose(f);
	if (!got || nr < 0)
		return false;
	m->nr = (uint32_t)nr;
	for (int i = 0; i < 6; i++)
		m->arg[i] = arg[i];
	return true;
}

/* In which process, and the state of its pages. */
struct target {
	pid_t pid;
	int pagemap;
};

/* Documentation/admin-guide/mm/pagemap.rst */
#define PAGE_PRESENT (1ull << 63)

/* Only what is in memory: what is not may be a page that somebody is to bring (userfaultfd), and reading would wait for them. */
static bool is_present(const struct target *t, uint64_t address)
{
	uint64_t entry = 0;

	return pread(t->pagemap, &entry, sizeof(entry), (off_t)(address / (uint64_t)sysconf(_SC_PAGESIZE) * sizeof(entry))) == sizeof(entry) &&
	       entry & PAGE_PRESENT;
}

static bool read_at(const struct target *t, uint64_t address, void *to, size_t size)
{
	struct iovec here = {to, size}, there = {(void *)(uintptr_t)address, size};

	return is_present(t, address) && is_present(t, address + size - 1) &&
	       process_vm_readv(t->pid, &here, 1, &there, 1, 0) == (ssize_t)size;
}

/* What is around `address`; at the begin or the end of a mapping only what is there. */
static bool read_around(const struct target *t, uint64_t address, uint8_t *to)
{
	size_t behind = SEED_BYTES - SEED_BEFORE, page = 4096 - address % 4096;

	if (read_at(t, address - SEED_BEFORE, to, SEED_BYTES) || read_at(t, address, to + SEED_BEFORE, behind))
		return true;
	return page < behind && read_at(t, address, to + SEED_BEFORE, page);
}

static int read_thread(const struct target *t, pid_t tid, blocked_call_fn fn, void *ctx)
{
	struct wire_seed_memory m, again;

	memset(&m, 0, sizeof(m));
	if (!read_call(t->pid, tid, &m))
		return 0;
	for (uint32_t i = 0; i < 6; i++)
		if (m.arg[i] >= LEAST_ADDRESS && m.arg[i] < MOST_ADDRESS && read_around(t, m.arg[i], m.memory[i]))
			m.there |= 1u << i;
	/* the same call still: what was read belongs to it */
	if (!m.there || !read_call(t->pid, tid, &again) || again.nr != m.nr || memcmp(again.arg, m.arg, sizeof(m.arg)) != 0)
		return 0;
	return fn(ctx, tid, &m);
}

int blocked_calls_read(pid_t pid, blocked_call_fn fn, void *ctx)
{
	struct target t = {.pid = pid};
	struct dirent *entry;
	char path[64];
	int err = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/pagemap", pid);
	t.pagemap = open(path, O_RDONLY | O_CLOEXEC);
	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	dir = t.pagemap < 0 ? NULL : opendir(path);
	while (!err && dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			err = read_thread(&t, (pid_t)strtol(entry->d_name, NULL, 10), fn, ctx);
	if (dir)
		closedir(dir);
	if (t.pagemap >= 0)
		close(t.pagemap);
	return err;
}
