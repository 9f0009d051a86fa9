/* SPDX-License-Identifier: BSD-2-Clause */
/* Names and numbers of system calls, for each table that a thread of this machine may use (libseccomp's, and
 * what is newer). */
#ifndef CONCTRACE_SYSCALLS_H
#define CONCTRACE_SYSCALLS_H

#include <stddef.h>

#include "wire_syscalls.h"

#define SYSCALL_NUMBERS_END 640 /* no table reaches it: x32's own calls are 512 to 547 */

/* The number in that table (x32: without bit 30), -1 if it has no such call. */
int syscall_number(enum syscall_abi abi, const char *name);

/* Copies the name into buf and returns it; NULL if the number has none, or the ABI is not there on this
 * architecture. */
const char *syscall_name(enum syscall_abi abi, int number, char *buf, size_t size);

#endif
