/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a JIT says of its code: the text of /tmp/perf-PID.map, "START SIZE name" a line, start and size in
 * hex. Code is replaced as a program runs: of lines that overlap the later one holds.
 */
#ifndef CONCTRACE_PERF_MAP_H
#define CONCTRACE_PERF_MAP_H

#include <stdbool.h>

#include "symbols/symbol.h"

struct perf_map; /* opaque */

/* `text` must outlive the map. Lines that say nothing are skipped. 0 or -ENOMEM. */
int perf_map_new(struct perf_map **out, const char *text, size_t len);
void perf_map_free(struct perf_map *m);
size_t perf_map_count(const struct perf_map *m);
/* The code that the address lies in; false if none. */
bool perf_map_at(const struct perf_map *m, uint64_t addr, struct symbol *out);

#endif
