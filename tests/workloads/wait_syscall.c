/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * In: a system call that blocks and belongs to no other kind. Out: the main thread's calls, and how long they
 * took. membarrier waits for the kernel's own grace period; getppid is held by a seccomp supervisor for an
 * exact delay.
 */
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/membarrier.h>
#include <linux/seccomp.h>
#include <sys/ioctl.h>

#include "truth.h"

static int run_membarrier(struct series *s)
{
	unsigned int i;

	if (syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0) < 0)
		return skip("no membarrier in this kernel");
	series_begin(s);
	for (i = 0; i < s->count; i++) {
		wait_begin(s);
		check(!syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0), "membarrier");
		wait_end_if(s, false);
	}
	return s->waits ? 0 : skip("one CPU: membarrier has nothing to wait for");
}

/* word[0] is the supervisor's descriptor. */
static void answer(struct series *s)
{
	struct seccomp_notif call = {0};
	struct seccomp_notif_resp result = {0};

	check(!ioctl(s->area.word[0], SECCOMP_IOCTL_NOTIF_RECV, &call), "SECCOMP_IOCTL_NOTIF_RECV");
	result.id = call.id;
	result.val = 1;
	check(!ioctl(s->area.word[0], SECCOMP_IOCTL_NOTIF_SEND, &result), "SECCOMP_IOCTL_NOTIF_SEND");
}

static void call_getppid(struct series *s)
{
	(void)s;
	check(syscall(SYS_getppid) == 1, "getppid");
}

/* The filter is on this thread and those it makes; the partner does not call getppid. */
static int run_seccomp(struct series *s)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = {.len = sizeof(code) / sizeof(code[0]), .filter = code};

	check(!prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "PR_SET_NO_NEW_PRIVS");
	s->area.word[0] =
		(int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &filter);
	if (s->area.word[0] < 0)
		return skip("no seccomp notification in this kernel");
	return series_with_thread(s, NULL, answer, call_getppid, NULL);
}

int main(int argc, char **argv)
{
	static const struct form forms[] = {
		{"seccomp", run_seccomp, NULL},
		{"membarrier", run_membarrier, NULL},
		{NULL, NULL, NULL},
	};

	return series_main(argc, argv, "syscall", forms);
}
