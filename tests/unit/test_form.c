/* SPDX-License-Identifier: BSD-2-Clause */
/* The form of concurrency of small programs. */
#include "analysis/report.h"
#include "check.h"
#include "lives.h"

static struct trace *trace;
static struct report *report;

static void load(struct build *b)
{
	const struct report_choice choice = {0};

	build_must(build_load(b, &trace));
	build_must(report_build(&report, trace, &choice));
	fprintf(stderr, "# %s: %s\n", form_name(report->form.kind), report->form.evidence);
	CHECK(report->form.evidence[0] != '\0');
	CHECK_EQ(report->form.sequential, report->form.kind == FORM_SEQUENTIAL);
}

static void unload(struct build *b)
{
	report_free(report);
	trace_free(trace);
	build_release(b);
}

static void start(struct build *b)
{
	build_init(b, 0, 1000 * MS);
	life_names(b);
}

/* A client thread: n requests, each 1 ms of work and 9 ms of waiting. */
static void client(struct life *l, int n)
{
	while (n--) {
		life_run(l, 1 * MS);
		life_wait(l, WAIT_NETWORK, 9 * MS, 0, SYS_RECV, 0);
	}
}

/* An event loop: n events, each 1 ms of work and 9 ms of poll. */
static void loop(struct life *l, int n, uint32_t sources, uint64_t timeouts)
{
	while (n--) {
		life_run(l, 1 * MS);
		life_wait(l, WAIT_POLL, 9 * MS, 0, SYS_EPOLL, 0);
	}
	life_polls(l, sources, timeouts);
}

static void one_thread(void)
{
	struct build b;
	struct life l;

	start(&b);
	life_begin(&l, &b, 1, 1, 100, 100, 0, "one");
	client(&l, 20);
	life_end(&l, 0);
	load(&b);
	CHECK_EQ(report->form.kind, FORM_SEQUENTIAL);
	CHECK_EQ(report->form.threads_working, 1);
	unload(&b);
}

/* sh -c: the shell waits for its child, which does the work. */
static void chain(void)
{
	struct build b;
	struct life l;

	start(&b);
	life_begin(&l, &b, 1, 1, 100, 100, 0, "sh");
	life_run(&l, 5 * MS);
	life_wait(&l, WAIT_CHILD, 200 * MS, 0, SYS_WAIT4, 0);
	life_run(&l, 5 * MS);
	life_wait(&l, WAIT_CHILD, 100 * MS, 0, SYS_WAIT4, 0);
	life_run(&l, 1 * MS);
	life_end(&l, 0);
	life_begin_of(&l, &b, 2, 2, 101, 101, 100, 4 * MS, "cmd", 0);
	life_run(&l, 200 * MS);
	life_end(&l, 0);
	life_begin_of(&l, &b, 3, 3, 102, 102, 100, 209 * MS, "cmd", 0);
	life_run(&l, 100 * MS);
	life_end(&l, 0);
	load(&b);
	CHECK_EQ(report->form.kind, FORM_SEQUENTIAL);
	CHECK_EQ(report->form.processes_working, 3);
	unload(&b);
}

static void reads_its_child(void)
{
	struct build b;
	struct life l;

	start(&b);
	life_begin(&l, &b, 1, 1, 100, 100, 0, "python3");
	life_run(&l, 20 * MS);
	life_wait(&l, WAIT_LOCAL, 200 * MS, 0, SYS_READ, 0);
	life_run(&l, 20 * MS);
	life_end(&l, 0);
	life_begin_of(&l, &b, 2, 2, 101, 101, 100, 20 * MS, "ls", 0);
	life_run(&l, 200 * MS);
	life_end(&l, 0);
	load(&b);
	CHECK_EQ(report->form.kind, FORM_SEQUENTIAL);
	unload(&b);
}

static void processes(void)
{
	struct build b;
	struct life l;
	uint32_t i;

	start(&b);
	life_begin(&l, &b, 1, 1, 100, 100, 0, "make");
	life_run(&l, 5 * MS);
	life_wait(&l, WAIT_CHILD, 300 * MS, 0, SYS_WAIT4, 0);
	life_end(&l, 0);
	for (i = 2; i < 4; i++) {
		life_begin_of(&l, &b, i, i, 99 + i, 99 + i, 100, 4 * MS, "cc1", 0);
		life_run(&l, 280 * MS);
		life_end(&l, 0);
	}
	load(&b);
	CHECK_EQ(report->form.kind, FORM_MULTIPROCESS);
	CHECK_EQ(report->form.processes_working, 2); /* make itself ran less than 1 % */
	CHECK(report->form.processes_overlap_ns >= 280 * MS);
	unload(&b);
}

/* main starts n workers and waits for them; `working` is how many of all did work. */
static void threads(uint32_t n, uint32_t idle, uint64_t main_ns, uint32_t working)
{
	struct build b;
	struct life l;
	uint32_t i;

	start(&b);
	life_begin(&l, &b, 1, 1, 100, 100, 0, "main");
	life_run(&l, main_ns);
	life_wait(&l, WAIT_JOIN, 250 * MS, 0, SYS_FUTEX, 0);
	life_end(&l, 0);
	for (i = 2; i < 2 + n; i++) {
		life_begin(&l, &b, i, 1, 99 + i, 100, 1 * MS, "worker");
		client(&l, 20);
		life_end(&l, 0);
	}
	for (; i < 2 + n + idle; i++) {
		life_begin(&l, &b, i, 1, 99 + i, 100, 1 * MS, "idle");
		life_run(&l, 30 * US);
		life_wait_on(&l, WAIT_CONDITION, 250 * MS, SYS_FUTEX);
	}
	load(&b);
	CHECK_EQ(report->form.kind, working > 1 ? FORM_THREADED : FORM_SEQUENTIAL);
	CHECK_EQ(report->form.threads_working, working);
	unload(&b);
}

/* An event loop with helpers that never had anything to do. */
static void event_loop(uint32_t sources, uint64_t timeouts, enum form_kind form)
{
	struct build b;
	struct life l;
	uint32_t i;

	start(&b);
	life_begin(&l, &b, 1, 1, 100, 100, 0, "node");
	loop(&l, 30, sources, timeouts);
	life_end(&l, 0);
	for (i = 2; i < 6; i++) {
		life_begin(&l, &b, i, 1, 99 + i, 100, 1 * MS, "node");
		life_run(&l, 400 * US);
		life_wait_on(&l, WAIT_CONDITION, 300 * MS, SYS_FUTEX);
	}
	load(&b);
	CHECK_EQ(report->form.kind, form);
	unload(&b);
}

static void loop_and_pool(void)
{
	struct build b;
	struct life l;

	start(&b);
	life_begin(&l, &b, 1, 1, 100, 100, 0, "node");
	loop(&l, 30, 4, 0);
	life_end(&l, 0);
	life_begin(&l, &b, 2, 1, 101, 100, 1 * MS, "pool");
	client(&l, 30);
	life_end(&l, 0);
	load(&b);
	CHECK_EQ(report->form.kind, FORM_MIXED);
	CHECK(report->form.threaded && report->form.async && !report->form.multiprocess);
	unload(&b);
}

/* A program and the server that it talks to, one waiting for the other: the form is that of the program. */
static void with_server(bool threaded)
{
	struct build b;
	struct life l;
	uint32_t i;

	start(&b);
	life_begin(&l, &b, 1, 1, 100, 100, 0, "client");
	client(&l, 30);
	life_end(&l, 0);
	life_begin_of(&l, &b, 2, 2, 101, 101, 100, 500 * US, "server", 0);
	loop(&l, 30, 4, 0);
	life_end(&l, 0);
	for (i = 3; i < 6 && threaded; i++) {
		life_begin(&l, &b, i, 1, 99 + i, 100, 1 * MS, "client");
		client(&l, 29);
		life_end(&l, 0);
	}
	load(&b);
	CHECK_EQ(report->form.kind, threaded ? FORM_THREADED : FORM_SEQUENTIAL);
	CHECK_EQ(report->form.async_threads, 1);
	unload(&b);
}

/* A pool of processes: its manager has threads that read what the workers write. */
static void pool_of_processes(void)
{
	struct build b;
	struct life l;
	uint32_t i;
	int k;

	start(&b);
	life_begin(&l, &b, 1, 1, 100, 100, 0, "python3");
	life_run(&l, 150 * MS);
	life_wait(&l, WAIT_CONDITION, 270 * MS, 0, SYS_FUTEX, 0);
	life_end(&l, 0);
	for (i = 2; i < 5; i++) {
		life_begin(&l, &b, i, 1, 99 + i, 100, 20 * MS, "python3");
		for (k = 0; k < 10; k++) {
			life_run(&l, 300 * US);
			life_wait(&l, WAIT_LOCAL, 38 * MS, 0, SYS_READ, 0);
		}
		life_end(&l, 0);
	}
	for (; i < 7; i++) {
		life_begin_of(&l, &b, i, i, 99 + i, 99 + i, 100, 20 * MS, "python3", 0);
		life_run(&l, 390 * MS);
		life_end(&l, 0);
	}
	load(&b);
	CHECK_EQ(report->form.kind, FORM_MULTIPROCESS);
	unload(&b);
}

static void master_and_loops(void)
{
	struct build b;
	struct life l;
	uint32_t i;

	start(&b);
	life_begin(&l, &b, 1, 1, 100, 100, 0, "nginx");
	life_run(&l, 1 * MS);
	life_wait_on(&l, WAIT_SIGNAL, 350 * MS, 130);
	for (i = 2; i < 4; i++) {
		life_begin_of(&l, &b, i, i, 99 + i, 99 + i, 100, 1 * MS, "nginx", 0);
		loop(&l, 30, 12, 0);
		life_end(&l, 0);
	}
	load(&b);
	CHECK_EQ(report->form.kind, FORM_MIXED);
	CHECK(report->form.multiprocess && report->form.async && !report->form.threaded);
	unload(&b);
}

int main(void)
{
	one_thread();
	chain();
	reads_its_child();
	processes();
	threads(1, 0, 50 * US, 1);
	threads(1, 5, 50 * US, 1);
	threads(1, 0, 1 * MS, 2);
	threads(8, 14, 50 * US, 8);
	event_loop(2, 0, FORM_ASYNC);
	event_loop(1, 0, FORM_SEQUENTIAL);
	event_loop(1, 5, FORM_ASYNC);
	loop_and_pool();
	with_server(false);
	with_server(true);
	pool_of_processes();
	master_and_loops();
	return check_done();
}
