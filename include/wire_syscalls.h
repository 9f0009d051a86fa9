/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What a thread that blocks within a system call waits for: one table, name -> class. The user side turns names into numbers
 * for each ABI and hands the probes an array of classes; a call that is not listed is SYSCALL_OTHER.
 * Where the class leaves it open (an fd, a futex), the probe looks at the arguments.
 */
#ifndef CONCTRACE_WIRE_SYSCALLS_H
#define CONCTRACE_WIRE_SYSCALLS_H

enum syscall_class {
	SYSCALL_OTHER = 0,
	SYSCALL_FD = 1,          /* works on the descriptor in argument 0 */
	SYSCALL_TWO_FDS = 2,     /* on two: sendfile(out 0, in 1) */
	SYSCALL_SPLICE = 3,      /* splice(in 0, off, out 2), copy_file_range */
	SYSCALL_FILE = 4,        /* on files, by path or descriptor: disk */
	SYSCALL_OPEN = 5,        /* open: disk; interruptible: the other end of a FIFO */
	SYSCALL_POLL = 6,        /* poll(fds 0, n 1, ms 2) */
	SYSCALL_PPOLL = 7,       /* ppoll(fds 0, n 1, timespec 2) */
	SYSCALL_SELECT = 8,      /* select(n 0, r 1, w 2, e 3, timeval 4) */
	SYSCALL_PSELECT = 9,     /* the same with a timespec */
	SYSCALL_EPOLL = 10,      /* epoll_wait(ep 0, events 1, n 2, ms 3) */
	SYSCALL_EPOLL2 = 11,     /* epoll_pwait2: timespec 3 */
	SYSCALL_URING = 12,      /* io_uring_enter */
	SYSCALL_AIO = 13,        /* io_getevents: disk */
	SYSCALL_FUTEX = 14,      /* futex(addr 0, op 1, val 2, timespec 3) */
	SYSCALL_FUTEX_WAIT = 15, /* futex_wait(addr 0, val 1, mask 2, flags 3, timespec 4, clock 5) */
	SYSCALL_FUTEX_WAITV = 16,
	SYSCALL_SLEEP = 17,
	SYSCALL_CHILD = 18,
	SYSCALL_CLONE = 19,      /* clone, fork, vfork: a vfork waits for its child */
	SYSCALL_SIGNAL = 20,
	SYSCALL_FLOCK = 21,
	SYSCALL_FCNTL = 22,      /* fcntl(fd 0, cmd 1): F_SETLKW, F_OFD_SETLKW; else as FD */
	SYSCALL_IPC = 23,
	SYSCALL_RESTART = 24,    /* restart_syscall: goes on with the wait before it */
	SYSCALL_YIELD = 25,
	SYSCALL_MEMORY = 26,     /* mmap, munmap, mprotect, madvise, ...: memory */
	SYSCALL_SOCKETCALL = 27, /* i386: socketcall(call 0, args 1) */
	SYSCALL_EXIT = 28,
};

#define N_SYSCALL_CLASSES 32 /* at most; a power of two for the verifier */

/* X(class, wait kind): classes that always wait for the same; all others are told by their arguments, or WAIT_SYSCALL */
#define SYSCALL_CLASS_KINDS(X)                                                                     \
	X(FILE, DISK) X(AIO, DISK) X(SLEEP, SLEEP) X(CHILD, CHILD) X(SIGNAL, SIGNAL)               \
	X(FLOCK, FILE_LOCK) X(IPC, IPC) X(MEMORY, FAULT)

/* X(name, class) */
#define SYSCALLS(X)                                                                                \
	X(read, FD) X(write, FD) X(readv, FD) X(writev, FD) X(pread64, FD) X(pwrite64, FD)         \
	X(preadv, FD) X(pwritev, FD) X(preadv2, FD) X(pwritev2, FD) X(close, FD) X(ioctl, FD)      \
	X(recvfrom, FD) X(recvmsg, FD) X(recvmmsg, FD) X(sendto, FD) X(sendmsg, FD) X(sendmmsg, FD) \
	X(recv, FD) X(send, FD) X(accept, FD) X(accept4, FD) X(connect, FD) X(shutdown, FD)        \
	X(recvmmsg_time64, FD) X(vmsplice, FD) X(getdents, FD) X(getdents64, FD) X(lseek, FD)      \
	X(_llseek, FD) X(readahead, FD) X(fadvise64, FD) X(tee, TWO_FDS)                           \
	X(sendfile, TWO_FDS) X(sendfile64, TWO_FDS) X(splice, SPLICE) X(copy_file_range, SPLICE)   \
	X(fsync, FILE) X(fdatasync, FILE) X(sync, FILE) X(syncfs, FILE) X(sync_file_range, FILE)   \
	X(sync_file_range2, FILE) X(msync, FILE) X(fallocate, FILE) X(truncate, FILE)              \
	X(ftruncate, FILE) X(truncate64, FILE) X(ftruncate64, FILE) X(stat, FILE) X(lstat, FILE)   \
	X(fstat, FILE) X(newfstatat, FILE) X(fstatat64, FILE) X(stat64, FILE) X(lstat64, FILE)     \
	X(statx, FILE) X(access, FILE) X(faccessat, FILE) X(faccessat2, FILE) X(readlink, FILE)    \
	X(readlinkat, FILE) X(unlink, FILE) X(unlinkat, FILE) X(rename, FILE) X(renameat, FILE)    \
	X(renameat2, FILE) X(mkdir, FILE) X(mkdirat, FILE) X(rmdir, FILE) X(link, FILE)            \
	X(linkat, FILE) X(symlink, FILE) X(symlinkat, FILE) X(mknod, FILE) X(mknodat, FILE)        \
	X(chmod, FILE) X(fchmod, FILE) X(fchmodat, FILE) X(chown, FILE) X(fchown, FILE)            \
	X(lchown, FILE) X(fchownat, FILE) X(utimensat, FILE) X(chdir, FILE) X(fchdir, FILE)        \
	X(getxattr, FILE) X(lgetxattr, FILE) X(fgetxattr, FILE) X(setxattr, FILE)                  \
	X(lsetxattr, FILE) X(fsetxattr, FILE) X(statfs, FILE) X(fstatfs, FILE) X(mount, FILE)      \
	X(umount2, FILE) X(execve, FILE) X(execveat, FILE)                                         \
	X(open, OPEN) X(openat, OPEN) X(openat2, OPEN) X(creat, OPEN)                              \
	X(poll, POLL) X(ppoll, PPOLL) X(ppoll_time64, PPOLL) X(select, SELECT) X(_newselect, SELECT) \
	X(pselect6, PSELECT) X(pselect6_time64, PSELECT) X(epoll_wait, EPOLL) X(epoll_pwait, EPOLL) \
	X(epoll_pwait2, EPOLL2) X(io_uring_enter, URING) X(io_getevents, AIO) X(io_pgetevents, AIO) \
	X(io_pgetevents_time64, AIO) X(io_submit, AIO)                                             \
	X(futex, FUTEX) X(futex_time64, FUTEX) X(futex_wait, FUTEX_WAIT) X(futex_waitv, FUTEX_WAITV) \
	X(nanosleep, SLEEP) X(clock_nanosleep, SLEEP) X(clock_nanosleep_time64, SLEEP)             \
	X(wait4, CHILD) X(waitid, CHILD) X(waitpid, CHILD)                                         \
	X(clone, CLONE) X(clone3, CLONE) X(fork, CLONE) X(vfork, CLONE)                            \
	X(pause, SIGNAL) X(rt_sigsuspend, SIGNAL) X(sigsuspend, SIGNAL) X(rt_sigtimedwait, SIGNAL) \
	X(rt_sigtimedwait_time64, SIGNAL) X(flock, FLOCK) X(fcntl, FCNTL) X(fcntl64, FCNTL)        \
	X(msgrcv, IPC) X(msgsnd, IPC) X(semop, IPC) X(semtimedop, IPC) X(semtimedop_time64, IPC)   \
	X(ipc, IPC) X(mq_timedreceive, IPC) X(mq_timedsend, IPC) X(mq_timedreceive_time64, IPC)    \
	X(mq_timedsend_time64, IPC) X(restart_syscall, RESTART) X(sched_yield, YIELD)              \
	X(mmap, MEMORY) X(mmap2, MEMORY) X(munmap, MEMORY) X(mprotect, MEMORY) X(mremap, MEMORY)   \
	X(madvise, MEMORY) X(process_madvise, MEMORY) X(brk, MEMORY) X(mlock, MEMORY)              \
	X(mlock2, MEMORY) X(mlockall, MEMORY) X(munlock, MEMORY) X(munlockall, MEMORY)             \
	X(pkey_mprotect, MEMORY) X(migrate_pages, MEMORY) X(move_pages, MEMORY)                    \
	X(swapon, MEMORY) X(swapoff, MEMORY)                                                       \
	X(socketcall, SOCKETCALL) X(exit, EXIT) X(exit_group, EXIT)

#define N_SYSCALL_NUMBERS 1024 /* x32 has calls of its own up to 547; a power of two for the verifier */

enum syscall_abi {
	SYSCALL_ABI_NATIVE = 0,
	SYSCALL_ABI_COMPAT = 1, /* i386 on x86, arm on arm64 */
	SYSCALL_ABI_X32 = 2,
	N_SYSCALL_ABIS = 3,
};

#endif
