/* SPDX-License-Identifier: BSD-2-Clause */
/* The image that the kernel maps into every process: the same pages for all, so this process's own will do.
 */
#ifndef CONCTRACE_VDSO_H
#define CONCTRACE_VDSO_H

/* A descriptor of a memory file that holds the image (an ELF file); the caller closes it. -ENOENT: there is
 * none. */
int vdso_open(void);

#endif
