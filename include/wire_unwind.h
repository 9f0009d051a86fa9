/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Unwind tables: what a function's caller is, for each instruction of a file, in a form that a probe can look up. Made from
 * .eh_frame (user/symbols/unwind_table.h), kept in arrays that both sides map, read by the walk in unwind_walk.h.
 *
 *     mappings (by process)  ->  pages (one for each KiB of a file's text)  ->  rows (by address)  ->  rules
 *
 * Addresses in tables are virtual addresses as the file's program headers have them ("vaddr"). The frame pointer is rbp or x29, the
 * stack pointer rsp or sp; registers are numbered as DWARF does for the machine.
 */
#ifndef CONCTRACE_WIRE_UNWIND_H
#define CONCTRACE_WIRE_UNWIND_H

#ifndef __VMLINUX_MIN_H__
#include <linux/types.h>
#endif

#define UNWIND_PAGE_BITS 10 /* of text that one entry of `pages` stands for */
#define UNWIND_RULE_BITS 22
#define UNWIND_RULE_MASK ((1u << UNWIND_RULE_BITS) - 1)

/* Where the caller's stack pointer (the canonical frame address, CFA) is. */
enum unwind_cfa {
	UNWIND_NONE = 0,        /* no function here */
	UNWIND_SP = 1,          /* sp + cfa_off */
	UNWIND_FP = 2,          /* fp + cfa_off */
	UNWIND_AT_SP = 3,       /* *(sp + cfa_off) + add */
	UNWIND_AT_FP = 4,       /* *(fp + cfa_off) + add: realigned stacks */
	UNWIND_REG = 5,         /* register `reg` + cfa_off: known for the innermost frame; rbx wherever bx_off told it */
	UNWIND_PLT = 6,         /* sp + 8 + ((pc & 15) >= cfa_off ? 8 : 0): x86 PLT stubs */
	UNWIND_SIGNAL = 7,      /* the frame of a signal: registers are in the ucontext on the stack */
	UNWIND_ROOT = 8,        /* the return address is undefined: the outermost frame */
	UNWIND_UNSUPPORTED = 9, /* a rule that none of the above can say */
	UNWIND_CHAIN = 10,      /* code without tables (a JIT's): by frame pointer, if it is one */
	N_UNWIND_CFA,
};

/* Where the caller's frame pointer is. */
enum unwind_fp {
	UNWIND_FP_SAME = 0,
	UNWIND_FP_AT_CFA = 1, /* *(CFA + fp_off) */
	UNWIND_FP_AT_FP = 2,  /* *(fp + fp_off), the frame pointer of this frame */
	UNWIND_FP_LOST = 3,
	N_UNWIND_FP,
};

/* Where the return address is. */
enum unwind_ra {
	UNWIND_RA_AT_CFA = 0, /* *(CFA + ra_off) */
	UNWIND_RA_REG = 1,    /* in register `reg`: the link register of an arm64 leaf, x86's vfork; the innermost frame only */
	N_UNWIND_RA,
};

struct unwind_rule {
	__u8 cfa; /* enum unwind_cfa */
	__u8 fp;  /* enum unwind_fp */
	__u8 ra;  /* enum unwind_ra */
	__u8 reg; /* DWARF number, of UNWIND_REG or UNWIND_RA_REG (never both) */
	__s32 cfa_off;
	__s16 fp_off;
	__s16 ra_off;
	__s16 bx_off; /* x86: rbx is saved at CFA + bx_off; 0: it is not. Only told in files that have an rbx rule */
	__s16 add;
};

/* rows: u32, (vaddr & 1023) << UNWIND_RULE_BITS | number of the rule; valid up to the next row */

/*
 * A KiB of text. Its first row is always for its first byte, so that nothing before it need be looked at. No rows: no function there.
 */
struct unwind_page {
	__u32 row; /* index of its first row */
	__u16 n;
	__u16 pad;
};

/* Rows of one page are never on two sides of a multiple of this: a value of the map of rows. */
#define UNWIND_CHUNK_ROWS 65536u

/* An executable mapping of a process; its mappings follow one another by address. */
struct unwind_mapping {
	__u64 start, end;  /* addresses in the process */
	__u64 bias;        /* vaddr = address - bias */
	__u64 offset_bias; /* offset in the file = address - offset_bias */
	__u64 identity;    /* of the file, the same in every process and recording: from its build id or its path */
	__u32 file;        /* number in frames, see wire_record.h; 0: none */
	__u32 page;        /* index in `pages` of vaddr 0 (modulo 2^32); UNWIND_NO_PAGES: code without tables */
};
#define UNWIND_NO_PAGES 0xffffffffu

_Static_assert(sizeof(struct unwind_rule) == 16, "unwind_rule");
_Static_assert(sizeof(struct unwind_page) == 8, "unwind_page");
_Static_assert(sizeof(struct unwind_mapping) == 48, "unwind_mapping");

#endif
