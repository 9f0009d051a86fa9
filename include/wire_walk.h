/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * From a frame to its caller, by a rule of the unwind tables: the one piece of code that does it, in the probes on live stacks and in
 * user space on copies of them.
 *
 * Whoever includes this defines, before it is used:
 *     unwind_read(walk, &value, address)      eight bytes of the stack; not 0: can't be read
 *     unwind_register(walk, number, &value)   a register of the innermost frame, by its DWARF number; not 0: not known
 *     unwind_way_out(walk)                    the way out from walk->pc, as far as `ret`; NULL: there is none, or it can't be read
 */
#ifndef CONCTRACE_WIRE_WALK_H
#define CONCTRACE_WIRE_WALK_H

#include "wire_kinds.h"
#include "wire_unwind.h"
#include "wire_way_out.h"

#if defined(__TARGET_ARCH_arm64) || (!defined(__TARGET_ARCH_x86) && defined(__aarch64__))
#define UNWIND_ARM64 1
#else
#define UNWIND_ARM64 0
#endif

#define UNWIND_CHAIN_LIMIT (8UL << 20) /* two frames that a frame pointer joins are not farther apart */
#define UNWIND_RBX 3
#define UNWIND_LR 30

static int unwind_read(struct unwind_walk *w, __u64 *value, __u64 address);
static int unwind_register(struct unwind_walk *w, __u32 number, __u64 *value);
static const struct way_out *unwind_way_out(struct unwind_walk *w);

static __always_inline void unwind_begin(struct unwind_walk *w, __u64 pc, __u64 sp, __u64 fp, __u64 bx, __u64 lr, __u8 in_call)
{
	w->pc = pc;
	w->sp = sp;
	w->fp = fp;
	w->bx = bx;
	w->lr = lr;
	w->fp_at = 0;
	w->bx_at = 0;
	w->n = 0;
	w->exact = 1;
	w->in_call = in_call;
	w->chained = 0;
	w->used = 0;
}

/* What the frame's rule is looked up by: a return address may be the first byte of another function. */
static __always_inline __u64 unwind_lookup_pc(const struct unwind_walk *w)
{
	return w->exact ? w->pc : w->pc - 1;
}

static __always_inline int unwind_get_fp(struct unwind_walk *w)
{
	if (w->fp_at) {
		if (unwind_read(w, &w->fp, w->fp_at))
			return STACK_END_READ;
		w->fp_at = 0;
	} else if (w->n <= 1) {
		w->used |= UNWIND_USED_FP;
	}
	return 0;
}

/* Return addresses may be signed, in the bits above the address (pointer authentication). */
static __always_inline __u64 unwind_strip(__u64 pc)
{
	return UNWIND_ARM64 ? pc & 0xffffffffffffULL : pc;
}

/* The caller's pc is known: is there a caller? */
static __always_inline int unwind_arrive(struct unwind_walk *w, __u64 pc, __u64 sp)
{
	w->pc = unwind_strip(pc);
	w->sp = sp;
	w->exact = 0;
	return w->pc ? 0 : STACK_END_ROOT;
}

/* Code without tables that is on its way out: see wire_way_out.h. */
static __always_inline int unwind_leave(struct unwind_walk *w, const struct way_out *way)
{
	__u64 at = w->sp + way->size, pc;

	if (unwind_read(w, &pc, at))
		return STACK_END_READ;
	if (way->fp)
		w->fp_at = w->sp + way->fp - 8;
	w->chained = 1; /* what follows a call that never returns is no way out */
	return unwind_arrive(w, pc, at + 8);
}

/*
 * Code without tables: by frame pointer, if there is one. A frame pointer of 0 marks the outermost frame in both ABIs. In code that `keeps`
 * none what looks like one is chance.
 */
static __always_inline int unwind_chain(struct unwind_walk *w, int keeps)
{
	const struct way_out *way = UNWIND_ARM64 ? 0 : unwind_way_out(w);
	__u64 pc, fp;
	int end;

	if (way)
		return unwind_leave(w, way);
	if (!keeps)
		return STACK_END_NO_CFI;
	end = unwind_get_fp(w);
	if (end)
		return end;
	fp = w->fp;
	if (!fp && w->n > 1)
		return STACK_END_ROOT;
	if (fp < w->sp || fp - w->sp > UNWIND_CHAIN_LIMIT || fp & 7)
		return STACK_END_NO_CFI;
	if (unwind_read(w, &pc, fp + 8))
		return STACK_END_NO_CFI;
	w->chained = 1;
	w->fp_at = fp;
	return unwind_arrive(w, pc, fp + 16);
}

/* Between functions. In a system call of the innermost frame it is a stub without a frame of its own: clone3, hand-written code. */
static __always_inline int unwind_no_function(struct unwind_walk *w, int keeps)
{
	__u64 pc;

	if (w->n > 1)
		return unwind_chain(w, keeps);
	if (!w->in_call) /* a new program's first instructions: the ABI begins with a frame pointer of 0 */
		return w->fp || !keeps ? unwind_chain(w, keeps) : STACK_END_ROOT;
	w->used |= UNWIND_USED_OTHER;
	if (UNWIND_ARM64)
		return unwind_arrive(w, w->lr, w->sp);
	if (unwind_read(w, &pc, w->sp))
		return STACK_END_READ;
	return unwind_arrive(w, pc, w->sp + 8);
}

/* The kernel put the registers on the stack: struct rt_sigframe, see arch/{x86,arm64}/include/uapi/asm/{ucontext,sigcontext}.h. */
static __always_inline int unwind_signal(struct unwind_walk *w)
{
	const __u64 fp = UNWIND_ARM64 ? 544 : 120, sp = UNWIND_ARM64 ? 560 : 160, pc = UNWIND_ARM64 ? 568 : 168;
	__u64 base = w->sp, value;

	if (unwind_read(w, &value, base + fp))
		return STACK_END_READ;
	w->fp = value;
	w->fp_at = 0;
	if (unwind_read(w, &value, base + (UNWIND_ARM64 ? 552 : 128)))
		return STACK_END_READ;
	if (UNWIND_ARM64)
		w->lr = value;
	else
		w->bx = value;
	w->bx_at = 0;
	if (unwind_read(w, &value, base + sp))
		return STACK_END_READ;
	w->sp = value;
	if (unwind_read(w, &value, base + pc))
		return STACK_END_READ;
	w->pc = value;
	w->exact = 1;
	return w->pc ? 0 : STACK_END_ROOT;
}

static __always_inline int unwind_cfa_of_register(struct unwind_walk *w, const struct unwind_rule *r, __u64 *cfa)
{
	__u64 value;

	if (!UNWIND_ARM64 && r->reg == UNWIND_RBX) {
		if (w->bx_at) {
			if (unwind_read(w, &w->bx, w->bx_at))
				return STACK_END_READ;
			w->bx_at = 0;
		} else {
			w->used |= UNWIND_USED_OTHER;
		}
		value = w->bx;
	} else {
		w->used |= UNWIND_USED_OTHER;
		if (w->n > 1 || unwind_register(w, r->reg, &value))
			return STACK_END_UNSUPPORTED;
	}
	*cfa = value + r->cfa_off;
	return 0;
}

static __always_inline int unwind_get_cfa(struct unwind_walk *w, const struct unwind_rule *r, __u64 *cfa)
{
	int end;

	if (r->cfa == UNWIND_SP) {
		*cfa = w->sp + r->cfa_off;
		return 0;
	}
	if (r->cfa == UNWIND_FP || r->cfa == UNWIND_FP_AWAY) {
		end = unwind_get_fp(w);
		*cfa = w->fp + r->cfa_off;
		return end;
	}
	if (r->cfa == UNWIND_AT_SP || r->cfa == UNWIND_AT_FP) {
		__u64 at = w->sp, value;

		if (r->cfa == UNWIND_AT_FP) {
			end = unwind_get_fp(w);
			if (end)
				return end;
			at = w->fp;
		}
		if (unwind_read(w, &value, at + r->cfa_off))
			return STACK_END_READ;
		*cfa = value + r->add;
		return 0;
	}
	if (r->cfa == UNWIND_PLT) {
		*cfa = w->sp + 8 + ((w->pc & 15) >= (__u64)r->cfa_off ? 8 : 0);
		return 0;
	}
	if (r->cfa == UNWIND_REG)
		return unwind_cfa_of_register(w, r, cfa);
	return r->cfa == UNWIND_NO_ROOM ? STACK_END_NO_ROOM : STACK_END_UNSUPPORTED;
}

/* The return address: on the stack, or, for the innermost frame, in a register. */
static __always_inline int unwind_get_ra(struct unwind_walk *w, const struct unwind_rule *r, __u64 cfa, __u64 *ra)
{
	if (r->ra != UNWIND_RA_REG) {
		__u64 at = cfa + r->ra_off;

		if (r->ra == UNWIND_RA_AT_BASE)
			at -= r->cfa_off;
		return unwind_read(w, ra, at) ? STACK_END_READ : 0;
	}
	if (!w->exact)
		return STACK_END_UNSUPPORTED;
	w->used |= UNWIND_USED_OTHER;
	if (UNWIND_ARM64 && r->reg == UNWIND_LR) {
		*ra = w->lr;
		return 0;
	}
	return w->n > 1 || unwind_register(w, r->reg, ra) ? STACK_END_UNSUPPORTED : 0;
}

/* Where the caller's frame pointer is. */
static __always_inline int unwind_find_fp(struct unwind_walk *w, const struct unwind_rule *r, __u64 cfa)
{
	int end;

	if (r->fp == UNWIND_FP_AT_CFA) {
		w->fp_at = cfa + r->fp_off;
	} else if (r->fp == UNWIND_FP_AT_BASE) {
		w->fp_at = cfa + r->fp_off - r->cfa_off;
	} else if (r->fp == UNWIND_FP_AT_FP) {
		end = unwind_get_fp(w);
		if (end)
			return end;
		w->fp_at = w->fp + r->fp_off;
	} else if (r->fp == UNWIND_FP_LOST) {
		w->fp = 1; /* neither a frame pointer nor the mark of the outermost frame */
		w->fp_at = 0;
	}
	return 0;
}

/* A caller's frame lies above, on the same stack. */
static __always_inline int unwind_is_above(const struct unwind_walk *w, const struct unwind_rule *r, __u64 cfa)
{
	if (r->cfa == UNWIND_FP_AWAY)
		return 1;
	return w->exact ? cfa >= w->sp : cfa > w->sp;
}

/*
 * One step: `w` has n frames, the last of which `r` is the rule of; afterwards its registers are the caller's. 0, or why there is no
 * caller (enum stack_end).
 */
static __always_inline int unwind_step(struct unwind_walk *w, const struct unwind_rule *r)
{
	__u64 cfa, ra;
	int end;

	w->chained = 0;
	if (r->cfa == UNWIND_ROOT)
		return STACK_END_ROOT;
	if (r->cfa == UNWIND_SIGNAL)
		return unwind_signal(w);
	if (r->cfa == UNWIND_CHAIN)
		return unwind_chain(w, 1);
	if (r->cfa == UNWIND_NONE || r->cfa == UNWIND_BARE)
		return unwind_no_function(w, r->cfa == UNWIND_NONE);
	end = unwind_get_cfa(w, r, &cfa);
	if (end)
		return end;
	if (!unwind_is_above(w, r, cfa))
		return STACK_END_BROKEN;
	end = unwind_get_ra(w, r, cfa, &ra);
	if (end)
		return end;
	if (!UNWIND_ARM64 && r->bx_off)
		w->bx_at = cfa + r->bx_off;
	end = unwind_find_fp(w, r, cfa);
	if (end)
		return end;
	/*
	 * A return address is in the caller's frame only if more than a call went on there: glibc's resolver on arm64 begins with x16 and x30
	 * pushed by the linkage table, and its CFA is below them.
	 */
	if (UNWIND_ARM64 && r->ra == UNWIND_RA_AT_CFA && r->ra_off >= 0)
		cfa += r->ra_off + 8;
	return unwind_arrive(w, ra, cfa);
}

#endif
