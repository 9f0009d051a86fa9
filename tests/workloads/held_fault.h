/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pages whose first touch sleeps until we say so (userfaultfd). Whoever touches one inside a system call
 * sleeps with the locks that the call holds: that is how a kernel lock is held for an exact time.
 */
#ifndef CONCTRACE_TESTS_HELD_FAULT_H
#define CONCTRACE_TESTS_HELD_FAULT_H

#include <linux/userfaultfd.h>
#include <poll.h>
#include <sys/ioctl.h>

#include "truth.h"

#define PAGE 4096

struct held_pages {
	int fd;
	char *pages;
};

/* False: not allowed here: faults inside system calls need root, or vm.unprivileged_userfaultfd. */
static inline bool held_pages_make(struct held_pages *h, unsigned int n)
{
	struct uffdio_api api = {.api = UFFD_API};
	struct uffdio_register reg = {.mode = UFFDIO_REGISTER_MODE_MISSING};

	h->fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (h->fd < 0)
		return false;
	check(!ioctl(h->fd, UFFDIO_API, &api), "UFFDIO_API");
	h->pages = mmap(NULL, (size_t)n * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	check(h->pages != MAP_FAILED, "mmap");
	reg.range.start = (uintptr_t)h->pages;
	reg.range.len = (uint64_t)n * PAGE;
	check(!ioctl(h->fd, UFFDIO_REGISTER, &reg), "UFFDIO_REGISTER");
	return true;
}

/* Lets the thread go on that touched page i. */
static inline void held_pages_give(const struct held_pages *h, unsigned int i)
{
	static const char zeros[PAGE] __attribute__((aligned(PAGE))) = {0};
	struct uffdio_copy copy = {
		.dst = (uintptr_t)(h->pages + (size_t)i * PAGE), .src = (uintptr_t)zeros, .len = PAGE};
	struct uffd_msg message;

	check(read(h->fd, &message, sizeof(message)) == sizeof(message), "the fault's message");
	check(!ioctl(h->fd, UFFDIO_COPY, &copy), "UFFDIO_COPY");
}

#endif
