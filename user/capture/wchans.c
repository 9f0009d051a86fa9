/* SPDX-License-Identifier: BSD-2-Clause */
/* Comes in: the text of /proc/kallsyms. Goes out: ranges of text with their meaning. */
#include "capture/wchans.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"

/*
 * Where tasks sleep in the kernel. A name matches with any suffix of the compiler (".constprop.0", ".isra.0"). The generic
 * sleep functions below them (schedule, io_schedule, __schedule) say nothing.
 */
static const struct {
	const char *name;
	enum wchan_meaning meaning;
} functions[] = {
	/* kernel/locking: mutex.c, rwsem.c, semaphore.c, percpu-rwsem.c, rtmutex.c (PREEMPT_RT) */
	{"__mutex_lock", WCHAN_LOCK},
	{"__mutex_lock_common", WCHAN_LOCK},
	{"__mutex_lock_slowpath", WCHAN_LOCK},
	{"__mutex_lock_killable_slowpath", WCHAN_LOCK},
	{"__mutex_lock_interruptible_slowpath", WCHAN_LOCK},
	{"__ww_mutex_lock", WCHAN_LOCK},
	{"rwsem_down_read_slowpath", WCHAN_LOCK},
	{"rwsem_down_write_slowpath", WCHAN_LOCK},
	{"__down_common", WCHAN_LOCK},
	{"__down", WCHAN_LOCK},
	{"__down_timeout", WCHAN_LOCK},
	{"__down_killable", WCHAN_LOCK},
	{"percpu_rwsem_wait", WCHAN_LOCK},
	{"percpu_down_write", WCHAN_LOCK},
	{"rt_mutex_slowlock", WCHAN_LOCK},
	{"__rt_mutex_slowlock", WCHAN_LOCK},
	{"rtlock_slowlock_locked", WCHAN_LOCK},
	{"rwbase_read_lock", WCHAN_LOCK},
	{"__rwbase_read_lock", WCHAN_LOCK},
	{"rwbase_write_lock", WCHAN_LOCK},
	/* a per-VMA lock is waited for here, since 6.15 */
	{"__vma_enter_locked", WCHAN_LOCK},
	/* mm: userfaultfd, swap, reclaim, compaction, migration */
	{"handle_userfault", WCHAN_MEMORY},
	{"do_swap_page", WCHAN_MEMORY},
	{"swap_readpage", WCHAN_MEMORY},
	{"swap_read_folio", WCHAN_MEMORY},
	{"try_to_free_pages", WCHAN_MEMORY},
	{"try_to_free_mem_cgroup_pages", WCHAN_MEMORY},
	{"shrink_node", WCHAN_MEMORY},
	{"__mem_cgroup_handle_over_high", WCHAN_MEMORY},
	{"mem_cgroup_handle_over_high", WCHAN_MEMORY},
	{"__alloc_pages_direct_compact", WCHAN_MEMORY},
	{"__alloc_pages_slowpath", WCHAN_MEMORY},
	{"__alloc_frozen_pages_slowpath", WCHAN_MEMORY},
	{"migration_entry_wait", WCHAN_MEMORY},
	{"migration_entry_wait_on_locked", WCHAN_MEMORY},
	{"softleaf_entry_wait_on_locked", WCHAN_MEMORY},
};

/* True if `name` (up to white space) is `function`, or that with a suffix of the compiler. */
static bool matches(const char *name, size_t len, const char *function)
{
	size_t n = strlen(function);

	return len >= n && !strncmp(name, function, n) && (len == n || name[n] == '.');
}

static enum wchan_meaning meaning_of(const char *name, size_t len)
{
	/* nearly all lines of kallsyms end here */
	if (!memchr("_rpshmt", name[0], 7))
		return 0;
	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++)
		if (matches(name, len, functions[i].name))
			return functions[i].meaning;
	return 0;
}

/* One line: its address, and what its function means (0: nothing, or no function of the kernel itself). */
static const char *parse_line(const char *line, uint64_t *address, enum wchan_meaning *meaning)
{
	char *end;
	const char *name;
	size_t len;

	*address = strtoull(line, &end, 16);
	name = end[0] && end[1] && end[2] ? end + 3 : "";
	len = strcspn(name, " \t\n");
	*meaning = *address && len && name[len] == '\n' && strchr("tT", end[1]) ? meaning_of(name, len) : 0;
	line = name + len + strcspn(name + len, "\n");
	return *line == '\n' ? line + 1 : line;
}

uint32_t wchans_find(struct wire_wchan *wchans, const char *text)
{
	bool open = false; /* the last range waits for the next symbol, where it ends */
	uint32_t n = 0;

	while (*text && (n < N_WCHANS || open)) {
		enum wchan_meaning meaning;
		uint64_t address;

		text = parse_line(text, &address, &meaning);
		if (open && address > wchans[n - 1].start) {
			wchans[n - 1].end = address;
			open = false;
		}
		if (meaning && !open && n < N_WCHANS) {
			wchans[n++] = (struct wire_wchan){.start = address, .end = address + 1, .meaning = meaning};
			open = true;
		}
	}
	return n;
}

int wchans_read(struct wire_wchan *wchans, uint32_t *n)
{
	struct bytes text = {0};
	int fd = open("/proc/kallsyms", O_RDONLY | O_CLOEXEC), err = 0;
	ssize_t got = 0;

	*n = 0;
	if (fd < 0)
		return 0;
	do {
		err = bytes_reserve(&text, 1 << 20);
		if (err)
			goto out;
		got = read(fd, text.data + text.len, text.cap - text.len - 1);
		text.len += got > 0 ? (size_t)got : 0;
	} while (got > 0 || (got < 0 && errno == EINTR));
	text.data[text.len] = 0;
	*n = wchans_find(wchans, (const char *)text.data);
out:
	bytes_release(&text);
	close(fd);
	return err;
}
