/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Signals while something is recorded, read from a descriptor in the main loop.
 *
 * run: a signal that ends programs must reach the workload, exactly once, and never end conctrace before its
 * report.
 *   - From the terminal (si_code SI_KERNEL: Ctrl-C, Ctrl-\, hang-up) it goes to the foreground process group:
 * the workload is in it, or left it and would not have got it alone either. Not forwarded.
 *   - From kill(2) to the whole group (kill 0, a shell's `kill %1`, timeout(1), systemd's stop): the workload
 * has it. Not forwarded; the sentinel tells.
 *   - From kill(2) to conctrace alone: forwarded by the workload's pidfd.
 * sudo without use_pty stays in our process group and leaves terminal signals to the terminal; a kill of sudo
 * it relays to its child alone, to us: forwarded. With use_pty (the default of Debian 12, Ubuntu 22.04 and
 * sudo 1.9.14) we lead a group on a terminal of sudo's own: Ctrl-C arrives as from any terminal, and a kill
 * of sudo is relayed to our whole group: not forwarded. Whatever was ignored when conctrace started (nohup,
 * background jobs of scripts) stays so, for the workload too.
 *
 * attach: SIGINT, SIGTERM and SIGHUP (unless ignored: nohup) end the recording.
 *
 * SIGPIPE is ignored: a write says EPIPE. SIGTTOU is ignored: a report can be written after a workload that
 * took the terminal away has died. SIGTSTP stops conctrace with its group, as a shell's job must; SIGCONT
 * goes on.
 */
#ifndef CONCTRACE_SIGNALS_H
#define CONCTRACE_SIGNALS_H

#include <stdbool.h>

#include "capture/origin.h"

enum signals_mode {
	SIGNALS_RUN,
	SIGNALS_ATTACH,
};

struct signals; /* opaque */

/*
 * Call after origin_save and after the output files are open (to open a FIFO waits for its reader, and must
 * be interruptible), before launch_prepare: the sentinel inherits no pipe of a held command. 0 or a negative
 * errno.
 */
int signals_open(struct signals **out, enum signals_mode mode, const struct origin *origin);

int signals_fd(const struct signals *s); /* polls readable */

struct signals_verdict {
	bool end;   /* stop recording now: attach is to end, or in run nothing is started yet, or the user
		       insists */
	int number; /* the last signal that asked somebody to end, 0: none */
};

/*
 * Takes what has come and forwards what must be. `workload` is the pidfd of the released command, -1 while
 * there is none. In run, a third SIGINT (or SIGTERM, SIGQUIT, SIGHUP) within a second ends the waiting for a
 * workload that does not end; one that can't be forwarded, as the command has ended and been reaped, ends the
 * waiting for its descendants. 0 or a negative errno.
 */
int signals_handle(struct signals *s, int workload, struct signals_verdict *verdict);

/* Gives the signals their former treatment; what is still waiting is dropped. NULL is allowed. */
void signals_close(struct signals *s);

#endif
