/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lives of threads for tests of the analysis: a thread runs, waits, is preempted, ends; out come the records
 *of it, to the nanosecond. Numbers of system calls are those of x86_64. MS makes the numbers readable.
 *
 *	struct life l;
 *	life_begin(&l, &b, 1, 1, 100, 100, 0, "main");	number, process, tid, pid, start, name
 *	life_run(&l, 5 * MS);
 *	life_wait(&l, WAIT_NETWORK, 10 * MS, 1 * MS, SYS_RECV, 0);	kind, waiting, ready, call, flags
 *	life_end(&l, 0);				exit status
 */
#ifndef CONCTRACE_LIVES_H
#define CONCTRACE_LIVES_H

#include "build_trace.h"

#define MS	  1000000ull
#define US	  1000ull
#define SYS_READ  0
#define SYS_RECV  45
#define SYS_SLEEP 230
#define SYS_EPOLL 232
#define SYS_FUTEX 202
#define SYS_WAIT4 61

struct life {
	struct build *b;
	uint32_t number;
	uint64_t now, run_ns;
	uint64_t stack; /* of the waits that follow */
	bool ran;
};

static inline void life_names(struct build *b)
{
	build_meta(b, "syscall:45", "recvfrom");
	build_meta(b, "syscall:61", "wait4");
	build_meta(b, "syscall:230", "clock_nanosleep");
	build_meta(b, "syscall:232", "epoll_wait");
}

static inline void life_cycle(struct life *l, struct wire_cycle c)
{
	c.run_ns = l->run_ns;
	c.stack = l->stack;
	l->now += c.run_ns + c.wait_ns + c.ready_ns;
	c.ts = l->now;
	if (!l->ran)
		c.flags |= WIRE_CYCLE_FIRST;
	l->ran = true;
	l->run_ns = 0;
	build_cycle(l->b, l->number, &c);
}

static inline void life_begin_of(struct life *l, struct build *b, uint32_t number, uint32_t process,
				 uint32_t tid, uint32_t pid, uint32_t ppid, uint64_t start, const char *comm,
				 uint32_t flags)
{
	*l = (struct life){.b = b, .number = number, .now = start};
	build_thread_of(b, number, process, tid, pid, start, comm, 0, ppid, flags);
	life_cycle(l, (struct wire_cycle){.ready = READY_NEW, .syscall = WIRE_NO_SYSCALL});
}

static inline void life_begin(struct life *l, struct build *b, uint32_t number, uint32_t process,
			      uint32_t tid, uint32_t pid, uint64_t start, const char *comm)
{
	life_begin_of(l, b, number, process, tid, pid, 1, start, comm, 0);
}

static inline void life_run(struct life *l, uint64_t ns)
{
	l->run_ns += ns;
}

static inline void life_wait(struct life *l, enum wait_kind kind, uint64_t wait_ns, uint64_t ready_ns,
			     uint16_t syscall, uint16_t flags)
{
	life_cycle(l, (struct wire_cycle){
			      .kind = kind,
			      .blocked = 1,
			      .ready = READY_WOKEN,
			      .wait_ns = wait_ns,
			      .ready_ns = ready_ns,
			      .syscall = syscall,
			      .flags = flags,
		      });
}

static inline void life_preempted(struct life *l, uint64_t ready_ns)
{
	life_cycle(l, (struct wire_cycle){
			      .ready = READY_PREEMPTED, .ready_ns = ready_ns, .syscall = WIRE_NO_SYSCALL});
}

/* Ends where it is; what it ran since its last wait is the last cycle. */
static inline void life_end(struct life *l, uint32_t status)
{
	if (l->run_ns)
		life_cycle(l, (struct wire_cycle){.flags = WIRE_CYCLE_OPEN, .syscall = WIRE_NO_SYSCALL});
	build_end(l->b, l->number, l->now, WIRE_END_TERMINATED, status);
}

/* Waits until tracing ends at `end`, and is waiting still. */
static inline void life_wait_on(struct life *l, enum wait_kind kind, uint64_t end, uint16_t syscall)
{
	life_cycle(l, (struct wire_cycle){
			      .kind = kind,
			      .blocked = 1,
			      .ready = READY_WOKEN,
			      .wait_ns = end - l->now - l->run_ns,
			      .syscall = syscall,
			      .flags = WIRE_CYCLE_OPEN,
		      });
	build_end(l->b, l->number, end, 0, 0);
}

/* What the kernel saw in the thread's polls. */
static inline void life_polls(struct life *l, uint32_t sources, uint64_t timeouts)
{
	build_account(l->b, l->number)->end.poll_sources = sources;
	build_account(l->b, l->number)->end.poll_timeouts = timeouts;
}

#endif
