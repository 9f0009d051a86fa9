/* SPDX-License-Identifier: BSD-2-Clause */
/* In: uname, /proc, /sys. Out: struct system_facts and lists of CPUs. */
#include "capture/system.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/fail.h"

#define CPU_NUMBER_MAX 65535 /* far above every NR_CPUS: a larger number is damage */

/* At most size-1 bytes of a small file, terminated, without a newline at the end. 0 or a negative errno. */
static int read_small(const char *root, const char *path, char *buf, size_t size)
{
	char full[PATH_MAX];
	ssize_t n;
	int fd;

	buf[0] = '\0';
	snprintf(full, sizeof(full), "%s%s", root, path);
	fd = open(full, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, buf, size - 1);
	close(fd);
	if (n < 0)
		return -EIO;
	buf[n] = '\0';
	if (n > 0 && buf[n - 1] == '\n')
		buf[n - 1] = '\0';
	return 0;
}

static int read_setting(const char *root, const char *path)
{
	char text[32], *end;
	long value;

	if (read_small(root, path, text, sizeof(text)))
		return SYSTEM_UNSET;
	value = strtol(text, &end, 10);
	return end == text || value < -99 || value > INT_MAX ? SYSTEM_UNSET : (int)value;
}

static bool take_number(const char **at, unsigned int *number)
{
	char *end;
	unsigned long value;

	if (!isdigit((unsigned char)**at))
		return false;
	value = strtoul(*at, &end, 10);
	if (value > CPU_NUMBER_MAX)
		return false;
	*number = value;
	*at = end;
	return true;
}

/* One "7" or "0-3" with the comma behind it. False: it is neither, or goes backwards. */
static bool take_range(const char **at, unsigned int *first, unsigned int *last)
{
	if (!take_number(at, first))
		return false;
	*last = *first;
	if (**at == '-') {
		++*at;
		if (!take_number(at, last) || *last < *first)
			return false;
	}
	if (**at == ',')
		return isdigit((unsigned char)*++*at);
	return **at == '\0';
}

int cpu_list_parse(struct cpu_list *list, const char *text)
{
	const char *at = text;
	size_t cap = 0;

	memset(list, 0, sizeof(*list));
	while (*at) {
		unsigned int first = 0, last = 0;

		if (!take_range(&at, &first, &last) || (list->n && first <= list->numbers[list->n - 1])) {
			free(list->numbers);
			memset(list, 0, sizeof(*list));
			return fail(-EINVAL, "list of CPUs \"%.60s\": not of the form 0-3,5", text);
		}
		if (array_grow(&list->numbers, &cap, list->n + (last - first) + 1, sizeof(*list->numbers))) {
			free(list->numbers);
			memset(list, 0, sizeof(*list));
			return -ENOMEM;
		}
		while (first <= last)
			list->numbers[list->n++] = first++;
	}
	return 0;
}

int cpu_list_read(struct cpu_list *list, const char *root, const char *which)
{
	char path[80], text[4096];
	int err;

	memset(list, 0, sizeof(*list));
	snprintf(path, sizeof(path), "/sys/devices/system/cpu/%s", which);
	err = read_small(root, path, text, sizeof(text));
	if (err)
		return fail(err, "%s: %s: mount /sys", path, strerror(-err));
	err = cpu_list_parse(list, text);
	if (err)
		return fail_within(err, "%s", path);
	return list->n ? 0 : fail(-EINVAL, "%s: no CPU in it", path);
}

bool system_version_parse(const char *release, int *major, int *minor)
{
	int end = 0;

	return sscanf(release, "%4d.%4d%n", major, minor, &end) == 2 && end > 0 && *major >= 0 && *minor >= 0;
}

/* "Name:\tVALUE" in /proc/self/status. */
static uint64_t read_capabilities(const char *root)
{
	char text[8192];
	const char *line;

	if (read_small(root, "/proc/self/status", text, sizeof(text)))
		return 0;
	line = strstr(text, "\nCapEff:");
	return line ? strtoull(line + strlen("\nCapEff:"), NULL, 16) : 0;
}

static enum system_lockdown read_lockdown(const char *root)
{
	char text[80];

	if (read_small(root, "/sys/kernel/security/lockdown", text, sizeof(text)))
		return LOCKDOWN_UNKNOWN;
	if (strstr(text, "[confidentiality]"))
		return LOCKDOWN_CONFIDENTIALITY;
	if (strstr(text, "[integrity]"))
		return LOCKDOWN_INTEGRITY;
	return strstr(text, "[none]") ? LOCKDOWN_NONE : LOCKDOWN_UNKNOWN;
}

/* The initial one maps all ids to themselves. Kernels without user namespaces have no such file. */
static bool in_initial_user_namespace(const char *root)
{
	char text[200];
	unsigned int inside, outside, n;

	if (read_small(root, "/proc/self/uid_map", text, sizeof(text)))
		return true;
	return sscanf(text, "%u %u %u", &inside, &outside, &n) == 3 && inside == 0 && outside == 0 &&
	       n == UINT32_MAX;
}

/* Its inode number is fixed (PROC_PID_INIT_INO, include/linux/proc_ns.h). */
static bool in_initial_pid_namespace(const char *root)
{
	char path[PATH_MAX], target[64];
	ssize_t n;

	snprintf(path, sizeof(path), "%s/proc/self/ns/pid", root);
	n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		return true;
	target[n] = '\0';
	return !strcmp(target, "pid:[4026531836]");
}

static int read_cpus(struct system_facts *facts, const char *root)
{
	struct cpu_list list;
	int err = cpu_list_read(&list, root, "online");

	facts->cpus_online = list.n;
	free(list.numbers);
	if (err)
		return err;
	err = cpu_list_read(&list, root, "possible");
	if (!err && list.n) {
		facts->cpus_possible = list.n;
		facts->cpu_limit = list.numbers[list.n - 1] + 1;
	}
	free(list.numbers);
	return err;
}

int system_read(struct system_facts *facts, const char *root)
{
	struct utsname name;
	struct rlimit limit;
	char path[PATH_MAX];

	memset(facts, 0, sizeof(*facts));
	if (uname(&name))
		return fail(-errno, "uname: %s", strerror(errno));
	snprintf(facts->release, sizeof(facts->release), "%s", name.release);
	snprintf(facts->machine, sizeof(facts->machine), "%s", name.machine);
	if (!system_version_parse(facts->release, &facts->major, &facts->minor))
		return fail(-EINVAL, "kernel release \"%s\": no version in it", facts->release);
	facts->euid = geteuid();
	facts->capabilities = read_capabilities(root);
	facts->initial_user_namespace = in_initial_user_namespace(root);
	facts->initial_pid_namespace = in_initial_pid_namespace(root);
	snprintf(path, sizeof(path), "%s/sys/kernel/btf/vmlinux", root);
	facts->btf = access(path, R_OK) == 0;
	facts->lockdown = read_lockdown(root);
	facts->perf_event_paranoid = read_setting(root, "/proc/sys/kernel/perf_event_paranoid");
	facts->kptr_restrict = read_setting(root, "/proc/sys/kernel/kptr_restrict");
	facts->bpf_jit = read_setting(root, "/proc/sys/net/core/bpf_jit_enable");
	facts->memlock = UINT64_MAX;
	if (!getrlimit(RLIMIT_MEMLOCK, &limit) && limit.rlim_cur != RLIM_INFINITY)
		facts->memlock = limit.rlim_cur;
	return read_cpus(facts, root);
}

uint64_t system_stolen_ns(const char *root)
{
	unsigned long long steal = 0;
	char text[256];

	/* user nice system idle iowait irq softirq steal: proc_stat(5) */
	if (read_small(root, "/proc/stat", text, sizeof(text)) || sscanf(text, "cpu %*u %*u %*u %*u %*u %*u %*u %llu", &steal) != 1)
		return 0;
	return steal * (1000000000u / (uint64_t)sysconf(_SC_CLK_TCK));
}
