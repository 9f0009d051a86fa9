/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs the instructions of a function's call frame information: one rule for each stretch of its code. Only
 * the registers that a walk of stacks needs are followed: stack and frame pointer, return address, and rbx
 * where a file's rules ask for it.
 */
#ifndef CONCTRACE_CFA_H
#define CONCTRACE_CFA_H

#include "symbols/eh_frame.h"
#include "wire_unwind.h"

/* Which registers have which part, by DWARF's numbers for the machine. */
struct cfa_machine {
	uint16_t elf; /* EM_* */
	uint8_t sp, fp, ra, bx;
	bool has_bx;
	bool ra_in_register; /* unless told otherwise the return address is in register `ra` */
};

/* NULL: not a machine that this knows (x86-64, arm64). */
const struct cfa_machine *cfa_machine(uint16_t elf);

enum cfa_place {
	CFA_UNSAID = 0,
	CFA_UNDEFINED,
	CFA_SAME,
	CFA_AT,	      /* *(CFA + n) */
	CFA_IS,	      /* CFA + n */
	CFA_REGISTER, /* in register n */
	CFA_AT_EXPRESSION,
	CFA_IS_EXPRESSION,
};

/* Where a caller's register is. */
struct cfa_rule {
	enum cfa_place place;
	uint32_t len; /* of the expression */
	int64_t n;
	const unsigned char *expression;
};

enum cfa_kind {
	CFA_NONE = 0, /* not said yet */
	CFA_REG,      /* register + offset */
	CFA_EXPRESSION,
};

struct cfa_state {
	enum cfa_kind kind;
	uint32_t len; /* of the expression */
	uint64_t reg;
	int64_t offset;
	const unsigned char *expression;
	struct cfa_rule fp, ra, bx;
};

struct cfa_context {
	const struct cfa_machine *machine;
	const struct eh_cie *cie;
	struct cfa_state initial; /* behind the CIE's own instructions */
	bool broken;		  /* the CIE's instructions could not be run */
	bool with_bx;		  /* tell where rbx is */
};

/* Makes ready to run FDEs of the CIE. */
void cfa_prepare(struct cfa_context *c, const struct cfa_machine *m, const struct eh_cie *cie, bool with_bx);

/* A rule that holds from vaddr on; called with ascending addresses. Non-zero ends the run. */
typedef int (*cfa_row_fn)(void *ctx, uint64_t vaddr, const struct unwind_rule *rule);

/*
 * Runs an FDE of c's CIE, from its origin; the first row is for that. From an instruction on that can't be
 * run the rule is UNWIND_UNSUPPORTED. 0, or what fn returned.
 */
int cfa_run(const struct cfa_context *c, const struct eh_fde *fde, cfa_row_fn fn, void *ctx);

/* What the state says, as a rule of the tables; UNWIND_UNSUPPORTED if they can't say it. */
struct unwind_rule cfa_state_rule(const struct cfa_context *c, const struct cfa_state *s);

#endif
