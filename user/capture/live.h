/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The live line: what a long run is doing, on stderr if that is a terminal, from the third second on, once a
 * second. It keeps quiet while the terminal is another group's, is stopped (Ctrl-S), or is used by a program
 * that draws for itself (no echo, no line editing), and it never blocks.
 */
#ifndef CONCTRACE_LIVE_H
#define CONCTRACE_LIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct live {
	int fd;
	bool on;    /* a terminal, and wanted */
	bool shown; /* a line stands there */
	uint64_t start_ns, next_ns;
	uint64_t last_ns, last_switches;
};

struct live_numbers {
	uint64_t threads;	 /* alive now */
	uint64_t switches, lost; /* since the start */
};

/* `fd` is where it goes (2); `now_ns` any monotonic clock, the start of the run. Off for good with `quiet`.
 */
void live_init(struct live *l, int fd, bool quiet, uint64_t now_ns);

/* Milliseconds until live_update has something to do, for the main loop's wait; -1: never. */
int live_timeout_ms(const struct live *l, uint64_t now_ns);

/* Draws if it is time. */
void live_update(struct live *l, uint64_t now_ns, const struct live_numbers *numbers);

/* Takes the line away: at the end, and before any other talk on the terminal. The next update draws it again.
 */
void live_erase(struct live *l);

/* The line's text without its control sequences: "12 s, 8 threads, 104,233 switches/s, 0 lost". Returns buf.
 */
char *live_text(char *buf, size_t size, uint64_t elapsed_ns, uint64_t switches_per_s,
		const struct live_numbers *numbers);

#endif
