/* SPDX-License-Identifier: BSD-2-Clause */
/* What the probes know of system calls: the class of each number, and what is waited for in classes that always wait for the same. */
#ifndef CONCTRACE_PROBE_CLASSES_H
#define CONCTRACE_PROBE_CLASSES_H

#include <stdint.h>

#include "wire_syscalls.h"

/* Fills classes[abi][number] and kinds[class] (N_SYSCALL_CLASSES of them, enum wait_kind); what is in no table is zero, or any other call. */
void probe_classes_set(uint8_t (*classes)[N_SYSCALL_NUMBERS], uint8_t *kinds);

#endif
