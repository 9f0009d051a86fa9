/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One run of the workload: what is shared by the workers, and what each of them counts of itself. The
 * workers' side is in memory that survives fork, so that threads and processes are told of in the same way.
 */
#ifndef CONCTRACE_WORKLOADS_RUN_H
#define CONCTRACE_WORKLOADS_RUN_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "workloads/gil.h"
#include "workloads/server.h"
#include "workloads/settings.h"

#define WORKER_MESSAGE_MAX 256

/* The truth of one worker. Written by it alone, read when it has ended. */
struct worker {
	pid_t pid, tid; /* 0: never ran */
	uint64_t jobs;	/* done */
	uint64_t waits; /* blocking calls, and turns of the event loop that waited */
	uint64_t wait_planned_ns, wait_ns;
	uint64_t compute_planned_ns, compute_ns; /* computed: CPU time */
	uint64_t lock_ns;			 /* to get the lock or the GIL */
	int error;				 /* 0 or a negative errno, and why */
	char message[WORKER_MESSAGE_MAX];
	uint64_t result; /* of the computing: so that it cannot be left out */
};

struct shared {
	pthread_mutex_t lock; /* of the lock task, between threads or processes */
	atomic_uint_fast64_t next_job;
	atomic_bool stop; /* a worker has failed: start no more jobs */
	struct worker workers[];
};

struct task;

struct run {
	const struct settings *set;
	const struct task *task;
	struct shared *shared;
	size_t shared_size;
	uint64_t n_workers; /* elements of shared->workers */
	struct gil *gil;    /* NULL: none */
	struct gil own_gil;
	struct server server;
	int disk_fd; /* -1: none */
	bool direct; /* disk_fd passes the page cache by */
	uint64_t loops_per_s, calibration_ns;
	uint64_t wall_ns; /* of the workers, without what comes before and after */
};

/* Sets up what the task needs: memory, server, file, calibration. 0 or a negative errno with a fail message.
 */
int run_open(struct run *r, const struct settings *set);
/* 0, or the error of what is only seen at the end. A zeroed object may be closed. */
int run_close(struct run *r);

/* The number of the next job, or -1: there is none. */
int64_t run_next_job(const struct run *r);
uint64_t run_jobs_done(const struct run *r);

/* Called by the worker itself before its first job. */
void worker_begin(struct worker *w);
/* Keeps err and the message of fail() for the parent, and stops the others. */
void worker_failed(const struct run *r, struct worker *w, int err);

/* The truth, as one line of JSON or one for people, on stdout. 0, or -EIO with a fail message if it was not
 * written. */
int truth_print(const struct run *r);

#endif
