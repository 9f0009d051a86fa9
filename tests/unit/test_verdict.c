/* SPDX-License-Identifier: BSD-2-Clause */
/* What bounds small programs, and what is advised. */
#include "analysis/report.h"
#include "check.h"
#include "lives.h"

static struct trace *trace;
static struct report *report;
static const char *numbers = ""; /* what the next verdict's numbers must have */

static void start(struct build *b)
{
	build_init(b, 0, 1000 * MS);
	life_names(b);
}

static const char *never = "\n";  /* what the next advice must not have */

static void judge(struct build *b, enum bound_kind bound, const char *advice)
{
	const struct report_choice choice = {0};

	build_must(report_build(&report, trace, &choice));
	fprintf(stderr, "# %s: %s\n#   %s\n", bound_title(report->verdict.bound), report->verdict.numbers,
		report->verdict.advice);
	CHECK_EQ(report->verdict.bound, bound);
	CHECK(report->verdict.numbers[0] != '\0');
	CHECK(strstr(report->verdict.numbers, numbers) != NULL);
	numbers = "";
	CHECK(strstr(report->verdict.advice, advice) != NULL);
	CHECK(strstr(report->verdict.advice, never) == NULL);
	never = "\n";
	report_free(report);
	trace_free(trace);
	build_release(b);
}

static void load(struct build *b, enum bound_kind bound, const char *advice)
{
	build_must(build_load(b, &trace));
	judge(b, bound, advice);
}

static void thread(struct build *b, struct life *l, uint32_t i)
{
	life_begin(l, b, i, 1, 99 + i, 100, 0, "t");
}

/* n threads spin for 1 s; each gets run_ms of every 10 ms. */
static void spinners(uint32_t n, uint64_t run_ms, enum bound_kind bound, const char *advice)
{
	struct build b;
	struct life l;
	uint32_t i, k;

	start(&b);
	for (i = 1; i <= n; i++) {
		thread(&b, &l, i);
		for (k = 0; k < 100; k++) {
			/* In turn, so that as many run at a time as there are shares of 10 ms. */
			uint64_t before = (i - 1) * run_ms % 10;

			if (before + run_ms > 10)
				before = 10 - run_ms;
			if (before)
				life_preempted(&l, before * MS);
			life_run(&l, run_ms * MS);
			if (10 - before - run_ms)
				life_preempted(&l, (10 - before - run_ms) * MS);
		}
		life_end(&l, 0);
	}
	load(&b, bound, advice);
}

static void waits(uint32_t n, enum wait_kind kind, uint64_t run_ms, uint64_t wait_ms, enum bound_kind bound,
		  const char *advice)
{
	struct build b;
	struct life l;
	uint32_t i, k;

	start(&b);
	for (i = 1; i <= n; i++) {
		thread(&b, &l, i);
		for (k = 0; k < 20; k++) {
			life_run(&l, run_ms * MS);
			life_wait(&l, kind, wait_ms * MS, 0, SYS_READ, 0);
		}
		life_end(&l, 0);
	}
	load(&b, bound, advice);
}

/* Two threads and one lock: 5 ms each in turn. */
static void handed_around(enum wait_kind kind, const char *advice)
{
	struct build b;
	struct life l;
	uint32_t i, k;

	start(&b);
	for (i = 1; i <= 2; i++) {
		thread(&b, &l, i);
		if (i == 2)
			life_wait(&l, kind, 5 * MS, 0, SYS_FUTEX, 0);
		for (k = 0; k < 50; k++) {
			life_run(&l, 5 * MS);
			life_wait(&l, kind, 5 * MS, 0, SYS_FUTEX, 0);
		}
		life_end(&l, 0);
	}
	load(&b, BOUND_CPU, advice);
}

/* `n` threads, of each 10 ms half are a wait for a lock, and 3 are others' on that CPU. */
static void handed_around_slowly(uint32_t n, const char *advice)
{
	struct build b;
	struct life l;
	uint32_t i, k;

	start(&b);
	for (i = 1; i <= n; i++) {
		thread(&b, &l, i);
		if (i % 2 == 0)
			life_wait(&l, WAIT_MUTEX, 5 * MS, 0, SYS_FUTEX, 0);
		for (k = 0; k < 50; k++) {
			life_run(&l, 1 * MS);
			life_preempted(&l, 3 * MS);
			life_run(&l, 1 * MS);
			life_wait(&l, WAIT_MUTEX, 5 * MS, 0, SYS_FUTEX, 0);
		}
		life_end(&l, 0);
	}
	load(&b, BOUND_READY, advice);
}

/* Two workers of a pool, each at work while the other has nothing to do: 100 ms, three times. No lock goes around. */
static void pool_in_turn(void)
{
	struct build b;
	struct life l;
	uint32_t i, k;

	start(&b);
	for (i = 1; i <= 2; i++) {
		thread(&b, &l, i);
		if (i == 2)
			life_wait(&l, WAIT_CONDITION, 100 * MS, 0, SYS_FUTEX, 0);
		for (k = 0; k < 3; k++) {
			life_run(&l, 100 * MS);
			life_wait(&l, WAIT_CONDITION, 100 * MS, 0, SYS_FUTEX, 0);
		}
		life_end(&l, 0);
	}
	load(&b, BOUND_CPU, "one thread at a time computes");
}

/* One thread computes, 14 wait for work. */
static void idle_pool(void)
{
	struct build b;
	struct life l;
	uint32_t i;

	start(&b);
	for (i = 1; i <= 15; i++) {
		thread(&b, &l, i);
		if (i == 1) {
			life_run(&l, 500 * MS);
			life_end(&l, 0);
		} else {
			life_wait_on(&l, WAIT_CONDITION, 500 * MS, SYS_FUTEX);
		}
	}
	load(&b, BOUND_CPU, "one thread at a time computes");
}

/* Waits for a lock while its holder sleeps; the lock is what the instant counts as. */
static void lock_holder_sleeps(void)
{
	struct build b;
	struct life l;
	uint32_t i;

	start(&b);
	for (i = 1; i <= 4; i++) {
		thread(&b, &l, i);
		if (i > 1)
			life_wait(&l, WAIT_MUTEX, (i - 1) * 100 * MS, 0, SYS_FUTEX, 0);
		life_wait(&l, WAIT_SLEEP, 100 * MS, 0, SYS_SLEEP, 0);
		life_end(&l, 0);
	}
	load(&b, BOUND_LOCK, "who holds it waits as well");
}

static void event_loop(void)
{
	struct build b;
	struct life l;
	int k;

	start(&b);
	thread(&b, &l, 1);
	for (k = 0; k < 50; k++) {
		life_run(&l, 1 * MS);
		life_wait(&l, WAIT_POLL, 9 * MS, 0, SYS_EPOLL, 0);
	}
	life_polls(&l, 8, 0);
	life_end(&l, 0);
	load(&b, BOUND_IO, "event loop");
}

/* The same loop, but all it waits for is its next timer. */
static void timer_loop(void)
{
	struct build b;
	struct life l;
	int k;

	start(&b);
	thread(&b, &l, 1);
	for (k = 0; k < 50; k++) {
		life_run(&l, 1 * MS);
		life_wait(&l, WAIT_POLL, 9 * MS, 0, SYS_EPOLL, WIRE_CYCLE_TIMED_OUT);
	}
	life_polls(&l, 8, 50);
	life_end(&l, 0);
	load(&b, BOUND_SLEEP, "sleeps of its own will, or nobody wants anything of it");
}

/* A client, and the server that it waits for: the server's poll is no second wait at a time. */
static void client_and_server(void)
{
	struct build b;
	struct life l;
	int k;

	start(&b);
	life_begin(&l, &b, 1, 1, 100, 100, 0, "client");
	for (k = 0; k < 30; k++) {
		life_run(&l, 1 * MS);
		life_wait(&l, WAIT_NETWORK, 19 * MS, 0, SYS_RECV, 0);
	}
	life_end(&l, 0);
	life_begin_of(&l, &b, 2, 2, 101, 101, 100, 0, "server", 0);
	for (k = 0; k < 30; k++) {
		life_wait(&l, WAIT_POLL, 19 * MS, 0, SYS_EPOLL, 0);
		life_run(&l, 1 * MS);
	}
	life_polls(&l, 4, 0);
	life_end(&l, 0);
	load(&b, BOUND_IO, "one thing at a time is waited for");
}

/* A helper thread polls all the time beside the one that reads: the wall clock waits for the disk. */
static void helper_polls(void)
{
	struct build b;
	struct life l;
	uint32_t k;

	start(&b);
	thread(&b, &l, 1);
	for (k = 0; k < 50; k++) {
		life_run(&l, 5 * MS);
		life_wait(&l, WAIT_DISK, 15 * MS, 0, SYS_READ, 0);
	}
	life_end(&l, 0);
	thread(&b, &l, 2);
	life_wait(&l, WAIT_POLL, 999 * MS, 0, SYS_EPOLL, 0);
	life_run(&l, 1 * MS);
	life_end(&l, 0);
	numbers = "mostly disk, for 74";
	load(&b, BOUND_IO, "one thing at a time is waited for");
}

/* It computed for `ms`, then the recorder lived on until 1000 ms and was killed. */
static void killed(uint64_t ms, enum bound_kind bound, const char *advice)
{
	struct build b;
	struct life l;

	start(&b);
	bytes_clear(&b.meta);
	build_meta_u64(&b, "alive", 1000 * MS);
	build_meta(&b, "cpus", "2");
	thread(&b, &l, 1);
	life_run(&l, ms * MS);
	life_cycle(&l, (struct wire_cycle){.flags = WIRE_CYCLE_OPEN, .syscall = WIRE_NO_SYSCALL});
	build_write(&b, false);
	build_must(trace_load(&trace, b.path));
	judge(&b, bound, advice);
}

int main(void)
{
	spinners(1, 10, BOUND_CPU, "one thread at a time computes (1.00 of 2 CPUs)");
	spinners(2, 10, BOUND_CPU, "all 2 CPUs are in use");
	/* Two CPUs, four threads, each half of the time on one: nobody else is there. */
	spinners(4, 5, BOUND_CPU, "all 2 CPUs are in use");
	/* One thread against another program: 4 ms of every 10. */
	spinners(1, 4, BOUND_READY, "keep the CPUs from it");
	/* Two threads, and another program has a quarter of the two CPUs. */
	spinners(2, 7, BOUND_CPU, "has work for all 2 CPUs, and other programs took a part");
	/* Three threads kept on one CPU of two. */
	spinners(3, 3, BOUND_READY, "keep the CPUs from it");
	waits(1, WAIT_NETWORK, 1, 9, BOUND_IO, "one thing at a time is waited for");
	waits(8, WAIT_NETWORK, 1, 9, BOUND_IO, "7.2 waits overlap on average already");
	waits(8, WAIT_DISK, 1, 9, BOUND_IO, "for as long as the disk");
	waits(1, WAIT_SLEEP, 0, 10, BOUND_SLEEP, "sleeps of its own will: threads");
	waits(1, WAIT_CHILD, 1, 9, BOUND_MIXED, "has to be traced as well");
	waits(1, WAIT_FAULT, 1, 9, BOUND_MIXED, "waits for memory");
	waits(1, WAIT_DISK, 10, 10, BOUND_MIXED, "would hide the smaller part, 50 %");
	waits(1, WAIT_DISK, 9, 10, BOUND_MIXED, "would hide the smaller part, 47 %");
	waits(1, WAIT_DISK, 10, 6, BOUND_CPU, "async could hide no more than the waits");
	waits(1, WAIT_DISK, 6, 10, BOUND_IO, "one thing at a time");
	handed_around(WAIT_MUTEX, "take turns: 50 % of their time they wait for a lock");
	handed_around(WAIT_CONDITION, "take turns: 50 % of their time they wait for a condition");
	handed_around_slowly(2, "more CPU will; but hardly more than one whole CPU: its threads take turns, 50 % of");
	never = "take turns"; /* five of them: it may be for want of a CPU that one runs at a time */
	handed_around_slowly(5, "more CPU will");
	pool_in_turn();
	idle_pool();
	helper_polls();
	lock_holder_sleeps();
	event_loop();
	timer_loop();
	client_and_server();
	killed(700, BOUND_CPU, "one thread at a time computes");
	numbers = "of 99.9 % of the wall clock nothing is known";
	killed(1, BOUND_MIXED, "see what was lost");
	return check_done();
}
