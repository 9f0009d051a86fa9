/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The cage of the process that parses untrusted bytes: no privileges, no files but the descriptors that it is
 * given, memory to work in, nothing else.
 */
#ifndef CONCTRACE_SANDBOX_H
#define CONCTRACE_SANDBOX_H

#include <stdint.h>
#include <sys/types.h>

/*
 * For a child right after fork: closes every descriptor but `keep` (which gets the number 3), becomes uid and
 * gid (if it is root; 0 means nobody), dies with `parent`, ignores the terminal's signals, gives up all
 * capabilities, limits itself (to `memory` bytes of its own, among others), and lets a system call filter allow
 * only memory, reading, and messages; to it there are no files. There is no way back. On failure a negative
 * errno: the child must then end.
 */
int sandbox_enter(int keep, uid_t uid, gid_t gid, pid_t parent, uint64_t memory);
#define SANDBOX_FD     3
#define SANDBOX_MEMORY (1ull << 30) /* enough for symbol tables */

/*
 * The part of it for a child that needs the network: becomes that user (if it is root; 0 means nobody), without
 * other groups, and gives up all capabilities for good. Not root: the user stays. 0, or a negative errno with a
 * message: the child must then end.
 */
int sandbox_drop_privileges(uid_t uid, gid_t gid);

#endif
