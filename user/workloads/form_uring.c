/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * In: a run. Out: its jobs done by one thread that asks the kernel for whole steps through io_uring: connect,
 * send, receive, read. Computing is done between completions in slices of 5 ms; the lock blocks, as in every
 * loop.
 */
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "workloads/clock.h"
#include "workloads/form.h"
#include "workloads/task.h"

#define RING_MAX 4096

struct loop {
	const struct run *run;
	struct worker *worker;
	struct io_uring ring;
	struct job *jobs;
	size_t n_jobs, in_flight, ready; /* as in form_async.c */
};

static bool is_asked(const struct job *job)
{
	return job->step != STEP_COMPUTE && job->step != STEP_HOLD && job->step != STEP_DONE;
}

static struct io_uring_sqe *free_sqe(struct loop *l)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&l->ring);

	if (!sqe && io_uring_submit(&l->ring) >= 0)
		sqe = io_uring_get_sqe(&l->ring);
	return sqe;
}

static int ask(struct loop *l, struct job *job)
{
	const struct server *server = &l->run->server;
	struct io_uring_sqe *sqe = free_sqe(l);
	size_t len;
	void *bytes;
	int err;

	if (!sqe)
		return job_fail(job, EBUSY);
	bytes = job_bytes(job, &len);
	switch (job->step) {
	case STEP_CONNECT:
		err = job_socket(job, 0);
		if (err)
			return err;
		io_uring_prep_connect(sqe, job->fd, (const struct sockaddr *)&server->address,
				      sizeof(server->address));
		break;
	case STEP_SEND:
		io_uring_prep_send(sqe, job->fd, bytes, len, MSG_NOSIGNAL);
		break;
	case STEP_RECEIVE:
		io_uring_prep_recv(sqe, job->fd, bytes, len, 0);
		break;
	default:
		if (!l->run->direct)
			posix_fadvise(l->run->disk_fd, disk_offset(l->run, job), (off_t)len,
				      POSIX_FADV_DONTNEED);
		io_uring_prep_read(sqe, l->run->disk_fd, bytes, (unsigned int)len,
				   (__u64)disk_offset(l->run, job));
		break;
	}
	io_uring_sqe_set_data(sqe, job);
	return 0;
}

/* The job is at a new step: asks for it or lets it wait for a turn; a done job makes place for the next. */
static int go_on(struct loop *l, struct job *job)
{
	int64_t number;

	if (job->step == STEP_DONE) {
		l->in_flight--;
		number = run_next_job(l->run);
		if (number < 0)
			return 0;
		l->in_flight++;
		job_start(job, l->run, (uint64_t)number);
	}
	if (is_asked(job))
		return ask(l, job);
	l->ready++;
	return 0;
}

static int complete_step(struct loop *l, struct job *job, int result)
{
	if (result < 0 && (result == -EINTR || result == -EAGAIN) && job->step != STEP_CONNECT)
		return ask(l, job);
	if (result < 0)
		return job_fail(job, -result);
	if (job->step != STEP_CONNECT) {
		if (!result)
			return job_fail(job, job->step == STEP_READ ? EIO : ECONNRESET);
		if (!job_progress(job, (size_t)result))
			return ask(l, job);
	}
	job_advance(job, l->run, l->worker);
	return go_on(l, job);
}

static int give_turns(struct loop *l)
{
	size_t i;
	int err;

	for (i = 0; i < l->n_jobs && l->ready; i++) {
		struct job *job = &l->jobs[i];
		bool complete = false;

		if (job->step == STEP_DONE || is_asked(job))
			continue;
		err = job_slice(job, l->run, l->worker, &complete);
		if (err)
			return err;
		if (!complete)
			continue;
		l->ready--;
		job_advance(job, l->run, l->worker);
		err = go_on(l, job);
		if (err)
			return err;
	}
	return 0;
}

/* Submits what was asked for and takes what has come; waits if there is nothing else to do. */
static int take_completions(struct loop *l)
{
	struct io_uring_cqe *cqe = NULL;
	uint64_t start = now_ns();
	int err;

	err = io_uring_submit_and_wait(&l->ring, l->ready ? 0 : 1);
	if (err < 0 && err != -EINTR && err != -EBUSY)
		return fail(err, "io_uring: %s", strerror(-err));
	if (!l->ready) {
		l->worker->wait_ns += now_ns() - start;
		l->worker->waits++;
	}
	while (!io_uring_peek_cqe(&l->ring, &cqe) && cqe) {
		struct job *job = io_uring_cqe_get_data(cqe);
		int result = cqe->res;

		io_uring_cqe_seen(&l->ring, cqe);
		err = complete_step(l, job, result);
		if (err)
			return err;
	}
	return 0;
}

static int loop_run(struct loop *l)
{
	size_t i;
	int err = 0;

	for (i = 0; i < l->n_jobs && !err; i++) {
		err = job_init(&l->jobs[i], l->run);
		if (err)
			break;
		l->in_flight++;
		err = go_on(l, &l->jobs[i]);
	}
	while (!err && l->in_flight) {
		if (l->ready)
			err = give_turns(l);
		if (!err && l->in_flight)
			err = take_completions(l);
	}
	return err;
}

int form_uring(struct run *r)
{
	struct loop l = {.run = r, .worker = &r->shared->workers[0], .n_jobs = r->set->workers};
	size_t i;
	int err;

	worker_begin(l.worker);
	err = io_uring_queue_init((unsigned int)(l.n_jobs < RING_MAX ? l.n_jobs : RING_MAX), &l.ring, 0);
	if (err)
		return fail(err,
			    "io_uring: %s: this kernel or container does not allow it (sysctl "
			    "kernel.io_uring_disabled): "
			    "use --form async",
			    strerror(-err));
	l.jobs = calloc(l.n_jobs, sizeof(*l.jobs));
	err = l.jobs ? loop_run(&l) : fail(-ENOMEM, "the list of jobs: no memory");
	/* The ring goes first: what is still under way ends before its buffer does. */
	io_uring_queue_exit(&l.ring);
	for (i = 0; l.jobs && i < l.n_jobs; i++)
		job_release(&l.jobs[i]);
	free(l.jobs);
	return err;
}
