/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * In: a run. Out: its jobs done by one thread with many non-blocking sockets and one epoll, as event loops do
 * it. What no event completes is done in the loop: computing in slices of 5 ms, so that the others have their
 * turn; reads of files and the lock block, as they do in every event loop.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fail.h"
#include "workloads/clock.h"
#include "workloads/form.h"
#include "workloads/task.h"

#define N_EVENTS 256

struct loop {
	const struct run *run;
	struct worker *worker;
	int epoll_fd;
	struct job *jobs; /* the places for jobs; a free one is at STEP_DONE */
	size_t n_jobs;
	size_t in_flight; /* jobs that are not done */
	size_t ready;	  /* of these, at a step that needs no event */
};

static bool needs_event(const struct job *job)
{
	return job->step == STEP_CONNECT || job->step == STEP_SEND || job->step == STEP_RECEIVE;
}

/* Registered once, for edges: each step is tried before it is waited for. */
static int start_connect(struct loop *l, struct job *job)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = job};
	const struct server *server = &l->run->server;
	int err = job_socket(job, SOCK_NONBLOCK);

	if (err)
		return err;
	if (epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, job->fd, &event))
		return job_fail(job, errno);
	if (connect(job->fd, (const struct sockaddr *)&server->address, sizeof(server->address)) &&
	    errno != EINPROGRESS)
		return job_fail(job, errno);
	return 0;
}

static int async_connect(struct loop *l, struct job *job, bool *complete)
{
	struct sockaddr_in peer;
	socklen_t len = sizeof(int);
	int error = 0;

	*complete = false;
	if (job->fd < 0) {
		int err = start_connect(l, job);

		if (err)
			return err;
	}
	if (getsockopt(job->fd, SOL_SOCKET, SO_ERROR, &error, &len) || error)
		return job_fail(job, error ? error : errno);
	len = sizeof(peer);
	*complete = !getpeername(job->fd, (struct sockaddr *)&peer, &len);
	return 0;
}

static int async_transfer(struct job *job, bool *complete)
{
	for (*complete = false; !*complete;) {
		size_t len;
		void *bytes = job_bytes(job, &len);
		ssize_t n = job->step == STEP_SEND ? send(job->fd, bytes, len, MSG_NOSIGNAL)
						   : recv(job->fd, bytes, len, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n <= 0)
			return job_fail(job, n ? errno : ECONNRESET);
		*complete = job_progress(job, (size_t)n);
	}
	return 0;
}

static int try_step(struct loop *l, struct job *job, bool *complete)
{
	return job->step == STEP_CONNECT ? async_connect(l, job, complete) : async_transfer(job, complete);
}

/* Goes on with a job until it needs an event, or a slice of time; done jobs make place for the next. */
static int drive(struct loop *l, struct job *job)
{
	bool complete = true;
	int64_t number;
	int err;

	while (complete) {
		if (job->step == STEP_DONE) {
			l->in_flight--;
			number = run_next_job(l->run);
			if (number < 0)
				return 0;
			l->in_flight++;
			job_start(job, l->run, (uint64_t)number);
		}
		if (!needs_event(job)) {
			l->ready++;
			return 0;
		}
		err = try_step(l, job, &complete);
		if (err)
			return err;
		if (complete)
			job_advance(job, l->run, l->worker);
	}
	return 0;
}

/* One slice for each job that needs no event. */
static int give_turns(struct loop *l)
{
	size_t i;
	int err;

	for (i = 0; i < l->n_jobs && l->ready; i++) {
		struct job *job = &l->jobs[i];
		bool complete = false;

		if (job->step == STEP_DONE || needs_event(job))
			continue;
		err = job_slice(job, l->run, l->worker, &complete);
		if (err)
			return err;
		if (!complete)
			continue;
		l->ready--;
		job_advance(job, l->run, l->worker);
		err = drive(l, job);
		if (err)
			return err;
	}
	return 0;
}

static int take_events(struct loop *l)
{
	struct epoll_event events[N_EVENTS];
	uint64_t start = now_ns();
	int i, n, err;

	n = epoll_wait(l->epoll_fd, events, N_EVENTS, l->ready ? 0 : -1);
	if (n < 0)
		return errno == EINTR ? 0 : fail(-errno, "epoll: %s", strerror(errno));
	if (!l->ready) {
		l->worker->wait_ns += now_ns() - start;
		l->worker->waits++;
	}
	for (i = 0; i < n; i++) {
		struct job *job = events[i].data.ptr;

		if (!needs_event(job))
			continue; /* computing: it will see */
		err = drive(l, job);
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
		l->in_flight++; /* the free place is given a job as if one had ended there */
		err = drive(l, &l->jobs[i]);
	}
	while (!err && l->in_flight) {
		if (l->ready)
			err = give_turns(l);
		if (!err && l->in_flight)
			err = take_events(l);
	}
	return err;
}

int form_async(struct run *r)
{
	struct loop l = {.run = r, .worker = &r->shared->workers[0], .n_jobs = r->set->workers};
	size_t i;
	int err;

	worker_begin(l.worker);
	l.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (l.epoll_fd < 0)
		return fail(-errno, "epoll: %s", strerror(errno));
	l.jobs = calloc(l.n_jobs, sizeof(*l.jobs));
	err = l.jobs ? loop_run(&l) : fail(-ENOMEM, "the list of jobs: no memory");
	for (i = 0; l.jobs && i < l.n_jobs; i++)
		job_release(&l.jobs[i]);
	free(l.jobs);
	close(l.epoll_fd);
	return err;
}
