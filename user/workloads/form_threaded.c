/* SPDX-License-Identifier: BSD-2-Clause */
/* In: a run. Out: its jobs done by a pool of threads; the first thread only waits for them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "workloads/form.h"

#define STACK_BYTES ((size_t)256 * 1024)

struct worker_thread {
	const struct run *run;
	struct worker *worker;
	pthread_t thread;
};

static void *thread_main(void *arg)
{
	const struct worker_thread *t = arg;

	pthread_setname_np(pthread_self(), "worker");
	worker_run(t->run, t->worker);
	return NULL;
}

int form_threaded(struct run *r)
{
	struct worker_thread *threads = calloc(r->n_workers, sizeof(*threads));
	uint64_t i, started;
	pthread_attr_t attr;
	int err = 0;

	if (!threads)
		return fail(-ENOMEM, "the list of threads: no memory");
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	for (started = 0; started < r->n_workers; started++) {
		threads[started].run = r;
		threads[started].worker = &r->shared->workers[started];
		err = pthread_create(&threads[started].thread, &attr, thread_main, &threads[started]);
		if (err) {
			atomic_store(&r->shared->stop, true);
			break;
		}
	}
	pthread_attr_destroy(&attr);
	for (i = 0; i < started; i++)
		pthread_join(threads[i].thread, NULL);
	free(threads);
	if (err)
		return fail(-err, "thread %llu: %s: fewer --workers", (unsigned long long)started + 1,
			    strerror(err));
	return 0;
}
