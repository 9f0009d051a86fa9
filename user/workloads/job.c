/* SPDX-License-Identifier: BSD-2-Clause */
/* In: a job and the rule of its task. Out: the job's way through its steps, whoever does them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fail.h"
#include "workloads/compute.h"
#include "workloads/task.h"

#define RECEIVE_BYTES 65536
#define ALIGNMENT     4096

int job_init(struct job *job, const struct run *r)
{
	*job = (struct job){.fd = -1, .step = STEP_DONE};
	job->buffer_size = r->set->task == TASK_DISK ? r->set->block
			   : r->set->bytes < RECEIVE_BYTES
				   ? (r->set->bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT
				   : RECEIVE_BYTES;
	job->buffer = aligned_alloc(ALIGNMENT, job->buffer_size);
	return job->buffer ? 0 : fail(-ENOMEM, "a job's buffer: no memory");
}

void job_release(struct job *job)
{
	if (!job->buffer)
		return; /* zeroed: its fd is not ours */
	if (job->fd >= 0)
		close(job->fd);
	free(job->buffer);
	*job = (struct job){.fd = -1};
}

static void enter_step(struct job *job, const struct run *r, enum step step)
{
	job->step = step;
	job->at = 0;
	job->want = step == STEP_SEND	   ? sizeof(job->request)
		    : step == STEP_RECEIVE ? r->set->bytes
		    : step == STEP_READ	   ? r->set->block
		    : step == STEP_COMPUTE ? compute_loops(r->loops_per_s, r->set->compute_ns)
					   : 0;
}

void job_start(struct job *job, const struct run *r, uint64_t number)
{
	job->number = number;
	job->round = 0;
	job->request = (struct server_request){.delay_ns = r->set->delay_ns, .bytes = r->set->bytes};
	enter_step(job, r, r->task->first());
}

void job_advance(struct job *job, const struct run *r, struct worker *w)
{
	if (job->step == STEP_RECEIVE)
		w->wait_planned_ns += r->set->delay_ns;
	else if (job->step == STEP_HOLD)
		w->wait_planned_ns += r->set->hold_ns;
	else if (job->step == STEP_COMPUTE)
		w->compute_planned_ns += r->set->compute_ns;
	enter_step(job, r, r->task->next(r, job));
	if (job->step != STEP_DONE)
		return;
	w->jobs++;
	if (job->fd >= 0)
		close(job->fd);
	job->fd = -1;
}

int job_socket(struct job *job, int flags)
{
	/* Closed by a reset: thousands of jobs leave no ports in TIME_WAIT. Every answer was received by
	 * then. */
	struct linger reset = {.l_onoff = 1};
	int err;

	job->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
	if (job->fd < 0) {
		err = errno;
		return fail(-err, "a socket: %s%s", strerror(err),
			    err == EMFILE ? ": raise the limit of open files, or fewer --workers" : "");
	}
	setsockopt(job->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	return 0;
}

int job_fail(const struct job *job, int err)
{
	static const char *const names[] = {"connecting to the server",
					    "sending to the server",
					    "receiving from the server",
					    "reading the file",
					    "computing",
					    "holding the lock",
					    "ending"};

	return fail(-err, "job %llu, %s: %s", (unsigned long long)job->number, names[job->step],
		    strerror(err));
}

bool job_progress(struct job *job, size_t n)
{
	job->at += n;
	return job->at >= job->want;
}

void *job_bytes(struct job *job, size_t *len)
{
	uint64_t left = job->want - job->at;

	if (job->step == STEP_SEND) {
		*len = (size_t)left;
		return (char *)&job->request + job->at;
	}
	*len = left < job->buffer_size ? (size_t)left : job->buffer_size;
	return job->buffer;
}
