/* SPDX-License-Identifier: BSD-2-Clause */
/* Folded lines: their text, and that they add up to the thread time. */
#include <stdlib.h>

#include "analysis/fold.h"
#include "analysis/frames.h"
#include "check.h"
#include "lives.h"
#include "output/folded.h"

static struct trace *trace;
static struct fold *fold;

static void make(enum fold_what what, bool by_id)
{
	const struct fold_choice choice = {.what = what, .by_id = by_id};

	build_must(fold_build(&fold, trace, &choice));
}

/* The time of a line, -1: there is none. */
static long long line_ns(const char *text)
{
	size_t i;

	for (i = 0; i < fold->n; i++)
		if (!strcmp(fold->lines[i].text, text))
			return (long long)fold->lines[i].ns;
	return -1;
}

static uint64_t check_sum(void)
{
	uint64_t ns = 0, us = 0;
	size_t i;

	for (i = 0; i < fold->n; i++) {
		ns += fold->lines[i].ns;
		us += fold->lines[i].us;
		CHECK(i == 0 || strcmp(fold->lines[i - 1].text, fold->lines[i].text) < 0);
	}
	CHECK_EQ(ns, fold->total_ns);
	CHECK_EQ(us, fold->total_us);
	CHECK_EQ(us, (ns + 500) / 1000);
	return ns;
}

static uint64_t thread_time(void)
{
	uint64_t ns = 0;
	size_t i;

	for (i = 0; i < trace->n_threads; i++)
		ns += trace->threads[i].lifetime_ns;
	return ns;
}

/* main > work > read, with a library; the kernel; a stack without names; something that was lost. */
static void build_program(struct build *b)
{
	const uint64_t read_stack[] = {BUILD_FRAME(2, 0x500), BUILD_FRAME(1, 0x200), BUILD_FRAME(1, 0x100)};
	const uint64_t kernel_stack[] = {BUILD_KERNEL_FRAME(0x10), BUILD_KERNEL_FRAME(0x20),
					 BUILD_FRAME(2, 0x500), BUILD_FRAME(1, 0x100)};
	const uint64_t unnamed[] = {BUILD_FRAME(2, 0x1234), BUILD_FRAME(3, 0x10), BUILD_FRAME(9, 0x99)};
	const struct wire_cycle lost = {.ts = 60 * MS,
					.run_ns = 1 * MS,
					.wait_ns = 8 * MS,
					.ready_ns = 1 * MS,
					.kind = WAIT_DISK,
					.blocked = 1,
					.ready = READY_WOKEN};
	struct life l;

	build_init(b, 0, 100 * MS);
	life_names(b);
	build_loss(b, LOSS_CYCLES, 1);
	build_file(b, 1, SECTION_FILE_ELF, "/home/me/prog");
	build_file(b, 2, SECTION_FILE_ELF, "/usr/lib/x86_64-linux-gnu/libc.so.6");
	build_file(b, 3, SECTION_FILE_ANON, "");
	build_name(b, BUILD_FRAME(1, 0x100), 0, "main");
	build_name(b, BUILD_FRAME(1, 0x200), 0, "work; then \n rest");
	build_name(b, BUILD_FRAME(2, 0x500), 0, "__read");
	build_name(b, BUILD_KERNEL_FRAME(0x20), 0, "vfs_read");
	build_stack(b, 7, 100, 0, 3, read_stack);
	build_stack(b, 8, 100, 2, 2, kernel_stack);
	build_stack(b, 9, 100, 0, 3, unnamed);
	life_begin(&l, b, 1, 1, 100, 100, 0, "a;b c");
	life_run(&l, 10 * MS);
	l.stack = 7;
	life_wait(&l, WAIT_NETWORK, 20 * MS + 333, 1 * MS, SYS_READ, 0);
	l.stack = 8;
	life_wait(&l, WAIT_DISK, 5 * MS + 333, 0, SYS_READ, 0);
	l.stack = 9;
	life_run(&l, 2 * MS);
	life_preempted(&l, 3 * MS);
	l.stack = 0;
	life_wait(&l, WAIT_FAULT, 4 * MS + 333, 0, WIRE_NO_SYSCALL, 0);
	build_lost_cycle(b, 1, &lost);
	l.now = 60 * MS + 999;
	life_run(&l, 1 * MS + 7);
	build_sample(b, 1, 1 * MS, 7, true);
	build_sample(b, 1, 2 * MS, 8, false);
	build_sample(b, 1, 3 * MS, 0, true);
	life_end(&l, 0);
	life_begin(&l, b, 2, 1, 101, 100, 0, "quiet");
	life_run(&l, 7 * MS);
	life_end(&l, 0);
}

static void lines(void)
{
	struct build b;
	uint64_t cpu, wait;
	long long a, k, none;

	build_program(&b);
	build_must(build_load(&b, &trace));
	make(FOLD_ALL, false);
	CHECK_EQ(check_sum(), thread_time());
	CHECK_EQ(line_ns("a?b c;a?b c;main;work? then ? rest;__read;read_[k];[network]"), 20 * MS + 333);
	CHECK_EQ(line_ns("a?b c;a?b c;main;work? then ? rest;__read;read_[k];[ready]"), 1 * MS);
	CHECK_EQ(line_ns("a?b c;a?b c;main;__read;vfs_read_[k];0xffffffff81000010_[k];[disk]"), 5 * MS + 333);
	CHECK_EQ(line_ns("a?b c;a?b c;[unknown];[anon];libc.so.6+0x1234;[ready]"), 3 * MS);
	CHECK_EQ(line_ns("a?b c;a?b c;[no stack];[fault]"), 4 * MS + 333);
	CHECK_EQ(line_ns("a?b c;a?b c;[no detail];[disk]"), 8 * MS);
	CHECK_EQ(line_ns("a?b c;a?b c;[no detail];[ready]"), 1 * MS);
	CHECK_EQ(line_ns("a?b c;quiet;[no stack];[running]"), 7 * MS);
	/* Three samples: a third of the running time each, to the nanosecond together. */
	a = line_ns("a?b c;a?b c;main;work? then ? rest;__read;[running]");
	k = line_ns("a?b c;a?b c;main;__read;vfs_read_[k];0xffffffff81000010_[k];[running]");
	none = line_ns("a?b c;a?b c;[no stack];[running]");
	CHECK_EQ(a + k + none, 10 * MS + 2 * MS + 1 * MS + 1 * MS + 7);
	CHECK(a - k <= 1 && k - a <= 1 && none - a <= 1 && a - none <= 1);
	/* 60 ms + 999 ns is where the stream went on: the time between is in no state. */
	CHECK_EQ(line_ns("a?b c;a?b c;[no detail];[unknown]"), (long long)trace->threads[0].unknown_ns ?: -1);
	fold_free(fold);

	make(FOLD_CPU, false);
	cpu = check_sum();
	CHECK_EQ(cpu, trace->threads[0].running_ns + trace->threads[1].running_ns);
	CHECK_EQ(line_ns("a?b c;a?b c;[no stack];[fault]"), -1);
	fold_free(fold);
	make(FOLD_WAIT, false);
	wait = check_sum();
	CHECK_EQ(cpu + wait, thread_time());
	CHECK_EQ(line_ns("a?b c;quiet;[no stack];[running]"), -1);
	fold_free(fold);
	make(FOLD_ALL, true);
	CHECK_EQ(line_ns("a?b c-100;quiet-101;[no stack];[running]"), 7 * MS);
	fold_free(fold);
	trace_free(trace);
	build_release(&b);
}

/* The kernel's way from the switch to the probe is no part of a wait; a sample that hits a probe shows it. */
static void probes(void)
{
	static const char *const names[] = {"bpf_get_task_stack", "bpf_prog_0123_on_switch [bpf]", "bpf_trace_run4", "rcu_sync_enter"};
	const uint64_t frames[] = {BUILD_KERNEL_FRAME(0x10), BUILD_KERNEL_FRAME(0x20), BUILD_KERNEL_FRAME(0x30),
				   BUILD_KERNEL_FRAME(0x40), BUILD_FRAME(1, 0x100)};
	struct build b;
	struct life l;
	size_t i;

	build_init(&b, 0, 100 * MS);
	life_names(&b);
	build_file(&b, 1, SECTION_FILE_ELF, "/bin/prog");
	build_name(&b, BUILD_FRAME(1, 0x100), 0, "main");
	for (i = 0; i < 4; i++)
		build_name(&b, frames[i], 0, names[i]);
	build_stack(&b, 5, 100, 4, 1, frames);
	life_begin(&l, &b, 1, 1, 100, 100, 0, "p");
	life_run(&l, 2 * MS);
	build_sample(&b, 1, 1 * MS, 5, false);
	l.stack = 5;
	life_wait(&l, WAIT_KERNEL_LOCK, 5 * MS, 0, SYS_READ, 0);
	life_end(&l, 0);
	build_must(build_load(&b, &trace));
	make(FOLD_ALL, false);
	CHECK_EQ(line_ns("p;p;main;rcu_sync_enter_[k];[kernel_lock]"), 5 * MS);
	CHECK_EQ(line_ns("p;p;main;rcu_sync_enter_[k];bpf_trace_run4_[k];bpf_prog_0123_on_switch [bpf]_[k];"
			 "bpf_get_task_stack_[k];[running]"), 2 * MS);
	fold_free(fold);
	trace_free(trace);
	build_release(&b);
}

/* 1,000 lines of 1.4 µs: the sum is 1,400 µs although each is rounded; printed are 1,000 lines of 1 or 2. */
static void rounding(void)
{
	char text[1 << 16], *line, *save;
	unsigned long sum = 0, n = 0;
	struct build b;
	struct life l;
	uint32_t i;
	FILE *out;

	build_init(&b, 0, 100 * MS);
	for (i = 0; i < 1000; i++) {
		const uint64_t frame = BUILD_FRAME(1, 0x100 + i);

		build_stack(&b, i + 1, 100, 0, 1, &frame);
	}
	build_file(&b, 1, SECTION_FILE_ELF, "/bin/prog");
	life_begin(&l, &b, 1, 1, 100, 100, 0, "p");
	for (i = 0; i < 1000; i++) {
		l.stack = i + 1;
		life_wait(&l, WAIT_DISK, 1400, 0, WIRE_NO_SYSCALL, 0);
	}
	life_end(&l, 0);
	build_must(build_load(&b, &trace));
	make(FOLD_ALL, false);
	CHECK_EQ(check_sum(), 1400000);
	memset(text, 0, sizeof(text));
	out = fmemopen(text, sizeof(text) - 1, "w");
	folded_print(fold, out);
	fclose(out);
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		sum += strtoul(strrchr(line, ' ') + 1, NULL, 10);
		n++;
	}
	CHECK_EQ(sum, 1400);
	CHECK_EQ(n, 1000);
	fold_free(fold);
	trace_free(trace);
	build_release(&b);
}

static void add_wait(struct build *b, uint64_t *now, uint64_t ns, uint64_t stack, uint8_t thinned, uint16_t flags)
{
	*now += ns;
	build_cycle(b, 1,
		    &(struct wire_cycle){.ts = *now,
					 .wait_ns = ns,
					 .kind = WAIT_LOCAL,
					 .blocked = 1,
					 .ready = READY_WOKEN,
					 .syscall = 0,
					 .stack = stack,
					 .thinned = thinned,
					 .flags = flags});
}

/*
 * Stacks were thinned: those that are there stand for the others, each as it says, and the sum stays exact. A cut stack says so.
 */
static void thinned(void)
{
	const uint64_t often = BUILD_FRAME(1, 0x100), rare = BUILD_FRAME(1, 0x200);
	uint64_t now = 0;
	long long a, c;
	struct build b;

	build_init(&b, 0, 10 * MS);
	build_file(&b, 1, SECTION_FILE_ELF, "/bin/prog");
	build_name(&b, often, 0, "often");
	build_name(&b, rare, 0, "rare");
	build_stack(&b, 1, 100, 0, 1, &often);
	build_stack(&b, 2, 100, 0, 1, &rare);
	((struct wire_stack *)(b.events.data + b.events.len - sizeof(struct wire_stack) - 8))->end = STACK_END_READ;
	build_thread(&b, 1, 1, 100, 100, 0, "p");
	for (int i = 0; i < 30; i++)
		add_wait(&b, &now, 1000, i % 4 ? 0 : 1, 2, i % 4 ? WIRE_CYCLE_THINNED : 0); /* one of four: 8 of 30 */
	add_wait(&b, &now, 50000, 2, 0, 0); /* a long one stands for itself alone */
	build_end(&b, 1, now, WIRE_END_TERMINATED, 0);
	build_must(build_load(&b, &trace));
	make(FOLD_WAIT, false);
	CHECK_EQ(check_sum(), thread_time());
	a = line_ns("p;p;often;read_[k];[local]");
	c = line_ns("p;p;[truncated];rare;read_[k];[local]");
	CHECK_EQ(a, 30000);
	CHECK_EQ(c, 50000);
	CHECK_EQ(line_ns("p;p;[no stack];read_[k];[local]"), -1);
	fold_free(fold);
	trace_free(trace);
	build_release(&b);
}

/* Which frame people look for. */
static void own_frames(void)
{
	static struct trace_frame frames[] = {
		{.frame = 1, .name = "futex", .file = "/usr/lib/libc.so.6"},
		{.frame = 2, .name = "SSL_read", .file = "/usr/lib/x86_64-linux-gnu/libssl.so.3"},
		{.frame = 3, .name = "serve", .file = "/usr/sbin/nginx"},
		{.frame = 4, .name = "plugin", .file = "/opt/app/plugin.so"},
		{.frame = 5, .name = "start", .file = "/lib64/ld-linux-x86-64.so.2"},
		{.frame = 6, .name = "old", .file = "/lib/libpthread-2.31.so"},
		{.frame = 7, .name = "mine", .file = "/home/me/libcurly"},
	};
	const struct trace t = {.frames = frames, .n_frames = 7};
	uint32_t a[] = {0, 1, 2, 3}, b[] = {5, 1, 4}, c[] = {4, 5}, d[] = {5, 6}, e[] = {0, 3, 2};

	CHECK_STR(frame_own(&t, &(struct trace_stack){.n_user = 4, .frames = a})->name, "serve");
	CHECK_STR(frame_own(&t, &(struct trace_stack){.n_user = 3, .frames = b})->name, "SSL_read");
	CHECK_STR(frame_own(&t, &(struct trace_stack){.n_user = 2, .frames = c})->name, "start");
	CHECK_STR(frame_own(&t, &(struct trace_stack){.n_user = 2, .frames = d})->name, "mine");
	CHECK_STR(frame_own(&t, &(struct trace_stack){.n_user = 3, .frames = e})->name, "plugin");
	CHECK(!frame_own(&t, &(struct trace_stack){.n_kernel = 2, .frames = a}));
}

int main(void)
{
	lines();
	probes();
	rounding();
	thinned();
	own_frames();
	return check_done();
}
