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

#ifdef CONCTRACE_DEFINE_MAPS
#define SHARED
#else
#define SHARED extern
#endif

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

SHARED struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct wire_cpu_slot);
} cpu_slots SEC(".maps");

SHARED struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct wire_cpu_counts);
} cpu_counts SEC(".maps");

/* ids of stacks that this CPU has sent: direct-mapped, a miss sends the frames once more */
SHARED struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, STACK_CACHE_SLOTS);
	__type(key, __u32);
	__type(value, __u64);
} stack_cache SEC(".maps");

/* [0] for switches, [1] for samples, which interrupt them, [2] for the iterators */
struct stack_scratch {
	__u8 record[sizeof(struct wire_stack)];
	__u64 frames[2 * 128];
};
SHARED struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 3);
	__type(key, __u32);
	__type(value, struct stack_scratch);
} scratch SEC(".maps");

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

/* settings: read-only from load on */
SHARED const volatile struct wire_settings settings;
SHARED const volatile __u8 class_kinds[N_SYSCALL_CLASSES]; /* of classes whose kind is always the same */
SHARED const volatile __u8 syscall_classes[N_SYSCALL_ABIS][N_SYSCALL_NUMBERS];

/* written by the user side while the probes run */
SHARED volatile __u32 armed;          /* nothing is recorded before */
SHARED volatile __u64 stop_at;        /* nothing is recorded from this moment on */
SHARED volatile __u64 realtime_offset; /* CLOCK_REALTIME - CLOCK_MONOTONIC */

/* ranges of kernel text; known a little later than the settings */
SHARED struct wire_wchan wchans[N_WCHANS];
SHARED volatile __u32 n_wchans;

/* read by the user side */
SHARED __u32 next_number;             /* the next thread's */
SHARED __s32 live_threads;            /* traced and not ended */

/* seeding: whose threads the iterator takes in */
SHARED volatile __u32 seed_tgids[64];
SHARED volatile __u32 seed_count;

#endif
