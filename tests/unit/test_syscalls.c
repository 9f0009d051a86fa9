/* SPDX-License-Identifier: BSD-2-Clause */
/* Names and numbers of system calls against the kernel's own header and against each other. */
#include <stdbool.h>
#include <sys/syscall.h>

#include "capture/syscalls.h"
#include "check.h"

static void native_numbers(void)
{
	char buf[64];

	CHECK_EQ(syscall_number(SYSCALL_ABI_NATIVE, "read"), SYS_read);
	CHECK_EQ(syscall_number(SYSCALL_ABI_NATIVE, "futex"), SYS_futex);
	CHECK_EQ(syscall_number(SYSCALL_ABI_NATIVE, "clone3"), SYS_clone3);
	CHECK_EQ(syscall_number(SYSCALL_ABI_NATIVE, "epoll_pwait2"), 441);
	CHECK_EQ(syscall_number(SYSCALL_ABI_NATIVE, "futex_waitv"), 449);
	CHECK_EQ(syscall_number(SYSCALL_ABI_NATIVE, "futex_wait"), 455);
	CHECK_EQ(syscall_number(SYSCALL_ABI_NATIVE, "no_such_call"), -1);
	CHECK_EQ(syscall_number(SYSCALL_ABI_NATIVE, ""), -1);
	/* a call of i386 alone, for which the library invents a negative number */
	CHECK_EQ(syscall_number(SYSCALL_ABI_NATIVE, "socketcall"), -1);
	CHECK_STR(syscall_name(SYSCALL_ABI_NATIVE, SYS_ppoll, buf, sizeof(buf)), "ppoll");
	CHECK_STR(syscall_name(SYSCALL_ABI_NATIVE, 455, buf, sizeof(buf)), "futex_wait");
	CHECK(!syscall_name(SYSCALL_ABI_NATIVE, -1, buf, sizeof(buf)));
	CHECK(!syscall_name(SYSCALL_ABI_NATIVE, SYSCALL_NUMBERS_END, buf, sizeof(buf)));
	CHECK(!syscall_name(SYSCALL_ABI_NATIVE, 600, buf, sizeof(buf)));
	/* cut, never beyond */
	CHECK_STR(syscall_name(SYSCALL_ABI_NATIVE, SYS_ppoll, buf, 3), "pp");
}

static void other_tables(void)
{
#ifdef __x86_64__
	char buf[64];

	CHECK_EQ(syscall_number(SYSCALL_ABI_COMPAT, "read"), 3);
	CHECK_EQ(syscall_number(SYSCALL_ABI_COMPAT, "futex"), 240);
	CHECK_EQ(syscall_number(SYSCALL_ABI_COMPAT, "socketcall"), 102);
	CHECK_EQ(syscall_number(SYSCALL_ABI_COMPAT, "recvfrom"), 371); /* direct since 4.3 */
	CHECK_EQ(syscall_number(SYSCALL_ABI_COMPAT, "msgrcv"), 401);   /* direct since 5.1 */
	CHECK_EQ(syscall_number(SYSCALL_ABI_COMPAT, "recv"), -1);
	CHECK_EQ(syscall_number(SYSCALL_ABI_COMPAT, "futex_time64"), 422);
	CHECK_EQ(syscall_number(SYSCALL_ABI_X32, "read"), 0);
	CHECK_EQ(syscall_number(SYSCALL_ABI_X32, "readv"), 515);
	CHECK_EQ(syscall_number(SYSCALL_ABI_X32, "recvfrom"), 517);
	CHECK_STR(syscall_name(SYSCALL_ABI_X32, 515, buf, sizeof(buf)), "readv");
	CHECK_STR(syscall_name(SYSCALL_ABI_COMPAT, 102, buf, sizeof(buf)), "socketcall");
#else
	CHECK_EQ(syscall_number(SYSCALL_ABI_X32, "read"), -1);
	CHECK_EQ(syscall_number(SYSCALL_ABI_COMPAT, "read"), 3);
#endif
}

/* Every number that has a name is found by it again, in every table. */
static void there_and_back(void)
{
	char buf[64];

	for (int abi = 0; abi < N_SYSCALL_ABIS; abi++) {
		int named = 0;

		for (int n = 0; n < SYSCALL_NUMBERS_END; n++) {
			if (!syscall_name(abi, n, buf, sizeof(buf)))
				continue;
			named++;
			CHECK_EQ(syscall_number(abi, buf), n);
		}
#ifdef __x86_64__
		CHECK(named > 300);
#else
		CHECK(abi == SYSCALL_ABI_X32 ? named == 0 : named > 250);
#endif
	}
}

/* Names of the table that this machine's architectures do not have. */
static bool only_elsewhere(const char *name)
{
	static const char *const names[] = {"recv", "send", "accept", "sync_file_range2",
					    "io_pgetevents_time64"};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!strcmp(names[i], name))
			return true;
	return false;
}

/* A misspelt name in the classification would silently classify nothing. */
static void table_is_known(void)
{
#define ONE(name, class)                                                                                     \
	CHECK(syscall_number(SYSCALL_ABI_NATIVE, #name) >= 0 ||                                              \
	      syscall_number(SYSCALL_ABI_COMPAT, #name) >= 0 || only_elsewhere(#name));
	SYSCALLS(ONE)
#undef ONE
}

int main(void)
{
	native_numbers();
	other_tables();
	there_and_back();
	table_is_known();
	return check_done();
}
