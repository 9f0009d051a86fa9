/* SPDX-License-Identifier: BSD-2-Clause */
/* Comes in: what to run or to follow. Goes out: a complete recording. */
#include "capture/session.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/fail.h"
#include "capture/command_path.h"
#include "capture/facts.h"
#include "capture/launch.h"
#include "capture/live.h"
#include "capture/mappings.h"
#include "capture/preflight.h"
#include "capture/probes.h"
#include "capture/signals.h"
#include "capture/stream.h"
#include "capture/symbols_write.h"

#define PASS_MS	       100u     /* the rings are looked at that often, wanted or not */
#define BUSY_CYCLES    8000u   /* in one pass: compressing would be what makes rings overflow */
#define CLOCK_EVERY_NS 1000000000u /* the probes' clock is set, and what has gathered is written */
#define LAST_SWITCH_NS 500000000u  /* that long the last switch of a command that has ended is waited for */
#define RECORDER_NICE  (-10)
#define SYMBOL_FILES   65536u   /* descriptors, where that is allowed */

struct session {
	const struct session_request *request;
	struct session_result *result;
	struct system_facts facts;
	struct launch *launch;
	struct probes *probes;
	struct mappings *mappings;
	struct symbolizer *symbolizer;
	struct table_builder *builder;
	struct recording_writer *writer;
	struct stream *stream;
	struct signals *signals;
	struct live live;
	struct session_facts told; /* what SECTION_META says */
	int epoll, *pidfds;
	int wait_status;
	bool command_ended;
	uint64_t begin_ns, clock_ns, end_at_ns, ended_ns;
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t own_cpu_ns(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return ((uint64_t)u.ru_utime.tv_sec + (uint64_t)u.ru_stime.tv_sec) * 1000000000u +
	       ((uint64_t)u.ru_utime.tv_usec + (uint64_t)u.ru_stime.tv_usec) * 1000u;
}

static int watch(struct session *s, int fd)
{
	struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

	if (epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &event))
		return fail(-errno, "watching a descriptor: %s", strerror(errno));
	return 0;
}

/*
 * The command's table is made while the probes are loaded. What it will exec may be another file (its own PATH, a script): then that one's
 * table is made when it is mapped, as all others are. A descriptor, or -1.
 */
static int ask_for_command(struct session *s, struct command_path *where)
{
	int fd;

	command_path_init(where, s->request->argv[0], getenv("PATH"));
	if (command_path_next(where))
		return -1;
	fd = open(where->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd >= 0 && table_builder_ask(s->builder, fd, NULL, 0)) {
		close(fd);
		fd = -1;
	}
	return fd;
}

/* User stacks: what is mapped where, and how to unwind it. */
static int set_up_stacks(struct session *s, const struct command_path *command, int command_fd)
{
	int err = mappings_new(&s->mappings);

	if (!err)
		err = mappings_unwind(s->mappings, probes_unwind_arrays(s->probes), s->builder, s->request->reader);
	if (!err)
		err = watch(s, table_builder_fd(s->builder));
	if (!err && command_fd >= 0)
		mappings_expect(s->mappings, command->path, command_fd);
	return err;
}

/*
 * On a machine that is busy the rings must be emptied all the same; the command was forked before. Not while the probes are loaded, which would keep a
 * CPU from those that are attached to. Without the right: as it is.
 */
static void hurry(const struct session *s)
{
	(void)setpriority(PRIO_PROCESS, 0, RECORDER_NICE);
	if (s->builder)
		table_builder_set_nice(s->builder, RECORDER_NICE);
}

/* Everything that can go wrong before the command is touched. */
static int set_up_capture(struct session *s)
{
	const struct session_request *r = s->request;
	struct probes_options options = {
		.stacks = r->stacks,
		.kernel_stacks = r->kernel_stacks,
		.wakers = r->wakers,
		.unwind = r->stacks,
		.proof = r->proof != NULL,
		.stack_bits = r->stack_bits,
		.attach = !r->argv,
		.sample_hz = r->sample_hz,
		.facts = &s->facts,
	};
	struct command_path command;
	int command_fd = -1, err;
	const int *fds;
	size_t n;

	origin_raise_limits(r->origin, SYMBOL_FILES);
	if (r->stacks && r->argv)
		command_fd = ask_for_command(s, &command);
	err = probes_load(&s->probes, &options);
	if (!err && r->stacks)
		err = set_up_stacks(s, &command, command_fd);
	if (command_fd >= 0)
		close(command_fd);
	if (err)
		return err;
	s->stream = stream_new(s->writer, s->mappings);
	if (!s->stream)
		return fail(-ENOMEM, "recording: no memory");
	err = watch(s, probes_fd(s->probes));
	fds = s->mappings ? mappings_fds(s->mappings, &n) : NULL;
	for (size_t i = 0; !err && fds && i < n; i++)
		err = watch(s, fds[i]);
	return err;
}

static int follow_command(struct session *s)
{
	pid_t pid = launch_pid(s->launch);
	int err = launch_check_held(s->launch, &s->result->status);

	if (err) /* Ctrl-C while the probes were loaded */
		return err;

	err = probes_seed_command(s->probes, launch_pidfd(s->launch), (uint32_t)pid);
	if (!err && s->mappings)
		err = mappings_follow(s->mappings, (uint32_t)pid);
	if (!err)
		err = watch(s, launch_pidfd(s->launch));
	return err;
}

/* The command runs from here on. */
static int release(struct session *s)
{
	int err;

	hurry(s);
	probes_arm(s->probes);
	s->told.setup_ns = now_ns() - s->begin_ns;
	err = launch_release(s->launch, &s->result->status);
	if (err)
		return err;
	s->result->started = true;
	if (s->request->started)
		s->request->started(s->request->ctx);
	return 0;
}

static int open_pidfds(struct session *s)
{
	const struct session_request *r = s->request;

	s->pidfds = calloc(r->n_pids, sizeof(int));
	if (!s->pidfds)
		return fail(-ENOMEM, "attaching: no memory");
	memset(s->pidfds, 0xff, r->n_pids * sizeof(int));
	for (size_t i = 0; i < r->n_pids; i++) {
		int err;

		s->pidfds[i] = (int)syscall(SYS_pidfd_open, r->pids[i], 0);
		if (s->pidfds[i] < 0 && errno == ESRCH)
			return fail(-ESRCH, "process %d: there is none: -p takes the PIDs of running processes", r->pids[i]);
		if (s->pidfds[i] < 0) /* EINVAL: a thread that is not the first of its process */
			return fail(-errno, "process %d: %s: -p takes the PIDs of processes, not of threads", r->pids[i],
				    strerror(errno));
		err = watch(s, s->pidfds[i]);
		if (err)
			return err;
	}
	return 0;
}

static int take_in_processes(struct session *s)
{
	const struct session_request *r = s->request;
	int err = 0;

	for (size_t i = 0; s->mappings && i < r->n_pids; i++) {
		err = mappings_follow(s->mappings, (uint32_t)r->pids[i]);
		if (err)
			return err;
	}
	hurry(s);
	probes_arm(s->probes);
	err = probes_seed_processes(s->probes, r->pids, r->n_pids, stream_record, s->stream);
	if (err)
		return err;
	if (!probes_live(s->probes))
		return fail(-ESRCH, "attaching: none of the processes has a thread that lives, or they are not of this PID namespace");
	s->told.setup_ns = now_ns() - s->begin_ns;
	s->result->started = true;
	s->result->status = 0;
	if (r->started)
		r->started(r->ctx);
	if (r->duration_ns)
		s->end_at_ns = now_ns() + r->duration_ns;
	return 0;
}

static int take_records(void *ctx, const void *records, size_t len)
{
	const struct wire_head *head = records;
	struct session *s = ctx;

	if (len >= sizeof(struct wire_proof) && head->type == WIRE_PROOF) {
		s->request->proof(s->request->ctx, records);
		return 0;
	}
	return stream_record(s->stream, records, len);
}

/* One pass over everything that brings records. */
static int pass(struct session *s)
{
	uint64_t before = stream_counts(s->stream)->cycles;
	const uint64_t *collided;
	size_t n;
	int err;

	err = probes_drain(s->probes, take_records, s);
	if (!err && s->mappings)
		err = mappings_drain(s->mappings);
	if (err)
		return err;
	err = stream_settle(s->stream, stream_counts(s->stream)->cycles - before > BUSY_CYCLES);
	n = stream_collided(s->stream, &collided);
	if (n)
		probes_set_collided(s->probes, collided, n);
	return err;
}

static int show_live(struct session *s, uint64_t now)
{
	struct wire_cpu_counts sum;
	struct live_numbers numbers = {0};
	int err;

	if (live_timeout_ms(&s->live, now) != 0)
		return 0;
	err = probes_counts(s->probes, &sum);
	if (err)
		return err;
	numbers.threads = probes_live(s->probes) > 0 ? (uint64_t)probes_live(s->probes) : 0;
	numbers.switches = sum.traced;
	for (size_t i = 0; i < N_LOSS_CAUSES; i++)
		numbers.lost += sum.loss[i];
	live_update(&s->live, now, &numbers);
	return 0;
}

/* True when there is nothing more to record. */
static bool over(struct session *s, uint64_t now)
{
	if (s->launch && !s->command_ended && launch_wait(s->launch, &s->wait_status)) {
		s->command_ended = true;
		s->ended_ns = now;
	}
	if (s->end_at_ns && now >= s->end_at_ns)
		return true;
	if (s->launch && s->command_ended && !s->request->wait_all)
		return probes_live_of_command(s->probes) <= 0 || now - s->ended_ns > LAST_SWITCH_NS;
	return probes_live(s->probes) <= 0 && (!s->launch || s->command_ended);
}

/* How long the main loop may sleep. */
static int timeout_ms(const struct session *s, uint64_t now)
{
	uint64_t ms = s->command_ended && !s->request->wait_all ? 1 : PASS_MS;

	if (s->end_at_ns) {
		uint64_t left = s->end_at_ns > now ? (s->end_at_ns - now + 999999) / 1000000 : 0;

		ms = left < ms ? left : ms;
	}
	return (int)ms;
}

static int record(struct session *s)
{
	struct timespec gather = {.tv_nsec = READER_GATHERS_NS};
	struct signals_verdict verdict = {0};
	struct epoll_event events[8];
	uint64_t now = now_ns();
	int err = 0, n;

	while (!err && !verdict.end && !over(s, now)) {
		n = epoll_wait(s->epoll, events, 8, timeout_ms(s, now));
		if (n < 0 && errno != EINTR)
			return fail(-errno, "waiting for events: %s", strerror(errno));
		err = signals_handle(s->signals, s->launch ? launch_pidfd(s->launch) : -1, &verdict);
		if (!err && n > 0 && !over(s, now))
			nanosleep(&gather, NULL);
		if (!err)
			err = pass(s);
		now = now_ns();
		if (now - s->clock_ns > CLOCK_EVERY_NS) {
			probes_set_clock(s->probes);
			s->clock_ns = now;
			if (!err)
				err = stream_flush(s->stream);
			if (!err)
				session_alive_write(now, s->writer);
		}
		if (!err)
			err = show_live(s, now);
	}
	live_erase(&s->live);
	return err;
}

/* The end: closes what lives, empties the rings for the last time. */
static int stop(struct session *s)
{
	const struct stream_counts *counts = stream_counts(s->stream);
	bool all_ended;
	int err;

	err = probes_stop(s->probes, &s->told.end_ns, stream_record, s->stream);
	all_ended = probes_live(s->probes) <= 0;
	if (!err)
		err = pass(s);
	if (!err)
		err = probes_batches(s->probes, stream_record, s->stream);
	if (!err)
		err = probes_orphans(s->probes, stream_record, s->stream);
	if (!err)
		err = stream_finish(s->stream);
	s->told.start_ns = counts->first_ns ? counts->first_ns : s->told.start_ns;
	if (all_ended && counts->last_ns)
		s->told.end_ns = counts->last_ns;
	return err;
}

static int write_loss(struct session *s, const struct wire_cpu_counts *counts, uint64_t symbols_lost)
{
	struct {
		uint32_t cause, zero;
		uint64_t count;
	} loss[N_LOSS_CAUSES];

	for (uint32_t i = 0; i < N_LOSS_CAUSES; i++) {
		loss[i].cause = i;
		loss[i].zero = 0;
		loss[i].count = counts->loss[i];
	}
	loss[LOSS_MAPPINGS].count += s->mappings ? mappings_lost(s->mappings) : 0;
	loss[LOSS_DISK_FULL].count += stream_dropped(s->stream);
	loss[LOSS_SYMBOLS].count += symbols_lost;
	loss[LOSS_THREADS].count += probes_unclosed(s->probes);
	loss[LOSS_COLLISIONS].count += stream_counts(s->stream)->collisions;
	return recording_write(s->writer, SECTION_LOSS, loss, sizeof(loss), true);
}

/* What the probes cost: the timed ones stand for the others of their sort. */
static void tell_cost(struct session *s, const struct wire_cpu_counts *c)
{
	s->told.probe_runs = c->traced;
	s->told.probe_ns = c->samples_timed_ns;
	if (c->timed)
		s->told.probe_ns += (uint64_t)((double)c->timed_ns / (double)c->timed * (double)c->traced);
	if (c->wakes_timed)
		s->told.probe_ns += (uint64_t)((double)c->wakes_timed_ns / (double)c->wakes_timed * (double)c->wakes);
}

/* Names, losses, facts. On a full disk the recording ends with the events, and says so itself. */
static int complete(struct session *s)
{
	struct symbols_result symbols = {0};
	struct wire_cpu_counts counts;
	int err;

	err = probes_counts(s->probes, &counts);
	if (err)
		return err;
	tell_cost(s, &counts);
	s->told.has_exit = s->command_ended;
	s->told.wait_status = s->wait_status;
	/* the symbols first: they tell build ids */
	if (s->mappings)
		err = symbols_write(s->mappings, s->symbolizer, s->request->reader, s->writer, &symbols);
	if (!err && s->mappings)
		err = mappings_write_files(s->mappings, s->writer);
	if (!err)
		err = write_loss(s, &counts, symbols.files_lost);
	if (!err)
		err = session_facts_write(&s->told, s->writer);
	return err;
}

static int prepare(struct session *s)
{
	const struct session_request *r = s->request;
	struct launch_request launch = {.argv = r->argv, .identity = r->workload, .origin = r->origin};
	int err;

	s->told.verb = r->argv ? "run" : "attach";
	s->told.argv = r->argv;
	s->told.pids = r->pids;
	s->told.n_pids = r->n_pids;
	s->told.sample_hz = r->sample_hz;
	s->told.stacks = r->stacks;
	s->told.kernel_stacks = r->kernel_stacks;
	s->told.wakers = r->wakers;
	s->told.facts = &s->facts;
	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (s->epoll < 0)
		return fail(-errno, "epoll: %s", strerror(errno));
	s->writer = recording_writer_new(r->recording_fd, r->recording_path);
	if (!s->writer)
		return -ENOMEM;
	err = signals_open(&s->signals, r->argv ? SIGNALS_RUN : SIGNALS_ATTACH, r->origin);
	if (!err)
		err = watch(s, signals_fd(s->signals));
	if (!err && r->stacks)
		err = symbolizer_start(&s->symbolizer, r->parser->uid, r->parser->gid);
	if (!err && r->stacks)
		err = table_builder_start(&s->builder, r->parser->uid, r->parser->gid);
	if (!err && r->argv)
		err = launch_prepare(&s->launch, &launch, &s->result->status);
	if (!err && !r->argv)
		err = open_pidfds(s);
	return err;
}

static void release_session(struct session *s)
{
	launch_free(s->launch);
	stream_free(s->stream);
	mappings_free(s->mappings); /* it gives back what it has in the probes' arrays */
	probes_free(s->probes);
	symbolizer_stop(s->symbolizer);
	table_builder_stop(s->builder);
	signals_close(s->signals);
	for (size_t i = 0; s->pidfds && i < s->request->n_pids; i++)
		if (s->pidfds[i] >= 0)
			close(s->pidfds[i]);
	free(s->pidfds);
	if (s->epoll >= 0)
		close(s->epoll);
}

/* From the moment the command runs until it has ended: what goes wrong now must not lose what is there. */
static int run_to_end(struct session *s)
{
	uint64_t cpu = own_cpu_ns(), stolen = system_stolen_ns("");
	int err, late;

	s->told.start_ns = s->clock_ns = now_ns();
	s->told.realtime_ns = session_realtime_ns();
	live_init(&s->live, STDERR_FILENO, s->request->quiet, s->told.start_ns);
	err = record(s);
	if (!err && s->launch && !s->command_ended)
		talk("asked to end three times within a second: tracing ends here, the command (process %d) goes on", launch_pid(s->launch));
	late = stop(s);
	s->told.recorder_cpu_ns = own_cpu_ns() - cpu;
	s->told.stolen_ns = system_stolen_ns("") - stolen;
	if (!late)
		late = complete(s);
	if (s->launch && !err && s->command_ended)
		s->result->status = launch_exit_status(s->wait_status);
	return err ? err : late;
}

int session_run(const struct session_request *request, struct session_result *result)
{
	struct session s = {.request = request, .result = result, .epoll = -1, .begin_ns = now_ns()};
	int err, closed;

	*result = (struct session_result){.status = LAUNCH_TOOL_FAILED};
	err = system_read(&s.facts, "");
	if (!err)
		err = preflight_check(&s.facts);
	if (!err)
		err = prepare(&s);
	if (!err)
		err = set_up_capture(&s);
	if (!err)
		err = session_facts_write(&s.told, s.writer); /* what is known already: the recording of a conctrace that is killed says what it was */
	if (!err)
		err = s.launch ? follow_command(&s) : 0;
	if (!err)
		err = probes_attach(s.probes);
	if (!err)
		err = s.launch ? release(&s) : take_in_processes(&s);
	if (!err)
		err = run_to_end(&s);
	if (s.writer) {
		closed = recording_writer_close(s.writer, !err);
		err = err ? err : closed;
	} else if (request->recording_fd >= 0) {
		close(request->recording_fd);
	}
	release_session(&s);
	return err;
}
