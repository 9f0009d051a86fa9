/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* In: the BPF headers of libbpf, 0.5 or later. Out: what the probes use of them and 0.5 (Ubuntu 22.04) lacks. */
#ifndef CONCTRACE_LIBBPF_0_5_H
#define CONCTRACE_LIBBPF_0_5_H

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#ifndef barrier_var
#define barrier_var(var) asm volatile("" : "+r"(var))
#endif

#ifndef bpf_core_field_offset
#define bpf_core_field_offset(type, field) __builtin_preserve_field_info(((type *)0)->field, BPF_FIELD_BYTE_OFFSET)
#endif

#endif
