/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* For a test of the walk: what it began with and what it found, so that another unwinder can be asked. Not there unless asked for. */
#ifndef CONCTRACE_PROOF_H
#define CONCTRACE_PROOF_H

#include "unwind.h"

#define PROOF_LEAST 32768 /* bytes of it at least: who went astray may have ended too early */

__attribute__((weak)) __noinline int send_proof(struct stack_scratch *s)
{
	struct wire_proof *p;
	__u64 who = bpf_get_current_pid_tgid(), need;
	__u32 i;

	if (!s || !settings.proof)
		return 0;
	p = bpf_ringbuf_reserve(&proofs, sizeof(*p), 0);
	if (!p) {
		count_loss(LOSS_STACKS);
		return 0;
	}
	p->head.type = WIRE_PROOF;
	p->head.size = 0;
	p->head.thread = 0;
	p->ts = bpf_ktime_get_ns();
	p->pid = who >> 32;
	p->tid = who;
	p->n = s->walk.n;
	p->end = s->ended;
	p->sample = s->cache & 1;
	p->id = s->id;
	p->remembered = s->remembered;
	fill_registers(s, p->regs);
	bpf_probe_read_kernel(p->frames, sizeof(p->frames), s->raw);
	/* to where the walk ended and some more; on another stack (of signals) that says nothing */
	need = s->walk.sp - s->sp + 2 * WIRE_PROOF_STEP;
	if (need < PROOF_LEAST || need > WIRE_PROOF_STACK)
		need = PROOF_LEAST;
	for (i = 0; i < sizeof(p->missing) / 8; i++)
		p->missing[i] = 0;
	for (i = 0; i < WIRE_PROOF_STACK / WIRE_PROOF_STEP && i * WIRE_PROOF_STEP < need; i++)
		if (bpf_probe_read_user(p->stack + i * WIRE_PROOF_STEP, WIRE_PROOF_STEP, (void *)(s->sp + i * WIRE_PROOF_STEP)))
			p->missing[i / 64 % (sizeof(p->missing) / 8)] |= 1ULL << (i % 64);
	p->copied = i * WIRE_PROOF_STEP;
	bpf_ringbuf_submit(p, 0); /* soon: what it is compared with are files of a process that may end */
	return 0;
}

#endif
