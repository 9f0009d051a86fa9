/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * A stack: kernel frames, then user frames, known by a 64-bit hash of its frames. User frames come from the unwind tables, normalised to
 * file and offset: the same stack in two processes is one. Where there are no tables they come by frame pointer, as addresses.
 * Not bpf_get_stackid: its 32-bit buckets collide, and one stack then shows as another.
 */
#ifndef CONCTRACE_STACK_H
#define CONCTRACE_STACK_H

#include "proof.h"
#include "unwind.h"

#define KERNEL_FRAMES_BYTES (WIRE_MAX_KERNEL_FRAMES * 8)

/*
 * Loops over frames are in two: global functions, each verified once for what the other does often. In one they were a third of what the verifier
 * goes through, and that is time at each start.
 */
#define FRAMES_AT_ONCE 16

/* Of at most FRAMES_AT_ONCE frames, from one on. */
__attribute__((weak)) __noinline __u64 hash_some_frames(struct stack_scratch *s, __u32 from, __u32 n, __u64 h)
{
	__u32 i;

	if (!s)
		return 1;
	for (i = 0; i < FRAMES_AT_ONCE; i++) {
		if (from + i >= n)
			break;
		h = mix(h, s->frames[(from + i) & (SCRATCH_FRAMES - 1)]);
		s->check = s->check * 0xd6e8feb86659fd93ULL + s->frames[(from + i) & (SCRATCH_FRAMES - 1)];
	}
	return h;
}

__attribute__((weak)) __noinline __u64 hash_frames(struct stack_scratch *s, __u32 n, __u64 seed)
{
	__u64 h = mix(0x9e3779b97f4a7c15ULL, seed);
	__u32 from;

	for (from = 0; from < WIRE_MAX_KERNEL_FRAMES + WIRE_MAX_FRAMES; from += FRAMES_AT_ONCE) {
		if (from >= n)
			break;
		h = hash_some_frames(s, from, n, h);
	}
	return mix(h, n);
}

/* What is known of a stack besides its frames. */
struct stack_facts {
	__u32 process, pid;
	__u64 n_kernel, n_user;
	__u8 end; /* enum stack_end */
};

_Static_assert(sizeof(struct stack_facts) == sizeof(((struct stack_scratch *)0)->facts), "struct stack_facts");

/*
 * Sends the frames in `s` under `id`, if this CPU has not sent them lately. Where they find no room the id
 * is given all the same: the next miss sends them, and a stack that never arrives shows as unknown and is counted.
 */
static __always_inline bool send_frames(struct stack_scratch *s, __u64 id, const struct stack_facts *f)
{
	struct wire_stack *record = (struct wire_stack *)(s->record + sizeof(s->record) - sizeof(*record));
	__u64 n = f->n_kernel + f->n_user, size;
	struct sent_stack *sent;
	__u32 index = id & (STACK_CACHE_SLOTS - 1);

	sent = bpf_map_lookup_elem(&stack_cache, &index);
	if (!sent || (sent->id == id && sent->check == s->check))
		return true;
	size = sizeof(*record) + (n & 511) * 8;
	record->head.type = WIRE_STACK;
	record->head.size = size;
	record->head.thread = f->process;
	record->id = id;
	record->ts = bpf_ktime_get_ns();
	record->pid = f->pid;
	record->n_kernel = f->n_kernel;
	record->n_user = f->n_user;
	record->end = f->end;
	if (emit_to_this_ring(record, size)) {
		sent->id = id;
		sent->check = s->check;
		return true;
	}
	count_loss(LOSS_STACKS);
	return false;
}

#define STACK_LIMIT (8UL << 20) /* two frames of one stack are not farther apart */

/* The next FRAMES_AT_ONCE frames, into frames[at ..], or as many of them as there are. */
__attribute__((weak)) __noinline __u32 walk_some_frames(struct stack_scratch *s, __u32 at)
{
	__u64 frame[2];
	__u32 n;

	if (!s)
		return 0;
	for (n = 0; n < FRAMES_AT_ONCE; n++) {
		__u64 sp = s->chain_sp, fp = s->chain_fp;

		if (fp < sp || fp - sp > STACK_LIMIT || fp & 7)
			break;
		if (bpf_probe_read_user(frame, sizeof(frame), (void *)fp))
			break;
		if (frame[1] < 4096 || frame[1] >> 56) /* not canonical, or no address at all; bits 48-55: five-level tables */
			break;
		s->frames[(at + n) & (SCRATCH_FRAMES - 1)] = frame[1] | WIRE_FRAME_RAW;
		s->chain_sp = fp + sizeof(frame);
		s->chain_fp = frame[0];
	}
	return n;
}

/*
 * The user stack by frame pointers, into frames[at ..]: the innermost is `ip`. On x86 and arm64 alike a frame pointer points to the
 * caller's, and the return address stands behind it. bpf_get_stack does the same for three times the price, and follows
 * what is no frame pointer farther than can be right: here each frame must lie above the one before.
 */
__attribute__((weak)) __noinline __u32 walk_user_stack(struct stack_scratch *s, __u32 at, __u64 ip, __u64 sp, __u64 fp)
{
	__u32 n = 1, some, i;

	if (!s || !ip)
		return 0;
	s->frames[at & 127] = ip | WIRE_FRAME_RAW;
	s->chain_sp = sp;
	s->chain_fp = fp;
	for (i = 0; i < WIRE_MAX_FRAMES / FRAMES_AT_ONCE - 1; i++) {
		some = walk_some_frames(s, at + n);
		n += some & (2 * FRAMES_AT_ONCE - 1);
		if (some != FRAMES_AT_ONCE)
			break;
	}
	return n;
}

/* By the tables; the id of the frames, 0 where they did not get far enough. */
static __always_inline __u64 walk_by_tables(struct stack_scratch *s, struct stack_facts *f, const struct wire_state *st, __u64 since)
{
	f->end = find_region_of(s, st, f->pid, since) ? walk_user(s, f->n_kernel) : STACK_END_NO_TABLE;
	f->n_user = s->walk.n;
	if (settings.proof)
		s->ended = f->end;
	if ((f->end == STACK_END_READ || f->end == STACK_END_NO_TABLE) && s->leaving)
		f->end = STACK_END_GONE;
	if (f->end == STACK_END_NO_TABLE)
		return 0;
	return f->n_kernel ? mix(s->hash, hash_frames(s, f->n_kernel, f->n_kernel)) : s->hash;
}

/* Have two stacks had this id? Nearly never is there one to compare with. */
__attribute__((weak)) __noinline __u32 has_collided(__u64 id)
{
	__u32 i;

	for (i = 0; i < N_COLLIDED; i++) {
		if (i >= n_collided)
			break;
		if (collided[i] == id)
			return 1;
	}
	return 0;
}

/* The id of a stack by the hash of its frames; 0 means: no stack. */
static __always_inline __u64 stack_id(const struct stack_scratch *s, __u64 hash, const struct stack_facts *f)
{
	__u64 id = mix(mix(hash, f->n_user), f->end) & ~WIRE_STACK_COPIED;

	if (settings.stack_bits)
		id &= (1ULL << (settings.stack_bits & 63)) - 1;
	id += !id;
	if (n_collided && has_collided(id)) {
		id = mix(mix(id, s->check), f->n_user << 8 | f->end) & ~WIRE_STACK_COPIED;
		id += !id;
	}
	return id;
}

/*
 * The user stack of what was put into s->walk, behind n_kernel kernel frames that are there already: its id, sent if need be. `since`: what
 * the process's tables must not be older than; `st`: of the thread, NULL if that is not known. Sets s->generation to 0 if it should not be remembered.
 */
static __always_inline __u64 make_user_stack(struct stack_scratch *s, struct stack_facts *f, const struct wire_state *st,
					     __u64 space, __u64 since)
{
	__u64 id = 0, sp = s->walk.sp, pc = s->walk.pc, fp = s->walk.fp;

	f->n_user = 0;
	f->end = STACK_END_UNKNOWN;
	s->generation = 0;
	s->check = 0;
	if (settings.unwind && pc) {
		id = walk_by_tables(s, f, st, since);
		if (!id) {
			s->generation = 0;
			id = send_copy(s, f->n_kernel, f->process, f->pid);
			if (id)
				return id;
		}
	}
	if (!id) {
		f->n_user = walk_user_stack(s, f->n_kernel, pc, sp, fp);
		id = hash_frames(s, f->n_kernel + f->n_user, space << 16 | f->n_kernel);
	}
	if (!(f->n_kernel + f->n_user))
		return 0;
	id = stack_id(s, id, f);
	if (!send_frames(s, id, f))
		s->generation = 0;
	return id;
}

/* The same, with the proof if one is asked for. */
static __always_inline __u64 take_user_stack(struct stack_scratch *s, struct stack_facts *f, const struct wire_state *st,
					     __u64 space, __u64 since)
{
	__u64 id;

	s->n_mappings = 0;
	id = make_user_stack(s, f, st, space, since);
	if (settings.proof && s->n_mappings) {
		s->id = id;
		send_proof(s);
	}
	return id;
}

static __always_inline bool is_exec(__s64 number)
{
#if defined(__TARGET_ARCH_x86)
	return number == 59 || number == 322; /* execve, execveat */
#else
	return number == 221 || number == 281;
#endif
}

/* A program that has just begun still has the number of the exec that it began with. */
static __always_inline bool in_call(__s64 number)
{
	return number >= 0 && !is_exec(number);
}

#if defined(__TARGET_ARCH_x86)
#define REGS_PC(regs) ((regs)->ip)
#define REGS_SP(regs) ((regs)->sp)
#define REGS_FP(regs) ((regs)->bp)
#define REGS_BX(regs) ((regs)->bx)
#define REGS_LR(regs) 0
#define REGS_CALL(regs) ((__s64)(regs)->orig_ax)
#define REGS_FIRST(regs) ((regs)->di) /* argument of a call of the native ABI */
#else
#define REGS_PC(regs) ((regs)->user_regs.pc)
#define REGS_SP(regs) ((regs)->user_regs.sp)
#define REGS_FP(regs) ((regs)->user_regs.regs[29])
#define REGS_BX(regs) 0
#define REGS_LR(regs) ((regs)->user_regs.regs[30])
#define REGS_CALL(regs) ((__s64)(regs)->syscallno)
#define REGS_FIRST(regs) ((regs)->orig_x0)
#endif

static __always_inline const struct pt_regs *user_registers(struct task_struct *task)
{
	return (const struct pt_regs *)bpf_task_pt_regs(task);
}

/* Frames from what bpf_get_stack and its like return: bytes, or an error. */
static __always_inline __u64 frames_got(long bytes)
{
	__u64 n = bytes > 0 ? (__u64)bytes >> 3 : 0;

	return n < WIRE_MAX_KERNEL_FRAMES ? n : WIRE_MAX_KERNEL_FRAMES;
}

#endif
