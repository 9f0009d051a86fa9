/* SPDX-License-Identifier: BSD-2-Clause */
/* A turn is a futex that becomes 1. In and out: see pingpong.c. */
#include <errno.h>
#include <linux/futex.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "pingpong.h"

const char pingpong_name[] = "futex_pingpong";

int channel_open(struct channel *c)
{
	c->turn[0] = c->turn[1] = 0;
	return 0;
}

int channel_wake(struct channel *c, int side)
{
	__atomic_store_n(&c->turn[side], 1, __ATOMIC_RELEASE);
	return syscall(SYS_futex, &c->turn[side], FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0) < 0 ? -errno : 0;
}

int channel_wait(struct channel *c, int side)
{
	/* The kernel is asked even if the turn is there already: each turn is the same number of system
	 * calls. */
	do {
		if (syscall(SYS_futex, &c->turn[side], FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0) &&
		    errno != EAGAIN && errno != EINTR)
			return -errno;
	} while (!__atomic_exchange_n(&c->turn[side], 0, __ATOMIC_ACQUIRE));
	return 0;
}
