/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The probes in the kernel: loaded, attached, armed, stopped; the rings they fill. The one door to libbpf. All goes away with
 * the descriptors: a conctrace that is killed leaves nothing attached.
 */
#ifndef CONCTRACE_PROBES_H
#define CONCTRACE_PROBES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "capture/system.h"
#include "capture/unwind_arrays.h"
#include "wire_state.h"

struct probes; /* opaque */

struct probes_options {
	bool stacks, kernel_stacks;
	bool wakers;            /* who ends waits: WIRE_WAKE records */
	bool unwind;            /* user stacks by unwind tables, see probes_unwind_arrays; else by frame pointer */
	bool proof;             /* WIRE_PROOF records, for a test of the unwinder */
	uint8_t stack_bits;     /* see wire_settings, for a test; 0 */
	bool attach;            /* running processes are to be taken in */
	uint32_t sample_hz;     /* 0: no samples */
	const struct system_facts *facts;
};

/* Gets records (`len` bytes, whole ones, each a wire_head and what follows). Not 0 ends the walk. */
typedef int (*probes_fn)(void *ctx, const void *records, size_t len);

/*
 * Loads everything and makes the rings. Nothing is attached yet. A kernel or permission that does not allow it: a negative errno
 * with a message that names the remedy.
 */
int probes_load(struct probes **out, const struct probes_options *options);

/* Attaches all programs; nothing is recorded before probes_arm. */
int probes_attach(struct probes *p);

/* The held command: its life begins when it gets a CPU after probes_arm. Before the arming. */
int probes_seed_command(struct probes *p, int pidfd, uint32_t pid);

/* Attach: takes in the threads of these processes; their WIRE_THREAD records go to `fn`. After the arming. */
int probes_seed_processes(struct probes *p, const pid_t *pids, size_t n, probes_fn fn, void *ctx);

void probes_arm(struct probes *p);

/*
 * No moment from *stopped on (CLOCK_MONOTONIC ns) is recorded. Then the threads that live are closed: their last records go
 * to `fn`. What is still in the rings is for a last probes_drain.
 */
int probes_stop(struct probes *p, uint64_t *stopped, probes_fn fn, void *ctx);

/* After probes_stop: threads whose last records will not come. */
uint32_t probes_unclosed(const struct probes *p);

/* Where the probes read unwind tables; NULL without options.unwind. Valid until probes_free. */
const struct unwind_arrays *probes_unwind_arrays(const struct probes *p);

/* Readable when a ring wants to be read. */
int probes_fd(const struct probes *p);

/* Hands everything in the rings to `fn`, record by record. */
int probes_drain(struct probes *p, probes_fn fn, void *ctx);

/* Threads that are traced and have not ended. */
int32_t probes_live(const struct probes *p);

/* Of these, threads of the process that the command is (run). A while after it was waited for there may be one yet: a parent is told of an end
 * before the last switch (exit_notify and do_task_dead in the kernel's do_exit). */
int32_t probes_live_of_command(const struct probes *p);
/* Keeps CLOCK_REALTIME timeouts comparable; call now and then. */
void probes_set_clock(struct probes *p);
/* Stacks with these ids (those of before, and more, see stream_collided) get other ones from now on. */
void probes_set_collided(struct probes *p, const uint64_t *ids, size_t n);
/* Sums over the CPUs. */
int probes_counts(const struct probes *p, struct wire_cpu_counts *sum);
/* After probes_stop: the cycles that were still on their way, to `fn`. */
int probes_batches(const struct probes *p, probes_fn fn, void *ctx);
/* The sums of threads whose own records were lost, as records to `fn` (none if none were). */
int probes_orphans(const struct probes *p, probes_fn fn, void *ctx);

void probes_free(struct probes *p);

/* For `doctor`: what one program needs from the verifier; 0 where the kernel does not say. Valid until probes_free. */
struct probe_program {
	const char *name;
	uint32_t verified; /* instructions */
};
size_t probes_programs(const struct probes *p, struct probe_program *programs, size_t max);

#endif
