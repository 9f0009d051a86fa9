/* SPDX-License-Identifier: BSD-2-Clause */
/* A thread at one moment: its registers, the top of its stack, and the call chain that is to be judged. */
#ifndef CONCTRACE_TESTS_CAPTURED_H
#define CONCTRACE_TESTS_CAPTURED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Registers as DWARF numbers them. x86-64: rax rdx rcx rbx rsi rdi rbp rsp r8-r15, then rip; arm64: x0-x30, sp, then pc. */
#if defined(__x86_64__)
#define CAPTURED_SP 7
#define CAPTURED_PC 16
#elif defined(__aarch64__)
#define CAPTURED_SP 31
#define CAPTURED_PC 32
#else
#error "no registers for this machine"
#endif
#define CAPTURED_REGISTERS (CAPTURED_PC + 1)

enum captured_where { AT_SWITCH = 0, AT_SAMPLE = 1, N_CAPTURED_WHERE };

struct captured {
	uint32_t pid, tid;
	enum captured_where where;
	uint64_t regs[CAPTURED_REGISTERS];
	const unsigned char *stack; /* of the memory from the stack pointer up */
	size_t copied;
	/* NULL, or a bit for each `step` bytes of it: they could not be read */
	const uint64_t *missing;
	size_t step;
	bool stopped; /* it stands still: what was not copied can be read from it */
	/* The chain: the instruction, then return addresses as they were found. */
	const uint64_t *frames;
	size_t n_frames;
	bool root;	/* it says that it reached the root */
	bool cut;	/* it says that there were more frames than it has room for */
	bool pending;	/* it says that the table was not there yet: a copy was walked later */
	const char *end; /* in a word */
	bool again;	 /* it would have been known again, without a walk; */
	bool again_wrong; /* for another stack than it is */
};

#endif
