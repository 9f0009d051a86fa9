/* SPDX-License-Identifier: BSD-2-Clause */
/* In: recordings built record by record, right and wrong ones. Out: exit 0 if every trace (or refusal) was as
 * it must be. */
#include <errno.h>
#include <fcntl.h>
#include <sys/types.h>
#include <unistd.h>

#include "build_trace.h"
#include "check.h"

#define CYCLE(...) (&(struct wire_cycle){__VA_ARGS__})

static void refused(struct build *b, const char *why)
{
	struct trace *t = NULL;

	CHECK_EQ(build_load(b, &t), -EBADMSG);
	CHECK(!t);
	CHECK(strstr(fail_message(), why) && strstr(fail_message(), b->path));
	if (!strstr(fail_message(), why))
		fprintf(stderr, "  \"%s\" is not in \"%s\"\n", why, fail_message());
	trace_free(t);
	build_release(b);
}

/* One thread from 1000 to 9000: ready 100, running 900, disk 2900, ready 100, running 4000. */
static void build_simple(struct build *b)
{
	build_init(b, 1000, 9000);
	build_thread(b, 1, 1, 500, 500, 1000, "main");
	build_cycle(b, 1, CYCLE(.ts = 1100, .ready_ns = 100, .flags = WIRE_CYCLE_FIRST));
	build_cycle(b, 1,
		    CYCLE(.ts = 5000, .run_ns = 900, .wait_ns = 2900, .ready_ns = 100, .kind = WAIT_DISK,
			  .blocked = 1, .ready = READY_WOKEN, .syscall = 0));
	build_cycle(b, 1, CYCLE(.ts = 9000, .run_ns = 4000, .flags = WIRE_CYCLE_OPEN));
}

static void test_simple(void)
{
	struct trace_thread *m;
	struct trace *t = NULL;
	struct build b;

	build_simple(&b);
	build_meta(&b, "arg", "./prog");
	build_meta(&b, "arg", "-x\xff");
	build_meta(&b, "exit", "256");
	build_meta(&b, "probe_ns", "18446744073709551615");
	build_meta(&b, "unheard-of", "key");
	build_end(&b, 1, 9000, WIRE_END_TERMINATED, 256);
	CHECK_EQ(build_load(&b, &t), 0);
	CHECK_STR(t->meta.version, "0.1");
	CHECK_STR(t->meta.verb, "run");
	CHECK_EQ(t->meta.n_command, 2);
	CHECK_STR(t->meta.command[0], "./prog");
	CHECK_STR(t->meta.command[1], "-x\xff");
	CHECK(!t->meta.command[2]);
	CHECK(t->meta.has_exit && t->meta.exit_status == 256);
	CHECK(t->meta.cpus == 2 && t->meta.stacks && !t->meta.kernel_stacks);
	CHECK(t->meta.start == 1000 && t->meta.end == 9000 && t->meta.probe_ns == UINT64_MAX);
	CHECK(!t->damage);
	CHECK(t->n_threads == 1 && t->n_processes == 1 && t->n_cycles == 3 && t->n_samples == 0);
	m = &t->threads[0];
	CHECK_STR(m->comm, "main");
	CHECK(m->tid == 500 && m->start == 1000 && m->end == 9000 && m->terminated && !m->orphans &&
	      m->count == 1);
	CHECK(m->lifetime_ns == 8000 && m->running_ns == 4900 && m->waiting_ns == 2900 && m->unknown_ns == 0);
	CHECK(m->ready_ns[READY_NEW] == 100 && m->ready_ns[READY_WOKEN] == 100 &&
	      m->ready_count[READY_WOKEN] == 1);
	CHECK(m->waits[WAIT_DISK].count == 1 && m->waits[WAIT_DISK].ns == 2900 &&
	      m->waits[WAIT_DISK].max_ns == 2900);
	CHECK_EQ(m->waits[WAIT_DISK].hist[11], 1);
	CHECK(m->first_cycle == 0 && m->n_cycles == 3 && m->streamed_ns == 8000 && m->switches_in == 2);
	CHECK(t->cycles[0].ts == 1100 && t->cycles[1].ts == 5000 && t->cycles[2].ts == 9000);
	CHECK(t->processes[0].pid == 500 && t->processes[0].ppid == 1 && t->processes[0].n_threads == 1);
	CHECK(t->processes[0].threads[0] == 0 && !t->processes[0].path);
	CHECK(t->processes[0].terminated && t->processes[0].exit_code == 256);
	CHECK_STR(trace_syscall_name(t, 0, 0), "read");
	CHECK_STR(trace_syscall_name(t, 777, 0), "syscall_777");
	CHECK(!trace_syscall_name(t, WIRE_NO_SYSCALL, 0));
	trace_free(t);
	trace_free(NULL);
	build_release(&b);
}

/* Rings come in any order: the same records backwards, with a thread of no length at the end of another's
 * cycle. */
static void test_order(void)
{
	struct build b, reversed;
	struct trace *t = NULL;
	struct wire_head head;
	size_t at;

	build_simple(&b);
	build_thread(&b, 3, 3, 700, 700, 4000, "late");
	build_thread(&b, 2, 3, 701, 700, 2000, "early");
	build_cycle(&b, 3, CYCLE(.ts = 6000, .run_ns = 2000));
	build_cycle(&b, 3, CYCLE(.ts = 6000, .flags = WIRE_CYCLE_OPEN));
	build_sample(&b, 3, 5500, 0, true);
	build_sample(&b, 3, 4500, 0, false);
	build_end(&b, 1, 9000, WIRE_END_TERMINATED, 0);
	build_end(&b, 2, 2500, WIRE_END_TERMINATED, 0);
	build_end(&b, 3, 6000, WIRE_END_TERMINATED, 0);
	build_init(&reversed, 1000, 9000);
	for (at = 0; at < b.events.len; at += head.size) {
		struct bytes record = {0};

		memcpy(&head, b.events.data + at, sizeof(head));
		build_must(bytes_add(&record, b.events.data + at, head.size));
		build_must(bytes_add(&record, reversed.events.data, reversed.events.len));
		bytes_release(&reversed.events);
		reversed.events = record;
	}
	CHECK_EQ(build_load(&reversed, &t), 0);
	CHECK(t->n_threads == 3 && t->n_processes == 2);
	CHECK(t->threads[0].number == 1 && t->threads[1].number == 2 && t->threads[2].number == 3);
	CHECK(t->cycles[0].ts == 1100 && t->cycles[2].ts == 9000 && t->cycles[0].thread == 0);
	CHECK(t->cycles[3].thread == 2 && t->cycles[3].run_ns == 2000 && t->cycles[4].run_ns == 0);
	CHECK(t->samples[0].ts == 4500 && t->samples[1].ts == 5500 && t->threads[2].n_samples == 2);
	CHECK(t->threads[2].samples_user == 1 && t->threads[2].samples_kernel == 1);
	CHECK(t->processes[1].pid == 700 && t->processes[1].n_threads == 2 && t->processes[1].start == 2000);
	CHECK_STR(t->processes[1].comm, "late"); /* the first by number of the process, not by time */
	CHECK(t->processes[1].threads[0] == 1 && t->processes[1].threads[1] == 2);
	CHECK_EQ(t->threads[1].unknown_ns, 500);
	trace_free(t);
	build_release(&b);
	build_release(&reversed);
}

static void test_exec(void)
{
	struct trace *t = NULL;
	struct build b;

	build_init(&b, 0, 9000);
	build_thread(&b, 1, 1, 500, 500, 0, "first");
	build_thread(&b, 2, 1, 501, 500, 100, "second");
	build_exec(&b, 1, 1, 500, 500, 50, "first", "/bin/first");
	build_exec(&b, 2, 1, 500, 501, 1000, "new\n", "/bin/new\033name");
	build_end(&b, 1, 1000, WIRE_END_TERMINATED, 9);
	build_end(&b, 2, 9000, WIRE_END_TERMINATED, 512);
	CHECK_EQ(build_load(&b, &t), 0);
	CHECK_EQ(t->n_processes, 1);
	CHECK_STR(t->processes[0].comm, "new?");
	CHECK_STR(t->processes[0].path, "/bin/new?name");
	CHECK_EQ(t->processes[0].exit_code, 512); /* not the old leader's */
	CHECK(t->processes[0].start == 0 && t->processes[0].end == 9000 && t->processes[0].pid == 500);
	CHECK(t->threads[1].number == 2 && t->threads[1].tid == 500);
	trace_free(t);
	build_release(&b);
}

/* Blocked for 10, three times retried after 5 ns of running, then 20: two waits. */
static void build_retries(struct build *b)
{
	uint64_t ts = 100;
	int i;

	build_init(b, 0, 200);
	build_thread(b, 1, 1, 5, 5, 85, "r");
	for (i = 0; i < 4; i++, ts += 15)
		build_cycle(b, 1,
			    CYCLE(.ts = ts, .run_ns = 5, .wait_ns = 10, .kind = WAIT_MUTEX, .blocked = 1,
				  .ready = READY_WOKEN, .flags = i ? WIRE_CYCLE_RETRY : 0, .syscall = 202));
	build_cycle(b, 1,
		    CYCLE(.ts = 170, .run_ns = 5, .wait_ns = 20, .kind = WAIT_MUTEX, .blocked = 1,
			  .ready = READY_WOKEN, .flags = WIRE_CYCLE_OPEN, .syscall = 202));
}

static void check_retries(const struct trace *t, uint64_t lifetime)
{
	const struct trace_thread *m = &t->threads[0];
	const struct trace_wait *w = &m->waits[WAIT_MUTEX];

	CHECK_EQ(m->lifetime_ns, lifetime);
	CHECK_EQ(m->running_ns, 25);
	CHECK_EQ(m->waiting_ns, 60);
	CHECK_EQ(m->unknown_ns, lifetime - 85);
	CHECK_EQ(m->blocked, 5);
	CHECK_EQ(m->switches_in, 4);
	CHECK_EQ(m->ready_count[READY_WOKEN], 4);
	CHECK(w->count == 2 && w->retries == 3 && w->ns == 60 && w->max_ns == 40);
	CHECK(w->hist[5] == 1 && w->hist[4] == 1); /* 40 and 20 */
}

/* The same from the kernel's totals, and from the stream when the recorder died. */
static void test_retries(void)
{
	struct trace *t = NULL;
	struct build b;

	build_retries(&b);
	build_end(&b, 1, 170, 0, 0);
	CHECK_EQ(build_load(&b, &t), 0);
	check_retries(t, 85);
	trace_free(t);
	build_release(&b);

	build_retries(&b);
	build_write(&b, false);
	CHECK_EQ(trace_load(&t, b.path), 0);
	CHECK(t->damage != NULL);
	check_retries(t, 115); /* lived on until the end, as far as is known */
	CHECK(!t->threads[0].terminated && t->threads[0].last_state == STATE_WAITING);
	trace_free(t);
	build_release(&b);
}

static void test_damaged(void)
{
	struct trace *t = NULL;
	struct wire_wait half = {
		.head = {WIRE_WAIT, sizeof(half), 2}, .kind = WAIT_DISK, .count = 3, .hist = {3}};
	struct build b;

	build_simple(&b);
	build_end(&b, 1, 9000, WIRE_END_TERMINATED, 0);
	/* no end; its account was cut off in the middle; a cycle too many; and one of a thread that nobody
	 * made */
	build_thread_of(&b, 2, 1, 501, 500, 2000, "w", 1, 1, 0);
	build_cycle(&b, 2,
		    CYCLE(.ts = 4000, .run_ns = 500, .wait_ns = 1000, .kind = WAIT_POLL, .blocked = 1));
	build_cycle(&b, 2, CYCLE(.ts = 4100, .run_ns = 500));
	build_record(&b, &half, sizeof(half));
	build_cycle(&b, 3, CYCLE(.ts = 3000, .run_ns = 700));
	build_write(&b, false);
	CHECK_EQ(trace_load(&t, b.path), 0);
	CHECK(t->damage && strstr(t->damage, "without its last section"));
	CHECK_EQ(t->n_threads, 3);
	CHECK_EQ(t->loss[LOSS_CYCLES], 1);
	CHECK(t->threads[0].terminated && t->threads[0].lifetime_ns == 8000);
	CHECK(t->threads[1].lifetime_ns == 7000 && t->threads[1].running_ns == 500);
	CHECK(t->threads[1].waits[WAIT_POLL].ns == 1000 && t->threads[1].waits[WAIT_POLL].count == 1);
	CHECK(t->threads[1].waits[WAIT_DISK].count == 0 && t->threads[1].unknown_ns == 5500);
	CHECK(t->threads[1].n_cycles == 1 && t->threads[2].n_cycles == 1 && t->n_cycles == 5);
	CHECK_STR(t->threads[2].comm, "?");
	CHECK(t->threads[2].start == 2300 && t->threads[2].unknown_ns == 6000);
	CHECK(t->n_processes == 2 && !t->processes[0].terminated && t->processes[1].number == 3);
	trace_free(t);
	build_release(&b);
}

/* A thread whose totals the kernel could only add to the others': its time is there once. */
static void test_orphans(void)
{
	struct wire_end end = {.head = {WIRE_END, sizeof(end), 0}, .flags = WIRE_END_ORPHANS, .threads = 2};
	struct wire_wait wait = {.head = {WIRE_WAIT, sizeof(wait), 0},
				 .kind = WAIT_DISK,
				 .count = 2,
				 .ns = 70,
				 .max_ns = 50,
				 .hist = {[4] = 1, [5] = 1}};
	struct trace_thread *o;
	struct trace *t = NULL;
	struct build b;

	end.running_ns = 600;
	end.ready_ns[READY_WOKEN] = 30;
	end.waiting_ns = 70;
	end.unknown_ns = 5;
	build_simple(&b);
	build_end(&b, 1, 9000, WIRE_END_TERMINATED, 0);
	build_thread(&b, 2, 2, 600, 600, 1000, "lost");
	build_cycle(&b, 2, CYCLE(.ts = 2000, .run_ns = 500, .wait_ns = 20, .kind = WAIT_DISK, .blocked = 1));
	build_record(&b, &wait, sizeof(wait));
	build_record(&b, &end, sizeof(end));
	build_loss(&b, LOSS_THREADS, 2);
	CHECK_EQ(build_load(&b, &t), 0);
	CHECK(t->n_threads == 2 && t->n_processes == 2 && t->loss[LOSS_THREADS] == 2);
	o = &t->threads[1];
	CHECK(o->orphans && o->count == 2 && o->number == 0 && o->process == 1);
	CHECK(o->lifetime_ns == 705 && o->running_ns == 600 && o->waits[WAIT_DISK].ns == 70);
	CHECK(o->n_cycles == 1 && o->streamed_ns == 520 && t->cycles[o->first_cycle].thread == 1);
	CHECK_STR(t->processes[1].comm, "[no detail]");
	CHECK(t->processes[1].pid == 0 && t->processes[1].n_threads == 1 && t->processes[1].threads[0] == 1);
	trace_free(t);
	build_release(&b);
}

/* More in the stream than in the sum: not all of it is the orphans'. The sum stays, its detail is given up.
 */
static void test_orphans_detail(void)
{
	struct wire_end end = {.head = {WIRE_END, sizeof(end), 0}, .flags = WIRE_END_ORPHANS, .threads = 1};
	struct trace *t = NULL;
	struct build b;

	end.running_ns = 499;
	end.unknown_ns = 1000;
	build_simple(&b);
	build_end(&b, 1, 9000, WIRE_END_TERMINATED, 0);
	build_thread(&b, 2, 2, 600, 600, 1000, "lost");
	build_cycle(&b, 2, CYCLE(.ts = 2000, .run_ns = 500));
	build_record(&b, &end, sizeof(end));
	build_loss(&b, LOSS_THREADS, 1);
	CHECK_EQ(build_load(&b, &t), 0);
	CHECK(t->n_threads == 2 && t->n_cycles == 3 && t->loss[LOSS_CYCLES] == 1);
	CHECK(t->threads[1].lifetime_ns == 1499 && t->threads[1].n_cycles == 0 &&
	      t->threads[1].streamed_ns == 0);
	trace_free(t);
	build_release(&b);
}

/* A thread's account of one kind was lost: its time is a wait of unknown cause. */
static void test_lost_wait(void)
{
	struct trace *t = NULL;
	struct build b;

	build_simple(&b);
	build_account(&b, 1)->end.waiting_ns += 1025;
	build_account(&b, 1)->covered += 1025;
	build_end(&b, 1, 10025, WIRE_END_TERMINATED, 0);
	build_loss(&b, LOSS_EVENTS, 1);
	CHECK_EQ(build_load(&b, &t), 0);
	CHECK(t->threads[0].waits[WAIT_UNKNOWN].ns == 1025 && t->threads[0].waits[WAIT_UNKNOWN].count == 1);
	CHECK(t->threads[0].waits[WAIT_UNKNOWN].hist[10] == 1 && t->threads[0].waits[WAIT_DISK].ns == 2900);
	trace_free(t);
	build_release(&b);
}

static void test_lost_threads(void)
{
	struct trace *t = NULL;
	struct build b;

	build_simple(&b);
	build_end(&b, 1, 9000, WIRE_END_TERMINATED, 0);
	build_cycle(&b, 9, CYCLE(.ts = 3000, .run_ns = 700));
	refused(&b, "thread 9 is named and was never made");

	build_simple(&b);
	build_end(&b, 1, 9000, WIRE_END_TERMINATED, 0);
	build_cycle(&b, 9, CYCLE(.ts = 3000, .run_ns = 700));
	build_loss(&b, LOSS_EVENTS, 1);
	CHECK_EQ(build_load(&b, &t), 0);
	CHECK(t->n_threads == 2 && t->n_processes == 2 && t->threads[1].running_ns == 700);
	CHECK_STR(t->threads[1].comm, "?");
	trace_free(t);
	build_release(&b);

	build_simple(&b);
	refused(&b, "thread 1 (tid 500) has no end");
}

static void test_laws(void)
{
	struct wire_end end;
	struct build b;

	/* Each law in turn, by one nanosecond. */
	build_simple(&b);
	build_account(&b, 1)->end.running_ns++;
	build_end(&b, 1, 9000, 0, 0);
	refused(&b,
		"thread 1 (tid 500, main): running 4901 + ready 200 + waiting 2900 + unknown 0 ns is not its "
		"lifetime of 8000 ns");
	build_simple(&b);
	build_account(&b, 1)->waits[WAIT_DISK].ns--;
	build_account(&b, 1)->waits[WAIT_DISK].max_ns = 0;
	build_end(&b, 1, 9000, 0, 0);
	refused(&b, "longest"); /* max_ns is the stream's again: 2900 of 2899 */
	build_simple(&b);
	build_account(&b, 1)->waits[WAIT_POLL] =
		(struct wire_wait){.count = 1, .ns = 1, .max_ns = 1, .hist = {1}};
	build_end(&b, 1, 9000, 0, 0);
	refused(&b, "waiting 2900 ns, but its kinds of waits add up to 2901 ns");
	build_simple(&b);
	build_account(&b, 1)->waits[WAIT_DISK].hist[0]++;
	build_end(&b, 1, 9000, 0, 0);
	refused(&b, "1 waits of kind 1, but 2 in their histogram");
	build_simple(&b);
	build_account(&b, 1)->end.running_ns--;
	build_account(&b, 1)->covered--;
	build_end(&b, 1, 9000, 0, 0);
	refused(&b, "its intervals have 4900 ns running, its total only 4899 ns");
	build_simple(&b);
	build_end(&b, 1, 9000, 0, 0);
	build_account(&b, 1)->end.ready_ns[READY_NEW] = UINT64_MAX - 1000;
	end = build_account(&b, 1)->end;
	build_thread(&b, 2, 2, 600, 600, 1000, "over");
	end.head.thread = 2;
	build_record(&b, &end, sizeof(end));
	refused(&b, "is not its lifetime");
}

static void test_bad_streams(void)
{
	struct wire_cycle c;
	struct build b;

	build_simple(&b);
	build_account(&b, 1)->covered -= 1;
	build_cycle(&b, 1, CYCLE(.ts = 1101, .run_ns = 2));
	build_end(&b, 1, 9001, 0, 0);
	refused(&b, "overlap: one ends at 1100 ns, the next begins at 1099 ns");
	build_simple(&b);
	build_cycle(&b, 1, CYCLE(.ts = 9002, .run_ns = 1));
	build_end(&b, 1, 9001, 0, 0);
	refused(&b, "beyond its life");
	build_simple(&b);
	build_end(&b, 1, 9000, 0, 0);
	build_end(&b, 1, 9000, 0, 0);
	refused(&b, "ends twice");
	build_simple(&b);
	build_thread(&b, 1, 1, 500, 500, 1000, "main");
	refused(&b, "made twice");
	build_simple(&b);
	c = (struct wire_cycle){.head = {WIRE_CYCLE, sizeof(c), 1}, .ts = 10, .run_ns = 11};
	build_record(&b, &c, sizeof(c));
	refused(&b, "impossible values");
	build_simple(&b);
	c = (struct wire_cycle){
		.head = {WIRE_CYCLE, sizeof(c), 1}, .ts = 10, .kind = N_WAIT_KINDS, .blocked = 1};
	build_record(&b, &c, sizeof(c));
	refused(&b, "impossible values");
	build_simple(&b);
	c = (struct wire_cycle){.head = {WIRE_CYCLE, sizeof(c) - 8, 1}, .ts = 10};
	build_record(&b, &c, sizeof(c) - 8);
	refused(&b, "48 bytes instead of 56");
	build_simple(&b);
	c = (struct wire_cycle){.head = {WIRE_CYCLE, 4, 1}};
	build_record(&b, &c, sizeof(c));
	refused(&b, "record of type 1 has 4 bytes");
	build_simple(&b);
	c = (struct wire_cycle){.head = {WIRE_CYCLE, sizeof(c), 1}};
	build_record(&b, &c, sizeof(c) - 8);
	refused(&b, "where 48 are left");
	build_simple(&b);
	build_meta(&b, "end", "999");
	refused(&b, "before it began");
	build_simple(&b);
	build_meta(&b, "cpus", "4294967296");
	refused(&b, "cpus");
}

/* A record type and a section of a later version are passed over. */
static void test_later(void)
{
	struct wire_head head = {999, 8, 77};
	struct trace *t = NULL;
	struct build b;

	build_simple(&b);
	build_record(&b, &head, sizeof(head));
	build_end(&b, 1, 9000, WIRE_END_TERMINATED, 0);
	CHECK_EQ(build_load(&b, &t), 0);
	CHECK(t && t->n_threads == 1);
	trace_free(t);
	build_release(&b);
}

static void test_stacks(void)
{
	const uint64_t frames[] = {BUILD_KERNEL_FRAME(0x10), BUILD_FRAME(1, 0x1234), BUILD_FRAME(2, 0x40),
				   BUILD_FRAME(7, 0x99)};
	const struct trace_stack *s;
	struct trace *t = NULL;
	struct build b;

	build_init(&b, 0, 100);
	build_thread(&b, 1, 1, 5, 5, 0, "s");
	build_cycle(&b, 1, CYCLE(.ts = 10, .run_ns = 10, .stack = 111));
	build_cycle(&b, 1, CYCLE(.ts = 20, .run_ns = 10, .stack = 222)); /* never sent */
	build_cycle(&b, 1, CYCLE(.ts = 30, .run_ns = 10));
	build_stack(&b, 333, 5, 0, 1, frames + 1);
	build_stack(&b, 111, 5, 1, 3, frames);
	build_stack(&b, 111, 5, 1, 3, frames);
	build_sample(&b, 1, 5, 333, true);
	build_end(&b, 1, 100, 0, 0);
	build_file(&b, 1, SECTION_FILE_ELF, "/usr/bin/pro\ng");
	build_file(&b, 2, SECTION_FILE_ANON, "");
	build_name(&b, frames[0], 0, "do_syscall_64");
	build_name(&b, frames[1], 1, "outer");
	build_name(&b, frames[1], 0, "wrong");
	build_name(&b, frames[1], 0, "inner\x01");
	CHECK_EQ(build_load(&b, &t), 0);
	CHECK(t->n_stacks == 3 && t->n_files == 2);
	CHECK(t->stacks[0].n_kernel == 0 && t->stacks[0].n_user == 0);
	s = &t->stacks[t->cycles[0].stack];
	CHECK(s->n_kernel == 1 && s->n_user == 4);
	CHECK_STR(t->frames[s->frames[0]].name, "do_syscall_64");
	CHECK_STR(t->frames[s->frames[0]].file, "[kernel]");
	CHECK(t->frames[s->frames[0]].kernel && !t->frames[s->frames[1]].kernel);
	CHECK_STR(t->frames[s->frames[1]].name, "inner?");
	CHECK_STR(t->frames[s->frames[2]].name, "outer");
	CHECK_STR(t->frames[s->frames[1]].file, "/usr/bin/pro?g");
	CHECK(t->frames[s->frames[1]].frame == frames[1] && t->frames[s->frames[2]].frame == frames[1]);
	CHECK(!t->frames[s->frames[3]].name);
	CHECK_STR(t->frames[s->frames[3]].file, "[anon]");
	CHECK_STR(t->frames[s->frames[4]].file, "[unknown]");
	CHECK(t->cycles[1].stack == 0 && t->cycles[2].stack == 0);
	s = &t->stacks[t->samples[0].stack];
	CHECK(s->n_user == 2 &&
	      s->frames[0] == t->stacks[t->cycles[0].stack].frames[1]); /* the same frames, once */
	trace_free(t);
	build_release(&b);
}

static void test_syscalls(void)
{
	struct trace *t = NULL;
	struct build b;

	build_init(&b, 0, 100);
	build_meta(&b, "syscall32:3", "read");
	build_meta(&b, "syscallx32:512", "rt_sigaction");
	build_thread(&b, 1, 1, 5, 5, 0, "s");
	build_cycle(&b, 1, CYCLE(.ts = 10, .syscall = 3));
	build_cycle(&b, 1, CYCLE(.ts = 20, .syscall = 202, .flags = WIRE_CYCLE_X32));
	build_end(&b, 1, 100, 0, 0);
	CHECK_EQ(build_load(&b, &t), 0);
	CHECK_STR(trace_syscall_name(t, 3, 0), "syscall_3");
	CHECK_STR(trace_syscall_name(t, 3, WIRE_CYCLE_COMPAT), "read");
	CHECK_STR(trace_syscall_name(t, 202, WIRE_CYCLE_X32), "futex");
	CHECK_STR(trace_syscall_name(t, 512, WIRE_CYCLE_X32), "rt_sigaction");
	trace_free(t);
	build_release(&b);
}

/* Cut at every byte: as far as it goes, lawful and marked; or, within the header, a message. */
static void test_cut(void)
{
	char name[] = "/tmp/conctrace-test-XXXXXX";
	unsigned char bytes[8192];
	struct trace *t = NULL;
	struct build b;
	ssize_t len, cut;
	int fd, loaded = 0, err;

	build_simple(&b);
	build_end(&b, 1, 9000, WIRE_END_TERMINATED, 0);
	build_stack(&b, 1, 500, 0, 1, (uint64_t[]){BUILD_FRAME(1, 1)});
	build_name(&b, BUILD_FRAME(1, 1), 0, "f");
	build_loss(&b, LOSS_SAMPLES, 3);
	build_write(&b, true);
	fd = open(b.path, O_RDONLY);
	len = read(fd, bytes, sizeof(bytes));
	close(fd);
	CHECK(len > 200 && len < (ssize_t)sizeof(bytes));
	fd = mkstemp(name);
	for (cut = 0; cut < len; cut++) {
		CHECK_EQ(ftruncate(fd, 0), 0);
		CHECK_EQ(pwrite(fd, bytes, (size_t)cut, 0), cut);
		err = trace_load(&t, name);
		CHECK_EQ(err, cut < 16 ? -ENODATA : 0);
		if (err)
			continue;
		CHECK(t->damage != NULL);
		CHECK(t->n_threads == 0 || t->threads[0].lifetime_ns == 8000);
		loaded += t->n_threads > 0;
		trace_free(t);
	}
	CHECK(loaded > 50);
	close(fd);
	unlink(name);
	build_release(&b);
}

int main(void)
{
	test_simple();
	test_order();
	test_exec();
	test_retries();
	test_damaged();
	test_orphans();
	test_orphans_detail();
	test_lost_wait();
	test_lost_threads();
	test_laws();
	test_bad_streams();
	test_later();
	test_stacks();
	test_syscalls();
	test_cut();
	return check_done();
}
