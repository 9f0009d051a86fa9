/* SPDX-License-Identifier: BSD-2-Clause */
/* Recordings side by side: the headline numbers of each report, and their ratios to the first one's. */
#ifndef CONCTRACE_COMPARE_H
#define CONCTRACE_COMPARE_H

#include "analysis/report.h"

enum measure_unit { UNIT_NS, UNIT_COUNT, UNIT_REAL };

/* X(ID, "json name", "title", unit) */
#define MEASURES(X)                                                                                          \
	X(WALL, "wall_ns", "wall time", UNIT_NS)                                                             \
	X(THREAD_TIME, "lifetime_ns", "thread time", UNIT_NS)                                                \
	X(RUNNING, "running_ns", "running (CPU)", UNIT_NS)                                                   \
	X(READY, "ready_ns", "ready", UNIT_NS)                                                               \
	X(IO, "io_ns", "wait: I/O", UNIT_NS)                                                                 \
	X(LOCK, "lock_ns", "wait: lock", UNIT_NS)                                                            \
	X(SYNC, "sync_ns", "wait: another thread", UNIT_NS)                                                  \
	X(SLEEP, "sleep_ns", "wait: timer", UNIT_NS)                                                         \
	X(MEMORY, "memory_ns", "wait: memory", UNIT_NS)                                                      \
	X(OTHER, "other_ns", "wait: other", UNIT_NS)                                                         \
	X(UNKNOWN, "unknown_ns", "unknown", UNIT_NS)                                                         \
	X(VOLUNTARY, "voluntary", "voluntary switches", UNIT_COUNT)                                          \
	X(INVOLUNTARY, "involuntary", "involuntary switches", UNIT_COUNT)                                    \
	X(PARALLELISM, "running_avg", "threads running, avg", UNIT_REAL)                                     \
	X(IO_OVERLAP, "io_avg", "threads in I/O, avg", UNIT_REAL)                                            \
	X(PROCESSES, "processes", "processes", UNIT_COUNT)                                                   \
	X(THREADS, "threads", "threads", UNIT_COUNT)

#define MEASURE_ENUM(ID, ...) MEASURE_##ID,
enum measure { MEASURES(MEASURE_ENUM) N_MEASURES };

struct compare_value {
	uint64_t number; /* UNIT_NS, UNIT_COUNT */
	double real;	 /* UNIT_REAL */
	bool has_ratio;	 /* false: the base is 0 (or this is the base) */
	double ratio;	 /* to the base */
};

struct compare_column {
	const char *label;
	enum form_kind form;
	enum bound_kind bound;
	uint32_t cpus;
	bool incomplete; /* damaged, or something was lost */
	struct compare_value values[N_MEASURES];
};

struct comparison {
	struct compare_column *columns; /* [0] is the base */
	size_t n;
	bool used[N_MEASURES]; /* a measure that is 0 everywhere need not be printed */
};

/* Labels and reports stay the caller's; labels are used as long as the comparison is. 0 or -ENOMEM with a
 * message. */
int comparison_build(struct comparison **out, const struct report *const *reports, const char *const *labels,
		     size_t n);
void comparison_free(struct comparison *c); /* NULL is fine */

const char *measure_name(enum measure m);
const char *measure_title(enum measure m);
enum measure_unit measure_unit_of(enum measure m);

#endif
