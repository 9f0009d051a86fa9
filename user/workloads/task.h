/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A job is a series of steps; a task is the rule that says which step comes next. How a step is done —
 * blocking, by readiness or by completion — is the form's business: the same job runs in all of them.
 */
#ifndef CONCTRACE_WORKLOADS_TASK_H
#define CONCTRACE_WORKLOADS_TASK_H

#include <stddef.h>

#include "workloads/run.h"

enum step { STEP_CONNECT, STEP_SEND, STEP_RECEIVE, STEP_READ, STEP_COMPUTE, STEP_HOLD, STEP_DONE };

struct job {
	uint64_t number;
	enum step step;
	uint64_t round; /* rounds, or reads, that are behind */
	uint64_t want;	/* bytes (send, receive, read) or loops (compute) of this step */
	uint64_t at;	/* of these, done */
	int fd;		/* the connection, -1: none */
	struct server_request request;
	char *buffer; /* for receive and read; aligned for direct reads */
	size_t buffer_size;
};

struct task {
	bool computes;
	enum step (*first)(void);
	/* The step that follows job->step, which is complete; job->round is kept by it. */
	enum step (*next)(const struct run *r, struct job *job);
};

extern const struct task task_io, task_disk, task_cpu, task_lock, task_mixed;

/* The steps of a conversation with the server: `after` follows the last answer. */
enum step io_next(const struct run *r, struct job *job, enum step after);

/* Where the next part of a read of the disk task begins in the file. */
off_t disk_offset(const struct run *r, const struct job *job);
/* Makes the file and opens it, past the page cache if the file system can. Sets disk_fd and direct. 0 or an
 * error. */
int disk_open(struct run *r);

/* A job without a number, to be used for one after another. 0 or -ENOMEM. A zeroed object may be released. */
int job_init(struct job *job, const struct run *r);
void job_release(struct job *job);
/* Puts job `number` at its first step. */
void job_start(struct job *job, const struct run *r, uint64_t number);
/* The step is complete: on to the next, counting the plan for it. At STEP_DONE the connection is closed. */
void job_advance(struct job *job, const struct run *r, struct worker *w);

/*
 * The way to do one step.
 * job_block: whole, blocking, the GIL released meanwhile and handed over while computing.
 * job_slice: what an event loop does with a step that no event completes: at most 5 ms of computing, or one
 * blocking read or hold; *complete says whether the step is behind. 0 or a negative errno with a fail
 * message.
 */
int job_block(struct job *job, const struct run *r, struct worker *w);
int job_slice(struct job *job, const struct run *r, struct worker *w, bool *complete);
/* A socket for the job. 0 or a negative errno with a fail message. */
int job_socket(struct job *job, int flags);
/* The error of a step, with its name in the message. */
int job_fail(const struct job *job, int err);
/* n bytes more (more than 0) of a send, receive or read: true when the step is complete. */
bool job_progress(struct job *job, size_t n);
/* Where the bytes of the step are or go to, and how many the next call is for. */
void *job_bytes(struct job *job, size_t *len);

#endif
