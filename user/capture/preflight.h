/* SPDX-License-Identifier: BSD-2-Clause */
/* What can be known before anything is loaded: will recording work here, and if not, why and what helps. */
#ifndef CONCTRACE_PREFLIGHT_H
#define CONCTRACE_PREFLIGHT_H

#include <stddef.h>

#include "capture/system.h"

#define KERNEL_FLOOR_MAJOR 5
#define KERNEL_FLOOR_MINOR 15
#define KERNEL_FLOOR_MINOR_ARM64 18 /* its BPF compiler got the atomic instructions that fetch (1902472b4fa9) */

enum finding_state {
	FINDING_OK = 0,
	FINDING_WARN = 1, /* recording works, with less */
	FINDING_FAIL = 2, /* it doesn't */
};

struct finding {
	const char *name; /* one word */
	enum finding_state state;
	char text[240];	  /* what is, and for WARN and FAIL what it means */
	char remedy[240]; /* "" for OK */
};

struct findings {
	struct finding *list; /* owned */
	size_t n, cap;
};

/* Adds one; 0 or -ENOMEM. `doctor` puts what it tries by loading beside what preflight says. */
int findings_add(struct findings *findings, const char *name, enum finding_state state, const char *remedy,
		 const char *fmt, ...) __attribute__((format(printf, 5, 6)));
void findings_release(struct findings *findings);

/* Every check, in the order in which a person would put things right. 0 or -ENOMEM. */
int preflight_findings(struct findings *findings, const struct system_facts *facts);

/* The first check that fails as an error with its message (-EPERM, -ENOTSUP); 0 if none does. */
int preflight_check(const struct system_facts *facts);

#endif
