/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * A stack: kernel frames, then user frames (by frame pointer), known by a 64-bit hash of its frames and its address space.
 * Not bpf_get_stackid: its 32-bit buckets collide, and one stack then shows as another.
 */
#ifndef CONCTRACE_STACK_H
#define CONCTRACE_STACK_H

#include "emit.h"

enum scratch_slot { SCRATCH_SWITCH = 0, SCRATCH_SAMPLE = 1, SCRATCH_ITER = 2 };

#define FRAMES_BYTES (WIRE_MAX_FRAMES * 8)

/* The finalizer of MurmurHash3 over a running sum: every frame moves every bit. */
static __always_inline __u64 mix(__u64 h, __u64 value)
{
	h = (h ^ value) * 0xff51afd7ed558ccdULL;
	return h ^ (h >> 32);
}

/* A global function: its loop is verified once, and what follows it once, not for each length. */
__attribute__((weak)) __noinline __u64 hash_frames(struct stack_scratch *s, __u32 n, __u64 seed)
{
	__u64 h = mix(0x9e3779b97f4a7c15ULL, seed);
	__u32 i;

	if (!s)
		return 1;
	for (i = 0; i < 2 * WIRE_MAX_FRAMES; i++) {
		if (i >= n)
			break;
		h = mix(h, s->frames[i & 255]);
	}
	h = mix(h, n);
	return h ? h : 1; /* 0 means: no stack */
}

/*
 * The id of the n_kernel + n_user frames in `s`. They are sent if this CPU has not sent them lately. Where they find no room the id
 * is given all the same: the next miss sends them, and a stack that never arrives shows as unknown and is counted.
 */
static __always_inline __u64 send_stack(struct stack_scratch *s, __u64 n_kernel, __u64 n_user, __u32 space, __u32 process,
					__u32 pid)
{
	struct wire_stack *record = (struct wire_stack *)s->record;
	__u64 n = n_kernel + n_user, size, *sent, id;
	__u32 index;

	if (n == 0)
		return 0;
	id = hash_frames(s, n, (__u64)space << 16 | (n_kernel & 0xffff));
	index = id & (STACK_CACHE_SLOTS - 1);
	sent = bpf_map_lookup_elem(&stack_cache, &index);
	if (!sent || *sent == id)
		return id;
	size = sizeof(*record) + (n & 255) * 8;
	record->head.type = WIRE_STACK;
	record->head.size = size;
	record->head.thread = process;
	record->id = id;
	record->ts = bpf_ktime_get_ns();
	record->pid = pid;
	record->n_kernel = n_kernel;
	record->n_user = n_user;
	if (emit_to_this_ring(s, size))
		*sent = id;
	else
		count_loss(LOSS_STACKS);
	return id;
}

#define STACK_LIMIT (8UL << 20) /* two frames of one stack are not farther apart */

/*
 * The user stack by frame pointers, into frames[at ..]: the innermost is `ip`. On x86 and arm64 alike a frame pointer points to the
 * caller's, and the return address stands behind it. bpf_get_stack does the same for three times the price, and follows
 * what is no frame pointer farther than can be right: here each frame must lie above the one before.
 * Global: its loop is verified once.
 */
__attribute__((weak)) __noinline __u32 walk_user_stack(struct stack_scratch *s, __u32 at, __u64 ip, __u64 sp, __u64 fp)
{
	__u64 frame[2];
	__u32 n;

	if (!s || !ip)
		return 0;
	s->frames[at & 127] = ip;
	for (n = 1; n < WIRE_MAX_FRAMES; n++) {
		if (fp < sp || fp - sp > STACK_LIMIT || fp & 7)
			break;
		if (bpf_probe_read_user(frame, sizeof(frame), (void *)fp))
			break;
		if (frame[1] < 4096 || frame[1] >> 56) /* not canonical, or no address at all; bits 48-55: five-level tables */
			break;
		s->frames[(at + n) & 255] = frame[1];
		sp = fp + sizeof(frame);
		fp = frame[0];
	}
	return n;
}

/* The user stack of a task, from its saved user registers. */
static __always_inline __u32 user_stack_of(struct task_struct *task, struct stack_scratch *s, __u32 at)
{
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);

#if defined(__TARGET_ARCH_x86)
	return walk_user_stack(s, at, BPF_CORE_READ(regs, ip), BPF_CORE_READ(regs, sp), BPF_CORE_READ(regs, bp));
#else
	return walk_user_stack(s, at, BPF_CORE_READ(regs, user_regs.pc), BPF_CORE_READ(regs, user_regs.sp),
			       BPF_CORE_READ(regs, user_regs.regs[29]));
#endif
}

/* Frames from what bpf_get_stack and its like return: bytes, or an error. */
static __always_inline __u64 frames_got(long bytes)
{
	__u64 n = bytes > 0 ? (__u64)bytes >> 3 : 0;

	return n < WIRE_MAX_FRAMES ? n : WIRE_MAX_FRAMES;
}

#endif
