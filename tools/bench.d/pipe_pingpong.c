/* SPDX-License-Identifier: BSD-2-Clause */
/* A turn is a byte in a pipe. In and out: see pingpong.c. */
#include <errno.h>
#include <unistd.h>

#include "pingpong.h"

const char pingpong_name[] = "pipe_pingpong";

int channel_open(struct channel *c)
{
	return pipe(c->fds[0]) || pipe(c->fds[1]) ? -errno : 0;
}

int channel_wake(struct channel *c, int side)
{
	return write(c->fds[side][1], "", 1) == 1 ? 0 : -EIO;
}

int channel_wait(struct channel *c, int side)
{
	char byte;

	return read(c->fds[side][0], &byte, 1) == 1 ? 0 : -EIO;
}
