/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The directories that processes see as "/": a container's, a chroot's, most often this process's own. One
 * descriptor for each that is another, taken while a process lives and good when it is gone (for what is on
 * the root's own file system). Paths are looked up as the process would: no link leads out of its root.
 */
#ifndef CONCTRACE_PROCESS_ROOTS_H
#define CONCTRACE_PROCESS_ROOTS_H

#include <stdint.h>
#include <sys/stat.h>

#define PROCESS_ROOT_OWN 0 /* the number of this process's own root */

struct process_roots; /* opaque */

struct process_roots *process_roots_new(void); /* NULL: no memory */
void process_roots_free(struct process_roots *r);
/* The number of pid's root; PROCESS_ROOT_OWN if the process is gone, or there are more roots than one can hold. */
uint32_t process_roots_of(struct process_roots *r, uint32_t pid);
/*
 * Opens the regular file `path` (absolute) in a root for reading, with the rights that this thread has at the
 * moment. Waits for nothing, and touches nothing that is not such a file. `st` is of the file. The
 * descriptor, or a negative errno.
 */
int process_roots_open(const struct process_roots *r, uint32_t root, const char *path, struct stat *st);

#endif
