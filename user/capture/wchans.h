/* SPDX-License-Identifier: BSD-2-Clause */
/* The kernel functions in which a thread that is in them on its stack waits for a lock, or for memory: where they lie. */
#ifndef CONCTRACE_WCHANS_H
#define CONCTRACE_WCHANS_H

#include <stddef.h>
#include <stdint.h>

#include "wire_state.h"

/*
 * Fills up to N_WCHANS ranges from /proc/kallsyms. 0 also where the addresses are hidden: then *n is 0, and such waits go by
 * their system call. -ENOMEM.
 */
int wchans_read(struct wire_wchan *wchans, uint32_t *n);

/* The same from a text in the format of /proc/kallsyms. How many. */
uint32_t wchans_find(struct wire_wchan *wchans, const char *text);

#endif
