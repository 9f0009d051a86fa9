/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Unwind tables: what a function's caller is, for each instruction of a file, in a form that a probe can look up. Made from
 * .eh_frame (user/symbols/unwind_table.h), kept in arrays that both sides map, read by the walk in wire_walk.h.
 *
 *     spaces (by process) -> region of mappings -> files -> pages (one for each KiB of a file's text) -> rows (by address) -> rules
 *
 * All arrays are filled by plain stores while the probes read them: an element is complete before what leads to it is stored, and is not
 * used for anything else until a while after that was taken away.
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
	UNWIND_FP_AWAY = 11,    /* fp + cfa_off, on another stack, which may be anywhere: Go's way into C */
	UNWIND_BARE = 12,       /* no function here that is known, in code that keeps no frame pointer */
	UNWIND_NO_ROOM = 13,    /* in a file for whose table there was no room */
	N_UNWIND_CFA,
};

/* Where the caller's frame pointer is. */
enum unwind_fp {
	UNWIND_FP_SAME = 0,
	UNWIND_FP_AT_CFA = 1, /* *(CFA + fp_off) */
	UNWIND_FP_AT_FP = 2,  /* *(fp + fp_off), the frame pointer of this frame */
	UNWIND_FP_LOST = 3,
	UNWIND_FP_AT_BASE = 4, /* *(base + fp_off), base: what cfa_off is added to. Frames of 32 KiB and more that save it at their end */
	N_UNWIND_FP,
};

/* Where the return address is. */
enum unwind_ra {
	UNWIND_RA_AT_CFA = 0, /* *(CFA + ra_off) */
	UNWIND_RA_REG = 1,    /* in register `reg`: the link register of an arm64 leaf, x86's vfork; the innermost frame only */
	UNWIND_RA_AT_BASE = 2, /* *(base + ra_off): large frames of arm64, which saves it at a frame's end */
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

/* Rules that every dictionary begins with. */
enum unwind_rule_number { UNWIND_RULE_NONE = 0, UNWIND_RULE_CHAIN = 1, UNWIND_RULE_NO_ROOM = 2 };

enum unwind_file_state {
	UNWIND_FILE_PENDING = 0, /* its table is being made */
	UNWIND_FILE_READY = 1,
	UNWIND_FILE_NONE = 2,    /* it has no unwind information, or none that can be read */
	UNWIND_FILE_NO_ROOM = 3, /* there was no room for its table; the last of `files` is of all for which there is no place */
};

/*
 * A file with text. A segment's vaddr and file offset differ by whole pages, so its rows hold for both; the pages that the probes look at
 * are by offset.
 */
struct unwind_file {
	__u32 page;    /* index in `pages` of offset 0 (modulo 2^32) */
	__u32 state;   /* enum unwind_file_state */
	__u32 first;   /* its text begins with this page, by offset, .. */
	__u32 n_pages; /* .. and has so many: what is behind them in `pages` is another file's */
};

/* An executable mapping of a process. */
struct unwind_mapping {
	__u64 start, end;  /* addresses in the process */
	__u64 offset_bias; /* offset in the file = address - offset_bias */
	__u64 identity;    /* of the file, the same in every process and recording: from its build id or its path */
	__u32 file;        /* number in frames, see wire_record.h; 0: none */
	__u32 table;       /* index in `files`; 0: code without tables */
};

/* The mappings of an address space: this, in the place of one, then `n` of them by address. */
struct unwind_region {
	__u64 since;      /* when the address space began (exec), CLOCK_MONOTONIC ns; 0: before tracing did */
	__u32 n;
	__u32 generation; /* never given twice */
	__u64 pad[3];
};

/*
 * Which region a process has: an open hash table by tgid. Element: tgid << 32 | index of the region, 0: free. One of
 * the UNWIND_PROBES elements from tgid & (UNWIND_SPACES - 1) on.
 */
#define UNWIND_SPACES 65536u
#define UNWIND_PROBES 8u

/* The registers of one frame, as far as they are known. What was saved on the stack is read when a rule asks for it. */
struct unwind_walk {
	__u64 pc, sp;
	__u64 fp, bx, lr;   /* bx: rbx (x86); lr: x30 (arm64), of the innermost frame and of one that a signal interrupted */
	__u64 fp_at, bx_at; /* not 0: the value is still there, on the stack */
	__u32 n;            /* frames so far */
	__u8 exact;         /* pc is the next instruction, not a return address: innermost, or interrupted by a signal */
	__u8 in_call;       /* the innermost frame is in a system call */
	__u8 chained;       /* the last step followed a frame pointer in code without tables */
	__u8 used;          /* UNWIND_USED_*: what the way so far depends on, besides the stack */
};

#define UNWIND_USED_FP 1    /* the innermost frame's frame pointer */
#define UNWIND_USED_OTHER 2 /* other registers of it */

_Static_assert(sizeof(struct unwind_rule) == 16, "unwind_rule");
_Static_assert(sizeof(struct unwind_page) == 8, "unwind_page");
_Static_assert(sizeof(struct unwind_file) == 16, "unwind_file");
_Static_assert(sizeof(struct unwind_mapping) == 40, "unwind_mapping");
_Static_assert(sizeof(struct unwind_region) == sizeof(struct unwind_mapping), "unwind_region");

#endif
