/* SPDX-License-Identifier: BSD-2-Clause */
/* In: a name or a number. Out: the other one, by libseccomp, and by a list of what is newer than the library.
 */
#include "capture/syscalls.h"

#include <seccomp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define X32_BIT 0x40000000

/*
 * Calls from Linux 5.13 on have one number in every table (include/uapi/asm-generic/unistd.h), so that a list
 * of them serves all where the library is older than the kernel.
 */
static const struct {
	int number;
	const char *name;
} newer[] = {
	{443, "quotactl_fd"},
	{444, "landlock_create_ruleset"},
	{445, "landlock_add_rule"},
	{446, "landlock_restrict_self"},
	{448, "process_mrelease"},
	{449, "futex_waitv"},
	{450, "set_mempolicy_home_node"},
	{451, "cachestat"},
	{452, "fchmodat2"},
	{453, "map_shadow_stack"},
	{454, "futex_wake"},
	{455, "futex_wait"},
	{456, "futex_requeue"},
	{457, "statmount"},
	{458, "listmount"},
	{459, "lsm_get_self_attr"},
	{460, "lsm_set_self_attr"},
	{461, "lsm_list_modules"},
	{462, "mseal"},
	{463, "setxattrat"},
	{464, "getxattrat"},
	{465, "listxattrat"},
	{466, "removexattrat"},
	{467, "open_tree_attr"},
	{468, "file_getattr"},
	{469, "file_setattr"},
};

#define N_NEWER (sizeof(newer) / sizeof(*newer))

static bool abi_token(enum syscall_abi abi, uint32_t *token)
{
	if (abi == SYSCALL_ABI_NATIVE) {
		*token = seccomp_arch_native();
		return true;
	}
#if defined(__x86_64__)
	*token = abi == SYSCALL_ABI_COMPAT ? SCMP_ARCH_X86 : SCMP_ARCH_X32;
	return true;
#elif defined(__aarch64__)
	*token = SCMP_ARCH_ARM;
	return abi == SYSCALL_ABI_COMPAT;
#else
	return false;
#endif
}

/* x32's table names calls of the 64-bit one that x32 replaces: the number must lead back to the name. */
static bool leads_back(uint32_t token, int number, const char *name)
{
	char *back = seccomp_syscall_resolve_num_arch(token, number);
	bool same = back && !strcmp(back, name);

	free(back);
	return same;
}

/*
 * i386 got calls of its own for what socketcall and ipc carry (Linux 4.3 and 5.1), from recvmmsg to msgctl.
 * libseccomp answers their names with invented negative numbers, and knows the numbers the other way.
 */
#define I386_DIRECT_FIRST 337
#define I386_DIRECT_LAST  402

static int number_by_search(uint32_t token, const char *name)
{
	for (int number = I386_DIRECT_FIRST; token == SCMP_ARCH_X86 && number <= I386_DIRECT_LAST; number++)
		if (leads_back(token, number, name))
			return number;
	return -1;
}

int syscall_number(enum syscall_abi abi, const char *name)
{
	uint32_t token;
	int number;

	if (!abi_token(abi, &token))
		return -1;
	number = seccomp_syscall_resolve_name_arch(token, name);
	if (number >= 0 && leads_back(token, number, name))
		return number & ~X32_BIT;
	if (number < 0 && number != __NR_SCMP_ERROR) {
		number = number_by_search(token, name);
		if (number >= 0)
			return number;
	}
	for (size_t i = 0; i < N_NEWER; i++)
		if (!strcmp(newer[i].name, name))
			return newer[i].number;
	return -1;
}

const char *syscall_name(enum syscall_abi abi, int number, char *buf, size_t size)
{
	const char *name = NULL;
	char *known;
	uint32_t token;

	if (number < 0 || number >= SYSCALL_NUMBERS_END || !abi_token(abi, &token))
		return NULL;
	known = seccomp_syscall_resolve_num_arch(token, abi == SYSCALL_ABI_X32 ? number | X32_BIT : number);
	for (size_t i = 0; !known && !name && i < N_NEWER; i++)
		if (newer[i].number == number)
			name = newer[i].name;
	if (known)
		name = known;
	if (name)
		snprintf(buf, size, "%s", name);
	free(known);
	return name ? buf : NULL;
}
