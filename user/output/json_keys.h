/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every key of `report --json`: path, type, meaning. A unit test compares the table with what is printed,
 * both ways. In a path, [] is any element of an array; KIND, GROUP, REASON, CAUSE, CLASS and EDGE are the
 * words of their tables (wait kinds, wait groups, ready reasons, loss causes, wall classes, transitions).
 */
#ifndef CONCTRACE_JSON_KEYS_H
#define CONCTRACE_JSON_KEYS_H

#include <stdio.h>

/* An account: of all threads together, and of each thread. */
#define JSON_ACCOUNT_KEYS(X, P)                                                                              \
	X(P "lifetime_ns", "integer", "from start to end; running + ready + waiting + unknown")              \
	X(P "running_ns", "integer", "on a CPU; user + kernel + unsampled")                                  \
	X(P "user_ns", "integer", "running time, by its samples in user mode")                               \
	X(P "kernel_ns", "integer", "running time, by its samples in the kernel")                            \
	X(P "unsampled_ns", "integer", "running time of a recording that has no sample")                     \
	X(P "ready_ns", "integer", "ready to run, without a CPU")                                            \
	X(P "waiting_ns", "integer", "blocked")                                                              \
	X(P "unknown_ns", "integer", "in no known state")                                                    \
	X(P "streamed_ns", "integer", "of the lifetime, what the stream of intervals covers")                \
	X(P "groups", "object", "waiting, by group")                                                         \
	X(P "groups.GROUP_ns", "integer", "waiting for that group of kinds")                                 \
	X(P "waits", "object", "waiting, by kind; of a thread only the kinds that occurred")                 \
	X(P "waits.KIND", "object", "one kind of wait")                                                      \
	X(P "waits.KIND.ns", "integer", "total")                                                             \
	X(P "waits.KIND.count", "integer", "waits; one that was retried counts once")                        \
	X(P "waits.KIND.max_ns", "integer", "the longest")                                                   \
	X(P "waits.KIND.retries", "integer", "retries after a timeout")                                      \
	X(P "ready", "object", "ready time, by reason")                                                      \
	X(P "ready.REASON_ns", "integer", "ready for that reason")                                           \
	X(P "ready.REASON_count", "integer", "times it became ready for that reason")                        \
	X(P "transitions", "object", "changes of state")                                                     \
	X(P "transitions.EDGE", "integer", "how often that one was taken")                                   \
	X(P "voluntary", "integer", "switches to waiting")                                                   \
	X(P "involuntary", "integer", "switches while it wanted the CPU: preempted, yielded")                \
	X(P "samples", "integer", "on-CPU samples")                                                          \
	X(P "kernel", "object", "the kernel's own numbers, to compare with")                                 \
	X(P "kernel.exec_runtime_ns", "integer", "se.sum_exec_runtime: running")                             \
	X(P "kernel.run_delay_ns", "integer", "sched_info.run_delay: ready")

#define JSON_KEYS(X)                                                                                         \
	X("schema", "string", "conctrace-report/1")                                                          \
	X("command", "array", "the command and its arguments")                                               \
	X("command[]", "string", "an argument; bytes that are not UTF-8 are replaced")                       \
	X("verb", "string", "run or attach")                                                                 \
	X("exit", "object or null", "how the command ended; null: not known")                                \
	X("exit.code", "integer", "its exit code")                                                           \
	X("exit.signal", "integer", "the signal that ended it")                                              \
	X("complete", "boolean", "the recording is whole")                                                   \
	X("damage", "string or null", "why it is not")                                                       \
	X("version", "string", "of the conctrace that recorded")                                             \
	X("kernel", "string", "release")                                                                     \
	X("machine", "string", "architecture")                                                               \
	X("cpus", "integer", "CPUs")                                                                         \
	X("stolen_ns", "integer", "CPU time that the hypervisor gave to others meanwhile, of all CPUs")      \
	X("wall_ns", "integer", "from the first thread's start to the last one's end")                       \
	X("start_realtime_ns", "integer", "CLOCK_REALTIME when tracing started")                             \
	X("form", "string", "sequential, threaded, multiprocess, async or mixed")                            \
	X("forms", "object", "what the form rests on")                                                       \
	X("forms.sequential", "boolean", "none of the others")                                               \
	X("forms.threaded", "boolean", "two or more threads of a process did work")                          \
	X("forms.multiprocess", "boolean", "two or more processes did work at the same time")                \
	X("forms.async", "boolean", "an event loop does the work")                                           \
	X("forms.threads_working", "integer", "threads that did work, most in one process")                  \
	X("forms.processes_working", "integer", "processes that did work")                                   \
	X("forms.processes_overlap_ns", "integer", "time with two or more of them at work")                  \
	X("forms.processes_busy_ns", "integer", "time with one or more of them at work")                     \
	X("forms.async_threads", "integer", "event loops")                                                   \
	X("forms.poll_sources", "integer", "most descriptors that one of them serves, as far as was looked") \
	X("forms.evidence", "string", "the same in words")                                                   \
	X("bound", "string", "cpu, io, lock, ready, sleep or mixed")                                         \
	X("verdict", "object", "the same in words")                                                          \
	X("verdict.numbers", "string", "what it rests on")                                                   \
	X("verdict.advice", "string", "what would help, and why")                                            \
	X("wall", "object", "the wall clock, each instant once; sums up to wall_ns")                         \
	X("wall.CLASS_ns", "integer", "time of that class")                                                  \
	X("wall_no_detail_ns", "integer", "of wall.other_ns: nothing is known of that time")                 \
	X("concurrency", "object", "how many threads at a time")                                             \
	X("concurrency.running_avg", "real", "threads on a CPU, on average")                                 \
	X("concurrency.io_avg", "real", "threads in I/O, on average; polls on timers apart")                 \
	X("concurrency.ready_avg", "real", "threads ready, on average")                                      \
	X("concurrency.starved_ns", "integer",                                                               \
	  "CPU time that threads were ready for while fewer ran than there are CPUs")                        \
	X("concurrency.histogram_ns", "array", "time with 0, 1, 2, ... threads running")                     \
	X("concurrency.histogram_ns[]", "integer", "the last of 257 is 256 or more")                         \
	X("totals", "object", "the account of all threads")                                                  \
	JSON_ACCOUNT_KEYS(X, "totals.")                                                                      \
	X("totals.waits.KIND.histogram", "array",                                                            \
	  "waits of [2^b, 2^(b+1)) ns, up to the last that is not 0")                                        \
	X("totals.waits.KIND.histogram[]", "integer", "a count")                                             \
	X("totals.processes", "integer", "how many")                                                         \
	X("totals.threads", "integer", "how many")                                                           \
	X("processes", "array", "by start")                                                                  \
	X("processes[]", "object", "a process")                                                              \
	X("processes[].pid", "integer", "0: threads whose own numbers were lost")                            \
	X("processes[].ppid", "integer", "its parent")                                                       \
	X("processes[].comm", "string", "its name at the end")                                               \
	X("processes[].path", "string or null", "what it executed last")                                     \
	X("processes[].start_ns", "integer", "since the start of tracing")                                   \
	X("processes[].end_ns", "integer", "since the start of tracing")                                     \
	X("processes[].working", "boolean", "it did work, noticeably")                                       \
	X("processes[].exit", "object or null", "null: it lived on")                                         \
	X("processes[].exit.code", "integer", "its exit code")                                               \
	X("processes[].exit.signal", "integer", "the signal that ended it")                                  \
	X("processes[].threads", "array", "by start")                                                        \
	X("processes[].threads[]", "object", "a thread")                                                     \
	X("processes[].threads[].tid", "integer", "its number")                                              \
	X("processes[].threads[].comm", "string", "its name at the end")                                     \
	X("processes[].threads[].start_ns", "integer", "since the start of tracing")                         \
	X("processes[].threads[].end_ns", "integer", "since the start of tracing")                           \
	X("processes[].threads[].terminated", "boolean", "it ended before tracing did")                      \
	X("processes[].threads[].count", "integer", "1; of threads that are only known as a sum, how many")  \
	X("processes[].threads[].kernel_worker", "boolean", "io-wq or SQPOLL")                               \
	X("processes[].threads[].working", "boolean", "it did work, noticeably")                             \
	X("processes[].threads[].async", "boolean", "it is an event loop")                                   \
	JSON_ACCOUNT_KEYS(X, "processes[].threads[].")                                                       \
	X("places", "array", "the waits that cost most")                                                     \
	X("places[]", "object", "one kind of wait at one place")                                             \
	X("places[].kind", "string", "what is waited for")                                                   \
	X("places[].place", "string", "the innermost function that is the program's own")                    \
	X("places[].file", "string", "the file that it is in")                                               \
	X("places[].source", "string or null", "with --lines: the source file of that function")             \
	X("places[].line", "integer or null", "with --lines: the line in it of the call")                    \
	X("places[].syscall", "string or null", "the system call; null: none, a page fault")                 \
	X("places[].ns", "integer", "total")                                                                 \
	X("places[].count", "integer", "waits")                                                              \
	X("places[].max_ns", "integer", "the longest")                                                       \
	X("wakers", "array", "who ended the waits: those that cost most; empty unless recorded with --wakers") \
	X("wakers[]", "object", "waits of one kind at one place that one waker ended, from one place")       \
	X("wakers[].kind", "string", "what was waited for")                                                  \
	X("wakers[].place", "string", "where: the innermost function that is the program's own")             \
	X("wakers[].waker", "string", "process, process/thread, name (not traced), name (kernel), [interrupt], [softirq]") \
	X("wakers[].waker_place", "string or null", "the waker's innermost function that is its program's own") \
	X("wakers[].waker_syscall", "string or null", "what it called; null: none")                          \
	X("wakers[].softirq", "boolean", "in a softirq")                                                     \
	X("wakers[].ns", "integer", "total of these waits")                                                  \
	X("wakers[].count", "integer", "waits")                                                              \
	X("wakers[].max_ns", "integer", "the longest")                                                       \
	X("stacks", "object", "the user stacks of waits, ready time and samples")                            \
	X("stacks.taken", "integer", "with frames")                                                          \
	X("stacks.complete", "integer", "of these, whole: they begin where the thread did")                  \
	X("stacks.thinned", "integer", "not taken, for the rate at which they came")                         \
	X("stacks.ends", "object", "how they ended")                                                         \
	X("stacks.ends.END", "integer", "how many")                                                          \
	X("loss", "object", "what was lost, by cause")                                                       \
	X("loss.CAUSE", "integer", "how many")                                                               \
	X("coverage", "real", "streamed over exact thread time, 0 to 1")                                     \
	X("cost", "object", "of tracing")                                                                    \
	X("cost.probe_ns", "integer", "time in the probes")                                                  \
	X("cost.switches", "integer", "runs of the probes")                                                  \
	X("cost.ns_per_switch", "real", "probe_ns / switches")                                               \
	X("cost.probe_share", "real", "of all CPU time: wall × CPUs")                                        \
	X("cost.recorder_cpu_ns", "integer", "CPU time of the recorder")                                     \
	X("cost.recorder_share", "real", "of all CPU time")                                                  \
	X("cost.setup_ns", "integer", "from the start of conctrace to the command's")

/* The table as entries of a manual page (mdoc): ".It Li path Pq type" and the meaning. */
void json_keys_print(FILE *out);

#endif
