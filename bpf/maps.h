/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The maps and variables that the probes share; defined in maps.bpf.c, declared everywhere else. */
#ifndef CONCTRACE_MAPS_H
#define CONCTRACE_MAPS_H

#include "vmlinux_min.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>
#include "libbpf_0_5.h"
#include "wire_state.h"
#include "wire_syscalls.h"
#include "wire_unwind.h"
#include "wire_way_out.h"

#ifdef CONCTRACE_DEFINE_MAPS
#define SHARED
#else
#define SHARED extern
#endif

/* What is usual lies in a row: a switch finds little of this code in the CPU's caches. */
#define likely(X) __builtin_expect(!!(X), 1)
#define unlikely(X) __builtin_expect(!!(X), 0)

#define STACK_CACHE_SLOTS 8192 /* per CPU; a power of two */

/* traced threads; a thread that is not in here is not traced */
SHARED struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct wire_state);
} threads SEC(".maps");

struct ring_map {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
};

/* cycles, samples, stacks: one ring for each CPU or for a few; made and put in by the user side */
SHARED struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, __u32);
	__array(values, struct ring_map);
} rings SEC(".maps");

/* threads' beginnings, execs, ends: rare, and dear */
SHARED struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} events SEC(".maps");

/* WIRE_PROOFs, where they are asked for */
SHARED struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} proofs SEC(".maps");

/* one element for each CPU; mapped, so that each begins at a page */
SHARED struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct wire_cpu);
} cpus SEC(".maps");

/* stacks that this CPU has sent: direct-mapped, a miss sends the frames once more */
struct sent_stack {
	__u64 id;
	__u64 check; /* another hash of the same frames: two stacks with one id are both sent, and the user side sees it */
};
SHARED struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, STACK_CACHE_SLOTS);
	__type(key, __u32);
	__type(value, struct sent_stack);
} stack_cache SEC(".maps");

#define SCRATCH_FRAMES 512 /* a power of two; kernel frames, then user frames */
#define SCRATCH_WORDS (128 + WIRE_COPY_WORDS) /* or a copy of the stack behind them */
#define WINDOW_WORDS 256    /* of the stack that is walked, in one read */
#define LAST_READS 64       /* words that the walk of a stack read, if it can be remembered: a power of two; .. */
#define LAST_WORDS 1024     /* .. of so many from the stack pointer on: a power of two */

/* A frame by its address: what was looked up for it. */
struct unwind_cached {
	__u64 pc;
	__u32 generation, pad;
	__u64 frame; /* normalised */
	__u64 hash;
	struct unwind_rule rule;
};
#define UNWIND_CACHED 2048
struct unwind_cache {
	struct unwind_cached entry[UNWIND_CACHED];
};

/* Where a stack is made. [0] for switches, [1] for samples, which interrupt them, [2] for the iterators */
struct stack_scratch {
	__u8 record[sizeof(struct wire_copy)]; /* the frames follow at once */
	__u64 frames[SCRATCH_WORDS];

	struct unwind_walk walk;
	__u64 hash, check;
	__u32 at;             /* of the first user frame */
	__u32 place, region, n_mappings, generation, cache;
	__u32 changes;        /* unwind_changes before the region was looked up */
	__u32 window_bytes, pad;
	__u64 since;          /* when the address space began, as the region says */
	__u64 window_at, window[WINDOW_WORDS];
	__u64 registers;      /* address of the task's saved user registers */
	__u64 sp;             /* of the innermost frame */
	__u64 chain_sp, chain_fp; /* of a walk by frame pointers: of the frame that is looked for next */
	__u64 leaving;        /* its program is about to go: the thread exits or execs */
	__u32 n_reads, copies_left;
	__u64 copies_since, n_copies;
	__u16 read_slot[LAST_READS]; /* in words from sp on */
	__u64 read_value[LAST_READS];
	__u64 raw[WIRE_MAX_FRAMES]; /* for the proof; .. */
	__u64 id, remembered;       /* .. as in there */
	__u64 ended;                /* enum stack_end, as the walk itself says */
	struct way_out way;
	__u64 call[9];        /* struct call, and struct stack_facts: all that is called for a switch has 512 bytes of stack */
	__u64 facts[4];
};
SHARED struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 3);
	__type(key, __u32);
	__type(value, struct stack_scratch);
} scratch SEC(".maps");

/* A stack at which a thread blocked on this CPU: what led to it, so that it is known again at once. */
struct unwind_last {
	__u32 number;
	__u32 changes;           /* unwind_changes when .. */
	__u64 exec_before;       /* .. and up to which exec of the thread the next three held for certain */
	__u64 pc, sp, fp, stack;
	__u32 n, bytes;          /* reads; from sp to behind the last of them */
	__u32 generation;
	__u32 place, region;     /* of the process in unwind_spaces, and what was there */
	__u32 pad[3];
	__u16 slot[LAST_READS];
	__u64 value[LAST_READS];
} __attribute__((aligned(64)));
#define UNWIND_LAST 64 /* for each CPU */

/* Unwind tables, see wire_unwind.h: the user side maps them and fills them. Sizes are set at load. */
struct unwind_chunk {
	__u32 row[UNWIND_CHUNK_ROWS];
};
#define UNWIND_MAP(NAME, TYPE, FLAGS)                                                              \
	SHARED struct {                                                                            \
		__uint(type, BPF_MAP_TYPE_ARRAY);                                                  \
		__uint(map_flags, FLAGS);                                                          \
		__uint(max_entries, 1);                                                            \
		__type(key, __u32);                                                                \
		__type(value, TYPE);                                                               \
	} NAME SEC(".maps")
UNWIND_MAP(unwind_spaces, __u64, BPF_F_MMAPABLE);
UNWIND_MAP(unwind_mappings, struct unwind_mapping, BPF_F_MMAPABLE);
UNWIND_MAP(unwind_files, struct unwind_file, BPF_F_MMAPABLE);
UNWIND_MAP(unwind_pages, struct unwind_page, BPF_F_MMAPABLE);
UNWIND_MAP(unwind_rows, struct unwind_chunk, BPF_F_MMAPABLE);
UNWIND_MAP(unwind_rules, struct unwind_rule, BPF_F_MMAPABLE);
/* of each CPU two: for switches and for samples */
UNWIND_MAP(unwind_caches, struct unwind_cache, 0);
/* of each CPU UNWIND_LAST */
UNWIND_MAP(unwind_lasts, struct unwind_last, 0);

/* the sum of threads whose WIRE_END found no room */
struct orphans {
	struct wire_end end;
	struct wire_wait waits[N_WAIT_KINDS];
};
SHARED struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct orphans);
} orphans SEC(".maps");

/* by TID, while threads are taken in; nothing is in it but then */
SHARED struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct wire_seed_memory);
} seed_memory SEC(".maps");

/* settings: read-only from load on */
SHARED const volatile struct wire_settings settings;
SHARED const volatile __u8 log2_of[256];
SHARED const volatile __u8 class_kinds[N_SYSCALL_CLASSES]; /* of classes whose kind is always the same */
SHARED const volatile __u8 syscall_classes[N_SYSCALL_ABIS][N_SYSCALL_NUMBERS];

/* written by the user side while the probes run */
SHARED volatile __u64 stop_at;        /* nothing is recorded while it is 0, nor from this moment on; or NO_STOP.. */
SHARED volatile __u64 collided[N_COLLIDED]; /* see N_COLLIDED */
SHARED volatile __u32 n_collided;
SHARED volatile __u32 unwind_changes; /* goes up when some process has other mappings, or a stack's id has collided */
SHARED volatile __u64 realtime_offset; /* CLOCK_REALTIME - CLOCK_MONOTONIC */

SHARED volatile __u32 command;        /* run: the number of the process that the command is */

/* ranges of kernel text; known a little later than the settings */
SHARED struct wire_wchan wchans[N_WCHANS];
SHARED volatile __u32 n_wchans;

/* read by the user side */
SHARED __u32 next_number;             /* the next thread's */
SHARED __s32 live_threads;            /* traced and not ended */
SHARED __s32 live_of_command;         /* of these, of the process `command` */
SHARED __s32 closed_threads;          /* of these, by the end of tracing */

/* what a thread that is taken in begins with; never written */
SHARED struct wire_state seeding;
/* seeding: whose threads the iterator takes in */
SHARED volatile __u32 seed_tgids[64];
SHARED volatile __u32 seed_count;

#endif
