/* SPDX-License-Identifier: BSD-2-Clause */
/* The tables of wire_kinds.h as words: names for JSON and folded lines, titles for people, the group of a
 * kind. */
#ifndef CONCTRACE_KINDS_H
#define CONCTRACE_KINDS_H

#include "wire_kinds.h"

const char *wait_kind_name(enum wait_kind kind);  /* "disk" */
const char *wait_kind_about(enum wait_kind kind); /* "file read, write, …" */
enum wait_group wait_kind_group(enum wait_kind kind);
const char *wait_group_name(enum wait_group group);	 /* "io" */
const char *wait_group_title(enum wait_group group);	 /* "I/O" */
const char *ready_reason_name(enum ready_reason reason); /* "woken" */
const char *loss_cause_name(enum loss_cause cause);	 /* "cycles" */
const char *loss_cause_about(enum loss_cause cause);	 /* "intervals: a ring was full (…)" */
const char *stack_end_name(enum stack_end end);	 /* "root" */
const char *stack_end_about(enum stack_end end); /* "at the outermost frame" */

#endif
