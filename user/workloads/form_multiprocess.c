/* SPDX-License-Identifier: BSD-2-Clause */
/* In: a run. Out: its jobs done by processes that the first one forks; it only waits for them. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fail.h"
#include "workloads/form.h"

static void process_main(const struct run *r, struct worker *w, pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, "worker");
	if (getppid() == parent)
		worker_run(r, w);
	_exit(w->error ? 1 : 0);
}

/* A worker that was killed could not say so itself. */
static void note_end(const struct run *r, struct worker *w, pid_t pid, int status)
{
	if (w->error || (WIFEXITED(status) && !WEXITSTATUS(status)))
		return;
	if (WIFSIGNALED(status))
		fail(-EIO, "process %d: killed by signal %d", pid, WTERMSIG(status));
	else
		fail(-EIO, "process %d: ended with status %d", pid, WEXITSTATUS(status));
	worker_failed(r, w, -EIO);
}

int form_multiprocess(struct run *r)
{
	pid_t *pids = calloc(r->n_workers, sizeof(*pids)), parent = getpid();
	uint64_t i, started;
	int err = 0, status = 0;

	if (!pids)
		return fail(-ENOMEM, "the list of processes: no memory");
	for (started = 0; started < r->n_workers; started++) {
		pids[started] = fork();
		if (!pids[started])
			process_main(r, &r->shared->workers[started], parent);
		if (pids[started] < 0) {
			err = errno;
			atomic_store(&r->shared->stop, true);
			break;
		}
	}
	for (i = 0; i < started; i++) {
		while (waitpid(pids[i], &status, 0) < 0 && errno == EINTR)
			;
		note_end(r, &r->shared->workers[i], pids[i], status);
	}
	free(pids);
	if (err)
		return fail(-err, "process %llu: %s: fewer --workers", (unsigned long long)started + 1,
			    strerror(err));
	return 0;
}
