/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * In: a job at a step. Out: the step done, by the thread that asks: it blocks until then. The GIL, if there
 * is one, is released around what blocks and handed over while computing.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fail.h"
#include "workloads/clock.h"
#include "workloads/compute.h"
#include "workloads/form.h"
#include "workloads/task.h"

#define GIL_CHECK_NS 50000   /* computing between two looks at the GIL's flag */
#define TURN_NS	     5000000 /* computing of one job in an event loop, before the others have a turn */

/* Around a call that may block. */
static uint64_t wait_begin(const struct run *r)
{
	if (r->gil)
		gil_release(r->gil);
	return now_ns();
}

static void wait_end(const struct run *r, struct worker *w, uint64_t start)
{
	int saved = errno;

	w->wait_ns += now_ns() - start;
	if (r->gil)
		w->lock_ns += gil_take(r->gil);
	errno = saved;
}

static int blocking_connect(struct job *job, const struct run *r, struct worker *w)
{
	int err = job_socket(job, 0), result;
	uint64_t start;

	if (err)
		return err;
	start = wait_begin(r);
	/* On the loopback it does not block as long as the server's queue has room: no wait to count. */
	result = connect(job->fd, (const struct sockaddr *)&r->server.address, sizeof(r->server.address));
	wait_end(r, w, start);
	return result ? job_fail(job, errno) : 0;
}

static int blocking_send(struct job *job, const struct run *r, struct worker *w)
{
	(void)r;
	(void)w;
	for (;;) {
		size_t len;
		void *bytes = job_bytes(job, &len);
		ssize_t n = send(job->fd, bytes, len,
				 MSG_NOSIGNAL); /* 16 bytes: never blocks, no wait to count */

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return job_fail(job, errno);
		if (job_progress(job, (size_t)n))
			return 0;
	}
}

static int blocking_receive(struct job *job, const struct run *r, struct worker *w)
{
	for (;;) {
		size_t len;
		void *bytes = job_bytes(job, &len);
		uint64_t start = wait_begin(r);
		ssize_t n = recv(job->fd, bytes, len, 0);

		wait_end(r, w, start);
		w->waits++;
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return job_fail(job, n ? errno : ECONNRESET);
		if (job_progress(job, (size_t)n))
			return 0;
	}
}

static int blocking_read(struct job *job, const struct run *r, struct worker *w)
{
	for (;;) {
		size_t len;
		void *bytes = job_bytes(job, &len);
		off_t offset = disk_offset(r, job);
		uint64_t start;
		ssize_t n;

		if (!r->direct)
			posix_fadvise(r->disk_fd, offset, (off_t)len, POSIX_FADV_DONTNEED);
		start = wait_begin(r);
		n = pread(r->disk_fd, bytes, len, offset);
		wait_end(r, w, start);
		w->waits++;
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return job_fail(job, n ? errno : EIO);
		if (job_progress(job, (size_t)n))
			return 0;
	}
}

static int hold_lock(const struct run *r, struct worker *w)
{
	uint64_t asked = wait_begin(r), start;
	struct timespec until;

	pthread_mutex_lock(&r->shared->lock);
	start = now_ns();
	w->lock_ns += start - asked;
	until = timespec_of(start + r->set->hold_ns);
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
		;
	pthread_mutex_unlock(&r->shared->lock);
	wait_end(r, w, start);
	w->waits++;
	return 0;
}

static int compute_job(struct job *job, const struct run *r, struct worker *w, uint64_t loops)
{
	uint64_t check = compute_loops(r->loops_per_s, GIL_CHECK_NS) + 1, start = cpu_ns();

	while (loops) {
		uint64_t n = r->gil && loops > check ? check : loops;

		w->result = compute_slice(w->result + job->number, n);
		job->at += n;
		loops -= n;
		if (r->gil && loops && gil_is_wanted(r->gil))
			w->lock_ns += gil_hand_over(r->gil);
	}
	w->compute_ns += cpu_ns() - start;
	return 0;
}

int job_block(struct job *job, const struct run *r, struct worker *w)
{
	switch (job->step) {
	case STEP_CONNECT:
		return blocking_connect(job, r, w);
	case STEP_SEND:
		return blocking_send(job, r, w);
	case STEP_RECEIVE:
		return blocking_receive(job, r, w);
	case STEP_READ:
		return blocking_read(job, r, w);
	case STEP_HOLD:
		return hold_lock(r, w);
	case STEP_COMPUTE:
		return compute_job(job, r, w, job->want);
	default:
		return 0;
	}
}

int job_slice(struct job *job, const struct run *r, struct worker *w, bool *complete)
{
	uint64_t turn = compute_loops(r->loops_per_s, TURN_NS) + 1, left = job->want - job->at;

	if (job->step != STEP_COMPUTE) {
		*complete = true;
		return job_block(job, r, w);
	}
	*complete = left <= turn;
	return compute_job(job, r, w, left < turn ? left : turn);
}

void worker_run(const struct run *r, struct worker *w)
{
	struct job job = {0};
	int64_t number;
	int err;

	worker_begin(w);
	err = job_init(&job, r);
	if (r->gil)
		w->lock_ns += gil_take(r->gil);
	while (!err && (number = run_next_job(r)) >= 0) {
		for (job_start(&job, r, (uint64_t)number); !err && job.step != STEP_DONE;) {
			err = job_block(&job, r, w);
			if (!err)
				job_advance(&job, r, w);
		}
	}
	if (r->gil)
		gil_release(r->gil);
	if (err)
		worker_failed(r, w, err);
	job_release(&job);
}
