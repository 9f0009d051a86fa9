/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* For a test of the walk: what it began with and what it found, so that another unwinder can be asked. Not there unless asked for. */
#ifndef CONCTRACE_PROOF_H
#define CONCTRACE_PROOF_H

#include "unwind.h"

#define PROOF_STEP 512 /* bytes of the stack in one read */

#if defined(__TARGET_ARCH_x86)
#define PROOF_REGISTER(NUMBER, NAME)                                                               \
	bpf_probe_read_kernel(&p->regs[NUMBER], 8, (void *)(s->registers + bpf_core_field_offset(struct pt_regs, NAME)))
#endif

static __always_inline void fill_registers(struct stack_scratch *s, struct wire_proof *p)
{
#if defined(__TARGET_ARCH_x86)
	PROOF_REGISTER(0, ax);
	PROOF_REGISTER(1, dx);
	PROOF_REGISTER(2, cx);
	PROOF_REGISTER(3, bx);
	PROOF_REGISTER(4, si);
	PROOF_REGISTER(5, di);
	PROOF_REGISTER(6, bp);
	PROOF_REGISTER(7, sp);
	PROOF_REGISTER(8, r8);
	PROOF_REGISTER(9, r9);
	PROOF_REGISTER(10, r10);
	PROOF_REGISTER(11, r11);
	PROOF_REGISTER(12, r12);
	PROOF_REGISTER(13, r13);
	PROOF_REGISTER(14, r14);
	PROOF_REGISTER(15, r15);
	PROOF_REGISTER(16, ip);
#else
	bpf_probe_read_kernel(p->regs, 33 * 8, (void *)s->registers);
#endif
}

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
	fill_registers(s, p);
	bpf_probe_read_kernel(p->frames, sizeof(p->frames), s->raw);
	for (i = 0; i < WIRE_PROOF_STACK / PROOF_STEP; i++)
		if (bpf_probe_read_user(p->stack + i * PROOF_STEP, PROOF_STEP, (void *)(s->sp + i * PROOF_STEP)))
			break;
	p->copied = i * PROOF_STEP;
	bpf_ringbuf_submit(p, BPF_RB_NO_WAKEUP);
	return 0;
}

#endif
