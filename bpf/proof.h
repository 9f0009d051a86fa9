/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* For a test of the walk: what it began with and what it found, so that another unwinder can be asked. Not there unless asked for. */
#ifndef CONCTRACE_PROOF_H
#define CONCTRACE_PROOF_H

#include "unwind.h"

#define PROOF_STEP 512 /* bytes of the stack in one read */

__attribute__((weak)) __noinline int send_proof(struct stack_scratch *s, __u32 end, __u32 sample)
{
	struct wire_proof *p;
	__u64 who = bpf_get_current_pid_tgid();
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
	p->end = end;
	p->sample = sample;
	fill_registers(s, p->regs);
	bpf_probe_read_kernel(p->frames, sizeof(p->frames), s->raw);
	for (i = 0; i < WIRE_PROOF_STACK / PROOF_STEP; i++)
		if (bpf_probe_read_user(p->stack + i * PROOF_STEP, PROOF_STEP, (void *)(s->sp + i * PROOF_STEP)))
			break;
	p->copied = i * PROOF_STEP;
	bpf_ringbuf_submit(p, BPF_RB_NO_WAKEUP);
	return 0;
}

#endif
