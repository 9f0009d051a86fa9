/* SPDX-License-Identifier: BSD-2-Clause */
/* Comes in: options and a target. Goes out: a recording, its report and its folded stacks, all as the invoking user's files. */
#include "commands/record.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fail.h"
#include "capture/outputs.h"
#include "capture/session.h"
#include "commands/show.h"

#define STATUS_FAILED 125

enum { RECORDING, FOLDED, REPORT, N_OUTPUTS };

struct record {
	const struct record_options *options;
	struct origin origin;
	struct identity workload, invoking, parser;
	struct output outputs[N_OUTPUTS];
	bool wanted[N_OUTPUTS];
	int scratch; /* the recording, where -o is no regular file: reports need to read it again */
};

/* "-" is standard output, as everywhere. */
static const char *output_path(const char *word)
{
	return word && !strcmp(word, "-") ? "/dev/stdout" : word;
}

static int open_outputs(struct record *r)
{
	const struct record_options *o = r->options;
	const struct output_request requests[N_OUTPUTS] = {
		[RECORDING] = {.path = output_path(o->recording), .option = "-o", .keep_old = true},
		[FOLDED] = {.path = output_path(o->folded), .option = "--folded"},
		[REPORT] = {.path = output_path(o->report), .option = "--report"},
	};

	r->wanted[RECORDING] = true;
	r->wanted[FOLDED] = !o->no_stacks || o->folded;
	r->wanted[REPORT] = o->report && !o->quiet;
	for (int i = 0; i < N_OUTPUTS; i++) {
		int err;

		if (!r->wanted[i])
			continue;
		err = output_open(&r->outputs[i], &requests[i], &r->invoking);
		if (err)
			return err;
		for (int k = 0; k < i; k++)
			if (r->wanted[k] && output_same(&r->outputs[k], &r->outputs[i]))
				return fail(-EINVAL, "%s and %s name the same file, %s: give one of them another name",
					    requests[k].option, requests[i].option, requests[i].path);
	}
	if (r->outputs[RECORDING].regular)
		return 0;
	r->scratch = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	return r->scratch < 0 ? fail(-errno, "a temporary file in /tmp: %s: %s is no regular file, so one is needed", strerror(errno),
				     o->recording) : 0;
}

/* From now on there is something to keep. */
static void on_started(void *ctx)
{
	struct record *r = ctx;

	for (int i = 0; i < N_OUTPUTS; i++)
		if (r->wanted[i] && output_commit(&r->outputs[i]))
			talk("%s", fail_message());
}

/* The recording where it belongs, when it had to be made elsewhere. */
static int deliver(struct record *r)
{
	struct output *o = &r->outputs[RECORDING];
	char buf[65536];
	ssize_t n;

	if (r->scratch < 0)
		return 0;
	if (lseek(r->scratch, 0, SEEK_SET))
		return fail(-errno, "the recording: %s", strerror(errno));
	while ((n = read(r->scratch, buf, sizeof(buf))) > 0)
		for (ssize_t done = 0, k; done < n; done += k) {
			k = write(o->fd, buf + done, (size_t)(n - done));
			if (k < 0)
				return fail(-errno, "recording %s: %s", o->path, strerror(errno));
		}
	return 0;
}

static FILE *as_stream(struct output *o)
{
	FILE *f = fdopen(o->fd, "w");

	if (f)
		o->fd = -1;
	return f;
}

static int close_stream(FILE *f, const char *what, const char *path)
{
	if (f && f != stderr && fclose(f))
		return fail(-errno, "%s %s: %s", what, path, strerror(errno));
	return 0;
}

/* Said, not an error: the command may have cleaned up its directory, or another run has taken the name. */
static void say_if_moved(const struct output *o)
{
	struct stat ours, there;

	if (!o->regular || fstat(o->fd, &ours))
		return;
	if (stat(o->path, &there) || ours.st_dev != there.st_dev || ours.st_ino != there.st_ino)
		talk("recording %s: moved or removed while it was made: it is not under this name now", o->path);
}

/* The report and the folded stacks of what was recorded: of the open file, whatever its path names by now. */
static int show(struct record *r)
{
	const struct record_options *o = r->options;
	char path[64];
	struct show_options options = {
		.json = o->json,
		.threads_all = o->threads == THREADS_ALL,
		.lookup = o->lookup,
	};
	int err, late;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", r->scratch >= 0 ? r->scratch : r->outputs[RECORDING].fd);
	say_if_moved(&r->outputs[RECORDING]);
	options.folded = r->wanted[FOLDED] ? as_stream(&r->outputs[FOLDED]) : NULL;
	options.report = r->wanted[REPORT] ? as_stream(&r->outputs[REPORT]) : o->quiet ? NULL : stderr;
	if ((r->wanted[FOLDED] && !options.folded) || (r->wanted[REPORT] && !options.report))
		err = fail(-ENOMEM, "the report: no memory");
	else
		err = show_recording(path, &options);
	late = close_stream(options.folded, "folded stacks", o->folded);
	err = err ? err : late;
	late = close_stream(options.report, "report", o->report);
	return err ? err : late;
}

static int identities(struct record *r, const struct record_target *t)
{
	int err = identity_workload(&r->workload, t->user, t->as_root);

	if (!err)
		err = identity_invoking(&r->invoking);
	return err ? err : identity_unprivileged(&r->parser);
}

static int session(struct record *r, const struct record_target *t, struct session_result *result)
{
	const struct record_options *o = r->options;
	struct session_request request = {
		.argv = t->argv,
		.pids = t->pids,
		.n_pids = t->n_pids,
		.duration_ns = t->duration_ns,
		.wait_all = t->wait_all,
		.quiet = o->quiet,
		.stacks = !o->no_stacks,
		.kernel_stacks = o->kernel_stacks,
		.wakers = o->wakers,
		.sample_hz = (uint32_t)o->frequency,
		.workload = &r->workload,
		.parser = &r->parser,
		.reader = &r->invoking,
		.origin = &r->origin,
		.recording_path = r->options->recording,
		.started = on_started,
		.ctx = r,
	};

	request.recording_fd = fcntl(r->scratch >= 0 ? r->scratch : r->outputs[RECORDING].fd, F_DUPFD_CLOEXEC, 3);
	if (request.recording_fd < 0)
		return fail(-errno, "recording %s: %s", o->recording, strerror(errno));
	return session_run(&request, result);
}

/* What is shown of a recording that was made; 0 or 1 if something of it failed, which is said. */
static int show_and_deliver(struct record *r)
{
	int err = show(r);

	if (!err)
		err = deliver(r);
	if (err)
		talk("%s", fail_message());
	return err != 0;
}

static void release_record(struct record *r, bool started)
{
	for (int i = 0; i < N_OUTPUTS; i++) {
		if (r->wanted[i] && !started)
			output_discard(&r->outputs[i]);
		output_release(&r->outputs[i]);
	}
	if (r->scratch >= 0)
		close(r->scratch);
	identity_release(&r->workload);
	identity_release(&r->invoking);
	identity_release(&r->parser);
}

int record_and_show(const struct record_options *o, const struct record_target *t)
{
	struct session_result result = {.status = STATUS_FAILED};
	struct record r = {.options = o, .scratch = -1};
	int err, status;

	for (int i = 0; i < N_OUTPUTS; i++)
		r.outputs[i].fd = -1;
	err = origin_save(&r.origin);
	signal(SIGXFSZ, SIG_IGN); /* ulimit -f: a write says EFBIG. The command gets what was before */
	if (!err)
		err = identities(&r, t);
	if (!err)
		err = open_outputs(&r);
	if (!err)
		err = session(&r, t, &result);
	if (err)
		talk("%s", fail_message());
	status = result.status;
	if (!t->argv && status == STATUS_FAILED) /* attach has no command whose status it could be */
		status = 1;
	if (result.started && (show_and_deliver(&r) || err))
		status = t->argv ? STATUS_FAILED : 1;
	release_record(&r, result.started);
	return status;
}
