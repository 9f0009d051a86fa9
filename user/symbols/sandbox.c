/* SPDX-License-Identifier: BSD-2-Clause */
/* In: a fresh child process. Out: one that can do nothing but compute and answer. */
#include "symbols/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fail.h"

#define NOBODY	      65534
#define ADDRESSES_MAX (32ull << 30) /* with the files that it maps */
#define CPU_SECONDS   120

#if defined(__SANITIZE_ADDRESS__)
#define HAS_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_ASAN 1
#endif
#endif
#ifndef HAS_ASAN
#define HAS_ASAN 0
#endif

static int close_others(int keep)
{
	int null = open("/dev/null", O_RDWR);

	if (null < 0)
		return fail(-errno, "sandbox: /dev/null: %s", strerror(errno));
	if (null == SANDBOX_FD || keep != SANDBOX_FD) {
		/* neither is hit by what moves to the places 0 to 3 */
		null = fcntl(null, F_DUPFD, 10);
		keep = fcntl(keep, F_DUPFD, 10);
		if (null < 0 || keep < 0 || dup2(keep, SANDBOX_FD) < 0)
			return fail(-errno, "sandbox: descriptors: %s", strerror(errno));
	}
	for (int fd = 0; fd < SANDBOX_FD; fd++)
		if (dup2(null, fd) < 0)
			return fail(-errno, "sandbox: descriptors: %s", strerror(errno));
	if (syscall(SYS_close_range, SANDBOX_FD + 1, ~0u, 0) && errno != ENOSYS)
		return fail(-errno, "sandbox: close_range: %s", strerror(errno));
	return 0;
}

int sandbox_drop_privileges(uid_t uid, gid_t gid)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[2];

	if (geteuid() == 0) {
		if (uid == 0) {
			uid = NOBODY;
			gid = NOBODY;
		}
		if (setgroups(0, NULL) || setresgid(gid, gid, gid) || setresuid(uid, uid, uid))
			return fail(-errno, "sandbox: to become user %u: %s", uid, strerror(errno));
		if (geteuid() == 0 || getegid() != gid)
			return fail(-EPERM, "sandbox: it is still root");
	}
	memset(none, 0, sizeof(none));
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) || syscall(SYS_capset, &head, none))
		return fail(-errno, "sandbox: to give up capabilities: %s", strerror(errno));
	return 0;
}

static int limit_one(int resource, rlim_t most)
{
	struct rlimit limit;

	if (getrlimit(resource, &limit))
		return fail(-errno, "sandbox: getrlimit: %s", strerror(errno));
	if (limit.rlim_max < most)
		most = limit.rlim_max;
	limit.rlim_cur = limit.rlim_max = most;
	return setrlimit(resource, &limit) ? fail(-errno, "sandbox: setrlimit: %s", strerror(errno)) : 0;
}

static int limit_self(rlim_t memory)
{
	const struct {
		int resource;
		rlim_t most;
	} limits[] = {
		{RLIMIT_CORE, 0},	 {RLIMIT_FSIZE, 0},	    {RLIMIT_NOFILE, 32},
		{RLIMIT_NPROC, 0},	 {RLIMIT_CPU, CPU_SECONDS}, {RLIMIT_MEMLOCK, 0},
		{RLIMIT_STACK, 8 << 20}, {RLIMIT_DATA, memory},	    {RLIMIT_AS, ADDRESSES_MAX},
	};
	int err = 0;

	for (size_t i = 0; !err && i < sizeof(limits) / sizeof(limits[0]); i++) {
		/* the address sanitizer reserves terabytes */
		if (HAS_ASAN && (limits[i].resource == RLIMIT_AS || limits[i].resource == RLIMIT_DATA))
			continue;
		err = limit_one(limits[i].resource, limits[i].most);
	}
	return err;
}

static int add_rules(scmp_filter_ctx filter)
{
	static const int plain[] = {
		SCMP_SYS(read),	   SCMP_SYS(pread64),	 SCMP_SYS(lseek),	 SCMP_SYS(close),
		SCMP_SYS(recvmsg), SCMP_SYS(sendmsg),	 SCMP_SYS(munmap),	 SCMP_SYS(mremap),
		SCMP_SYS(brk),	   SCMP_SYS(madvise),	 SCMP_SYS(futex),	 SCMP_SYS(clock_gettime),
		SCMP_SYS(fstat),   SCMP_SYS(getrandom),	 SCMP_SYS(rt_sigreturn), SCMP_SYS(restart_syscall),
		SCMP_SYS(exit),	   SCMP_SYS(exit_group), SCMP_SYS(getpid),	 SCMP_SYS(gettid),
		SCMP_SYS(sysinfo), /* qsort, for how much memory it may take */
	};
	static const int memory[] = {SCMP_SYS(mmap), SCMP_SYS(mprotect)};
	/* what libraries try in passing, to be told that there is no such file */
	static const int absent[] = {SCMP_SYS(open),	  SCMP_SYS(openat),   SCMP_SYS(access),
				     SCMP_SYS(faccessat), SCMP_SYS(readlink), SCMP_SYS(readlinkat)};
	int err = 0;

	for (size_t i = 0; !err && i < sizeof(plain) / sizeof(plain[0]); i++)
		err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, plain[i], 0);
	/* never executable */
	for (size_t i = 0; !err && i < sizeof(memory) / sizeof(memory[0]); i++)
		err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, memory[i], 1,
				       SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	for (size_t i = 0; !err && i < sizeof(absent) / sizeof(absent[0]); i++)
		err = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOENT), absent[i], 0);
	/* libelf asks whether its descriptor is one, and fstat is this call in newer C libraries */
	if (!err)
		err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 1,
				       SCMP_A1(SCMP_CMP_MASKED_EQ, ~0u, F_GETFD));
	if (!err)
		err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(newfstatat), 1,
				       SCMP_A3(SCMP_CMP_MASKED_EQ, AT_EMPTY_PATH, AT_EMPTY_PATH));
	return err;
}

static int filter_calls(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int err;

	if (!filter)
		return fail(-ENOMEM, "sandbox: no memory for the system call filter");
	err = add_rules(filter);
	if (!err)
		err = seccomp_load(filter);
	seccomp_release(filter);
	return err ? fail(err, "sandbox: the system call filter: %s", strerror(-err)) : 0;
}

int sandbox_enter(int keep, uid_t uid, gid_t gid, pid_t parent, uint64_t memory)
{
	static const int ignored[] = {SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGPIPE, SIGTSTP, SIGTTIN, SIGTTOU};
	sigset_t none;
	int err;

	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		signal(ignored[i], SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	umask(077);
	prctl(PR_SET_NAME, "conctrace-sym", 0, 0, 0);
	err = close_others(keep);
	if (!err)
		err = sandbox_drop_privileges(uid, gid);
	if (err)
		return err;
	/* after the change of user, which clears both */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
		return fail(-errno, "sandbox: prctl: %s", strerror(errno));
	if (getppid() != parent)
		return fail(-ESRCH, "sandbox: the parent is gone");
	err = limit_self((rlim_t)memory);
	return err ? err : filter_calls();
}
