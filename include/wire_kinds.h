/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The tables that name every state, wait kind, ready reason and loss cause. Numbers reach the ring
 * and the disk: they are given by hand and only ever appended to. Everything that lists kinds (the
 * report's rows, the JSON keys, the manual, the tests) is made from these tables.
 */
#ifndef CONCTRACE_WIRE_KINDS_H
#define CONCTRACE_WIRE_KINDS_H

/* X(number, ID, "json name", "title") */
#define WAIT_GROUPS(X)                                                                             \
	X(0, IO, "io", "I/O")                                                                      \
	X(1, LOCK, "lock", "lock")                                                                 \
	X(2, SYNC, "sync", "another thread")                                                       \
	X(3, SLEEP, "sleep", "timer")                                                              \
	X(4, MEMORY, "memory", "memory")                                                           \
	X(5, OTHER, "other", "other")

/* X(number, ID, "json name", GROUP, "what is waited for") */
#define WAIT_KINDS(X)                                                                              \
	X(0, UNKNOWN, "unknown", OTHER, "a wait whose cause could not be read")                    \
	X(1, DISK, "disk", IO, "file read, write, fsync, open; direct and asynchronous file I/O; major faults on files") \
	X(2, NETWORK, "network", IO, "internet and other network sockets")                         \
	X(3, LOCAL, "local", IO, "unix sockets, pipes, FIFOs, eventfd, terminals")                 \
	X(4, POLL, "poll", IO, "epoll, poll, select, io_uring waiting for completions")            \
	X(5, MUTEX, "mutex", LOCK, "a futex taken by one at a time: mutex, rwlock, PI")            \
	X(6, FILE_LOCK, "file_lock", LOCK, "flock, fcntl record locks")                            \
	X(7, KERNEL_LOCK, "kernel_lock", LOCK, "a lock inside the kernel: mutex, rwsem, mmap_lock") \
	X(8, CONDITION, "condition", SYNC, "condition variable, semaphore, barrier, idle kernel worker") \
	X(9, JOIN, "join", SYNC, "pthread_join")                                                   \
	X(10, CHILD, "child", SYNC, "wait4, waitid, vfork")                                        \
	X(11, IPC, "ipc", SYNC, "System V and POSIX message queues and semaphores")                \
	X(12, SLEEP, "sleep", SLEEP, "nanosleep, clock_nanosleep, timerfd, a poll of nothing with a timeout") \
	X(13, FAULT, "fault", MEMORY, "page faults without file I/O, reclaim, userfaultfd, swap")  \
	X(14, SIGNAL, "signal", OTHER, "pause, a poll of nothing, sigsuspend, sigtimedwait, signalfd") \
	X(15, STOPPED, "stopped", OTHER, "job control, ptrace")                                    \
	X(16, SYSCALL, "syscall", OTHER, "any other system call")

/* X(number, ID, "json name", "title"): why a thread is ready and not running */
#define READY_REASONS(X)                                                                           \
	X(0, NEW, "new", "new")                                                                    \
	X(1, WOKEN, "woken", "woken")                                                              \
	X(2, PREEMPTED, "preempted", "preempted")                                                  \
	X(3, YIELDED, "yielded", "yielded")

/* X(number, ID, "json name", "what was lost") */
#define LOSS_CAUSES(X)                                                                             \
	X(0, CYCLES, "cycles", "intervals: a ring was full (their time stays in the totals)")      \
	X(1, SAMPLES, "samples", "on-CPU samples: a ring was full")                                \
	X(2, STACKS, "stacks", "stacks: a ring was full (their time is under [no stack])")         \
	X(3, THREADS, "threads", "threads whose own totals were lost (summed up as one)")          \
	X(4, STORAGE, "storage", "threads not traced: the kernel had no memory for their state")   \
	X(5, BUSY, "busy", "switches that were not seen, with their time unknown")           \
	X(6, MAPPINGS, "mappings", "mapping records: the perf ring was full")                      \
	X(7, EVENTS, "events", "thread and exec records: a ring was full")                         \
	X(8, DISK_FULL, "disk_full", "bytes that could not be written to the recording")           \
	X(9, SYMBOLS, "symbols", "files whose symbols could not be read")                          \
	X(10, COLLISIONS, "collisions", "stacks that came under the number of another one: until that was noticed they show as that one") \
	X(11, WAKES, "wakes", "wakings: a ring was full (who ended those waits is not known)")

/* X(number, ID, "json name", "how the walk of a stack ended") */
#define STACK_ENDS(X)                                                                              \
	X(0, UNKNOWN, "unknown", "by frame pointers, or not told")                                  \
	X(1, ROOT, "root", "at the outermost frame")                                               \
	X(2, NO_TABLE, "no_table", "the unwind table was not ready")                               \
	X(3, NO_CFI, "no_cfi", "code without unwind information or frame pointer")                 \
	X(4, READ, "read", "a part of the stack was not in memory")                                \
	X(5, DEEP, "deep", "deeper than is looked")                                                \
	X(6, UNSUPPORTED, "unsupported", "an unwind rule that can't be followed")                  \
	X(7, BROKEN, "broken", "the stack does not grow")                                          \
	X(8, GONE, "gone", "its memory was gone: in an exit or an exec")                           \
	X(9, NO_ROOM, "no_room", "no room for one more unwind table")

#define WIRE_ENUM(PREFIX, n, ID, ...) PREFIX##ID = n,
#define WIRE_X_GROUP(n, ID, ...) WAIT_GROUP_##ID = n,
#define WIRE_X_KIND(n, ID, ...) WAIT_##ID = n,
#define WIRE_X_READY(n, ID, ...) READY_##ID = n,
#define WIRE_X_LOSS(n, ID, ...) LOSS_##ID = n,
#define WIRE_X_END(n, ID, ...) STACK_END_##ID = n,
#define WIRE_X_COUNT(...) +1

enum wait_group { WAIT_GROUPS(WIRE_X_GROUP) };
enum wait_kind { WAIT_KINDS(WIRE_X_KIND) };
enum ready_reason { READY_REASONS(WIRE_X_READY) };
enum loss_cause { LOSS_CAUSES(WIRE_X_LOSS) };
enum stack_end { STACK_ENDS(WIRE_X_END) };

enum {
	N_WAIT_GROUPS = 0 WAIT_GROUPS(WIRE_X_COUNT),
	N_WAIT_KINDS = 0 WAIT_KINDS(WIRE_X_COUNT),
	N_READY_REASONS = 0 READY_REASONS(WIRE_X_COUNT),
	N_LOSS_CAUSES = 0 LOSS_CAUSES(WIRE_X_COUNT),
	N_STACK_ENDS = 0 STACK_ENDS(WIRE_X_COUNT),
};

#endif
