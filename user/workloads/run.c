/* SPDX-License-Identifier: BSD-2-Clause */
/* In: the settings. Out: everything that the workers share, and its end. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/fail.h"
#include "workloads/clock.h"
#include "workloads/compute.h"
#include "workloads/task.h"

static const struct task *const tasks[N_TASKS] = {
	[TASK_IO] = &task_io,	  [TASK_DISK] = &task_disk,   [TASK_CPU] = &task_cpu,
	[TASK_LOCK] = &task_lock, [TASK_MIXED] = &task_mixed,
};

static int open_shared(struct run *r)
{
	pthread_mutexattr_t attr;
	void *memory;

	r->shared_size = sizeof(struct shared) + r->n_workers * sizeof(struct worker);
	memory = mmap(NULL, r->shared_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return fail(-ENOMEM, "memory for %llu workers: %s", (unsigned long long)r->n_workers,
			    strerror(errno));
	r->shared = memory;
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_mutex_init(&r->shared->lock, &attr);
	pthread_mutexattr_destroy(&attr);
	atomic_init(&r->shared->next_job, 0);
	atomic_init(&r->shared->stop, false);
	return 0;
}

/* As many open files as this user may have: an event loop has a socket for each job. */
static void raise_file_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur == limit.rlim_max)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

int run_open(struct run *r, const struct settings *set)
{
	bool many = set->form == FORM_THREADED || set->form == FORM_MULTIPROCESS;
	uint64_t start;
	int err;

	*r = (struct run){
		.set = set, .disk_fd = -1, .task = tasks[set->task], .n_workers = many ? set->workers : 1};
	err = open_shared(r);
	if (err)
		return err;
	raise_file_limit();
	gil_init(&r->own_gil);
	if (set->gil)
		r->gil = &r->own_gil;
	if (set->task == TASK_IO || set->task == TASK_MIXED)
		err = server_start(&r->server);
	else if (set->task == TASK_DISK)
		err = disk_open(r);
	if (!err && r->task->computes) {
		start = cpu_ns();
		r->loops_per_s = compute_calibrate();
		r->calibration_ns = cpu_ns() - start;
	}
	return err;
}

int run_close(struct run *r)
{
	int err = server_stop(&r->server);

	if (!r->shared)
		return err;
	if (r->disk_fd >= 0)
		close(r->disk_fd);
	gil_destroy(&r->own_gil);
	munmap(r->shared, r->shared_size);
	*r = (struct run){.disk_fd = -1};
	return err;
}

int64_t run_next_job(const struct run *r)
{
	uint64_t number;

	if (atomic_load(&r->shared->stop))
		return -1;
	number = atomic_fetch_add(&r->shared->next_job, 1);
	return number < r->set->jobs ? (int64_t)number : -1;
}

uint64_t run_jobs_done(const struct run *r)
{
	uint64_t i, done = 0;

	for (i = 0; i < r->n_workers; i++)
		done += r->shared->workers[i].jobs;
	return done;
}

void worker_begin(struct worker *w)
{
	w->pid = getpid();
	w->tid = gettid();
}

void worker_failed(const struct run *r, struct worker *w, int err)
{
	const char *why = fail_message();

	w->error = err;
	memccpy(w->message, why, '\0', sizeof(w->message) - 1);
	atomic_store(&r->shared->stop, true);
}
