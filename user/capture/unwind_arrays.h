/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The memory that the probes read unwind tables from (include/wire_unwind.h), as plain arrays: maps of the kernel that this process has
 * mapped, so that filling them takes no system call.
 */
#ifndef CONCTRACE_UNWIND_ARRAYS_H
#define CONCTRACE_UNWIND_ARRAYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire_unwind.h"

struct bpf_object;

struct unwind_arrays {
	uint64_t *spaces; /* UNWIND_SPACES */
	struct unwind_mapping *mappings;
	struct unwind_file *files;
	struct unwind_page *pages;
	uint32_t *rows; /* the first n_mapped */
	struct unwind_rule *rules;
	uint32_t n_mappings, n_files, n_pages, n_rows, n_rules; /* elements that there is room for */
	uint32_t n_mapped;
	int rows_fd; /* for more of them */
	uint32_t *changes; /* goes up with each region that is published */
};

/* Before the load: their sizes; if not `wanted`, as little as there can be. */
int unwind_arrays_size(struct bpf_object *object, uint32_t cpus, bool wanted);
/* After it. -errno if they can't be mapped. Both print no message. */
int unwind_arrays_map(struct unwind_arrays *a, struct bpf_object *object);
/*
 * Maps rows until there are n at least: what is mapped counts as memory of this process, and few programs need more than a tenth of all.
 * 0 or -errno, and no message.
 */
int unwind_arrays_reach(struct unwind_arrays *a, uint32_t n);
void unwind_arrays_unmap(struct unwind_arrays *a); /* a zeroed one is fine */

#endif
