/* SPDX-License-Identifier: BSD-2-Clause */
/* In: the call frame instructions of a CIE and of an FDE. Out: a state for each stretch of code, given on as
 * rules. */
#include "symbols/cfa.h"

#include <elf.h>

#define REMEMBERED 16 /* states: compilers nest one or two */

const struct cfa_machine *cfa_machine(uint16_t elf)
{
	static const struct cfa_machine x86_64 = {
		.elf = EM_X86_64, .sp = 7, .fp = 6, .ra = 16, .bx = 3, .has_bx = true};
	static const struct cfa_machine arm64 = {
		.elf = EM_AARCH64, .sp = 31, .fp = 29, .ra = 30, .ra_in_register = true};

	switch (elf) {
	case EM_X86_64:
		return &x86_64;
	case EM_AARCH64:
		return &arm64;
	default:
		return NULL;
	}
}

/* What an instruction does, and how its last operand is written. */
enum action {
	UNKNOWN = 0,
	NOTHING,
	SET_LOCATION,
	ADVANCE,
	RULE, /* a register's */
	RESTORE,
	REMEMBER,
	RECALL,
	DEFINE, /* the CFA: register and offset */
	DEFINE_REGISTER,
	DEFINE_OFFSET,
	DEFINE_EXPRESSION,
};

enum operand {
	EMPTY = 0,
	U1 = 1,
	U2 = 2,
	U4 = 4,
	U8 = 8,
	PLAIN,
	FACTORED, /* times the CIE's data alignment */
	SIGNED,	  /* the same, of a signed number */
	NEGATED,  /* the same, less than 0 */
	BLOCK,
};

struct op {
	unsigned char action, operand, place;
};

static const struct op ops[64] = {
	[0x00] = {NOTHING, EMPTY, 0},
	[0x01] = {SET_LOCATION, EMPTY, 0},
	[0x02] = {ADVANCE, U1, 0},
	[0x03] = {ADVANCE, U2, 0},
	[0x04] = {ADVANCE, U4, 0},
	[0x05] = {RULE, FACTORED, CFA_AT}, /* offset_extended */
	[0x06] = {RESTORE, EMPTY, 0},
	[0x07] = {RULE, EMPTY, CFA_UNDEFINED},
	[0x08] = {RULE, EMPTY, CFA_SAME},
	[0x09] = {RULE, PLAIN, CFA_REGISTER},
	[0x0a] = {REMEMBER, EMPTY, 0},
	[0x0b] = {RECALL, EMPTY, 0},
	[0x0c] = {DEFINE, PLAIN, 0},
	[0x0d] = {DEFINE_REGISTER, PLAIN, 0},
	[0x0e] = {DEFINE_OFFSET, PLAIN, 0},
	[0x0f] = {DEFINE_EXPRESSION, BLOCK, 0},
	[0x10] = {RULE, BLOCK, CFA_AT_EXPRESSION},
	[0x11] = {RULE, SIGNED, CFA_AT},
	[0x12] = {DEFINE, SIGNED, 0},
	[0x13] = {DEFINE_OFFSET, SIGNED, 0},
	[0x14] = {RULE, FACTORED, CFA_IS},
	[0x15] = {RULE, SIGNED, CFA_IS},
	[0x16] = {RULE, BLOCK, CFA_IS_EXPRESSION},
	[0x1d] = {ADVANCE, U8, 0},
	[0x2c] =
		{NOTHING, EMPTY,
		 0}, /* AARCH64_negate_ra_state_with_pc: a walk strips signatures from every return address */
	[0x2d] = {NOTHING, EMPTY, 0},	  /* AARCH64_negate_ra_state */
	[0x2e] = {NOTHING, PLAIN, 0},	  /* GNU_args_size */
	[0x2f] = {RULE, NEGATED, CFA_AT}, /* GNU_negative_offset_extended */
};

struct run {
	const struct cfa_context *c;
	const struct cfa_state *initial; /* NULL: this is the CIE's own run */
	struct cfa_state state;
	struct cfa_state remembered[REMEMBERED];
	unsigned int depth;
	struct dwarf_reader r;
	uint64_t at, end; /* addresses: where the state holds from, end of the function */
	bool changed;	  /* since the last row */
	int result;	  /* of fn */
	cfa_row_fn fn;
	void *ctx;
};

static void row(struct run *x, const struct unwind_rule *rule)
{
	if (!x->result && x->fn)
		x->result = x->fn(x->ctx, x->at, rule);
}

static void flush(struct run *x)
{
	if (x->changed && x->fn) {
		struct unwind_rule rule = cfa_state_rule(x->c, &x->state);

		row(x, &rule);
	}
	x->changed = false;
}

/* False: not to a place before this one, or one that could not be read. */
static bool move_to(struct run *x, uint64_t at)
{
	if (x->r.bad || at < x->at || !x->initial)
		return false;
	if (at > x->at)
		flush(x);
	x->at = at;
	return true;
}

static bool advance(struct run *x, uint64_t n)
{
	uint64_t at;

	return !__builtin_mul_overflow(n, x->c->cie->code_align, &n) &&
	       !__builtin_add_overflow(x->at, n, &at) && move_to(x, at);
}

/* Where the state keeps that register's rule; NULL: it is none that is followed. */
static struct cfa_rule *followed(const struct run *x, struct cfa_state *s, uint64_t reg)
{
	const struct cfa_machine *m = x->c->machine;

	if (reg == m->fp)
		return &s->fp;
	if (reg == x->c->cie->ra)
		return &s->ra;
	return m->has_bx && reg == m->bx && x->c->with_bx ? &s->bx : NULL;
}

static void set_rule(struct run *x, uint64_t reg, struct cfa_rule rule)
{
	struct cfa_rule *place = followed(x, &x->state, reg);

	if (!place)
		return;
	*place = rule;
	x->changed = true;
}

static bool restore(struct run *x, uint64_t reg)
{
	struct cfa_state initial;
	const struct cfa_rule *rule;

	if (!x->initial)
		return false;
	if (!followed(x, &x->state, reg))
		return true;
	initial = *x->initial;
	rule = followed(x, &initial, reg);
	set_rule(x, reg, *rule);
	return true;
}

static bool remember(struct run *x)
{
	if (x->depth == REMEMBERED)
		return false;
	x->remembered[x->depth++] = x->state;
	return true;
}

static bool recall(struct run *x)
{
	if (!x->depth)
		return false;
	x->state = x->remembered[--x->depth];
	x->changed = true;
	return true;
}

static int64_t scale(const struct run *x, uint64_t n)
{
	return (int64_t)(n * (uint64_t)x->c->cie->data_align);
}

/* The last operand as a number; a block's length. */
static int64_t number(struct run *x, enum operand operand)
{
	switch (operand) {
	case EMPTY:
		return 0;
	case PLAIN:
		return (int64_t)dwarf_uleb(&x->r);
	case FACTORED:
		return scale(x, dwarf_uleb(&x->r));
	case SIGNED:
		return scale(x, (uint64_t)dwarf_sleb(&x->r));
	case NEGATED:
		return scale(x, -dwarf_uleb(&x->r));
	case BLOCK: {
		uint64_t len = dwarf_uleb(&x->r);

		dwarf_skip(&x->r, len);
		return (int64_t)len;
	}
	default:
		return (int64_t)dwarf_u(&x->r, operand);
	}
}

static void rule_for(struct run *x, uint64_t reg, const struct op *op)
{
	struct cfa_rule rule = {.place = op->place, .n = number(x, op->operand)};

	if (x->r.bad)
		return;
	if (op->operand == BLOCK) {
		rule.expression = x->r.p - rule.n;
		rule.len = (uint32_t)rule.n;
		rule.n = 0;
	}
	set_rule(x, reg, rule);
}

static void define(struct run *x, const struct op *op)
{
	struct cfa_state *s = &x->state;

	x->changed = true;
	switch (op->action) {
	case DEFINE:
		s->reg = dwarf_uleb(&x->r);
		s->offset = number(x, op->operand);
		s->kind = CFA_REG;
		break;
	case DEFINE_EXPRESSION:
		s->len = (uint32_t)number(x, BLOCK);
		s->expression = x->r.bad ? NULL : x->r.p - s->len;
		s->kind = CFA_EXPRESSION;
		break;
	default: /* half of a rule, of which the other half has to be there */
		if (s->kind != CFA_REG)
			s->kind = CFA_NONE;
		if (op->action == DEFINE_REGISTER)
			s->reg = dwarf_uleb(&x->r);
		else
			s->offset = number(x, op->operand);
	}
}

static uint64_t set_location(struct run *x)
{
	const struct eh_cie *cie = x->c->cie;

	return eh_pointer(cie->section, &x->r, cie->section->debug ? 0 : cie->encoding, cie->address);
}

/* One with its operation in the low six bits. False: it can't be run. */
static bool extended(struct run *x, const struct op *op)
{
	switch (op->action) {
	case NOTHING:
		number(x, op->operand);
		return true;
	case SET_LOCATION:
		return move_to(x, set_location(x));
	case ADVANCE:
		return advance(x, (uint64_t)number(x, op->operand));
	case RULE:
		rule_for(x, dwarf_uleb(&x->r), op);
		return true;
	case RESTORE:
		return restore(x, dwarf_uleb(&x->r));
	case REMEMBER:
		return remember(x);
	case RECALL:
		return recall(x);
	case UNKNOWN:
		return false;
	default:
		define(x, op);
		return true;
	}
}

static bool instruction(struct run *x)
{
	unsigned char byte = *x->r.p++, low = byte & 0x3f;

	switch (byte >> 6) {
	case 1:
		return advance(x, low);
	case 2:
		rule_for(x, low, &ops[0x05]);
		break;
	case 3:
		return restore(x, low);
	default:
		return extended(x, &ops[low]);
	}
	return true;
}

/* To the end of the instructions, or of the function. False: one can't be run. */
static bool instructions(struct run *x, const unsigned char *from, const unsigned char *to)
{
	x->r = (struct dwarf_reader){.p = from, .end = to};
	while (x->r.p < x->r.end && !x->result && (!x->initial || x->at < x->end))
		if (!instruction(x) || x->r.bad)
			return false;
	return true;
}

void cfa_prepare(struct cfa_context *c, const struct cfa_machine *m, const struct eh_cie *cie, bool with_bx)
{
	struct run x;

	*c = (struct cfa_context){.machine = m, .cie = cie, .with_bx = with_bx};
	memset(&x.state, 0, sizeof(x.state));
	x.c = c;
	x.initial = NULL;
	x.depth = 0;
	x.at = x.end = 0;
	x.result = 0;
	x.fn = NULL;
	c->broken = !instructions(&x, cie->program, cie->end);
	c->initial = x.state;
}

int cfa_run(const struct cfa_context *c, const struct eh_fde *fde, cfa_row_fn fn, void *ctx)
{
	static const struct unwind_rule unsupported = {.cfa = UNWIND_UNSUPPORTED};
	struct run x; /* not zeroed: most of it is room for states to remember */

	x.c = c;
	x.initial = &c->initial;
	x.state = c->initial;
	x.depth = 0;
	x.at = fde->origin;
	x.end = fde->end;
	x.changed = true;
	x.result = 0;
	x.fn = fn;
	x.ctx = ctx;
	if (c->broken || !instructions(&x, fde->program, fde->program_end))
		row(&x, &unsupported);
	else if (x.at < x.end)
		flush(&x);
	return x.result;
}
