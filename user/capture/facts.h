/* SPDX-License-Identifier: BSD-2-Clause */
/* SECTION_META: what was recorded, where, with what settings, at what cost. */
#ifndef CONCTRACE_FACTS_H
#define CONCTRACE_FACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "capture/system.h"
#include "recording/recording.h"

struct session_facts {
	const char *verb;
	char *const *argv; /* run: the command; attach: NULL, then the PIDs stand for it */
	const pid_t *pids;
	size_t n_pids;
	const struct system_facts *facts;
	uint32_t sample_hz;
	bool stacks, kernel_stacks, wakers;
	bool has_exit;
	int wait_status;
	uint64_t start_ns, end_ns, realtime_ns; /* 0: not known yet, left out */
	uint64_t probe_ns, probe_runs, recorder_cpu_ns, setup_ns;
	uint64_t stolen_ns; /* CPU time that the hypervisor gave to others */
};

/* CLOCK_REALTIME in nanoseconds. */
uint64_t session_realtime_ns(void);

/* Writes them; may be called again when more is known: the later values hold. 0 or a negative errno with a message. */
int session_facts_write(const struct session_facts *facts, struct recording_writer *writer);

/*
 * Now and then: all that happened before `now_ns` has been written. It is the end of a recording whose recorder is killed. An error is
 * left for the next section that is written: the writer repeats it.
 */
void session_alive_write(uint64_t now_ns, struct recording_writer *writer);

#endif
