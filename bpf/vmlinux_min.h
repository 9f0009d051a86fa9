/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The parts of the kernel's own types that the probes read, kept by hand. Only names and types matter: every access is
 * relocated against the running kernel (CO-RE), so order and omissions do not.
 * Fields that some kernels lack are in flavours (NAME___what) and are asked for with bpf_core_field_exists.
 */
#ifndef CONCTRACE_VMLINUX_MIN_H
#define CONCTRACE_VMLINUX_MIN_H

#include <linux/bpf.h>
#include <stdbool.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

#if defined(__TARGET_ARCH_x86)
struct pt_regs {
	unsigned long r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di, orig_ax, ip, flags, sp;
};
#elif defined(__TARGET_ARCH_arm64)
struct user_pt_regs {
	__u64 regs[31];
	__u64 sp, pc, pstate;
};
struct pt_regs {
	struct user_pt_regs user_regs;
	__u64 orig_x0;
	__s32 syscallno;
};
#else
#error "conctrace's probes know x86 (64-bit) and arm64"
#endif

struct thread_info {
	unsigned long flags;
	unsigned int status; /* x86: TS_COMPAT */
#if defined(__TARGET_ARCH_arm64)
	struct {
		__u32 count;
	} preempt;
#endif
};

struct rq {
	__u64 clock, clock_task;
};
struct cfs_rq {
	struct rq *rq;
};

struct sched_entity {
	__u64 exec_start, sum_exec_runtime;
	struct cfs_rq *cfs_rq;
};

struct sched_info {
	unsigned long long run_delay, last_arrival, last_queued;
};

struct rb_node {
	struct rb_node *rb_right, *rb_left;
};
struct rb_root {
	struct rb_node *rb_node;
};
struct rb_root_cached {
	struct rb_root rb_root;
};

struct super_block {
	unsigned long s_magic;
};
struct inode {
	unsigned short i_mode;
	__u32 i_rdev;
	struct super_block *i_sb;
};
struct qstr {
	const unsigned char *name;
};
struct dentry {
	struct qstr d_name;
};
struct path {
	struct dentry *dentry;
};
struct file {
	struct path f_path;
	struct inode *f_inode;
	void *private_data;
};
struct fdtable {
	unsigned int max_fds;
	struct file **fd;
};
#define NEAR_FILES 64 /* BITS_PER_LONG */
struct files_struct {
	struct fdtable *fdt;
	struct fdtable fdtab;
	struct file *fd_array[NEAR_FILES];
};

struct sock_common {
	unsigned short skc_family;
};
struct sock {
	struct sock_common __sk_common;
};
struct socket {
	struct sock *sk;
};

struct epoll_filefd {
	struct file *file;
	int fd;
};
struct epitem {
	struct rb_node rbn;
	struct epoll_filefd ffd;
};
struct eventpoll {
	struct rb_root_cached rbr;
};

struct io_ring_ctx {
	unsigned int cached_sq_head, cached_cq_tail;
};
struct io_wq_work {
	unsigned int flags;
};
struct io_kiocb {
	struct file *file;
	struct io_wq_work work;
};
struct io_worker {
	struct io_wq_work *cur_work;
};

struct seq_file {
	unsigned long size, count;
};

struct signal_struct {
	int group_exit_code;
};

struct mm_struct;

struct task_struct {
	struct thread_info thread_info;
	unsigned int __state;
	unsigned int flags;
	int wake_cpu;
	unsigned int on_cpu; /* 32 bits, or 8 (7.3) */
	struct sched_entity se;
	struct sched_info sched_info;
	struct mm_struct *mm;
	int exit_code;
	unsigned long nvcsw, nivcsw;
	int pid, tgid;
	struct task_struct *real_parent, *group_leader;
	char comm[16];
	struct files_struct *files;
	struct signal_struct *signal;
	void *worker_private;
	void *bpf_storage;
	unsigned int in_iowait : 1;
};

struct task_struct___pf_io_worker { /* before 5.17 (e32cf5dfbe22) it is worker_private of io-wq workers */
	void *pf_io_worker;
};

struct linux_binprm {
	const char *filename;
};

struct seq_file;
struct bpf_iter_meta {
	struct seq_file *seq;
	__u64 session_id, seq_num;
};
struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};

#pragma clang attribute pop

/* constants of the kernel that are not in its user headers */
#define TASK_INTERRUPTIBLE   0x0001
#define TASK_UNINTERRUPTIBLE 0x0002
#define TASK_STOPPED_BITS    0x000c /* __TASK_STOPPED | __TASK_TRACED */
#define TASK_DEAD            0x0080

#define PF_IO_WORKER   0x00000010
#define PF_EXITING     0x00000004
#define PF_USER_WORKER 0x00004000 /* 6.4+; 54e6842d0775 */
#define PF_KTHREAD     0x00200000

#define S_IFMT   0170000
#define S_IFSOCK 0140000
#define S_IFREG  0100000
#define S_IFBLK  0060000
#define S_IFDIR  0040000
#define S_IFCHR  0020000
#define S_IFIFO  0010000
#define ANON_INODE_FS_MAGIC 0x09041934

#define CLONE_VM     0x00000100
#define CLONE_VFORK  0x00004000
#define CLONE_THREAD 0x00010000

#endif
