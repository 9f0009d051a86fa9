/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The way out of a function that has no unwind information: from a return address on, instructions that do nothing but take the frame away
 * (add $n,%rsp; pop; ret) say themselves where its own return address is. That is no guess: the processor will go the same way. It makes
 * whole what else breaks off at a small frame of somebody's assembler: the trampolines of Python's -X perf, main of a Rust program with
 * panic=abort, Go's way into C and back. What does anything else first is left to the frame pointer.
 */
#ifndef CONCTRACE_WIRE_WAY_OUT_H
#define CONCTRACE_WIRE_WAY_OUT_H

#ifndef __VMLINUX_MIN_H__
#include <linux/types.h>
#endif

#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif

#define WAY_OUT_BYTES 32 /* of code, a power of two; what can't be read is 0 */
#define WAY_OUT_STEPS 9  /* instructions: one that moves rsp, six registers that a function saves, one that only fills, ret */
#define WAY_OUT_MAX 4096

struct way_out {
	__u8 code[WAY_OUT_BYTES];
	__u32 at;   /* of the next instruction */
	__u32 size; /* from rsp to where it stands after the instructions so far */
	__u32 fp;   /* to behind the caller's frame pointer; 0: it is where it was */
	__u32 pad;
};

enum way_out_state { WAY_OUT_GOES_ON, WAY_OUT_FOUND, WAY_OUT_NONE };

/* The next instruction. WAY_OUT_FOUND: it is the ret, and the return address is at rsp + size. */
static __always_inline enum way_out_state way_out_step(struct way_out *w)
{
	__u32 at = w->at & (WAY_OUT_BYTES - 1);
	__u8 a = w->code[at], b = w->code[(at + 1) & (WAY_OUT_BYTES - 1)];
	__u8 c = w->code[(at + 2) & (WAY_OUT_BYTES - 1)], d = w->code[(at + 3) & (WAY_OUT_BYTES - 1)];

	if (w->at >= WAY_OUT_BYTES)
		return WAY_OUT_NONE;
	if (a == 0xc3) /* ret */
		return w->size <= WAY_OUT_MAX && !(w->size & 7) ? WAY_OUT_FOUND : WAY_OUT_NONE;
	if ((a & 0xf8) == 0x58 && a != 0x5c) { /* pop, but of rsp */
		w->size += 8;
		if (a == 0x5d)
			w->fp = w->size;
		w->at += 1;
		return WAY_OUT_GOES_ON;
	}
	if (a == 0x41 && (b & 0xf8) == 0x58) { /* pop of r8 .. r15 */
		w->size += 8;
		w->at += 2;
		return WAY_OUT_GOES_ON;
	}
	if (a == 0x48 && b == 0x83 && c == 0xc4 && d < 0x80) { /* add $n,%rsp */
		w->size += d;
		w->at += 4;
		return WAY_OUT_GOES_ON;
	}
	return WAY_OUT_NONE;
}

#endif
