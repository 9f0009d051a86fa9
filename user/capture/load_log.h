/* SPDX-License-Identifier: BSD-2-Clause */
/* What libbpf says while it loads the probes: of all of it, the line that says what is wrong. The verifier's own log may be megabytes long. */
#ifndef CONCTRACE_LOAD_LOG_H
#define CONCTRACE_LOAD_LOG_H

#define LOAD_LOG_LINE 300

struct load_log {
	char cause[LOAD_LOG_LINE];   /* the first complaint, without "libbpf: " */
	char verdict[LOAD_LOG_LINE]; /* the verifier's reason to refuse a program: the last line before its statistics */
};

/* One message of libbpf, of one line or many. */
void load_log_add(struct load_log *log, const char *message);

#endif
