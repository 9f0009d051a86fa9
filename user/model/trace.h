/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A recording, read whole and checked: threads, processes, their exact totals, and the stream of cycles.
 * Immutable once loaded; everything hangs on it and goes with trace_free. Times are CLOCK_MONOTONIC nanoseconds.
 */
#ifndef CONCTRACE_TRACE_H
#define CONCTRACE_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "symbols/demangle.h"
#include "symbols/line_part.h"
#include "wire_record.h"

struct trace_wait { /* exact, from the kernel */
	uint64_t count, retries, ns, max_ns;
	uint32_t hist[WIRE_HIST_BUCKETS];
};

/* One stretch of the stream, see struct wire_cycle for the layout in time. */
struct trace_cycle {
	uint64_t ts, run_ns, wait_ns, ready_ns;
	uint32_t thread; /* index in trace.threads */
	uint32_t stack;  /* index in trace.stacks; 0 is the empty stack */
	uint16_t syscall, flags;
	uint8_t kind, ready, blocked;
	uint8_t thinned; /* see wire_cycle */
	uint32_t waker;  /* who ended the wait: index in trace.wakers; 0: not known, or nobody has */
};

struct trace_sample {
	uint64_t ts;
	uint32_t thread, stack;
	uint16_t syscall, flags;
};

/* Who ends waits: the distinct ones. */
struct trace_waker {
	uint32_t thread;   /* index in trace.threads; TRACE_NO_THREAD: not traced, or no thread */
	uint32_t stack;    /* index in trace.stacks */
	const char *comm;  /* of one that is not traced; NULL: no thread; cleaned */
	uint16_t syscall;  /* what it did; for trace_syscall_name with its flags */
	uint16_t flags;    /* WIRE_WAKE_* */
};
#define TRACE_NO_THREAD UINT32_MAX

struct trace_thread {
	uint32_t number;  /* as in the records */
	uint32_t process; /* index in trace.processes */
	uint32_t tid;
	uint32_t flags;   /* WIRE_THREAD_* */
	const char *comm; /* the last it had; cleaned */
	uint64_t start, end;
	bool terminated;  /* it ended before tracing did */
	bool orphans;     /* not a thread: the sum of `count` threads whose own records were lost */
	uint64_t count;   /* 1 */
	enum thread_state last_state;
	int exit_code;    /* as wait(2) has it */

	/* exact: running + Σ ready + waiting + unknown == lifetime == end - start (for orphans: the sum of lifetimes) */
	uint64_t lifetime_ns, running_ns, waiting_ns, unknown_ns;
	uint64_t ready_ns[N_READY_REASONS], ready_count[N_READY_REASONS];
	struct trace_wait waits[N_WAIT_KINDS];
	uint64_t switches_in, blocked; /* ready -> running; running -> waiting (voluntary) */
	uint64_t samples_user, samples_kernel;
	uint64_t poll_timeouts;
	uint32_t poll_sources;
	bool poll_timer; /* WIRE_END_POLL_TIMER */
	uint64_t kernel_exec_runtime_ns, kernel_run_delay_ns;

	/* the stream: cycles[first_cycle .. +n_cycles) of trace.cycles, in time order */
	size_t first_cycle, n_cycles;
	size_t first_sample, n_samples; /* the same in trace.samples */
	uint64_t streamed_ns; /* sum of all its streamed intervals */
};

struct trace_process {
	uint32_t number; /* its first thread's number */
	uint32_t pid, ppid;
	const char *comm; /* of its first thread, at the end; cleaned */
	const char *path; /* what it executed last, NULL if it never did while traced; cleaned */
	uint64_t start, end;
	bool terminated;
	int exit_code;       /* as wait(2) has it; of use if terminated */
	uint32_t n_threads;
	uint32_t *threads;   /* indexes in trace.threads, by start */
};

struct trace_file {
	uint32_t number; /* the upper bits of its frames */
	uint16_t kind; /* enum section_file_kind */
	const char *path; /* cleaned; "[vdso]", "[anon]", "[unknown]" for those without */
	uint32_t pid;
	uint64_t base;
	uint8_t build_id[20];
	uint8_t build_id_len;   /* 0: none is known */
};

struct trace_frame {
	uint64_t frame;         /* normalised */
	const char *name;       /* of the function, NULL: not known; cleaned. A function that was inlined has a frame of its own. */
	bool no_symbol;         /* the name is made of the place where the function begins: no symbol table has it */
	const char *file;       /* path of its file, "[kernel]", "[unknown]", … never NULL */
	const char *source;     /* path of the source file, NULL: not known or not asked for; cleaned */
	uint32_t line;          /* in it, of the instruction or the call; 0: not known */
	uint32_t offset;        /* in the function */
	bool kernel;
	bool inlined;           /* into the next frame of the stack: both have the same `frame` */
};

struct trace_stack {
	uint32_t n_kernel, n_user; /* innermost first: kernel frames, then user frames */
	uint8_t end;               /* enum stack_end: of the user frames */
	const uint32_t *frames;    /* indexes in trace.frames */
};

/* Is its outermost frame not where the thread began: frames are missing, and why is known? */
static inline bool trace_stack_is_cut(const struct trace_stack *s)
{
	return s->end != STACK_END_ROOT && s->end != STACK_END_UNKNOWN;
}

struct trace_meta {
	const char *version;  /* of the conctrace that recorded */
	const char *kernel;   /* uname -r */
	const char *machine;  /* uname -m */
	const char *verb;     /* "run" or "attach" */
	const char *const *command; /* argv, NULL-terminated, raw bytes */
	size_t n_command;
	bool has_exit;
	int exit_status;      /* as wait(2) has it, of the command */
	uint32_t cpus;
	uint64_t start, end;  /* tracing: the wall clock is end - start */
	uint64_t alive;       /* in a recording that has no end: what happened until then had been written; 0: not known */
	uint64_t realtime_ns; /* CLOCK_REALTIME at start */
	uint32_t sample_hz;   /* 0: no samples */
	bool stacks, kernel_stacks, wakers;
	uint64_t probe_ns;    /* estimated time in the probes, for traced and untraced switches */
	uint64_t probe_runs;  /* how many runs that covers (exact) */
	uint64_t recorder_cpu_ns; /* CPU time of the recorder itself while tracing */
	uint64_t stolen_ns;       /* CPU time that the hypervisor gave to others meanwhile, of all CPUs */
	uint64_t setup_ns;    /* from start of conctrace to the command's release */
};

struct trace {
	struct trace_meta meta;
	struct trace_thread *threads; size_t n_threads;      /* by start, the orphans last */
	struct trace_process *processes; size_t n_processes; /* by start, the orphans' (pid 0, "[no detail]") last */
	struct trace_cycle *cycles; size_t n_cycles;         /* by thread, then time */
	struct trace_sample *samples; size_t n_samples;      /* by thread, then time */
	struct trace_waker *wakers; size_t n_wakers;         /* [0] is nobody */
	struct trace_stack *stacks; size_t n_stacks;         /* [0] is empty */
	struct trace_frame *frames; size_t n_frames;
	struct trace_file *files; size_t n_files;            /* as in the recording */
	uint64_t loss[N_LOSS_CAUSES];
	const char *damage; /* NULL, or why the recording is incomplete */
};

/*
 * Names of system calls are in the recording (the reader may be another architecture): "read", "futex", …;
 * for a number without a name "syscall_N"; NULL for WIRE_NO_SYSCALL. `flags` is the cycle's.
 */
const char *trace_syscall_name(const struct trace *t, uint16_t number, uint16_t flags);

/*
 * Loads the recording at path ("-": stdin). A file that is whole but breaks the rules (records that overlap, a thread that is named
 * and never made, sums that do not fit) is not believed: -EBADMSG with a message. A damaged one loads as far as it goes and has `damage` set:
 * threads without a WIRE_END get their totals from the stream, and are taken to live until the last time that is known
 * (what the stream does not cover is unknown). In a whole recording the totals of such threads are in the orphans' (their
 * cycles and samples too, then); if there is no such sum either, and something was lost, they come from the stream.
 */
int trace_load(struct trace **out, const char *path);

/* What knows more of the frames than the recording does. */
struct trace_source {
	/* Asks about the offsets in an ELF file, each once and in ascending order; 0, or a negative errno that ends the loading. */
	int (*ask)(void *ctx, const struct trace_file *file, const uint64_t *offsets, size_t n, line_part_fn fn, void *fn_ctx);
	void *ctx;
	bool named; /* about frames that have a name, too: for inlined functions and lines */
};

/* trace_load, with `source` asked before stacks are made. A name in the recording stays; what was inlined comes before it. */
int trace_load_from(struct trace **out, const char *path, const struct trace_source *source);
void trace_free(struct trace *t);

/*
 * Function names as people want to read them; until then they are as in the recording, the linker's. Once for a trace: what is
 * readable already stays as it is. 0, or -ENOMEM.
 */
int trace_set_names(struct trace *t, enum symbol_names names);

#endif
