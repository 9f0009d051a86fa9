/* SPDX-License-Identifier: BSD-2-Clause */
/* Sums per thread, process and all; the split of running time; transitions; what is listed. */
#include "analysis/report.h"
#include "check.h"
#include "lives.h"

static struct trace *trace;
static struct report *report;

static void load(struct build *b, bool all_threads)
{
	const struct report_choice choice = {.all_threads = all_threads};

	build_must(build_load(b, &trace));
	build_must(report_build(&report, trace, &choice));
}

static void unload(struct build *b)
{
	report_free(report);
	trace_free(trace);
	build_release(b);
}

static void check_law(const struct report_account *a)
{
	uint64_t groups = 0, waits = 0, ready = 0;
	int i;

	for (i = 0; i < N_WAIT_GROUPS; i++)
		groups += a->groups_ns[i];
	for (i = 0; i < N_WAIT_KINDS; i++)
		waits += a->waits[i].ns;
	for (i = 0; i < N_READY_REASONS; i++)
		ready += a->ready_by[i];
	CHECK_EQ(groups, a->waiting_ns);
	CHECK_EQ(waits, a->waiting_ns);
	CHECK_EQ(ready, a->ready_ns);
	CHECK_EQ(a->running_ns + a->ready_ns + a->waiting_ns + a->unknown_ns, a->lifetime_ns);
	CHECK_EQ(a->user_ns + a->kernel_ns + a->unsampled_ns, a->running_ns);
}

static void sums(void)
{
	struct build b;
	struct life l;

	build_init(&b, 1000, 1000 + 100 * MS);
	life_names(&b);
	life_begin(&l, &b, 1, 1, 100, 100, 1000, "main");
	life_run(&l, 3 * MS);
	life_wait(&l, WAIT_DISK, 7 * MS, 1 * MS, SYS_READ, 0);
	life_run(&l, 2 * MS);
	life_wait(&l, WAIT_MUTEX, 5 * MS, 0, SYS_FUTEX, WIRE_CYCLE_TIMED_OUT);
	life_wait(&l, WAIT_MUTEX, 6 * MS, 0, SYS_FUTEX, WIRE_CYCLE_RETRY);
	life_run(&l, 1 * MS);
	life_preempted(&l, 4 * MS);
	life_run(&l, 1 * MS + 1);
	life_end(&l, 3 << 8);
	life_begin(&l, &b, 2, 1, 101, 100, 2000, "worker");
	life_wait(&l, WAIT_DISK, 9 * MS, 0, SYS_READ, 0);
	life_run(&l, 2 * MS);
	life_end(&l, 0);
	life_begin_of(&l, &b, 3, 3, 200, 200, 100, 3000, "child", 0);
	life_run(&l, 10 * MS);
	life_wait_on(&l, WAIT_NETWORK, 1000 + 100 * MS, SYS_RECV);
	load(&b, false);

	CHECK_EQ(report->processes_len, 2);
	CHECK_EQ(report->threads_len, 3);
	CHECK_EQ(report->n_processes, 2);
	CHECK_EQ(report->n_threads, 3);
	check_law(&report->totals);
	check_law(&report->processes[0].account);
	check_law(&report->threads[0].account);
	CHECK_EQ(report->threads[0].account.running_ns, 7 * MS + 1);
	CHECK_EQ(report->threads[0].account.ready_by[READY_WOKEN], 1 * MS);
	CHECK_EQ(report->threads[0].account.ready_by[READY_PREEMPTED], 4 * MS);
	CHECK_EQ(report->threads[0].account.waits[WAIT_MUTEX].ns, 11 * MS);
	CHECK_EQ(report->threads[0].account.waits[WAIT_MUTEX].count, 1);
	CHECK_EQ(report->threads[0].account.waits[WAIT_MUTEX].retries, 1);
	CHECK_EQ(report->threads[0].account.waits[WAIT_MUTEX].max_ns, 11 * MS);
	CHECK_EQ(report->threads[0].wait_top, WAIT_MUTEX);
	CHECK_EQ(report->processes[0].account.waits[WAIT_DISK].ns, 16 * MS);
	CHECK_EQ(report->processes[0].account.waits[WAIT_DISK].count, 2);
	CHECK_EQ(report->processes[0].account.waits[WAIT_DISK].max_ns, 9 * MS);
	CHECK_EQ(report->processes[0].account.waits[WAIT_DISK].mean_ns, 8 * MS);
	CHECK_EQ(report->processes[0].exit_status, 3 << 8);
	CHECK(report->processes[0].terminated);
	CHECK(!report->processes[1].terminated);
	CHECK_EQ(report->processes[1].ppid, 100);
	CHECK_EQ(report->processes[1].start_ns, 2000);
	CHECK_EQ(report->totals.running_ns, 19 * MS + 1);
	CHECK_EQ(report->totals.transitions[TRANSITION_RUNNING_TERMINATED], 2);
	CHECK_EQ(report->totals.transitions[TRANSITION_RUNNING_READY], 1);
	CHECK_EQ(report->totals.transitions[TRANSITION_RUNNING_WAITING], 5);
	CHECK_EQ(report->totals.voluntary, 5);
	CHECK_EQ(report->totals.involuntary, 1);
	CHECK_EQ(report->totals.transitions[TRANSITION_START_READY], 3);
	/* 16 ms: two waits of the disk, 7 and 9 ms: [4, 8) and [8, 16) ms */
	CHECK_EQ(report->histograms[WAIT_DISK][22], 1);
	CHECK_EQ(report->histograms[WAIT_DISK][23], 1);
	CHECK_EQ((long)(report->coverage * 1e6), 1000000);
	/* No samples: nothing is split. */
	CHECK_EQ(report->totals.unsampled_ns, report->totals.running_ns);
	CHECK_EQ(report->totals.user_ns, 0);
	unload(&b);
}

/* Its own samples, else its process's, else everybody's. */
static void split(void)
{
	struct build b;
	struct life l;
	uint32_t i;

	build_init(&b, 0, 100 * MS);
	life_begin(&l, &b, 1, 1, 100, 100, 0, "main");
	life_run(&l, 10 * MS);
	for (i = 0; i < 4; i++)
		build_sample(&b, 1, (i + 1) * MS, 0, i != 0); /* 3 user, 1 kernel */
	life_end(&l, 0);
	life_begin(&l, &b, 2, 1, 101, 100, 0, "none");
	life_run(&l, 4 * MS);
	life_end(&l, 0);
	life_begin(&l, &b, 3, 3, 200, 200, 0, "kernel");
	life_run(&l, 20 * MS);
	for (i = 0; i < 4; i++)
		build_sample(&b, 3, (i + 1) * MS, 0, false);
	life_end(&l, 0);
	life_begin(&l, &b, 4, 4, 300, 300, 0, "other");
	life_run(&l, 8 * MS);
	life_end(&l, 0);
	load(&b, false);
	CHECK_EQ(report->threads[0].account.user_ns, 7500000);
	CHECK_EQ(report->threads[0].account.kernel_ns, 2500000);
	CHECK_EQ(report->threads[1].account.user_ns, 3 * MS);
	CHECK_EQ(report->threads[2].account.user_ns, 0);
	CHECK_EQ(report->threads[3].account.user_ns, 3 * MS); /* 3 of all 8 */
	CHECK_EQ(report->totals.user_ns, 13500000);
	CHECK_EQ(report->totals.kernel_ns, 28500000);
	check_law(&report->totals);
	check_law(&report->processes[0].account);
	unload(&b);
}

/* A pool of 14 that never had work, two that had, and the list of them. */
static void listing(void)
{
	struct build b;
	struct life l;
	uint32_t i;

	build_init(&b, 0, 1000 * MS);
	life_names(&b);
	life_begin(&l, &b, 1, 1, 100, 100, 0, "main");
	life_run(&l, 100 * MS);
	life_wait(&l, WAIT_JOIN, 900 * MS, 0, SYS_FUTEX, 0);
	life_end(&l, 0);
	for (i = 2; i <= 17; i++) {
		life_begin(&l, &b, i, 1, 98 + i, 100, 0, i < 4 ? "busy" : "pool");
		life_run(&l, i < 4 ? i * 100 * MS : 20 * US);
		life_wait_on(&l, WAIT_CONDITION, 1000 * MS, SYS_FUTEX);
	}
	load(&b, false);
	CHECK_EQ(report->processes[0].n_listed, 3);
	CHECK_EQ(report->processes[0].idle.threads, 14);
	CHECK_EQ(report->processes[0].idle.account.running_ns, 14 * 20 * US);
	CHECK_EQ(report->processes[0].rest.threads, 0);
	CHECK_STR(report->threads[report->processes[0].order[0]].comm, "busy");
	CHECK_EQ(report->threads[report->processes[0].order[0]].account.running_ns, 300 * MS);
	CHECK_EQ(report->threads[report->processes[0].order[2]].tid, 100);
	report_free(report);
	build_must(report_build(&report, trace, &(struct report_choice){.all_threads = true}));
	CHECK_EQ(report->processes[0].n_listed, 17);
	CHECK_EQ(report->processes[0].idle.threads, 0);
	unload(&b);
}

/* 30 processes: the largest one by one, the others by name; nothing is left out of the sum. */
static void many_processes(void)
{
	uint64_t listed = 0;
	struct build b;
	struct life l;
	uint32_t i;
	size_t g;

	build_init(&b, 0, 1000 * MS);
	for (i = 1; i <= 30; i++) {
		life_begin(&l, &b, i, i, 100 + i, 100 + i, i * 10 * MS, i == 30 ? "ld" : i % 2 ? "cc" : "as");
		life_run(&l, i * MS);
		life_end(&l, 0);
	}
	load(&b, false);
	CHECK_EQ(report->n_listed, 8);
	CHECK_STR(report->processes[report->process_order[0]].comm, "ld");
	CHECK_EQ(report->n_groups, 2);
	for (i = 0; i < report->n_listed; i++)
		listed += report->processes[report->process_order[i]].account.running_ns;
	for (g = 0; g < report->n_groups; g++)
		listed += report->groups[g].sum.account.running_ns;
	CHECK_EQ(listed, report->totals.running_ns);
	CHECK_EQ(report->groups[0].sum.processes + report->groups[1].sum.processes, 22);
	unload(&b);
}

int main(void)
{
	sums();
	split();
	listing();
	many_processes();
	return check_done();
}
