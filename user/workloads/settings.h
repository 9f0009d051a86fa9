/* SPDX-License-Identifier: BSD-2-Clause */
/* What the workload was asked to do: the options, with the defaults of the task filled in. */
#ifndef CONCTRACE_WORKLOADS_SETTINGS_H
#define CONCTRACE_WORKLOADS_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum task_name { TASK_IO, TASK_DISK, TASK_CPU, TASK_LOCK, TASK_MIXED, N_TASKS };
enum form_name { FORM_SEQUENTIAL, FORM_THREADED, FORM_MULTIPROCESS, FORM_ASYNC, FORM_URING, N_FORMS };

struct settings {
	uint64_t task; /* enum task_name */
	uint64_t form; /* enum form_name */
	uint64_t jobs;
	uint64_t workers; /* threads or processes; async and uring: jobs in flight */
	uint64_t rounds;  /* requests (io, mixed) or turns with the lock (lock) of one job */
	uint64_t delay_ns, compute_ns, hold_ns;
	uint64_t bytes; /* io, mixed: of an answer; disk: read by one job */
	uint64_t block; /* disk: bytes of one read */
	const char *dir;
	bool gil, json, help, version;
};

/*
 * Reads the arguments into `s` and fills in what was not given. 0, or -EINVAL with a fail message. With
 * --help or
 * --version only these are set. Points into argv and the environment.
 */
int settings_read(struct settings *s, int argc, char **argv);
void settings_help(FILE *out);

const char *task_text(uint64_t task); /* "io", ... */
const char *form_text(uint64_t form); /* "sequential", ... */

#endif
