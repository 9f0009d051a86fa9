/* SPDX-License-Identifier: BSD-2-Clause */
/* What the machine and the kernel are, as far as a recorder has to know: read from uname, /proc and /sys,
 * once. */
#ifndef CONCTRACE_SYSTEM_H
#define CONCTRACE_SYSTEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum system_lockdown {
	LOCKDOWN_UNKNOWN = 0, /* the file is not there: not built in, or securityfs is not mounted */
	LOCKDOWN_NONE,
	LOCKDOWN_INTEGRITY,
	LOCKDOWN_CONFIDENTIALITY,
};

#define SYSTEM_UNSET (-100) /* a setting whose file is not there */

struct system_facts {
	char release[65], machine[65];		 /* "6.1.0-18-amd64", "x86_64" */
	int major, minor;			 /* of the release */
	unsigned int cpus_online, cpus_possible; /* how many; numbers may have gaps */
	unsigned int cpu_limit;			 /* highest possible number + 1 */
	uid_t euid;
	uint64_t capabilities; /* effective, bit N: capability N */
	bool initial_user_namespace, initial_pid_namespace;
	bool btf;
	enum system_lockdown lockdown;
	int perf_event_paranoid, kptr_restrict, bpf_jit;
	uint64_t memlock; /* bytes, UINT64_MAX: no limit */
};

enum system_capability {
	SYSTEM_CAP_SETGID = 6,
	SYSTEM_CAP_SETUID = 7,
	SYSTEM_CAP_SYS_PTRACE = 19,
	SYSTEM_CAP_SYS_ADMIN = 21,
	SYSTEM_CAP_PERFMON = 38,
	SYSTEM_CAP_BPF = 39,
};

static inline bool system_can(const struct system_facts *facts, enum system_capability capability)
{
	return facts->capabilities >> capability & 1;
}

/*
 * Fills *facts. `root` goes before every path ("" in real life; tests bring their own /proc and /sys). What
 * can't be read gets the value that says so; a negative errno with a message only where nothing could go on
 * (CPUs, uname).
 */
int system_read(struct system_facts *facts, const char *root);

/* CPU numbers of a list as in /sys/devices/system/cpu/online; owned: free(.numbers). */
struct cpu_list {
	unsigned int *numbers; /* ascending */
	size_t n;
};

/* "0-3,5,8-11": 0, or -EINVAL with a message for anything else; -ENOMEM. An empty list is none (n 0). */
int cpu_list_parse(struct cpu_list *list, const char *text);
/* `which` is "online" or "possible". 0 or a negative errno with a message. */
int cpu_list_read(struct cpu_list *list, const char *root, const char *which);

/* CPU time of all CPUs that the hypervisor has given to others since the start of the machine, to a tick; 0 where it does not say. */
uint64_t system_stolen_ns(const char *root);

/* "5.15.0-91-generic" -> 5, 15. False: no version in it. */
bool system_version_parse(const char *release, int *major, int *minor);

#endif
