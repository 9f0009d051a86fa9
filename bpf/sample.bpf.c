// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * On-CPU samples from a timer (cpu-clock; never hardware cycles, whose interrupts nest in everything). Who runs is what the switch
 * probe wrote into this CPU's slot.
 */
#include "stack.h"

#if defined(__TARGET_ARCH_x86)
/* struct bpf_perf_event_data begins with the user view of pt_regs: arch/x86/include/uapi/asm/ptrace.h */
struct sample_context {
	__u64 r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi, orig_rax, rip, cs, eflags, rsp, ss;
	__u64 sample_period, addr;
};
#define USER_MODE(c) ((c)->cs & 3)
#define IP rip
#define SP rsp
#define FP rbp
#else
struct sample_context {
	__u64 regs[31], sp, pc, pstate;
	__u64 sample_period, addr;
};
#define USER_MODE(c) (((c)->pstate & 0xf) == 0)
#define IP pc
#define SP sp
#define FP regs[29]
#endif

static __always_inline __u64 take_stack(struct sample_context *ctx, const struct wire_cpu_slot *who, bool user)
{
	__u32 key = SCRATCH_SAMPLE;
	struct stack_scratch *s = bpf_map_lookup_elem(&scratch, &key);
	__u64 n_kernel = 0, n_user;

	if (!s)
		return 0;
	if (user) {
		n_user = walk_user_stack(s, 0, ctx->IP, ctx->SP, ctx->FP);
	} else {
		n_kernel = frames_got(bpf_get_stack(ctx, s->frames, FRAMES_BYTES, 0));
		n_user = user_stack_of(bpf_get_current_task_btf(), s, n_kernel);
	}
	return send_stack(s, n_kernel, n_user, who->space, who->process, who->pid);
}

SEC("perf_event")
int on_sample(struct sample_context *ctx)
{
	struct wire_sample s = {};
	__u32 cpu = bpf_get_smp_processor_id();
	struct wire_cpu_slot *slot = bpf_map_lookup_elem(&cpu_slots, &cpu);
	struct wire_cpu_counts *c = counts();
	struct wire_cpu_slot who;
	bool user;

	if (!armed || !slot || !slot->number)
		return 0;
	s.ts = bpf_ktime_get_ns();
	if (s.ts >= stop_at)
		return 0;
	user = USER_MODE(ctx);
	if (user)
		slot->samples_user++;
	else
		slot->samples_kernel++;
	who = *slot;
	/* by fields: an initialiser becomes .rodata.cst32, which the skeleton generator of libbpf 0.5 complains about */
	s.head.type = WIRE_SAMPLE;
	s.head.size = sizeof(s);
	s.head.thread = who.number;
	s.cpu = cpu;
	s.syscall = WIRE_NO_SYSCALL;
	s.flags = user ? WIRE_SAMPLE_USER : 0;
	if (settings.stacks)
		s.stack = take_stack(ctx, &who, user);
	emit(&s, sizeof(s), LOSS_SAMPLES);
	if (c) {
		c->samples++;
		c->samples_timed_ns += bpf_ktime_get_ns() - s.ts;
	}
	return 0;
}
