/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The records that the probes put into the rings, and that the recording keeps as they are.
 * Fixed width, no pointers, explicit padding; times are CLOCK_MONOTONIC nanoseconds, lengths are
 * nanoseconds. Every record starts with struct wire_head; `size` counts the whole record.
 *
 * A thread is named by its `thread` number, unique within a recording (a TID can be reused).
 * A process is named by the `thread` number of its first thread.
 */
#ifndef CONCTRACE_WIRE_RECORD_H
#define CONCTRACE_WIRE_RECORD_H

#ifndef __VMLINUX_MIN_H__
#include <linux/types.h>
#endif
#include "wire_kinds.h"

#define WIRE_COMM_LEN 16
#define WIRE_HIST_BUCKETS 40 /* bucket b counts lengths of [2^b, 2^(b+1)) ns; the last is open-ended */
#define WIRE_MAX_KERNEL_FRAMES 127
#define WIRE_MAX_FRAMES 256 /* of user stacks */
#define WIRE_NO_SYSCALL 0xffff

enum wire_type {
	WIRE_CYCLE = 1,
	WIRE_SAMPLE = 2,
	WIRE_STACK = 3,
	WIRE_THREAD = 4,
	WIRE_EXEC = 5,
	WIRE_WAIT = 6,
	WIRE_END = 7,
	WIRE_COPY = 8,
	WIRE_PROOF = 9,
	WIRE_WAKE = 10,
};

struct wire_head {
	__u16 type; /* enum wire_type */
	__u16 size; /* bytes, with this head; a multiple of 8 */
	__u32 thread;
};

/* wire_cycle.flags */
#define WIRE_CYCLE_TIMED_OUT 0x0001  /* the wait lasted until its own timeout */
#define WIRE_CYCLE_RETRY 0x0002      /* the wait goes on with the one before it: counted as a retry of that */
#define WIRE_CYCLE_COMPAT 0x0004     /* syscall is a number of the 32-bit table (i386, arm) */
#define WIRE_CYCLE_X32 0x0008        /* syscall is an x32 number (bit 30 removed) */
#define WIRE_CYCLE_KERNEL 0x0010     /* a kernel worker of the process (io-wq, SQPOLL) */
#define WIRE_CYCLE_OPEN 0x0020       /* closed by the end of tracing, not by the thread getting a CPU */
#define WIRE_CYCLE_FIRST 0x0040      /* the thread's first: nothing ran before */
#define WIRE_CYCLE_TIMER_ONLY 0x0080 /* a poll whose descriptors are all timers (or none) */
#define WIRE_CYCLE_THINNED 0x0200 /* its stack was left out, see `thinned` */
#define WIRE_CYCLE_REQUESTS 0x0100 /* a poll for the completion of requests that were made (io_uring) */

/*
 * One turn of a thread's life: it ran, then waited or was preempted, was ready, and got a CPU at `ts`.
 *     ts - ready_ns - wait_ns - run_ns  running  ts - ready_ns - wait_ns  waiting  ts - ready_ns  ready  ts
 * wait_ns == 0 && !(blocked): it stayed runnable. `kind` and `stack` belong to the wait if there was
 * one (blocked != 0), else to the ready time (kind is then 0).
 */
struct wire_cycle {
	struct wire_head head;
	__u64 ts;
	__u64 run_ns;
	__u64 wait_ns;
	__u64 ready_ns;
	__u64 stack;   /* id of a WIRE_STACK, 0: none */
	__u8 kind;     /* enum wait_kind */
	__u8 ready;    /* enum ready_reason */
	__u8 blocked;  /* 1: it left the CPU to wait; 0: preempted, yielded or new */
	__u8 thinned;  /* at very high rates one stack of 1 << thinned was taken, of turns as short as this one was likely to be */
	__u16 syscall; /* WIRE_NO_SYSCALL: in none (a page fault, or preempted in user mode) */
	__u16 flags;
};

/* wire_sample.flags */
#define WIRE_SAMPLE_USER 0x0001 /* the CPU was in user mode */

/* A timer sample while the thread was on a CPU. */
struct wire_sample {
	struct wire_head head;
	__u64 ts;
	__u64 stack;
	__u16 syscall;
	__u16 flags;
	__u32 cpu;
};

/* wire_wake.flags */
#define WIRE_WAKE_INTERRUPT 0x0001 /* by an interrupt (a device, a timer): no thread did it */
#define WIRE_WAKE_SOFTIRQ 0x0002   /* in a softirq; with a tid: at the end of a call of that thread's on a network socket, else nobody's */
#define WIRE_WAKE_COMPAT WIRE_CYCLE_COMPAT
#define WIRE_WAKE_X32 WIRE_CYCLE_X32
#define WIRE_WAKE_KTHREAD 0x0010 /* by a thread of the kernel */

/*
 * A thread was woken, and by whom. The last one at or before the moment at which the thread gets a CPU is what ended its wait; it may have come a
 * moment before the thread had left its CPU.
 */
struct wire_wake {
	struct wire_head head; /* thread: who is woken */
	__u64 ts;
	__u64 stack;   /* the waker's, 0: none */
	__u32 waker;   /* its thread number, 0: it is not traced */
	__u32 tid;     /* 0: no thread */
	__u32 pid;     /* tgid */
	__u16 syscall; /* the waker's */
	__u16 flags;
	char comm[WIRE_COMM_LEN]; /* of a waker that is not traced */
};

/*
 * A unique stack, sent once (or a few times) before or after the records that name it. Frames are
 * innermost first: n_kernel kernel frames, then n_user user frames. In the ring a kernel frame is an address; a user frame is
 * normalised, or WIRE_FRAME_RAW and an address; in the recording all are normalised, see below.
 */
struct wire_stack {
	struct wire_head head; /* thread: the process */
	__u64 id;
	__u64 ts;
	__u32 pid; /* tgid: whose mappings to use */
	__u8 n_kernel;
	__u8 end; /* enum stack_end */
	__u16 n_user;
	__u64 frames[];
};

/* Ids of stacks that are hashes of their frames have this bit clear; those of copies are numbers. */
#define WIRE_STACK_COPIED (1ULL << 63)
/* Those of threads that were already blocked at an attach: and the thread's number. */
#define WIRE_STACK_SEEDED (WIRE_STACK_COPIED | 0x7fffffULL << 40)

#define WIRE_FRAME_RAW (0xfeULL << 56) /* in the ring: the low 56 bits are an address in user space (of a return: of the byte after the call) */

/* Registers by their DWARF numbers; x86: 16 is rip; arm64: 31 is sp, 32 is pc. */
#define WIRE_REGISTERS 34
#if defined(__TARGET_ARCH_arm64) || (!defined(__TARGET_ARCH_x86) && defined(__aarch64__))
#define WIRE_REGISTER_FP 29
#define WIRE_REGISTER_BX 33 /* none */
#define WIRE_REGISTER_LR 30
#define WIRE_REGISTER_SP 31
#define WIRE_REGISTER_PC 32
#else
#define WIRE_REGISTER_FP 6
#define WIRE_REGISTER_BX 3
#define WIRE_REGISTER_LR 33 /* none */
#define WIRE_REGISTER_SP 7
#define WIRE_REGISTER_PC 16
#endif

/*
 * Instead of a stack: what the user side needs to walk it, where the probes had no table (yet). Only in the ring: in the recording
 * it has become a WIRE_STACK of the same id. Of a thread that was already blocked at an attach there are only the registers: the
 * iterator that finds it can't read its memory, the user side can.
 */
#define WIRE_COPY_WORDS 3072 /* compilers and interpreters have 20 KiB of stack before they do anything */
struct wire_copy {
	struct wire_head head; /* thread: the process */
	__u64 id;
	__u64 ts;
	__u32 pid;
	__u8 n_kernel;
	__u8 in_call;
	__u16 n_words;       /* copied, from sp on */
	__u32 tid;
	__u32 pad;
	__u64 regs[WIRE_REGISTERS];
	__u64 words[];       /* n_kernel kernel frames, then n_words of the stack */
};

/*
 * For the proof of the walk, only if asked for: the registers and the stack that it began with, and what it found. Only in the ring.
 */
#define WIRE_PROOF_FRAMES 256
#define WIRE_PROOF_STACK 131072
#define WIRE_PROOF_STEP 512 /* bytes of the stack that are read at once */
struct wire_proof {
	struct wire_head head; /* size: a multiple of 8 beyond 64 KiB does not fit; 0 here, the ring tells */
	__u64 ts;
	__u32 pid, tid;
	__u16 n;             /* frames */
	__u8 end;            /* enum stack_end */
	__u8 sample;         /* 1: of a timer sample, 0: of a switch */
	__u32 copied;        /* bytes of the stack, from the stack pointer on */
	__u64 missing[WIRE_PROOF_STACK / WIRE_PROOF_STEP / 64]; /* by step: not in memory. A page that was never written to, the end */
	__u64 regs[WIRE_REGISTERS];
	__u64 frames[WIRE_PROOF_FRAMES]; /* as found: the pc, then return addresses */
	__u64 id, remembered; /* the stack's; what it would have been taken for without a walk, 0: it was not known again */
	__u8 stack[WIRE_PROOF_STACK];
};

/*
 * A frame in the recording: file number << 40 | offset. For an ELF file (and the vdso) the offset is the byte
 * offset in the file, which its program headers turn into the address that its symbol table speaks of; for
 * other files see the recording's file table. File numbers from 0xff0000 up are the kernel: the whole value
 * is then the kernel address itself. 0: no frame could be made. The innermost frame is the instruction's
 * address, the others are the last byte of the call (the return address - 1).
 */
#define WIRE_FRAME_OFFSET_BITS 40
#define WIRE_FRAME_KERNEL_FILE 0xff0000

/* wire_thread.flags */
#define WIRE_THREAD_PROCESS 0x0001  /* the first thread of a new process */
#define WIRE_THREAD_VFORK 0x0002    /* its parent waits until it execs or exits */
#define WIRE_THREAD_WORKER 0x0004   /* io-wq or SQPOLL: a kernel worker of the process */
#define WIRE_THREAD_SEEDED 0x0008   /* ran before tracing began (attach), or the command itself */
#define WIRE_THREAD_COMPAT 0x0010

/* A thread was made (or found, when attaching). */
struct wire_thread {
	struct wire_head head;
	__u64 ts;
	__u32 process; /* thread number of the process's first thread */
	__u32 parent;  /* thread number of its maker, 0: not traced */
	__u32 tid;
	__u32 pid;     /* tgid */
	__u32 ppid;    /* tgid of the real parent */
	__u32 flags;
	char comm[WIRE_COMM_LEN];
};

/* A thread called exec with success: from now on it is the only one of its process, and tid == pid. */
struct wire_exec {
	struct wire_head head;
	__u64 ts;
	__u32 process;
	__u32 pid;
	__u32 old_tid;
	__u32 pad;
	char comm[WIRE_COMM_LEN];
	char path[128]; /* what was executed, cut to fit */
};

/* A thread's exact account of one wait kind; sent before its WIRE_END. */
struct wire_wait {
	struct wire_head head;
	__u32 kind;
	__u32 pad;
	__u64 count;   /* waits; a wait that was retried counts once */
	__u64 retries;
	__u64 ns;
	__u64 max_ns;
	__u32 hist[WIRE_HIST_BUCKETS];
};

/* wire_end.flags */
#define WIRE_END_TERMINATED 0x0001 /* the thread ended; else tracing ended first */
#define WIRE_END_ORPHANS 0x0002    /* the sum of threads whose own record was lost (LOSS_THREADS) */
#define WIRE_END_POLL_TIMER 0x0004

/* states in wire_end.state: what a thread that did not terminate was doing at the end */
enum thread_state {
	STATE_NEW = 0,     /* made, never ran */
	STATE_RUNNING = 1,
	STATE_READY = 2,
	STATE_WAITING = 3,
	STATE_DEAD = 4,
	STATE_HELD = 5,    /* the command before its exec */
	STATE_SEEDING = 6, /* a thread that is being taken in, see take_in(): in the low byte; above, how often it switched meanwhile */
};

/* A thread's exact account: running + ready + waiting (its WIRE_WAITs) + unknown == end - start. */
struct wire_end {
	struct wire_head head;
	__u64 start;
	__u64 end;
	__u64 running_ns;
	__u64 ready_ns[N_READY_REASONS];
	__u64 ready_count[N_READY_REASONS]; /* times it became ready, by reason */
	__u64 unknown_ns;
	__u64 waiting_ns;       /* sum over the kinds */
	__u64 switches_in;      /* ready -> running */
	__u64 blocked;          /* running -> waiting: voluntary switches */
	__u64 samples_user;
	__u64 samples_kernel;
	__u64 exec_runtime_ns;  /* the kernel's own: se.sum_exec_runtime since start */
	__u64 run_delay_ns;     /* the kernel's own: sched_info.run_delay since start */
	__u64 poll_timeouts;    /* polls that lasted until their timeout */
	__u64 threads;          /* with WIRE_END_ORPHANS: how many; else 1 */
	__u32 poll_sources;     /* most descriptors seen in one poll, by looking at some of them */
	__u32 process;
	__u32 tid;
	__u32 exit_code;        /* as wait(2) has it: the process's if the first thread, else the thread's */
	__u32 state;            /* enum thread_state */
	__u32 flags;
	char comm[WIRE_COMM_LEN];
};

_Static_assert(sizeof(struct wire_head) == 8, "wire_head");
_Static_assert(sizeof(struct wire_cycle) == 56, "wire_cycle");
_Static_assert(sizeof(struct wire_sample) == 32, "wire_sample");
_Static_assert(sizeof(struct wire_wake) == 56, "wire_wake");
_Static_assert(sizeof(struct wire_stack) == 32, "wire_stack");
_Static_assert(sizeof(struct wire_copy) == 40 + 8 * WIRE_REGISTERS, "wire_copy");
_Static_assert(sizeof(struct wire_proof) % 8 == 0, "wire_proof");
_Static_assert(sizeof(struct wire_thread) == 56, "wire_thread");
_Static_assert(sizeof(struct wire_exec) == 176, "wire_exec");
_Static_assert(sizeof(struct wire_wait) == 48 + 4 * WIRE_HIST_BUCKETS, "wire_wait");
_Static_assert(sizeof(struct wire_end) == 216, "wire_end");

#endif
