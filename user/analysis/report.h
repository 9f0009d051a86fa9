/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The report: one result struct with everything that the text and the JSON print; neither of them computes.
 * Lengths are nanoseconds. A report borrows its strings from the trace, which has to outlive it.
 */
#ifndef CONCTRACE_REPORT_H
#define CONCTRACE_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/trace.h"

/* X(ID, "json name", "title"): what an instant of the wall clock is, in the order in which it is decided. */
#define WALL_CLASSES(X)                                                                                      \
	X(RUNNING, "running", "running")                                                                     \
	X(READY, "ready", "ready")                                                                           \
	X(IO, "io", "I/O")                                                                                   \
	X(MEMORY, "memory", "memory")                                                                        \
	X(LOCK, "lock", "lock")                                                                              \
	X(SLEEP, "sleep", "timer")                                                                           \
	X(POLL, "poll", "I/O, by poll")                                                                      \
	X(SYNC, "sync", "another thread")                                                                    \
	X(OTHER, "other", "other")

#define WALL_ENUM(ID, ...) WALL_##ID,
enum wall_class { WALL_CLASSES(WALL_ENUM) N_WALL_CLASSES };

/* X(ID, "json name", "title") */
#define FORMS(X)                                                                                             \
	X(SEQUENTIAL, "sequential", "sequential")                                                            \
	X(THREADED, "threaded", "threaded")                                                                  \
	X(MULTIPROCESS, "multiprocess", "multiprocess")                                                      \
	X(ASYNC, "async", "async")                                                                           \
	X(MIXED, "mixed", "mixed")

#define FORM_ENUM(ID, ...) FORM_##ID,
enum form_kind { FORMS(FORM_ENUM) N_FORMS };

/* X(ID, "json name", "title") */
#define BOUNDS(X)                                                                                            \
	X(CPU, "cpu", "CPU-bound")                                                                           \
	X(IO, "io", "I/O-bound")                                                                             \
	X(LOCK, "lock", "lock-bound")                                                                        \
	X(READY, "ready", "starved for CPU")                                                                 \
	X(SLEEP, "sleep", "sleeping")                                                                        \
	X(MIXED, "mixed", "mixed")

#define BOUND_ENUM(ID, ...) BOUND_##ID,
enum bound_kind { BOUNDS(BOUND_ENUM) N_BOUNDS };

/* X(ID, "json name", "title"): the edges of the life cycle */
#define TRANSITIONS(X)                                                                                       \
	X(START_READY, "start_ready", "start → ready")                                                       \
	X(READY_RUNNING, "ready_running", "ready → running")                                                 \
	X(RUNNING_READY, "running_ready", "running → ready")                                                 \
	X(RUNNING_WAITING, "running_waiting", "running → waiting")                                           \
	X(WAITING_READY, "waiting_ready", "waiting → ready")                                                 \
	X(RUNNING_TERMINATED, "running_terminated", "running → terminated")

#define TRANSITION_ENUM(ID, ...) TRANSITION_##ID,
enum transition { TRANSITIONS(TRANSITION_ENUM) N_TRANSITIONS };

#define REPORT_HISTOGRAM_MAX 257 /* threads running: 0 .. 255, and 256 or more */
#define REPORT_BANDS_MAX     12
#define REPORT_PLACES_MAX    50
#define REPORT_WAKERS_MAX    50

struct report_wait {
	uint64_t ns, count, max_ns, retries;
	uint64_t mean_ns; /* ns / count */
};

/* running + ready + waiting + unknown == lifetime; user + kernel + unsampled == running. */
struct report_account {
	uint64_t lifetime_ns, running_ns, ready_ns, waiting_ns, unknown_ns;
	uint64_t user_ns, kernel_ns; /* running time, split as its samples are */
	uint64_t unsampled_ns;	     /* running time of a recording that has no sample at all */
	uint64_t samples_user, samples_kernel;
	uint64_t ready_by[N_READY_REASONS], ready_count[N_READY_REASONS];
	uint64_t groups_ns[N_WAIT_GROUPS], groups_count[N_WAIT_GROUPS];
	struct report_wait waits[N_WAIT_KINDS];
	uint64_t transitions[N_TRANSITIONS];
	uint64_t voluntary, involuntary;	/* running → waiting; running → ready */
	uint64_t exec_runtime_ns, run_delay_ns; /* the kernel's own numbers */
	uint64_t streamed_ns;
};

struct report_thread {
	const char *comm;
	uint32_t tid, process;	   /* process: index in report.processes */
	uint64_t start_ns, end_ns; /* since the start of tracing */
	uint64_t count;		   /* 1; of the sum of lost threads, how many */
	bool terminated, orphans;
	bool kernel_worker;   /* io-wq or SQPOLL */
	bool working;	      /* ran, or did I/O, noticeably */
	bool async;	      /* an event loop */
	uint64_t wait_top_ns; /* the kind that it waited for longest */
	enum wait_kind wait_top;
	struct report_account account;
};

/* Threads or processes that are not listed one by one, summed up. */
struct report_rest {
	uint64_t processes, threads;
	struct report_account account;
};

struct report_process {
	const char *comm, *path; /* path may be NULL */
	uint32_t pid, ppid;
	uint64_t start_ns, end_ns; /* since the start of tracing */
	bool terminated, orphans;
	bool parent; /* has children in the trace */
	bool working;
	int exit_status;		  /* as wait(2) has it */
	uint32_t first_thread, n_threads; /* in report.threads */
	uint32_t *order; /* its threads, most time first: n_listed of them are listed, then come idle and rest
			  */
	uint32_t n_listed;
	struct report_rest idle, rest;
	struct report_account account;
};

/* Processes of one name that are not listed one by one. */
struct report_group {
	const char *comm;
	struct report_rest sum;
};

/* Time with from .. to threads running. */
struct report_band {
	uint32_t from, to;
	uint64_t ns;
};

struct report_concurrency {
	double running_avg; /* threads on a CPU on average: parallelism */
	double io_avg;	    /* threads blocked in I/O on average, polls on timers apart */
	double ready_avg;
	/* CPU time that threads were ready for while fewer of them ran than there are CPUs */
	uint64_t starved_ns;
	uint64_t histogram_ns[REPORT_HISTOGRAM_MAX]; /* time with exactly k threads running */
	uint32_t n_histogram;
	struct report_band
		bands[REPORT_BANDS_MAX]; /* the same in few rows: 0, 1, 2, ...; then 3-4, 5-8, 9-16, ... */
	uint32_t n_bands;
};

struct report_form {
	enum form_kind kind;
	bool sequential, threaded, multiprocess, async;
	uint32_t threads_working;	  /* most in one process */
	uint32_t threads_of_that_process; /* all there were of it */
	uint32_t processes_working;
	uint32_t processes_peak;	      /* most at work at one instant */
	uint64_t processes_overlap_ns;	      /* two or more of them at work */
	uint64_t processes_busy_ns;	      /* one or more of them */
	uint32_t async_threads, poll_sources; /* poll_sources: of the largest event loop */
	char evidence[320];		      /* one line */
};

struct report_verdict {
	enum bound_kind bound;
	char numbers[320]; /* one line: what it rests on */
	char advice[480];  /* one line: what would help, and why */
};

struct report_place {
	enum wait_kind kind;
	char place[160];     /* a function, FILE+0xOFFSET, or a system call */
	char file[64];	     /* base name of its file; "" if the place is a system call */
	const char *source;  /* path of its source file; NULL: not known (or not asked for) */
	uint32_t line;	     /* in it; 0: not known */
	const char *syscall; /* NULL: none (a page fault) */
	uint64_t ns, count, max_ns;
};

/* Waits of one kind at one place that one waker ended, from one place. */
struct report_waker {
	enum wait_kind kind;
	char place[160];	/* where they waited, as in report_place */
	char who[80];		/* process, process/thread, "name (not traced)", "name (kernel)", "[interrupt]", "[softirq]" */
	char by_place[160];	/* where the waker was: a function of its own; "": not known */
	const char *by_syscall; /* what it called; NULL: none */
	bool softirq;		/* in a softirq at the end of that */
	uint64_t ns, count, max_ns;
};

struct report_cost {
	uint64_t probe_ns, switches, recorder_cpu_ns, setup_ns;
	double ns_per_switch;
	double probe_share, recorder_share; /* of the CPU time that there was: wall × CPUs */
};

/* How the user stacks of waits, of ready time and of samples ended. */
struct report_stacks {
	uint64_t taken;		     /* with frames */
	uint64_t ends[N_STACK_ENDS]; /* of these */
	uint64_t thinned;	     /* not taken: there were too many, others stand for them */
};

struct report {
	const struct trace_meta *meta;
	const char *damage; /* NULL, or why the recording is incomplete */

	uint64_t start, wall_ns;       /* the wall clock: [start, start + wall_ns) */
	uint64_t wall[N_WALL_CLASSES]; /* they sum up to wall_ns */
	uint64_t wall_no_detail_ns;    /* part of other: nothing is known of that instant */
	struct report_concurrency concurrency;
	struct report_form form;
	struct report_verdict verdict;

	struct report_account totals;
	uint64_t histograms[N_WAIT_KINDS][WIRE_HIST_BUCKETS]; /* waits by the log2 of their ns, all threads */
	uint64_t n_processes, n_threads; /* orphans counted as the threads that they are */

	struct report_process *processes; /* by start */
	struct report_thread *threads;	  /* by process, then start */
	size_t processes_len, threads_len;
	uint32_t *process_order; /* most time first */
	uint32_t n_listed;
	struct report_group *groups; /* those not listed, by name, most time first */
	size_t n_groups;

	struct report_place places[REPORT_PLACES_MAX]; /* most time first */
	size_t n_places;

	struct report_waker wakers[REPORT_WAKERS_MAX]; /* most time first; none unless recorded (meta->wakers) */
	size_t n_wakers;

	struct report_stacks stacks;
	uint64_t loss[N_LOSS_CAUSES];
	double coverage; /* streamed time over thread time, 0 .. 1; 1 only if all of it */
	struct report_cost cost;
};

/* What the text lists: everything, or those with most time. JSON has every thread. */
struct report_choice {
	bool all_threads;
};

/* 0, or -ENOMEM with a message. The trace stays the caller's and must outlive the report. */
int report_build(struct report **out, const struct trace *t, const struct report_choice *choice);
void report_free(struct report *r); /* NULL is fine */

/* Words of the tables above: "async", "cpu" (JSON), and for people. */
const char *form_name(enum form_kind kind);
const char *bound_name(enum bound_kind kind);
const char *bound_title(enum bound_kind kind);
const char *wall_class_name(enum wall_class c);
const char *wall_class_title(enum wall_class c);
const char *transition_name(enum transition t);
const char *transition_title(enum transition t);

#endif
