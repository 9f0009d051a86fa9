/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* poll, select, epoll, io_uring: what the thread waits on, for how long, and how many descriptors it serves. */
#ifndef CONCTRACE_POLL_H
#define CONCTRACE_POLL_H

#include "timeout.h"

#define EPOLL_LOOK 15 /* items of an epoll set that are counted: the upper four levels of its tree */

/* From now on. For a thread that is taken in, which waits already, that is too late: poll_kind takes it back. */
static __always_inline void set_relative(struct wire_state *st, __u64 ns)
{
	st->deadline = bpf_ktime_get_ns() + ns;
}

static __always_inline void set_relative_ms(struct wire_state *st, __u64 arg)
{
	if ((__s32)arg >= 0)
		set_relative(st, (__u64)(__u32)arg * NS_PER_MS);
}

static __always_inline void set_relative_time(struct wire_state *st, const struct call *call, __u64 address, bool time64,
					      __u64 unit)
{
	__u64 ns = address ? read_time(call, address, time64, unit) : 0;

	if (ns)
		set_relative(st, ns);
}

/* Every wait at first, then fewer and fewer: 1, 2, 4, 8, …; every 4,096th. */
static __always_inline bool look_closer(struct wire_state *st)
{
	__u32 n = ++st->polls;

	return (n & (n - 1)) == 0 || (n & 4095) == 0;
}

static __always_inline void note_sources(struct wire_state *st, __u32 n)
{
	if (n > st->end.poll_sources)
		st->end.poll_sources = n;
}

struct pollfd_like {
	__s32 fd;
	__s16 events, revents;
};

/* Up to four descriptors that are all timers. */
static __always_inline bool polls_timers_only(const struct call *call)
{
	struct pollfd_like p;
	struct file *file;
	__u32 i;

	for (i = 0; i < 4; i++) {
		if (i >= call->arg[1])
			return true;
		if (read_memory(call->foreign, &p, sizeof(p), call->arg[0] + i * sizeof(p)))
			return false;
		file = p.fd < 0 ? NULL : fd_file(call, p.fd);
		if (p.fd >= 0 && (!file || !is_timerfd(file)))
			return false;
	}
	return call->arg[1] <= 4;
}

/* No descriptors: its timeout ends it, or only a signal does. pause(3) is such a ppoll where there is no system call for it (arm64). */
static __always_inline __u8 kind_without_descriptors(bool for_ever)
{
	return for_ever ? WAIT_SIGNAL : WAIT_SLEEP;
}

static __always_inline __u8 kind_of_poll(struct call *call, struct wire_state *st)
{
	if (call->arg[1] == 0)
		return kind_without_descriptors(call->class == SYSCALL_PPOLL ? !call->arg[2] : (__s32)call->arg[2] < 0);
	if (look_closer(st))
		note_sources(st, call->arg[1]);
	return call->arg[1] <= 4 && polls_timers_only(call) ? WAIT_SLEEP : WAIT_POLL;
}

static __always_inline __u32 count_bits(__u64 v)
{
	v = v - ((v >> 1) & 0x5555555555555555ULL);
	v = (v & 0x3333333333333333ULL) + ((v >> 2) & 0x3333333333333333ULL);
	v = (v + (v >> 4)) & 0x0f0f0f0f0f0f0f0fULL;
	return (v * 0x0101010101010101ULL) >> 56;
}

#define SETS_NOT_READ 0xffffffff

/* 64 descriptors of a set; NULL has none. Not 0: could not be read. */
static __always_inline long read_set(__u32 tid, __u64 *bits, __u64 set, __u32 i)
{
	*bits = 0;
	return set ? read_memory(tid, bits, sizeof(*bits), set + i * 8) : 0;
}

/* Those of the 64 descriptors from 64 * i on that are in one of the three sets of select(2). Of a thread that is taken in: or SETS_NOT_READ. */
__attribute__((weak)) __noinline __u32 count_selected_of(__u32 i, __u64 readable, __u64 writable, __u64 except, __u32 tid)
{
	__u64 r, w, e;
	long failed;

	failed = read_set(tid, &r, readable, i);
	failed |= read_set(tid, &w, writable, i);
	failed |= read_set(tid, &e, except, i);
	return failed && tid ? SETS_NOT_READ : count_bits(r | w | e);
}

/* Descriptors in the three sets; those above 255 are not looked at. Or SETS_NOT_READ. */
__attribute__((weak)) __noinline __u32 count_selected(__u32 n, __u64 readable, __u64 writable, __u64 except, __u32 tid)
{
	__u32 found = 0, more, i;

	for (i = 0; i < 4; i++) {
		if (i * 64 >= n)
			break;
		more = count_selected_of(i, readable, writable, except, tid);
		if (more == SETS_NOT_READ)
			return more;
		found += more;
	}
	return found;
}

/* The sets are what is asked for until select returns. */
static __always_inline __u8 kind_of_select(struct call *call, struct wire_state *st)
{
	__u32 found;

	if (!call->arg[0] || !(call->arg[1] | call->arg[2] | call->arg[3]))
		return kind_without_descriptors(!call->arg[4]);
	st->polls++;
	found = count_selected(call->arg[0], call->arg[1], call->arg[2], call->arg[3], call->foreign);
	if (found == SETS_NOT_READ)
		return WAIT_POLL;
	note_sources(st, found);
	return found || call->arg[0] > 256 ? WAIT_POLL : WAIT_SLEEP;
}

/* NULL's children are NULL: reading near address 0 fails and gives zeros. */
static __always_inline struct rb_node *child(struct rb_node *node, bool right)
{
	return right ? BPF_CORE_READ(node, rb_right) : BPF_CORE_READ(node, rb_left);
}

/* How many descriptors are in the set, up to EPOLL_LOOK: the upper levels of a red-black tree are full when there are more. */
__attribute__((weak)) __noinline __u32 count_epoll_items(__u64 root_address)
{
	struct rb_node *root = (struct rb_node *)root_address, *a, *b, *c;
	__u32 n = !!root, i, k, m;

	for (i = 0; i < 2; i++) {
		a = child(root, i);
		n += !!a;
		for (k = 0; k < 2; k++) {
			b = child(a, k);
			n += !!b;
			for (m = 0; m < 2; m++) {
				c = child(b, m);
				n += !!c;
			}
		}
	}
	return n;
}

static __always_inline __u8 kind_of_epoll(struct call *call, struct wire_state *st)
{
	struct file *file = fd_file(call, call->arg[0]);
	struct eventpoll *ep;
	struct rb_node *root;
	struct epitem *item;

	if (!file)
		return WAIT_POLL;
	ep = BPF_CORE_READ(file, private_data);
	root = BPF_CORE_READ(ep, rbr.rb_root.rb_node);
	if (!root)
		return WAIT_SLEEP; /* an empty set: a timer alone */
	if (look_closer(st))
		note_sources(st, count_epoll_items((__u64)root));
	if (child(root, 0) || child(root, 1))
		return WAIT_POLL;
	item = (void *)root - bpf_core_field_offset(struct epitem, rbn);
	file = BPF_CORE_READ(item, ffd.file);
	return is_timerfd(file) ? WAIT_SLEEP : WAIT_POLL;
}

/* Requests given and not yet completed: what an io_uring loop serves at a time. */
static __always_inline __u8 kind_of_uring(struct call *call, struct wire_state *st)
{
	struct { __u64 sigmask; __u32 size, pad; __u64 time; } ext;
	struct io_ring_ctx *ring = NULL;
	__u32 requests;
	struct file *file;

	if (!(call->arg[3] & 1)) /* IORING_ENTER_GETEVENTS */
		return WAIT_DISK;
	if (call->arg[3] & 8 && /* IORING_ENTER_EXT_ARG */
	    !read_memory(call->foreign, &ext, sizeof(ext), call->arg[4]) && ext.time)
		set_relative_time(st, call, ext.time, true, 1);
	if (call->arg[3] & 16) /* IORING_ENTER_REGISTERED_RING: no descriptor */
		return WAIT_POLL;
	file = fd_file(call, call->arg[0]);
	if (file && bpf_core_field_exists(ring->cached_sq_head) && bpf_core_field_exists(ring->cached_cq_tail)) {
		ring = BPF_CORE_READ(file, private_data);
		requests = BPF_CORE_READ(ring, cached_sq_head) - BPF_CORE_READ(ring, cached_cq_tail);
		note_sources(st, requests);
		if (requests)
			st->cycle_flags |= WIRE_CYCLE_REQUESTS;
	}
	return WAIT_POLL;
}

static __always_inline __u32 kind_of_any_poll(struct call *call, struct wire_state *st)
{
	bool time64 = call->nr >= 400; /* ppoll_time64, pselect6_time64 and all later calls */
	switch (call->class) {
	case SYSCALL_POLL:
		set_relative_ms(st, call->arg[2]);
		return kind_of_poll(call, st);
	case SYSCALL_PPOLL:
		set_relative_time(st, call, call->arg[2], time64, 1);
		return kind_of_poll(call, st);
	case SYSCALL_SELECT:
		set_relative_time(st, call, call->arg[4], false, NS_PER_US);
		return kind_of_select(call, st);
	case SYSCALL_PSELECT:
		set_relative_time(st, call, call->arg[4], time64, 1);
		return kind_of_select(call, st);
	case SYSCALL_EPOLL:
		set_relative_ms(st, call->arg[3]);
		return kind_of_epoll(call, st);
	case SYSCALL_EPOLL2:
		set_relative_time(st, call, call->arg[3], true, 1);
		return kind_of_epoll(call, st);
	default:
		return kind_of_uring(call, st);
	}
}

__attribute__((weak)) __noinline __u32 poll_kind(struct call *call, struct wire_state *st)
{
	__u32 kind;

	if (!call || !st)
		return WAIT_POLL;
	kind = kind_of_any_poll(call, st);
	if (call->foreign)
		st->deadline = 0;
	return kind;
}

#endif
