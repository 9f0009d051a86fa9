// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * On-CPU samples from a timer (cpu-clock; never hardware cycles, whose interrupts nest in everything): the switch probe, which runs with
 * interrupts off, is never in the middle of the same account.
 */
#include "account.h"

#if defined(__TARGET_ARCH_x86)
/* struct bpf_perf_event_data begins with the user view of pt_regs: arch/x86/include/uapi/asm/ptrace.h */
struct sample_context {
	__u64 r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi, orig_rax, rip, cs, eflags, rsp, ss;
	__u64 sample_period, addr;
};
#define USER_MODE(c) ((c)->cs & 3)
#define BEGIN_WITH_CONTEXT(s, c) start_walk(s, SCRATCH_SAMPLE, (c)->rip, (c)->rsp, (c)->rbp, (c)->rbx, 0, false)
#else
struct sample_context {
	__u64 regs[31], sp, pc, pstate;
	__u64 sample_period, addr;
};
#define USER_MODE(c) (((c)->pstate & 0xf) == 0)
#define BEGIN_WITH_CONTEXT(s, c) start_walk(s, SCRATCH_SAMPLE, (c)->pc, (c)->sp, (c)->regs[29], 0, (c)->regs[30], false)
#endif

/* In the kernel: the registers that the task had in user space, as they were saved. */
static __always_inline void begin_with_saved(struct stack_scratch *s, const struct pt_regs *at)
{
	const struct pt_regs *regs = at;
	__s64 number;

#if defined(__TARGET_ARCH_x86)
	number = BPF_CORE_READ(regs, orig_ax);
	start_walk(s, SCRATCH_SAMPLE, BPF_CORE_READ(regs, ip), BPF_CORE_READ(regs, sp), BPF_CORE_READ(regs, bp),
		   BPF_CORE_READ(regs, bx), 0, in_call(number));
#else
	number = BPF_CORE_READ(regs, syscallno);
	start_walk(s, SCRATCH_SAMPLE, BPF_CORE_READ(regs, user_regs.pc), BPF_CORE_READ(regs, user_regs.sp),
		   BPF_CORE_READ(regs, user_regs.regs[29]), 0, BPF_CORE_READ(regs, user_regs.regs[30]),
		   in_call(number));
#endif
	s->leaving = is_exec(number);
}

static __always_inline __u64 take_stack(struct sample_context *ctx, const struct wire_state *st, bool user)
{
	__u32 key = SCRATCH_SAMPLE;
	struct stack_scratch *s = bpf_map_lookup_elem(&scratch, &key);
	struct task_struct *task = bpf_get_current_task_btf();
	const struct pt_regs *regs = user_registers(task);
	struct stack_facts f = {};

	if (!s)
		return 0;
	f.process = st->process;
	f.pid = st->pid;
	s->registers = (__u64)regs;
	if (user) {
		BEGIN_WITH_CONTEXT(s, ctx);
		s->leaving = 0;
	} else {
		f.n_kernel = frames_got(bpf_get_stack(ctx, s->frames, KERNEL_FRAMES_BYTES, 0));
		begin_with_saved(s, regs);
	}
	s->leaving |= BPF_CORE_READ(task, flags) & PF_EXITING;
	return take_user_stack(s, &f, st, st->space, st->exec_before);
}

SEC("perf_event")
int on_sample(struct sample_context *ctx)
{
	struct wire_sample s = {};
	struct wire_cpu *cpu = this_cpu();
	struct wire_state *st;
	bool user;

	if (!stop_at || !cpu)
		return 0;
	st = state_of(bpf_get_current_task_btf());
	if (!st || !st->start || st->state >= STATE_DEAD)
		return 0;
	s.ts = bpf_ktime_get_ns();
	if (s.ts >= stop_at)
		return 0;
	user = USER_MODE(ctx);
	if (user)
		st->end.samples_user++;
	else
		st->end.samples_kernel++;
	/* by fields: an initialiser becomes .rodata.cst32, which the skeleton generator of libbpf 0.5 complains about */
	s.head.type = WIRE_SAMPLE;
	s.head.size = sizeof(s);
	s.head.thread = st->number;
	s.cpu = bpf_get_smp_processor_id();
	s.syscall = WIRE_NO_SYSCALL;
	s.flags = user ? WIRE_SAMPLE_USER : 0;
	if (settings.stacks)
		s.stack = take_stack(ctx, st, user);
	emit(&s, sizeof(s), LOSS_SAMPLES);
	cpu->counts.samples++;
	cpu->counts.samples_timed_ns += bpf_ktime_get_ns() - s.ts;
	return 0;
}
