/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What the probes keep for each traced thread (task local storage), what they keep for each CPU, and the settings that
 * the user side hands over. The user side writes a wire_state only to seed the command (STATE_HELD).
 */
#ifndef CONCTRACE_WIRE_STATE_H
#define CONCTRACE_WIRE_STATE_H

#include "wire_record.h"

struct wire_state {
	__u32 number;
	__u32 space;      /* address space: stacks of different spaces never share an id */
	__u32 process, pid;
	__u32 parent, tid;
	__u32 flags;      /* WIRE_THREAD_* */
	__u32 state;      /* enum thread_state: how it last left a CPU, or _RUNNING until then; whether it has got one since is in that one's slot */
	__u64 since;      /* the last piece of running began */
	__u64 left;       /* and ended */

	/* how it left the CPU: goes into the cycle that is settled when it leaves the next time */
	__u64 run_ns;     /* the running piece before */
	__u64 stack;
	__u8 kind, ready, blocked, thinned; /* eight bytes, as in wire_cycle: they are set and copied at once */
	__u16 syscall, cycle_flags;
	__u64 deadline;   /* of a wait with a timeout; 0: none */
	__u64 address;    /* futex word, to recognise a retry */
	__u64 delay_before; /* sched_info.run_delay when it left */
	__u64 exec_runtime_before; /* the kernel's number when it left, or started */

	/* the last wait, which may be retried */
	__u64 open_ns;
	__u32 open_retries;
	__u8 open; /* enum open_wait */
	__u8 open_kind, open_continues;
	__u8 last_kind, unsettled, fresh, pad2[2];
	__u32 polls;      /* waits of kind poll so far: some are looked into */
	__u64 open_address;

	__u64 start;      /* first moment that counts */
	/* what its unwind tables must be newer than, and when it last called exec: see space_is_current() */
	__u64 exec_before, exec_ts;
	/* of a process until its first exec: whose mappings it began with, and which they were; until it has its own */
	__u32 maker_pid, maker_generation;

	__u64 switches_before; /* the kernel's numbers when it last left a CPU, or started: switches_of() */
	/* the kernel's numbers when it started */
	__u64 exec_runtime_base, run_delay_base;

	struct wire_end end;
	struct wire_wait waits[N_WAIT_KINDS];
};

/*
 * Who is on a CPU, and its clocks. That a thread gets a CPU is written here and nowhere else: its own account hears of it when it
 * leaves, which saves one of two searches for that account.
 */
struct wire_cpu_slot {
	__u64 task;              /* the task_struct; 0: none that is traced (one that is here need not be) */
	__u64 arrived;           /* when it got the CPU, by the run queue's clock; where that is not to be had by CLOCK_MONOTONIC */
	__u64 left_at, now;      /* when the last traced thread left it, the time of the last switch */
	__u64 clock_offset;      /* CLOCK_MONOTONIC - the run queue's clock: the least of late; 0: not known */
	__u64 clock_read;        /* when CLOCK_MONOTONIC was read for that the last time, by the run queue's clock */
	__u64 span, least, least_before; /* the least of this span, which began then, and of the one before */
	__u64 timed_next;        /* which of the traced switches is timed next */
	__u64 doubted;           /* so many in a row were more than the clocks can have drifted apart */
	__u64 woken;             /* when the reader was last woken to see to something at once */
};

/*
 * How much work the stacks of one CPU are, by timing some of them. Beyond 5 % of the CPU's time they are thinned, by the expected length of
 * the wait: level 0: not; else a wait that is likely to be shorter than 512 ns << level has its stack taken with a probability that
 * is proportional to that length.
 */
struct wire_thinning {
	__u64 since;     /* of the span that is measured */
	__u64 timed_ns;  /* in it */
	__u32 taken, level;
	__u64 begin;     /* of the one that is timed right now, if it is; */
	__u64 clock_ns;  /* reading the clock took so long */
	__u64 random;
};

/* Cycles of one CPU on their way into a ring: a record for each would cost a fifth of the whole probe. What is left at the end is fetched. */
#define WIRE_BATCH 16 /* a power of two */
struct wire_batch {
	struct wire_cycle cycle[WIRE_BATCH];
	__u32 n, pad;
};

/* Counters of one CPU. */
struct wire_cpu_counts {
	__u64 traced;          /* switches with a traced thread that leaves or arrives */
	__u64 timed, timed_ns; /* traced ones that were timed, and their time */
	__u64 samples, samples_timed_ns; /* all are timed */
	__u64 wakes;           /* wakings that were recorded, */
	__u64 wakes_timed, wakes_timed_ns; /* those that were timed, and their time */
	__u64 loss[N_LOSS_CAUSES];
};

/* The reader, once woken, waits that long for what else comes. */
#define READER_GATHERS_NS 2000000u

/* All that is kept for a CPU, in a page of its own: a switch has few others to look for, and no other CPU writes into it. */
struct wire_cpu {
	struct wire_cpu_slot slot; /* first: near places make short instructions */
	struct wire_cpu_counts counts;
	struct wire_batch batch;
	struct wire_thinning thinning;
} __attribute__((aligned(4096)));

/*
 * Ids that two stacks were found to have: those stacks are known by another hash from then on. Of 64 bits the chance is one in a hundred million
 * with a million stacks, so there are few.
 */
#define N_COLLIDED 64

/* A range of kernel text whose presence on the kernel stack tells what a thread waits for. */
enum wchan_meaning {
	WCHAN_LOCK = 1,
	WCHAN_MEMORY = 2,
};
struct wire_wchan {
	__u64 start, end;
	__u32 meaning, pad;
};
#define N_WCHANS 48
#define WCHAN_FRAMES 16

/*
 * Attach: what the arguments of a blocked thread's system call point to. The iterator that takes the thread in can't read that memory; the
 * user side has read it just before. It counts if the thread is in the same call still.
 */
#define SEED_BEFORE 16 /* bytes before the place that an argument points to */
#define SEED_BYTES 64
struct wire_seed_memory {
	__u64 arg[6];
	__u32 nr;
	__u32 there; /* by bit: of which arguments there is memory */
	__u8 memory[8][SEED_BYTES]; /* of six; a power of two for the verifier */
};
#define SEED_THREADS 65536 /* at most */

/* When tracing ends: nobody knows. _YET: and threads are still taken in, so that arrivals are watched as well. */
#define NO_STOP (~0ULL)
#define NO_STOP_YET (NO_STOP - 1)

/* Settings, read-only from load on. */
struct wire_settings {
	__u8 stacks;         /* stacks of waits and of ready time */
	__u8 kernel_stacks;  /* full kernel stacks of waits, too */
	__u8 unwind;         /* there are unwind tables; else by frame pointer */
	__u8 proof;          /* send WIRE_PROOFs */
	__u8 stack_bits;     /* ids of stacks have so many at first: for a test of what follows when two are the same; 0: all */
	__u8 pad[3];
	__u32 rings;         /* a power of two */
	__s32 preempt_count; /* x86, for wakings: from a run queue to this CPU's count, both per-CPU variables; 0: not known */
	__u64 ring_bytes;
	__u64 events_bytes;
};

_Static_assert(sizeof(struct wire_state) % 8 == 0, "wire_state");
_Static_assert(__builtin_offsetof(struct wire_state, kind) % 8 == 0, "wire_state: how it left");
_Static_assert(__builtin_offsetof(struct wire_state, cycle_flags) - __builtin_offsetof(struct wire_state, kind) ==
		       __builtin_offsetof(struct wire_cycle, flags) - __builtin_offsetof(struct wire_cycle, kind),
	       "wire_state: how it left, as in wire_cycle");
_Static_assert(sizeof(struct wire_state) < 4000, "wire_state: task storage of one page");
_Static_assert(sizeof(struct wire_cpu_slot) == 96, "wire_cpu_slot");
_Static_assert(sizeof(struct wire_cpu) == 4096, "wire_cpu");

#endif
