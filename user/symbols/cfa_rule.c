/* SPDX-License-Identifier: BSD-2-Clause */
/* In: a state of the interpreter. Out: the rule that says the same, as far as rules can: expressions are
 * brought to one of their forms. */
#include <elf.h>

#include "symbols/cfa.h"

#define STACK	       8  /* values that an expression has at once; those of compilers have two */
#define EXPRESSION_MAX 64 /* bytes: one is read again for each row, and those of compilers have twelve */

enum {
	OP_DEREF = 0x06,
	OP_CONST1U = 0x08,
	OP_CONST1S,
	OP_CONST2U,
	OP_CONST2S,
	OP_CONST4U,
	OP_CONST4S,
	OP_CONST8U,
	OP_CONST8S,
	OP_CONSTU,
	OP_CONSTS,
	OP_MINUS = 0x1c,
	OP_PLUS = 0x22,
	OP_PLUS_UCONST = 0x23,
	OP_LIT0 = 0x30,
	OP_LIT31 = 0x4f,
	OP_BREG0 = 0x70,
	OP_BREG31 = 0x8f,
	OP_BREGX = 0x92,
	OP_NOP = 0x96,
};

#define THE_CFA UINT64_MAX /* as a register: what expressions for registers start with */

/* add; reg + add; *(reg + offset) + add */
struct value {
	enum { CONSTANT, REGISTER, MEMORY } kind;
	uint64_t reg, offset, add;
};

struct stack {
	struct value values[STACK];
	size_t n;
};

static bool push(struct stack *s, struct value v)
{
	if (s->n == STACK)
		return false;
	s->values[s->n++] = v;
	return true;
}

static bool push_constant(struct stack *s, unsigned char op, struct dwarf_reader *r)
{
	struct value v = {.kind = CONSTANT};
	size_t bytes = 1u << (op - OP_CONST1U) / 2;

	if (op >= OP_LIT0)
		v.add = op - OP_LIT0;
	else if (op == OP_CONSTU)
		v.add = dwarf_uleb(r);
	else if (op == OP_CONSTS)
		v.add = (uint64_t)dwarf_sleb(r);
	else if ((op - OP_CONST1U) & 1)
		v.add = (uint64_t)dwarf_s(r, bytes);
	else
		v.add = dwarf_u(r, bytes);
	return push(s, v);
}

/* The two topmost values become their sum or difference; only constants can be added or taken away. */
static bool combine(struct stack *s, bool minus)
{
	struct value *a, *b;

	if (s->n < 2)
		return false;
	a = &s->values[s->n - 2];
	b = &s->values[s->n - 1];
	if (b->kind != CONSTANT) {
		struct value swap = *a;

		if (minus || a->kind != CONSTANT)
			return false;
		*a = *b;
		*b = swap;
	}
	a->add += minus ? -b->add : b->add;
	s->n--;
	return true;
}

static bool dereference(struct stack *s)
{
	struct value *top;

	if (!s->n || s->values[s->n - 1].kind != REGISTER)
		return false;
	top = &s->values[s->n - 1];
	top->kind = MEMORY;
	top->offset = top->add;
	top->add = 0;
	return true;
}

static bool operation(struct stack *s, struct dwarf_reader *r)
{
	unsigned char op = (unsigned char)dwarf_u(r, 1);
	struct value v = {.kind = REGISTER};

	if (op >= OP_BREG0 && op <= OP_BREG31) {
		v.reg = op - OP_BREG0;
		v.add = (uint64_t)dwarf_sleb(r);
		return push(s, v);
	}
	if ((op >= OP_LIT0 && op <= OP_LIT31) || (op >= OP_CONST1U && op <= OP_CONSTS))
		return push_constant(s, op, r);
	switch (op) {
	case OP_BREGX:
		v.reg = dwarf_uleb(r);
		v.add = (uint64_t)dwarf_sleb(r);
		return push(s, v);
	case OP_DEREF:
		return dereference(s);
	case OP_PLUS_UCONST:
		return push_constant(s, OP_CONSTU, r) && combine(s, false);
	case OP_PLUS:
	case OP_MINUS:
		return combine(s, op == OP_MINUS);
	default:
		return op == OP_NOP;
	}
}

/* The expression's value, if it is one of the kinds above. The value of a register's rule (not the CFA's own)
 * begins with the CFA. */
static bool evaluate(const unsigned char *expression, size_t len, bool with_cfa, struct value *out)
{
	struct dwarf_reader r = {.p = expression, .end = expression + len};
	struct stack s = {.n = 0};

	if (len > EXPRESSION_MAX)
		return false;
	if (with_cfa)
		push(&s, (struct value){.kind = REGISTER, .reg = THE_CFA});
	while (r.p < r.end)
		if (!operation(&s, &r) || r.bad)
			return false;
	if (!s.n)
		return false;
	*out = s.values[s.n - 1];
	return true;
}

static bool fits_16(uint64_t n)
{
	return n + 0x8000 <= UINT16_MAX;
}

static bool fits_32(uint64_t n)
{
	return n + 0x80000000 <= UINT32_MAX;
}

/* The one thing that stubs of x86's procedure linkage tables say: sp + 8 + ((rip & 15) >= n) * 8. */
static bool plt_stub(const struct cfa_state *s, int32_t *n)
{
	static const unsigned char start[] = {OP_BREG0 + 7, 8,	 OP_BREG0 + 16, 0,
					      OP_LIT0 + 15, 0x1a /* and */};
	static const unsigned char end[] = {0x2a /* ge */, OP_LIT0 + 3, 0x24 /* shl */, OP_PLUS};
	const unsigned char *e = s->expression;

	if (s->len != sizeof(start) + 1 + sizeof(end) || memcmp(e, start, sizeof(start)) ||
	    memcmp(e + sizeof(start) + 1, end, sizeof(end)) || e[sizeof(start)] < OP_LIT0 ||
	    e[sizeof(start)] > OP_LIT0 + 15)
		return false;
	*n = e[sizeof(start)] - OP_LIT0;
	return true;
}

static bool register_cfa(const struct cfa_machine *m, uint64_t reg, uint64_t offset, struct unwind_rule *rule)
{
	if (!fits_32(offset) || reg > UINT8_MAX)
		return false;
	rule->cfa_off = (int32_t)offset;
	if (reg == m->sp) {
		rule->cfa = UNWIND_SP;
	} else if (reg == m->fp) {
		rule->cfa = UNWIND_FP;
	} else {
		rule->cfa = UNWIND_REG;
		rule->reg = (uint8_t)reg;
	}
	return true;
}

static bool cfa(const struct cfa_machine *m, const struct cfa_state *s, struct unwind_rule *rule)
{
	struct value v;

	if (s->kind == CFA_REG)
		return register_cfa(m, s->reg, (uint64_t)s->offset, rule);
	if (s->kind != CFA_EXPRESSION)
		return false;
	if (m->elf == EM_X86_64 && plt_stub(s, &rule->cfa_off)) {
		rule->cfa = UNWIND_PLT;
		return true;
	}
	if (!evaluate(s->expression, s->len, false, &v) || v.kind == CONSTANT)
		return false;
	if (v.kind == REGISTER)
		return register_cfa(m, v.reg, v.add, rule);
	if ((v.reg != m->sp && v.reg != m->fp) || !fits_32(v.offset) || !fits_16(v.add))
		return false;
	rule->cfa = v.reg == m->sp ? UNWIND_AT_SP : UNWIND_AT_FP;
	rule->cfa_off = (int32_t)v.offset;
	rule->add = (int16_t)v.add;
	return true;
}

/* An address that the expression gives, as an offset from the CFA: from that itself, or from the register
 * that it is from. */
static bool from_cfa(const struct cfa_machine *m, const struct value *v, const struct unwind_rule *rule,
		     uint64_t *offset)
{
	if (v->kind != REGISTER)
		return false;
	*offset = v->add;
	if (v->reg == THE_CFA)
		return true;
	*offset -= (uint64_t)(int64_t)rule->cfa_off;
	return (v->reg == m->sp && rule->cfa == UNWIND_SP) || (v->reg == m->fp && rule->cfa == UNWIND_FP) ||
	       (v->reg == rule->reg && rule->cfa == UNWIND_REG);
}

/* An offset from the CFA that does not fit may fit from what the CFA is counted from. */
static bool from_base(const struct unwind_rule *rule, uint64_t offset, int16_t *place)
{
	offset += (uint64_t)(int64_t)rule->cfa_off;
	if ((rule->cfa != UNWIND_SP && rule->cfa != UNWIND_FP) || !fits_16(offset))
		return false;
	*place = (int16_t)offset;
	return true;
}

static bool return_address(const struct cfa_context *c, const struct cfa_state *s, struct unwind_rule *rule)
{
	struct cfa_rule ra = s->ra;
	uint64_t offset = (uint64_t)ra.n;
	struct value v;

	if ((ra.place == CFA_UNSAID || ra.place == CFA_SAME) && c->machine->ra_in_register)
		ra = (struct cfa_rule){.place = CFA_REGISTER, .n = (int64_t)c->cie->ra};
	switch (ra.place) {
	case CFA_REGISTER:
		if ((uint64_t)ra.n > UINT8_MAX || rule->cfa == UNWIND_REG)
			return false;
		rule->ra = UNWIND_RA_REG;
		rule->reg = (uint8_t)ra.n;
		return true;
	case CFA_AT_EXPRESSION:
		if (!evaluate(ra.expression, ra.len, true, &v) || !from_cfa(c->machine, &v, rule, &offset))
			return false;
		break;
	case CFA_AT:
		break;
	default:
		return false;
	}
	if (!fits_16(offset)) {
		rule->ra = UNWIND_RA_AT_BASE;
		return from_base(rule, offset, &rule->ra_off);
	}
	rule->ra = UNWIND_RA_AT_CFA;
	rule->ra_off = (int16_t)offset;
	return true;
}

static void frame_pointer(const struct cfa_context *c, const struct cfa_state *s, struct unwind_rule *rule)
{
	uint64_t offset = (uint64_t)s->fp.n;
	struct value v;

	rule->fp = UNWIND_FP_LOST;
	switch (s->fp.place) {
	case CFA_UNSAID:
	case CFA_SAME:
		rule->fp = UNWIND_FP_SAME;
		return;
	case CFA_AT:
		break;
	case CFA_AT_EXPRESSION:
		if (!evaluate(s->fp.expression, s->fp.len, true, &v) || v.kind != REGISTER)
			return;
		if (from_cfa(c->machine, &v, rule, &offset))
			break;
		if (v.reg == c->machine->fp && fits_16(v.add)) {
			rule->fp = UNWIND_FP_AT_FP;
			rule->fp_off = (int16_t)v.add;
		}
		return;
	default:
		return;
	}
	if (!fits_16(offset)) {
		rule->fp = from_base(rule, offset, &rule->fp_off) ? UNWIND_FP_AT_BASE : UNWIND_FP_LOST;
		return;
	}
	rule->fp = UNWIND_FP_AT_CFA;
	rule->fp_off = (int16_t)offset;
}

/*
 * 'S' also marks ordinary frames whose pc is not a return address (OCaml's calls into its collector). Of x86
 * they are told apart: a handler's return finds its caller's registers in the ucontext, by expressions.
 */
static bool is_signal_frame(const struct cfa_context *c, const struct cfa_state *s)
{
	return c->cie->signal &&
	       !(c->machine->elf == EM_X86_64 && s->kind == CFA_REG && s->ra.place == CFA_AT);
}

struct unwind_rule cfa_state_rule(const struct cfa_context *c, const struct cfa_state *s)
{
	struct unwind_rule rule = {0};

	if (is_signal_frame(c, s))
		return (struct unwind_rule){.cfa = UNWIND_SIGNAL};
	if (s->ra.place == CFA_UNDEFINED)
		return (struct unwind_rule){.cfa = UNWIND_ROOT};
	if (!cfa(c->machine, s, &rule) || !return_address(c, s, &rule))
		return (struct unwind_rule){.cfa = UNWIND_UNSUPPORTED};
	if (c->cie->away && rule.cfa == UNWIND_FP)
		rule.cfa = UNWIND_FP_AWAY;
	frame_pointer(c, s, &rule);
	if (s->bx.place == CFA_AT && fits_16((uint64_t)s->bx.n))
		rule.bx_off = (int16_t)s->bx.n;
	return rule;
}
