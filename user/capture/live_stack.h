/* SPDX-License-Identifier: BSD-2-Clause */
/* The stack of a thread that stands still, read from its process. */
#ifndef CONCTRACE_LIVE_STACK_H
#define CONCTRACE_LIVE_STACK_H

#include "base/bytes.h"
#include "wire_record.h"

/*
 * Adds a copy that has only registers (n_words == 0) to `copies`, with the words of the thread's stack behind it. Only if the thread was
 * blocked where the registers say before and after its memory was read; else the copy stays as it is. 0 or -ENOMEM.
 */
int live_stack_add(struct bytes *copies, const struct wire_copy *copy);

#endif
