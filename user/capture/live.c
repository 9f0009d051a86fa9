/* SPDX-License-Identifier: BSD-2-Clause */
/* In: the numbers of the moment. Out: one line on a terminal, redrawn in place. */
#include "capture/live.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "base/text.h"

#define SECOND	   1000000000ULL
#define FIRST_NS   (2 * SECOND)
#define ERASE_LINE "\r\033[K"

void live_init(struct live *l, int fd, bool quiet, uint64_t now_ns)
{
	const char *term = getenv("TERM");

	memset(l, 0, sizeof(*l));
	l->fd = fd;
	l->on = !quiet && isatty(fd) && term && strcmp(term, "dumb") != 0;
	l->start_ns = l->last_ns = now_ns;
	l->next_ns = now_ns + FIRST_NS;
}

int live_timeout_ms(const struct live *l, uint64_t now_ns)
{
	if (!l->on)
		return -1;
	return now_ns >= l->next_ns ? 0 : (int)((l->next_ns - now_ns + 999999) / 1000000);
}

/* Ours, nobody draws on it, and a write would not block. */
static bool may_draw(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	struct termios mode;

	if (tcgetpgrp(fd) != getpgrp())
		return false;
	if (tcgetattr(fd, &mode) || (mode.c_lflag & (ICANON | ECHO)) != (ICANON | ECHO))
		return false;
	return poll(&p, 1, 0) == 1 && p.revents == POLLOUT;
}

static void put(int fd, const char *text, size_t len)
{
	/* a line that can't be written is not missed */
	while (write(fd, text, len) < 0 && errno == EINTR)
		;
}

char *live_text(char *buf, size_t size, uint64_t elapsed_ns, uint64_t switches_per_s,
		const struct live_numbers *numbers)
{
	char threads[32], switches[32], lost[32];

	snprintf(buf, size, "%llu s, %s thread%s, %s switches/s, %s lost",
		 (unsigned long long)(elapsed_ns / SECOND),
		 text_count(threads, sizeof(threads), numbers->threads), numbers->threads == 1 ? "" : "s",
		 text_count(switches, sizeof(switches), switches_per_s),
		 text_count(lost, sizeof(lost), numbers->lost));
	return buf;
}

static int columns(int fd)
{
	struct winsize size;

	return !ioctl(fd, TIOCGWINSZ, &size) && size.ws_col > 0 ? size.ws_col : 80;
}

void live_update(struct live *l, uint64_t now_ns, const struct live_numbers *numbers)
{
	char text[160], line[200];
	uint64_t gone, rate;
	int n;

	if (!l->on || now_ns < l->next_ns)
		return;
	gone = now_ns - l->last_ns;
	rate = gone ? (uint64_t)((double)(numbers->switches - l->last_switches) * 1e9 / (double)gone) : 0;
	l->last_ns = now_ns;
	l->last_switches = numbers->switches;
	l->next_ns = now_ns + SECOND;
	if (!may_draw(l->fd))
		return;
	live_text(text, sizeof(text), now_ns - l->start_ns, rate, numbers);
	/* one column stays free: a full line would wrap, and the erasing would miss its first part */
	n = snprintf(line, sizeof(line), ERASE_LINE "%.*s", columns(l->fd) - 1, text);
	put(l->fd, line, n);
	l->shown = true;
}

void live_erase(struct live *l)
{
	if (l->shown && may_draw(l->fd))
		put(l->fd, ERASE_LINE, strlen(ERASE_LINE));
	l->shown = false;
}
