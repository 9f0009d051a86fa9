/* SPDX-License-Identifier: BSD-2-Clause */
#include "stopped.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>

#define STACK_MAX (1 << 20)
#define PAGE 4096

static void read_comm(char *comm, size_t size, const char *fmt, uint32_t pid, uint32_t tid)
{
	char path[64];
	FILE *f = NULL;

	comm[0] = '\0';
	if (snprintf(path, sizeof(path), fmt, pid, tid) > 0)
		f = fopen(path, "re");
	if (!f)
		return;
	if (!fgets(comm, (int)size, f))
		comm[0] = '\0';
	comm[strcspn(comm, "\n")] = '\0';
	fclose(f);
}

#if defined(__x86_64__)
static void take_registers(struct stopped_thread *t, const struct user_regs_struct *u)
{
	const uint64_t regs[CAPTURED_REGISTERS] = {u->rax, u->rdx, u->rcx, u->rbx, u->rsi, u->rdi, u->rbp, u->rsp, u->r8,
						   u->r9,  u->r10, u->r11, u->r12, u->r13, u->r14, u->r15, u->rip};

	memcpy(t->captured.regs, regs, sizeof(regs));
	t->syscall = (long)u->orig_rax;
}
#else
static void take_registers(struct stopped_thread *t, const struct user_regs_struct *u)
{
	memcpy(t->captured.regs, u->regs, sizeof(u->regs));
	t->captured.regs[CAPTURED_SP] = u->sp;
	t->captured.regs[CAPTURED_PC] = u->pc;
	t->syscall = (long)u->regs[8]; /* it can't be told whether it is in one */
}
#endif

/* As much as there is, page by page: the last one may end the mapping. */
// NOLINTNEXTLINE(readability-non-const-parameter): it is written to
static size_t read_stack(uint32_t pid, uint64_t sp, unsigned char *stack)
{
	size_t copied = 0, part;

	while (copied < STACK_MAX) {
		struct iovec to, from;

		part = PAGE - ((sp + copied) & (PAGE - 1));
		if (part > STACK_MAX - copied)
			part = STACK_MAX - copied;
		to = (struct iovec){stack + copied, part};
		from = (struct iovec){(void *)(uintptr_t)(sp + copied), part};
		if (process_vm_readv((pid_t)pid, &to, 1, &from, 1, 0) != (ssize_t)part)
			break;
		copied += part;
	}
	return copied;
}

/* A stopped thread; what fn says. */
static int look_at(struct stopped_thread *t, unsigned char *stack, stopped_fn fn, void *ctx)
{
	struct user_regs_struct regs;
	struct iovec part = {&regs, sizeof(regs)};
	pid_t tid = (pid_t)t->captured.tid;

	if (ptrace(PTRACE_GETREGSET, tid, (void *)NT_PRSTATUS, &part))
		return 0;
	take_registers(t, &regs);
	read_comm(t->comm, sizeof(t->comm), "/proc/%u/task/%u/comm", t->captured.pid, t->captured.tid);
	read_comm(t->process_comm, sizeof(t->process_comm), "/proc/%u/comm", t->captured.pid, 0);
	t->captured.stack = stack;
	t->captured.copied = read_stack(t->captured.pid, t->captured.regs[CAPTURED_SP], stack);
	return fn(ctx, t);
}

static int one_thread(uint32_t pid, uint32_t tid, unsigned char *stack, stopped_fn fn, void *ctx)
{
	struct stopped_thread t = {.captured = {.pid = pid, .tid = tid, .where = AT_SWITCH, .stopped = true}};
	int status, result;

	if (ptrace(PTRACE_SEIZE, tid, NULL, NULL))
		return 0; /* it ended */
	/* One that ends from here on is ours to wait for: until then it stays a zombie, and its process with it. */
	ptrace(PTRACE_INTERRUPT, tid, NULL, NULL);
	if (waitpid((pid_t)tid, &status, __WALL) != (pid_t)tid || !WIFSTOPPED(status))
		return 0;
	result = look_at(&t, stack, fn, ctx);
	/* A signal that came meanwhile is its own: it goes on with it. */
	if (ptrace(PTRACE_DETACH, tid, NULL, (void *)(long)(status >> 16 ? 0 : WSTOPSIG(status))))
		waitpid((pid_t)tid, &status, __WALL);
	return result;
}

int stopped_threads(uint32_t pid, stopped_fn fn, void *ctx)
{
	unsigned char *stack = malloc(STACK_MAX);
	struct dirent *entry;
	char path[64];
	DIR *dir = NULL;
	int result = 0;

	if (snprintf(path, sizeof(path), "/proc/%u/task", pid) > 0)
		dir = opendir(path);
	if (!dir || !stack) {
		if (dir)
			closedir(dir);
		free(stack);
		return dir ? -ENOMEM : -ESRCH;
	}
	while (!result && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			result = one_thread(pid, (uint32_t)strtoul(entry->d_name, NULL, 10), stack, fn, ctx);
	closedir(dir);
	free(stack);
	return result;
}
