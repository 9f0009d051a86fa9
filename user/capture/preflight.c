/* SPDX-License-Identifier: BSD-2-Clause */
/* In: the facts of the system. Out: findings, each with its remedy. */
#include "capture/preflight.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/fail.h"

int findings_add(struct findings *findings, const char *name, enum finding_state state, const char *remedy,
		 const char *fmt, ...)
{
	struct finding *finding;
	va_list ap;

	if (array_grow(&findings->list, &findings->cap, findings->n + 1, sizeof(*findings->list)))
		return -ENOMEM;
	finding = &findings->list[findings->n++];
	memset(finding, 0, sizeof(*finding));
	finding->name = name;
	finding->state = state;
	snprintf(finding->remedy, sizeof(finding->remedy), "%s", state == FINDING_OK ? "" : remedy);
	va_start(ap, fmt);
	vsnprintf(finding->text, sizeof(finding->text), fmt, ap);
	va_end(ap);
	return 0;
}

void findings_release(struct findings *findings)
{
	free(findings->list);
	memset(findings, 0, sizeof(*findings));
}

static int check_machine(struct findings *out, const struct system_facts *facts)
{
	bool known = !strcmp(facts->machine, "x86_64") || !strcmp(facts->machine, "aarch64");

	return findings_add(out, "machine", known ? FINDING_OK : FINDING_FAIL,
			    "record on an x86_64 or arm64 machine; recordings can be read anywhere", "%s%s",
			    facts->machine, known ? "" : ": the probes know x86_64 and arm64 only");
}

static int check_kernel(struct findings *out, const struct system_facts *facts)
{
	bool arm = !strcmp(facts->machine, "aarch64");
	int minor = arm ? KERNEL_FLOOR_MINOR_ARM64 : KERNEL_FLOOR_MINOR;
	bool old = facts->major < KERNEL_FLOOR_MAJOR ||
		   (facts->major == KERNEL_FLOOR_MAJOR && facts->minor < minor);

	if (!old)
		return findings_add(out, "kernel", FINDING_OK, "", "%s", facts->release);
	return findings_add(out, "kernel", FINDING_FAIL,
			    "start a newer kernel; recordings can be read on this one",
			    "%s: older than %d.%d, the probes need what came with it%s", facts->release,
			    KERNEL_FLOOR_MAJOR, minor, arm ? " on arm64" : "");
}

static int check_privileges(struct findings *out, const struct system_facts *facts)
{
	bool admin = system_can(facts, SYSTEM_CAP_SYS_ADMIN);
	bool load = system_can(facts, SYSTEM_CAP_BPF) && system_can(facts, SYSTEM_CAP_PERFMON);

	if (!facts->initial_user_namespace)
		return findings_add(
			out, "privileges", FINDING_FAIL,
			"run it on the host, or in a container that is not rootless",
			"in a user namespace (uid %u): root here may not load probes into the kernel",
			facts->euid);
	if (!admin && !load && facts->euid != 0)
		return findings_add(out, "privileges", FINDING_FAIL, "run it with sudo",
				    "not root (uid %u): probes in the kernel need CAP_BPF and CAP_PERFMON",
				    facts->euid);
	if (!admin && !load)
		return findings_add(
			out, "privileges", FINDING_FAIL,
			"start the container with --privileged, or with CAP_BPF, CAP_PERFMON and "
			"CAP_SYS_PTRACE",
			"root without CAP_BPF and CAP_PERFMON: this container may not load probes");
	if (!system_can(facts, SYSTEM_CAP_SYS_PTRACE) && !admin)
		return findings_add(
			out, "privileges", FINDING_WARN, "add CAP_SYS_PTRACE, or run it with sudo",
			"CAP_BPF and CAP_PERFMON, no CAP_SYS_PTRACE: files of other users' processes can't "
			"be opened for their symbols");
	if (facts->euid == 0 &&
	    !(system_can(facts, SYSTEM_CAP_SETUID) && system_can(facts, SYSTEM_CAP_SETGID)))
		return findings_add(out, "privileges", FINDING_WARN,
				    "add CAP_SETUID and CAP_SETGID, or use --as-root",
				    "root without CAP_SETUID and CAP_SETGID: no other user can be taken for "
				    "the workload");
	return findings_add(out, "privileges", FINDING_OK, "", "%s (uid %u)",
			    facts->euid == 0 ? "root" : "capabilities", facts->euid);
}

static int check_btf(struct findings *out, const struct system_facts *facts)
{
	return findings_add(
		out, "btf", facts->btf ? FINDING_OK : FINDING_FAIL,
		"use a kernel built with CONFIG_DEBUG_INFO_BTF=y (those of Debian and Ubuntu are); in a "
		"container "
		"or chroot, mount /sys",
		"/sys/kernel/btf/vmlinux%s",
		facts->btf ? "" : ": not there: the probes can't find the kernel's structures without it");
}

static int check_lockdown(struct findings *out, const struct system_facts *facts)
{
	static const char *const names[] = {
		[LOCKDOWN_UNKNOWN] = "none",
		[LOCKDOWN_NONE] = "none",
		[LOCKDOWN_INTEGRITY] = "integrity (no obstacle)",
		[LOCKDOWN_CONFIDENTIALITY] = "confidentiality: probes may not read the kernel's memory",
	};
	bool bad = facts->lockdown == LOCKDOWN_CONFIDENTIALITY;

	return findings_add(out, "lockdown", bad ? FINDING_FAIL : FINDING_OK,
			    "boot with lockdown=integrity (or none), or switch off what set it (Secure Boot, "
			    "a boot option)",
			    "%s", names[facts->lockdown]);
}

static int check_pid_namespace(struct findings *out, const struct system_facts *facts)
{
	if (facts->initial_pid_namespace)
		return findings_add(out, "processes", FINDING_OK, "", "the host's process numbers");
	return findings_add(out, "processes", FINDING_WARN, "start the container with --pid=host",
			    "in a PID namespace: the kernel's process numbers are not those of /proc here, "
			    "symbols can be missing");
}

static int check_kernel_names(struct findings *out, const struct system_facts *facts)
{
	/* 2 hides the addresses of /proc/kallsyms even from root; 1 shows them to CAP_SYSLOG */
	if (facts->kptr_restrict != 2)
		return findings_add(out, "kernel-names", FINDING_OK, "",
				    "kernel.kptr_restrict %d shows kernel symbols to root",
				    facts->kptr_restrict == SYSTEM_UNSET ? 0 : facts->kptr_restrict);
	return findings_add(out, "kernel-names", FINDING_WARN, "sysctl kernel.kptr_restrict=1",
			    "kernel.kptr_restrict 2 hides kernel symbols: kernel frames have no names");
}

static int check_jit(struct findings *out, const struct system_facts *facts)
{
	if (facts->bpf_jit != 0)
		return findings_add(out, "jit", FINDING_OK, "", "probes are compiled to machine code");
	return findings_add(
		out, "jit", FINDING_WARN, "sysctl net.core.bpf_jit_enable=1",
		"net.core.bpf_jit_enable 0: probes are interpreted and cost several times as much");
}

static int check_limits(struct findings *out, const struct system_facts *facts)
{
	/* Since 5.11 maps count as memory of the cgroup; perf buffers count here, for whoever lacks
	 * CAP_IPC_LOCK. */
	if (facts->euid == 0 || facts->memlock >= (64u << 20))
		return findings_add(out, "limits", FINDING_OK, "", "locked memory is not short");
	return findings_add(out, "limits", FINDING_WARN, "ulimit -l unlimited, or run it with sudo",
			    "locked memory is limited to %llu KiB: perf buffers may not fit",
			    (unsigned long long)facts->memlock >> 10);
}

static int check_perf(struct findings *out, const struct system_facts *facts)
{
	bool may = system_can(facts, SYSTEM_CAP_PERFMON) || system_can(facts, SYSTEM_CAP_SYS_ADMIN);

	if (may || facts->perf_event_paranoid == SYSTEM_UNSET || facts->perf_event_paranoid < 0)
		return findings_add(out, "perf", FINDING_OK, "", "samples and mappings may be recorded");
	return findings_add(out, "perf", FINDING_FAIL, "run it with sudo",
			    "kernel.perf_event_paranoid %d and no CAP_PERFMON: no samples, no mappings",
			    facts->perf_event_paranoid);
}

int preflight_findings(struct findings *findings, const struct system_facts *facts)
{
	static int (*const checks[])(struct findings *, const struct system_facts *) = {
		check_machine, check_kernel, check_privileges,	  check_lockdown,     check_btf,
		check_perf,    check_limits, check_pid_namespace, check_kernel_names, check_jit,
	};
	int err = 0;

	for (size_t i = 0; !err && i < sizeof(checks) / sizeof(*checks); i++)
		err = checks[i](findings, facts);
	return err;
}

int preflight_check(const struct system_facts *facts)
{
	struct findings findings = {0};
	int err = preflight_findings(&findings, facts);

	for (size_t i = 0; !err && i < findings.n; i++) {
		const struct finding *finding = &findings.list[i];

		if (finding->state == FINDING_FAIL)
			err = fail(!strcmp(finding->name, "privileges") ? -EPERM : -ENOTSUP,
				   "recording, %s: %s: %s", finding->name, finding->text, finding->remedy);
	}
	findings_release(&findings);
	return err;
}
