/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of this folder share while a trace is being built; nobody else includes this. The order of
 * work is in trace_load: sections are decoded into drafts, then threads, the stream, processes and stacks are
 * made of them, then all is verified. Everything here returns 0 or a negative errno with a message.
 */
#ifndef CONCTRACE_MODEL_LOAD_H
#define CONCTRACE_MODEL_LOAD_H

#include "base/bytes.h"
#include "base/intmap.h"
#include "base/strings.h"
#include "model/trace.h"

/* The trace with what it hangs on. */
struct trace_store {
	struct trace trace; /* first: a struct trace * is a struct trace_store * */
	struct strings *strings;
	struct intmap syscalls; /* table << 16 | number: number of the name in strings */
	const char **command;
	uint32_t *process_threads; /* one pool for all trace_process.threads */
	uint32_t *stack_frames;	   /* one pool for all trace_stack.frames */
};

enum { SYSCALLS_NATIVE, SYSCALLS_COMPAT, SYSCALLS_X32, N_SYSCALL_TABLES };

static inline uint64_t syscall_key(unsigned int table, unsigned int number)
{
	return (uint64_t)table << 16 | number;
}

static inline unsigned int syscall_table(unsigned int cycle_flags)
{
	return cycle_flags & WIRE_CYCLE_COMPAT ? SYSCALLS_COMPAT
	       : cycle_flags & WIRE_CYCLE_X32  ? SYSCALLS_X32
					       : SYSCALLS_NATIVE;
}

/* A thread as far as the records have told; `made`, `end` and `exec` are indexes + 1 of load's arrays, 0:
 * none. */
struct load_draft {
	uint32_t number;
	uint32_t made, end, exec;
	uint64_t first, last; /* the time that its cycles and samples span */
};

struct load_wait {
	uint32_t draft;
	uint32_t kind;
	struct trace_wait wait;
};

struct load_stack {
	size_t first; /* in load.raw_frames */
	uint32_t n_kernel, n_user;
	uint8_t end;
	bool defined;
};

struct load_name {
	uint64_t frame;
	uint32_t depth, offset;
	bool no_symbol;
	const char *text; /* NULL: not known */
	const char *source;
	uint32_t line;
};

struct load {
	struct trace_store *store;
	struct trace *t;
	bool complete;
	struct bytes scratch;

	/* meta */
	bool has_start, has_end;
	struct bytes args; /* "arg\0arg\0", of the last META section that has any */

	/* threads */
	struct load_draft *drafts;
	size_t n_drafts, drafts_cap;
	struct intmap draft_of; /* thread number: index in drafts */
	uint32_t recent_number, recent_draft;
	struct wire_thread *made;
	size_t n_made, made_cap;
	struct wire_exec *execs;
	size_t n_execs, execs_cap;
	struct wire_end *ends;
	size_t n_ends, ends_cap;
	struct load_wait *waits;
	size_t n_waits, waits_cap;
	struct wire_end orphans; /* .threads == 0: none */
	struct trace_wait orphan_waits[N_WAIT_KINDS];
	uint64_t first, last; /* the time that all records span; first is UINT64_MAX before there is one */

	/* drafts made threads: index in trace.threads of each draft, and the draft (or LOAD_NO_DRAFT) of each
	 * thread */
	uint32_t *thread_of;
	uint32_t *draft_of_thread;

	/* the stream, in order of arrival: struct trace_cycle and trace_sample, .thread a draft, .stack a
	 * load_stack */
	struct bytes cycles, samples;
	struct bytes wakes;	   /* wakers.c */
	struct strings *waker_ids; /* what makes a waker distinct, as bytes; NULL: there are none */
	unsigned char (*syscalls_seen)[1 << 16];

	/* stacks; [0] is the empty one */
	struct load_stack *stacks;
	size_t n_stacks, stacks_cap;
	struct intmap stack_of;	 /* id: index in stacks */
	struct bytes raw_frames; /* uint64_t */
	struct load_name *names;
	size_t n_names, names_cap;
	size_t files_cap;
};

#define LOAD_NO_DRAFT UINT32_MAX

/* trace.c: cleaned and kept with the trace; NULL: no memory. */
const char *load_text(struct load *l, const char *bytes, size_t len);

/* meta.c */
int meta_read(struct load *l, const unsigned char *data, size_t len);
int meta_finish(struct load *l); /* defaults, the command, names for all system calls that were seen */

/* records.c: SECTION_EVENTS */
int records_read(struct load *l, const unsigned char *data, size_t len);

/* Of a thread number, made if it is new. */
int draft_index(struct load *l, uint32_t number, uint32_t *index);

/* wakers.c: WIRE_WAKE; wakers_build after the timeline */
int wake_read(struct load *l, const void *record);
int wakers_build(struct load *l);

/* stacks.c: SECTION_FILES, SECTION_NAMES, WIRE_STACK */
int files_read(struct load *l, const unsigned char *data, size_t len);
int names_read(struct load *l, const unsigned char *data, size_t len);
int stack_index(struct load *l, uint64_t id, uint32_t *index); /* made if new */
int stack_read(struct load *l, const unsigned char *record, size_t size);
int stacks_build(struct load *l); /* after the stream */

/* sources.c: more names for the frames of the stacks, before they are built */
int sources_ask(struct load *l, const struct trace_source *source);
#define LOAD_INLINE_DEPTH 32 /* deeper names are dropped: a small file must not unfold without bounds */

/* threads.c */
int threads_build(struct load *l);

/* processes.c */
int processes_build(struct load *l); /* after the stream: needs every thread's end */

/* timeline.c */
int timeline_build(
	struct load *l); /* after the threads: sorts, checks, makes the totals of threads that have none */

/* verify.c */
int trace_verify(const struct trace *t);

#endif
