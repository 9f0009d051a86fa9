/* SPDX-License-Identifier: BSD-2-Clause */
/* In: the arguments. Out: the work done in the form asked for, the truth about it on stdout, exit status 0 if
 * all was done. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/prctl.h>

#include "base/fail.h"
#include "workloads/clock.h"
#include "workloads/form.h"

static int (*const forms[N_FORMS])(struct run *) = {
	[FORM_SEQUENTIAL] = form_sequential,
	[FORM_THREADED] = form_threaded,
	[FORM_MULTIPROCESS] = form_multiprocess,
	[FORM_ASYNC] = form_async,
	[FORM_URING] = form_uring,
};

/* The first worker that failed knows why. */
static int error_of_workers(const struct run *r)
{
	uint64_t i, done = run_jobs_done(r);

	for (i = 0; i < r->n_workers; i++) {
		const struct worker *w = &r->shared->workers[i];

		if (w->error)
			return fail(w->error, "worker %" PRIu64 ": %s", i + 1, w->message);
	}
	if (done < r->set->jobs)
		return fail(-EIO, "%" PRIu64 " of %" PRIu64 " jobs were not done", r->set->jobs - done,
			    r->set->jobs);
	return 0;
}

static int work(const struct settings *set)
{
	struct run r;
	int err, closed;

	err = run_open(&r, set);
	if (!err) {
		uint64_t start = now_ns();

		err = forms[set->form](&r);
		r.wall_ns = now_ns() - start;
		if (!err)
			err = error_of_workers(&r);
		if (!err)
			err = truth_print(&r);
	}
	closed = run_close(&r);
	return err ? err : closed;
}

int main(int argc, char **argv)
{
	struct settings set;
	int err = settings_read(&set, argc, argv);

	/* A delay asked for is the delay meant: not 50 us more. */
	prctl(PR_SET_TIMERSLACK, 1);
	if (!err && set.help)
		settings_help(stdout);
	else if (!err && set.version)
		printf("conctrace-workload %s\n", CONCTRACE_VERSION);
	else if (!err)
		err = work(&set);
	if (!err && (fflush(stdout) || ferror(stdout)))
		err = fail(-EIO, "stdout: could not be written");
	if (err)
		fprintf(stderr, "conctrace-workload: %s\n", fail_message());
	return err ? 1 : 0;
}
