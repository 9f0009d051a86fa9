/* SPDX-License-Identifier: BSD-2-Clause */
/* In: a run that has ended. Out: what each worker did, by its own clocks, as JSON or as a line for people. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fail.h"
#include "base/json.h"
#include "base/text.h"
#include "workloads/run.h"

static void print_worker(struct json *j, const struct worker *w)
{
	json_object(j, NULL);
	json_i64(j, "pid", w->pid);
	json_i64(j, "tid", w->tid);
	json_u64(j, "jobs", w->jobs);
	json_u64(j, "waits", w->waits);
	json_u64(j, "wait_planned_ns", w->wait_planned_ns);
	json_u64(j, "wait_ns", w->wait_ns);
	json_u64(j, "compute_planned_ns", w->compute_planned_ns);
	json_u64(j, "compute_ns", w->compute_ns);
	json_u64(j, "lock_ns", w->lock_ns);
	json_object_end(j);
}

static void print_json(const struct run *r)
{
	struct json j;
	uint64_t i;

	json_init(&j, stdout, false);
	json_object(&j, NULL);
	json_text(&j, "schema", "conctrace-workload/1");
	json_text(&j, "task", task_text(r->set->task));
	json_text(&j, "form", form_text(r->set->form));
	json_bool(&j, "gil", r->set->gil);
	json_u64(&j, "jobs", r->set->jobs);
	json_u64(&j, "jobs_done", run_jobs_done(r));
	json_i64(&j, "pid", getpid());
	if (r->server.pid)
		json_i64(&j, "server_pid", r->server.pid);
	else
		json_text(&j, "server_pid", NULL);
	json_u64(&j, "wall_ns", r->wall_ns);
	json_u64(&j, "calibration_ns", r->calibration_ns);
	json_array(&j, "workers");
	for (i = 0; i < r->n_workers; i++)
		print_worker(&j, &r->shared->workers[i]);
	json_array_end(&j);
	json_object_end(&j);
	json_finish(&j);
}

static void print_line(const struct run *r)
{
	char wall[32];
	const char *who = r->set->form == FORM_MULTIPROCESS ? "process" : "thread";

	printf("%s, %s%s: %" PRIu64 " of %" PRIu64 " jobs by %" PRIu64 " %s%s in %s\n",
	       task_text(r->set->task), form_text(r->set->form), r->set->gil ? ", with a GIL" : "",
	       run_jobs_done(r), r->set->jobs, r->n_workers, who,
	       r->n_workers == 1		   ? ""
	       : r->set->form == FORM_MULTIPROCESS ? "es"
						   : "s",
	       text_ns(wall, sizeof(wall), r->wall_ns));
}

int truth_print(const struct run *r)
{
	if (r->set->json)
		print_json(r);
	else
		print_line(r);
	if (fflush(stdout) || ferror(stdout))
		return fail(-EIO, "stdout: the result could not be written: %s", strerror(errno));
	return 0;
}
