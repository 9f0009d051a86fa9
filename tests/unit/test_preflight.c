/* SPDX-License-Identifier: BSD-2-Clause */
/* Facts of made-up systems in, findings out; the real system can be read; lists of CPUs. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fail.h"
#include "capture/preflight.h"
#include "check.h"
#include "scratch.h"

static struct system_facts good(void)
{
	struct system_facts facts = {.release = "6.1.0-18-amd64",
				     .machine = "x86_64",
				     .major = 6,
				     .minor = 1,
				     .cpus_online = 4,
				     .cpus_possible = 4,
				     .cpu_limit = 4,
				     .capabilities = 0x1ffffffffffULL,
				     .initial_user_namespace = true,
				     .initial_pid_namespace = true,
				     .btf = true,
				     .lockdown = LOCKDOWN_NONE,
				     .perf_event_paranoid = 2,
				     .kptr_restrict = 1,
				     .bpf_jit = 1,
				     .memlock = UINT64_MAX};

	return facts;
}

/* One state for the finding of that name, and the message of the check as a whole. */
static void expect(const struct system_facts *facts, const char *name, enum finding_state state,
		   const char *says)
{
	struct findings findings = {0};
	const struct finding *found = NULL;

	CHECK_EQ(preflight_findings(&findings, facts), 0);
	for (size_t i = 0; i < findings.n; i++)
		if (!strcmp(findings.list[i].name, name))
			found = &findings.list[i];
	CHECK(found != NULL);
	if (found) {
		CHECK_EQ(found->state, state);
		CHECK((found->remedy[0] == '\0') == (state == FINDING_OK));
		CHECK(strstr(found->text, says) != NULL);
	}
	findings_release(&findings);
	if (state == FINDING_FAIL) {
		CHECK(preflight_check(facts) < 0);
		CHECK(strstr(fail_message(), says) != NULL);
	} else {
		CHECK_EQ(preflight_check(facts), 0);
	}
}

static void kernels(void)
{
	struct system_facts facts = good();

	expect(&facts, "kernel", FINDING_OK, "6.1.0-18-amd64");
	facts.major = 5;
	facts.minor = 14;
	expect(&facts, "kernel", FINDING_FAIL, "5.15");
	facts.minor = 15;
	expect(&facts, "kernel", FINDING_OK, "");
	facts.major = 4;
	facts.minor = 19;
	expect(&facts, "kernel", FINDING_FAIL, "5.15");
	strcpy(facts.machine, "aarch64");
	facts.major = 5;
	expect(&facts, "kernel", FINDING_OK, "");
	facts.minor = 17;
	expect(&facts, "kernel", FINDING_FAIL, "5.18");
	facts = good();
	strcpy(facts.machine, "riscv64");
	expect(&facts, "machine", FINDING_FAIL, "riscv64");
}

static void rights(void)
{
	struct system_facts facts = good();

	expect(&facts, "privileges", FINDING_OK, "root");
	facts.capabilities = 0;
	facts.euid = 1000;
	expect(&facts, "privileges", FINDING_FAIL, "not root");
	CHECK_EQ(preflight_check(&facts), -EPERM);
	CHECK(strstr(fail_message(), "sudo") != NULL);
	facts.euid = 0;
	expect(&facts, "privileges", FINDING_FAIL, "container");
	facts.capabilities = 1ULL << SYSTEM_CAP_BPF | 1ULL << SYSTEM_CAP_PERFMON;
	facts.euid = 1000;
	expect(&facts, "privileges", FINDING_WARN, "CAP_SYS_PTRACE");
	facts.memlock = 8 << 20;
	expect(&facts, "limits", FINDING_WARN, "8192 KiB");
	facts = good();
	facts.initial_user_namespace = false;
	expect(&facts, "privileges", FINDING_FAIL, "user namespace");
}

static void kernel_settings(void)
{
	struct system_facts facts = good();

	facts.lockdown = LOCKDOWN_CONFIDENTIALITY;
	expect(&facts, "lockdown", FINDING_FAIL, "confidentiality");
	facts.lockdown = LOCKDOWN_INTEGRITY;
	expect(&facts, "lockdown", FINDING_OK, "integrity");
	facts.btf = false;
	expect(&facts, "btf", FINDING_FAIL, "/sys/kernel/btf/vmlinux");
	facts = good();
	facts.kptr_restrict = 2;
	expect(&facts, "kernel-names", FINDING_WARN, "kptr_restrict");
	facts.bpf_jit = 0;
	expect(&facts, "jit", FINDING_WARN, "interpreted");
	facts.bpf_jit = SYSTEM_UNSET; /* built in for good */
	expect(&facts, "jit", FINDING_OK, "");
	facts.initial_pid_namespace = false;
	expect(&facts, "processes", FINDING_WARN, "PID namespace");
}

static void lists(void)
{
	static const char *const bad[] = {"a",	   "1-",  "-1",	 "3-1",		"0,",	",1",
					  "0-3,2", "1,1", "0 1", "99999999999", "70000"};
	struct cpu_list list;

	CHECK_EQ(cpu_list_parse(&list, "0-3,5,8-9"), 0);
	CHECK_EQ(list.n, 7);
	CHECK_EQ(list.numbers[3], 3);
	CHECK_EQ(list.numbers[4], 5);
	CHECK_EQ(list.numbers[6], 9);
	free(list.numbers);
	CHECK_EQ(cpu_list_parse(&list, "0"), 0);
	CHECK_EQ(list.n, 1);
	free(list.numbers);
	CHECK_EQ(cpu_list_parse(&list, ""), 0);
	CHECK_EQ(list.n, 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		CHECK_EQ(cpu_list_parse(&list, bad[i]), -EINVAL);
		CHECK(list.numbers == NULL && list.n == 0);
	}
	CHECK(cpu_list_read(&list, "/no/such/root", "online") == -ENOENT);
}

static void versions(void)
{
	int major = 0, minor = 0;

	CHECK(system_version_parse("5.15.0-91-generic", &major, &minor) && major == 5 && minor == 15);
	CHECK(system_version_parse("6.18.44-fc-v669", &major, &minor) && major == 6 && minor == 18);
	CHECK(system_version_parse("6.12-rc1", &major, &minor) && major == 6 && minor == 12);
	CHECK(!system_version_parse("", &major, &minor));
	CHECK(!system_version_parse("next", &major, &minor));
	CHECK(!system_version_parse("6", &major, &minor));
}

static void put(const char *root, const char *path, const char *text)
{
	char full[PATH_MAX];
	FILE *f;

	snprintf(full, sizeof(full), "%s%s", root, path);
	for (char *slash = full + strlen(root) + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		mkdir(full, 0755);
		*slash = '/';
	}
	f = fopen(full, "w");
	CHECK(f && fputs(text, f) >= 0);
	if (f)
		fclose(f);
}

/* A system in a directory: a container on a locked-down host with holes in its CPU numbers. */
static void made_up_system(void)
{
	char root[] = SCRATCH_TEMPLATE;
	struct system_facts facts;

	CHECK_EQ(scratch_make(root), 0);
	put(root, "/sys/devices/system/cpu/online", "0-1,4\n");
	put(root, "/sys/devices/system/cpu/possible", "0-7\n");
	put(root, "/sys/kernel/security/lockdown", "none integrity [confidentiality]\n");
	put(root, "/proc/self/status",
	    "Name:\tx\nCapPrm:\t0000000000000000\nCapEff:\t000000c000000000\nCapBnd:\tff\n");
	put(root, "/proc/self/uid_map", "         0       1000          1\n");
	put(root, "/proc/sys/kernel/perf_event_paranoid", "-1\n");
	put(root, "/proc/sys/kernel/kptr_restrict", "nonsense\n");
	CHECK_EQ(system_read(&facts, root), 0);
	CHECK_EQ(facts.cpus_online, 3);
	CHECK_EQ(facts.cpus_possible, 8);
	CHECK_EQ(facts.cpu_limit, 8);
	CHECK_EQ(facts.lockdown, LOCKDOWN_CONFIDENTIALITY);
	CHECK(system_can(&facts, SYSTEM_CAP_BPF) && system_can(&facts, SYSTEM_CAP_PERFMON));
	CHECK(!system_can(&facts, SYSTEM_CAP_SYS_ADMIN));
	CHECK(!facts.initial_user_namespace);
	CHECK(!facts.btf);
	CHECK_EQ(facts.perf_event_paranoid, -1);
	CHECK_EQ(facts.kptr_restrict, SYSTEM_UNSET);
	CHECK_EQ(facts.bpf_jit, SYSTEM_UNSET);
	CHECK_EQ(system_stolen_ns(root), 0); /* there is no such file */
	put(root, "/proc/stat", "cpu  404005 399 96435 35261 385 0 2786 584 0 0\ncpu0 1 2 3 4 5 6 7 8 9 10\n");
	CHECK_EQ(system_stolen_ns(root), 584 * (1000000000 / sysconf(_SC_CLK_TCK)));
	put(root, "/proc/stat", "cpu  1 2 3\n");
	CHECK_EQ(system_stolen_ns(root), 0);
	CHECK_EQ(scratch_remove(root), 0);
}

static void real_system(void)
{
	struct system_facts facts;
	struct findings findings = {0};

	CHECK_EQ(system_read(&facts, ""), 0);
	CHECK_EQ(facts.cpus_online, sysconf(_SC_NPROCESSORS_ONLN));
	CHECK(facts.cpus_possible >= facts.cpus_online && facts.cpu_limit >= facts.cpus_possible);
	CHECK_EQ(facts.euid, geteuid());
	CHECK_EQ(preflight_findings(&findings, &facts), 0);
	CHECK_EQ(findings.n, 10);
	findings_release(&findings);
}

int main(void)
{
	kernels();
	rights();
	kernel_settings();
	lists();
	versions();
	made_up_system();
	real_system();
	return check_done();
}
