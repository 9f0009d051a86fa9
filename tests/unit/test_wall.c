/* SPDX-License-Identifier: BSD-2-Clause */
/* The wall clock and concurrency, against lives whose every instant is known. */

#include "analysis/report.h"
#include "analysis/steps.h"
#include "check.h"
#include "lives.h"

static struct trace *trace;
static struct report *report;

static void load(struct build *b)
{
	const struct report_choice choice = {0};
	uint64_t sum = 0, histogram = 0, bands = 0;
	uint32_t i;

	build_must(build_load(b, &trace));
	build_must(report_build(&report, trace, &choice));
	for (i = 0; i < N_WALL_CLASSES; i++)
		sum += report->wall[i];
	CHECK_EQ(sum, report->wall_ns);
	for (i = 0; i < report->concurrency.n_histogram; i++)
		histogram += report->concurrency.histogram_ns[i];
	CHECK_EQ(histogram, report->wall_ns);
	for (i = 0; i < report->concurrency.n_bands; i++)
		bands += report->concurrency.bands[i].ns;
	CHECK_EQ(bands, report->wall_ns);
}

static void unload(struct build *b)
{
	report_free(report);
	trace_free(trace);
	build_release(b);
}

/*
 *	     0	  10   20   30	 40   50   60	70
 *	1:   run  |disk     |rdy |run  |sleep	 |run
 *	2:	  new.|run  |lock     |run |mutex|
 */
static void two_threads(void)
{
	struct build b;
	struct life l;

	build_init(&b, 1000, 1000 + 80 * MS);
	life_names(&b);
	life_begin(&l, &b, 1, 1, 100, 100, 1000, "main");
	life_run(&l, 10 * MS);					 /* 0 - 10 */
	life_wait(&l, WAIT_DISK, 20 * MS, 10 * MS, SYS_READ, 0); /* 10 - 30, ready - 40 */
	life_run(&l, 10 * MS);					 /* - 50 */
	life_wait(&l, WAIT_SLEEP, 15 * MS, 0, SYS_SLEEP, 0);	 /* - 65 */
	life_run(&l, 5 * MS);					 /* - 70 */
	life_end(&l, 0);
	life_begin(&l, &b, 2, 1, 101, 100, 1000 + 10 * MS, "worker");
	life_preempted(&l, 3 * MS);			     /* 10 - 13 ready */
	life_run(&l, 7 * MS);				     /* - 20 */
	life_wait(&l, WAIT_MUTEX, 15 * MS, 0, SYS_FUTEX, 0); /* - 35 */
	life_run(&l, 10 * MS);				     /* - 45 */
	life_wait(&l, WAIT_MUTEX, 15 * MS, 0, SYS_FUTEX, 0); /* - 60 */
	life_end(&l, 0);
	load(&b);
	CHECK_EQ(report->wall_ns, 70 * MS);
	CHECK_EQ(report->start, 1000);
	/* 0-10, 13-20, 35-50, 65-70 */
	CHECK_EQ(report->wall[WALL_RUNNING], 37 * MS);
	/* 10-13, 30-35 */
	CHECK_EQ(report->wall[WALL_READY], 8 * MS);
	/* 20-30 */
	CHECK_EQ(report->wall[WALL_IO], 10 * MS);
	/* 50-60: the lock before the sleep */
	CHECK_EQ(report->wall[WALL_LOCK], 10 * MS);
	CHECK_EQ(report->wall[WALL_SLEEP], 5 * MS);
	CHECK_EQ(report->wall[WALL_OTHER], 0);
	CHECK_EQ(report->wall_no_detail_ns, 0);
	/* With two CPUs: 10-13, 30-35, and 35-40 beside the other. */
	CHECK_EQ(report->concurrency.starved_ns, 13 * MS);
	/* both ran at 40-45 */
	CHECK_EQ(report->concurrency.n_histogram, 3);
	CHECK_EQ(report->concurrency.histogram_ns[2], 5 * MS);
	CHECK_EQ(report->concurrency.histogram_ns[1], 32 * MS);
	CHECK_EQ((long)(report->concurrency.running_avg * 1000), 42 * 1000 / 70);
	CHECK_EQ((long)(report->concurrency.io_avg * 1000), 20 * 1000 / 70);
	unload(&b);
}

static void order_of_waits(void)
{
	static const struct {
		enum wait_kind kind;
		uint16_t flags;
		enum wall_class class;
	} order[] = {
		{WAIT_LOCAL, 0, WALL_IO},	{WAIT_FAULT, 0, WALL_MEMORY},
		{WAIT_FILE_LOCK, 0, WALL_LOCK}, {WAIT_POLL, WIRE_CYCLE_TIMED_OUT, WALL_SLEEP},
		{WAIT_POLL, 0, WALL_POLL},	{WAIT_CHILD, 0, WALL_SYNC},
		{WAIT_SIGNAL, 0, WALL_OTHER},
	};
	const uint64_t n = sizeof(order) / sizeof(order[0]);
	struct build b;
	struct life l;
	uint64_t i;

	/* Thread i waits for (n - i) ms... the one that is first in the order ends first. */
	build_init(&b, 0, 100 * MS);
	life_names(&b);
	for (i = 0; i < n; i++) {
		life_begin(&l, &b, (uint32_t)i + 1, 1, 100 + (uint32_t)i, 100, 1, "t");
		life_wait(&l, order[i].kind, (i + 1) * MS, 0, SYS_READ, order[i].flags);
		life_end(&l, 0);
	}
	load(&b);
	CHECK_EQ(report->wall_ns, n * MS);
	for (i = 0; i < n; i++)
		CHECK_EQ(report->wall[order[i].class], MS);
	/* 1 ms of local and 5 ms of poll that waited for descriptors, of 7 ms */
	CHECK_EQ((long)(report->concurrency.io_avg * 7000 + 0.5), 6000);
	CHECK_EQ(wall_class_of(WAIT_POLL, WIRE_CYCLE_TIMER_ONLY), WALL_SLEEP);
	CHECK_EQ(wall_class_of(WAIT_POLL, WIRE_CYCLE_REQUESTS), WALL_IO);
	CHECK_EQ(wall_class_of(WAIT_POLL, WIRE_CYCLE_REQUESTS | WIRE_CYCLE_TIMED_OUT), WALL_SLEEP);
	unload(&b);
}

static void lost_intervals(void)
{
	const struct wire_cycle lost = {.ts = 30 * MS,
					.run_ns = 5 * MS,
					.wait_ns = 15 * MS,
					.kind = WAIT_NETWORK,
					.blocked = 1,
					.ready = READY_WOKEN,
					.syscall = SYS_RECV};
	struct build b;
	struct life l;

	build_init(&b, 0, 40 * MS);
	life_names(&b);
	build_loss(&b, LOSS_CYCLES, 1);
	life_begin(&l, &b, 1, 1, 100, 100, 0, "main");
	life_run(&l, 8 * MS);
	life_wait(&l, WAIT_DISK, 2 * MS, 0, SYS_READ, 0);
	build_lost_cycle(&b, 1, &lost); /* 10 - 30 */
	l.now = 30 * MS;
	life_run(&l, 10 * MS);
	life_end(&l, 0);
	load(&b);
	CHECK_EQ(report->wall_ns, 40 * MS);
	CHECK_EQ(report->wall_no_detail_ns, 20 * MS);
	CHECK_EQ(report->wall[WALL_OTHER], 20 * MS);
	CHECK_EQ(report->wall[WALL_RUNNING], 18 * MS);
	/* The totals know better, and say so. */
	CHECK_EQ(report->totals.running_ns, 23 * MS);
	CHECK_EQ((long)(report->coverage * 1000), 500);
	unload(&b);
}

static void gaps_between_lives(void)
{
	struct build b;
	struct life l;

	build_init(&b, 0, 50 * MS);
	life_begin(&l, &b, 1, 1, 100, 100, 5 * MS, "first");
	life_run(&l, 10 * MS);
	life_end(&l, 0);
	life_begin(&l, &b, 2, 2, 200, 200, 20 * MS, "second");
	life_run(&l, 10 * MS);
	life_end(&l, 0);
	load(&b);
	CHECK_EQ(report->start, 5 * MS);
	CHECK_EQ(report->wall_ns, 25 * MS);
	CHECK_EQ(report->wall[WALL_RUNNING], 20 * MS);
	CHECK_EQ(report->wall_no_detail_ns, 5 * MS);
	unload(&b);
}

/* Many threads on a CPU: rows are put together, the histogram is not. */
static void many_running(void)
{
	struct build b;
	struct life l;
	uint32_t i;

	build_init(&b, 0, 100 * MS);
	for (i = 1; i <= 40; i++) {
		life_begin(&l, &b, i, 1, 100 + i, 101, 0, "t");
		life_run(&l, i * MS);
		life_end(&l, 0);
	}
	load(&b);
	CHECK_EQ(report->concurrency.n_histogram, 41);
	for (i = 1; i <= 40; i++)
		CHECK_EQ(report->concurrency.histogram_ns[i], MS);
	CHECK_EQ(report->concurrency.n_bands, 8); /* 0, 1, 2, 3-4, 5-8, 9-16, 17-32, 33-64 */
	CHECK_EQ(report->concurrency.bands[3].from, 3);
	CHECK_EQ(report->concurrency.bands[3].to, 4);
	CHECK_EQ(report->concurrency.bands[3].ns, 2 * MS);
	CHECK_EQ(report->concurrency.bands[7].ns, 8 * MS);
	unload(&b);
}

static void no_threads(void)
{
	struct trace t = {.meta = {.start = 5, .end = 25, .cpus = 1}};
	const struct report_choice choice = {0};

	build_must(report_build(&report, &t, &choice));
	CHECK_EQ(report->wall_ns, 20);
	CHECK_EQ(report->wall[WALL_OTHER], 20);
	CHECK_EQ(report->verdict.bound, BOUND_MIXED);
	CHECK_EQ(report->form.kind, FORM_SEQUENTIAL);
	report_free(report);
}

int main(void)
{
	two_threads();
	order_of_waits();
	lost_intervals();
	gaps_between_lives();
	many_running();
	no_threads();
	return check_done();
}
