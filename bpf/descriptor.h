/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* From a descriptor to what is waited for: inode type, socket family, anonymous inode. */
#ifndef CONCTRACE_DESCRIPTOR_H
#define CONCTRACE_DESCRIPTOR_H

#include "maps.h"

struct call {
	__u64 arg[6];
	__u32 nr;
	__u8 abi;   /* enum syscall_abi */
	__u8 class; /* enum syscall_class */
	__u8 pad[2];
	__u32 foreign; /* not 0: the TID of a task that is not the current one: of its memory there is what the user side has read */
	__u32 max_fds; /* the task's descriptor table */
	__u64 files;   /* address of its array of struct file * */
};

_Static_assert(sizeof(struct call) == sizeof(((struct stack_scratch *)0)->call), "struct call");

#define AF_UNIX    1
#define AF_NETLINK 16

/* The first eight bytes of an anonymous inode's name, as a little-endian number. */
#define NAME8(a, b, c, d, e, f, g, h)                                                              \
	((__u64)(a) | (__u64)(b) << 8 | (__u64)(c) << 16 | (__u64)(d) << 24 | (__u64)(e) << 32 |   \
	 (__u64)(f) << 40 | (__u64)(g) << 48 | (__u64)(h) << 56)

#define SEED_NOT_THERE 0xffffffff

/* Where `size` bytes from a thread's memory are in what the user side has read of it. Global: its loop is verified once. */
__attribute__((weak)) __noinline __u32 seeded_place(__u32 tid, __u64 address, __u32 size)
{
	struct wire_seed_memory *m = bpf_map_lookup_elem(&seed_memory, &tid);
	__u32 i;

	if (!m)
		return SEED_NOT_THERE;
	for (i = 0; i < 6; i++) {
		__u64 off = address - (m->arg[i] - SEED_BEFORE);

		if (m->there & 1U << i && off + size <= SEED_BYTES && off < SEED_BYTES)
			return i * SEED_BYTES + off;
	}
	return SEED_NOT_THERE;
}

/* What the user side has read of a thread's memory. 0, or not: it has not read that, or not for this call. */
static __always_inline long read_seeded(__u32 tid, void *to, const __u32 size, __u64 address)
{
	__u32 place = seeded_place(tid, address, size);
	struct wire_seed_memory *m;

	if (place == SEED_NOT_THERE)
		return -1;
	m = bpf_map_lookup_elem(&seed_memory, &tid);
	return m ? bpf_probe_read_kernel(to, size, (__u8 *)m->memory + (place & (sizeof(m->memory) - 1))) : -1;
}

/* Is the thread in the call that the user side has seen? Else what that has read says nothing, and goes. */
static __always_inline void check_seeded(const struct call *call)
{
	__u32 tid = call->foreign;
	struct wire_seed_memory *m = bpf_map_lookup_elem(&seed_memory, &tid);

	if (m && (m->nr != call->nr || m->arg[0] != call->arg[0] || m->arg[1] != call->arg[1] || m->arg[2] != call->arg[2]))
		m->there = 0;
}

/* Memory of the thread whose call it is: of the current one (tid 0), or of one that is taken in. */
static __always_inline long read_memory(__u32 tid, void *to, const __u32 size, __u64 address)
{
	return tid ? read_seeded(tid, to, size, address) : bpf_probe_read_user(to, size, (void *)address);
}

/* A descriptor that is no file of the disk and no socket: eventfd, timerfd, signalfd, inotify, … */
static __always_inline __u64 anon_name(struct file *file)
{
	const unsigned char *name = BPF_CORE_READ(file, f_path.dentry, d_name.name);
	__u64 word = 0;

	bpf_probe_read_kernel(&word, sizeof(word), name);
	return word;
}

static __always_inline bool is_timerfd(struct file *file)
{
	struct inode *inode = BPF_CORE_READ(file, f_inode);

	return BPF_CORE_READ(inode, i_sb, s_magic) == ANON_INODE_FS_MAGIC &&
	       anon_name(file) == NAME8('[', 't', 'i', 'm', 'e', 'r', 'f', 'd');
}

static __always_inline __u8 kind_of_socket(struct socket *socket)
{
	__u16 family = BPF_CORE_READ(socket, sk, __sk_common.skc_family);

	return family == AF_UNIX || family == AF_NETLINK ? WAIT_LOCAL : WAIT_NETWORK;
}

static __always_inline __u8 char_device_kind(struct inode *inode)
{
	__u32 major = BPF_CORE_READ(inode, i_rdev) >> 20;

	/* Documentation/admin-guide/devices.txt: 4 tty, 5 console and ptmx, 128-143 Unix98 pty */
	return major == 4 || major == 5 || (major >= 128 && major <= 143) ? WAIT_LOCAL : WAIT_SYSCALL;
}

static __always_inline __u8 other_file_kind(struct file *file)
{
	struct inode *inode = BPF_CORE_READ(file, f_inode);

	/* since 6.16 anonymous inodes have the mode of a regular file (cfd86ef7e8e7): ask the superblock first */
	if (BPF_CORE_READ(inode, i_sb, s_magic) != ANON_INODE_FS_MAGIC) {
		if ((BPF_CORE_READ(inode, i_mode) & S_IFMT) == S_IFCHR)
			return char_device_kind(inode);
		return WAIT_DISK;
	}
	switch (anon_name(file)) {
	case NAME8('[', 't', 'i', 'm', 'e', 'r', 'f', 'd'):
		return WAIT_SLEEP;
	case NAME8('[', 's', 'i', 'g', 'n', 'a', 'l', 'f'):
		return WAIT_SIGNAL;
	case NAME8('[', 'e', 'v', 'e', 'n', 't', 'p', 'o'):
	case NAME8('[', 'i', 'o', '_', 'u', 'r', 'i', 'n'):
		return WAIT_POLL;
	default:
		return WAIT_LOCAL; /* eventfd, inotify, fanotify, userfaultfd, pidfd, bpf, perf: from this machine */
	}
}

/* Global, as all that is called from many places: verified once, not for each path that leads to it. */
__attribute__((weak)) __noinline __u32 kind_of_file(__u64 address)
{
	struct file *file = (struct file *)address;
	struct inode *inode = BPF_CORE_READ(file, f_inode);

	switch (BPF_CORE_READ(inode, i_mode) & S_IFMT) {
	case S_IFIFO:
		return WAIT_LOCAL;
	case S_IFSOCK:
		return kind_of_socket(BPF_CORE_READ(file, private_data));
	case S_IFDIR:
	case S_IFBLK:
		return WAIT_DISK;
	default:
		return other_file_kind(file);
	}
}

static __always_inline __u8 file_kind(struct file *file)
{
	return kind_of_file((__u64)file);
}

/* Loads, no helper: this is on the way of every wait for a descriptor. As numbers: global functions take no kernel pointers. */
static __always_inline void find_files(struct call *call, struct task_struct *task)
{
	struct fdtable *fdt = task->files->fdt;

	call->max_fds = fdt->max_fds;
	call->files = (__u64)fdt->fd;
}

/* NULL: not open (any more: close(2) has taken it out before it blocks). */
static __always_inline struct file *fd_file(const struct call *call, __u64 fd)
{
	struct file *file = NULL;

	if ((__u32)fd < call->max_fds)
		bpf_probe_read_kernel(&file, sizeof(file), (void *)(call->files + 8 * (__u64)(__u32)fd));
	return file;
}

__attribute__((weak)) __noinline __u32 fd_kind(struct call *call, __u64 fd)
{
	struct file *file = call ? fd_file(call, fd) : NULL;

	return file ? file_kind(file) : WAIT_SYSCALL;
}

#define NEAR_FILE(N)                                                                               \
	case N:                                                                                    \
		file = files->fd_array[N];                                                         \
		asm volatile("# near file " #N : "+r"(file)); /* else the compiler computes the place, which the verifier refuses */ \
		break
#define NEAR_FILES_4(N) NEAR_FILE((N) + 0); NEAR_FILE((N) + 1); NEAR_FILE((N) + 2); NEAR_FILE((N) + 3)
#define NEAR_FILES_16(N) NEAR_FILES_4(N); NEAR_FILES_4((N) + 4); NEAR_FILES_4((N) + 8); NEAR_FILES_4((N) + 12)

/*
 * What a task waits for at descriptor `fd`, by loads alone: three reads by helper cost more than all the rest of the cause. That
 * needs pointers that the verifier knows, so it works for the table that is within files_struct (NR_OPEN_DEFAULT
 * descriptors; a process that has had more has another), each place by its own constant. WAIT_UNKNOWN: fd_kind() must be asked.
 */
static __always_inline __u32 near_fd_kind(struct task_struct *task, __u64 fd)
{
	struct files_struct *files = task->files;
	struct file *file;
	struct inode *inode;

	if (unlikely(files->fdt != &files->fdtab))
		return WAIT_UNKNOWN;
	switch ((__u32)fd) {
		NEAR_FILES_16(0);
		NEAR_FILES_16(16);
		NEAR_FILES_16(32);
		NEAR_FILES_16(48);
	default:
		return WAIT_UNKNOWN;
	}
	inode = file->f_inode;
	switch (inode->i_mode & S_IFMT) {
	case S_IFIFO:
		return WAIT_LOCAL;
	case S_IFSOCK:
		return kind_of_socket(file->private_data);
	case S_IFDIR:
	case S_IFBLK:
		return WAIT_DISK;
	case S_IFREG:
		return inode->i_sb->s_magic == ANON_INODE_FS_MAGIC ? WAIT_UNKNOWN : WAIT_DISK;
	default:
		return WAIT_UNKNOWN;
	}
}

/* The one of two that can make a thread wait for others: not the file of the disk, if there is another. */
static __always_inline __u32 two_fds_kind(struct call *call, __u64 a, __u64 b)
{
	__u32 kind = fd_kind(call, a);

	return kind != WAIT_DISK ? kind : fd_kind(call, b);
}

/* i386's socketcall(2): the descriptor is the first of the words that argument 1 points to. */
static __always_inline __u32 socketcall_kind(struct call *call)
{
	__u32 fd = 0;

	if (read_memory(call->foreign, &fd, sizeof(fd), call->arg[1]))
		return WAIT_NETWORK;
	return fd_kind(call, fd);
}

static __always_inline bool fcntl_waits_for_lock(const struct call *call)
{
	/* F_SETLKW 7, F_OFD_SETLKW 38; F_SETLKW64 14 (32-bit) */
	return call->arg[1] == 7 || call->arg[1] == 38 || call->arg[1] == 14;
}

/* The caller is suspended until its child execs or exits: vfork(2), or clone with CLONE_VFORK. */
static __always_inline bool clone_is_vfork(const struct call *call)
{
	__u64 flags = call->arg[0];

#if defined(__TARGET_ARCH_x86)
	if (call->nr == (call->abi == SYSCALL_ABI_COMPAT ? 190 : 58)) /* vfork */
		return true;
#endif
	if (call->nr == 435 && read_memory(call->foreign, &flags, sizeof(flags), call->arg[0])) /* clone3, all ABIs */
		return call->foreign; /* an uninterruptible one is most likely that */
	return flags & CLONE_VFORK;
}

#endif
