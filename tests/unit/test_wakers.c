/* SPDX-License-Identifier: BSD-2-Clause */
/* Who ended which wait: wakings before, in and after it, and retried; and how that reads folded, drawn and reported. */
#include <errno.h>
#include <stdlib.h>

#include "analysis/flame.h"
#include "analysis/fold.h"
#include "analysis/report.h"
#include "analysis/time_parts.h"
#include "check.h"
#include "lives.h"

#define WAITER 1
#define WAKER  2

static void wake(struct build *b, uint64_t ts, struct wire_wake w)
{
	build_wake(b, WAITER, ts, w);
}

static const struct wire_wake by_unlock = {.waker = WAKER, .tid = 101, .pid = 100, .stack = 8, .syscall = SYS_FUTEX};
static const struct wire_wake by_interrupt = {.flags = WIRE_WAKE_INTERRUPT, .syscall = WIRE_NO_SYSCALL};
static const struct wire_wake by_send = {
	.waker = WAKER, .tid = 101, .pid = 100, .stack = 8, .syscall = SYS_READ, .flags = WIRE_WAKE_SOFTIRQ};
static const struct wire_wake by_nobody = {.flags = WIRE_WAKE_SOFTIRQ, .syscall = WIRE_NO_SYSCALL};
static const struct wire_wake by_other = {.tid = 7, .pid = 7, .comm = "other;one", .syscall = SYS_READ};
static const struct wire_wake by_kernel = {
	.tid = 9, .pid = 9, .comm = "kworker/0:1", .syscall = WIRE_NO_SYSCALL, .flags = WIRE_WAKE_KTHREAD};

/* Seven waits, of 1 to 7 ms, each after 1 ms of running; the thread is woken 10 us before it gets the CPU, but as the comments say. */
static void build_program(struct build *b)
{
	const uint64_t waits[] = {BUILD_FRAME(1, 0x200), BUILD_FRAME(1, 0x100)};
	const uint64_t wakes[] = {BUILD_FRAME(1, 0x300), BUILD_FRAME(1, 0x100)};
	struct life l;

	build_init(b, 0, 200 * MS);
	life_names(b);
	build_meta(b, "wakers", "1");
	build_file(b, 1, SECTION_FILE_ELF, "/home/me/prog");
	build_name(b, BUILD_FRAME(1, 0x100), 0, "main");
	build_name(b, BUILD_FRAME(1, 0x200), 0, "take");
	build_name(b, BUILD_FRAME(1, 0x300), 0, "give");
	build_stack(b, 7, 100, 0, 2, waits);
	build_stack(b, 8, 100, 0, 2, wakes);
	life_begin(&l, b, WAITER, WAITER, 100, 100, 0, "prog");
	l.stack = 7;
#define WAIT(KIND, N_MS, FLAGS)                                                                    \
	do {                                                                                       \
		life_run(&l, 1 * MS);                                                              \
		life_wait(&l, KIND, (N_MS)*MS - 10 * US, 10 * US, SYS_FUTEX, FLAGS);               \
	} while (0)
	WAIT(WAIT_MUTEX, 1, 0);
	wake(b, l.now - 500 * US, by_interrupt); /* in vain: the later one counts */
	wake(b, l.now - 10 * US, by_unlock);
	WAIT(WAIT_MUTEX, 2, 0);
	wake(b, l.now - 2 * MS - 30 * US, by_unlock); /* a moment before it had left its CPU */
	WAIT(WAIT_MUTEX, 3, 0);
	wake(b, l.now - 3 * MS - 300 * US, by_interrupt); /* long before: of something else. Its own was lost */
	WAIT(WAIT_NETWORK, 4, 0);
	wake(b, l.now - 10 * US, by_send);
	WAIT(WAIT_LOCAL, 5, 0);
	wake(b, l.now - 10 * US, by_other);
	WAIT(WAIT_DISK, 6, 0);
	wake(b, l.now - 10 * US, by_kernel);
	WAIT(WAIT_NETWORK, 7, 0);
	wake(b, l.now - 10 * US, by_nobody);
	/* one wait in three pieces: ended by who ends the last */
	WAIT(WAIT_CONDITION, 8, WIRE_CYCLE_TIMED_OUT);
	wake(b, l.now - 10 * US, by_interrupt);
	WAIT(WAIT_CONDITION, 8, WIRE_CYCLE_TIMED_OUT | WIRE_CYCLE_RETRY);
	wake(b, l.now - 10 * US, by_interrupt);
	WAIT(WAIT_CONDITION, 4, WIRE_CYCLE_RETRY);
	wake(b, l.now - 10 * US, by_unlock);
	life_preempted(&l, 1 * MS);
	wake(b, l.now - 500 * US, by_interrupt); /* it was not waiting */
	life_run(&l, 1 * MS);
	life_wait_on(&l, WAIT_JOIN, 200 * MS, SYS_FUTEX);
	wake(b, 150 * MS, by_interrupt); /* in vain: it waits until the end */
#undef WAIT
	life_begin(&l, b, WAKER, WAITER, 101, 100, 0, "give;r");
	life_run(&l, 7 * MS);
	life_end(&l, 0);
}

static long long line_ns(const struct fold *fold, const char *text)
{
	for (size_t i = 0; i < fold->n; i++)
		if (!strcmp(fold->lines[i].text, text))
			return (long long)fold->lines[i].ns;
	return -1;
}

static void check_folded(const struct trace *t)
{
	const struct fold_choice choice = {.what = FOLD_BLOCKED, .wakers = true}, plain = {.what = FOLD_BLOCKED};
	uint64_t sum = 0;
	struct fold *fold = NULL;

	build_must(fold_build(&fold, t, &choice));
#define WAITING	 "prog;prog;main;take;futex_[k];"
#define UNLOCKED ";--;futex_[k];give;main;give?r;prog"
	CHECK_EQ(line_ns(fold, WAITING "[mutex]" UNLOCKED), 3 * MS - 20 * US);
	CHECK_EQ(line_ns(fold, WAITING "[mutex];--;[unknown waker]"), 3 * MS - 10 * US);
	CHECK_EQ(line_ns(fold, WAITING "[network];--;[softirq];read_[k];give;main;give?r;prog"), 4 * MS - 10 * US);
	CHECK_EQ(line_ns(fold, WAITING "[local];--;read_[k];other?one (not traced)"), 5 * MS - 10 * US);
	CHECK_EQ(line_ns(fold, WAITING "[disk];--;kworker/0:1_[k]"), 6 * MS - 10 * US);
	CHECK_EQ(line_ns(fold, WAITING "[network];--;[softirq]"), 7 * MS - 10 * US);
	CHECK_EQ(line_ns(fold, WAITING "[condition]" UNLOCKED), 20 * MS - 30 * US);
	CHECK(line_ns(fold, WAITING "[join];--;[unknown waker]") > 0);
	CHECK_EQ(fold->n, 8);
	for (size_t i = 0; i < fold->n; i++)
		sum += fold->lines[i].ns;
	CHECK_EQ(sum, t->threads[0].waiting_ns);
	fold_free(fold);
	build_must(fold_build(&fold, t, &plain));
	CHECK_EQ(line_ns(fold, WAITING "[mutex]"), 6 * MS - 30 * US);
	fold_free(fold);
}

static const struct flame_box *box_named(const struct flame *flame, const char *name)
{
	for (size_t i = 0; i < flame->n; i++)
		if (!strcmp(flame->boxes[i].name, name))
			return &flame->boxes[i];
	return NULL;
}

static void check_drawn(const struct trace *t)
{
	const struct flame_choice choice = {.states = PARTS_BLOCKED, .wakers = true};
	const struct flame_box *box;
	struct flame *flame = NULL;

	build_must(flame_build(&flame, t, &choice));
	CHECK_EQ(flame->total_ns, t->threads[0].waiting_ns);
	box = box_named(flame, "[disk]");
	CHECK(box && box->ns == 6 * MS - 10 * US && box->role == FLAME_TIP);
	box = box_named(flame, "kworker/0:1_[k]");
	CHECK(box && box->ns == 6 * MS - 10 * US && box->role == FLAME_FRAME && box->state == FLAME_GROUP + WAIT_GROUP_IO);
	flame_free(flame);
}

static void check_reported(const struct trace *t)
{
	const struct report_choice choice = {0};
	const struct report_waker *w;
	struct report *r = NULL;

	build_must(report_build(&r, t, &choice));
	CHECK_EQ(r->n_wakers, 6);
	w = &r->wakers[0]; /* 20 ms */
	CHECK_EQ(w->kind, WAIT_CONDITION);
	CHECK_EQ(w->ns, 20 * MS - 30 * US);
	CHECK_EQ(w->count, 1);
	CHECK_EQ(w->max_ns, 20 * MS - 30 * US);
	CHECK_STR(w->place, "take");
	CHECK_STR(w->who, "prog/give;r");
	CHECK_STR(w->by_place, "give");
	CHECK_STR(w->by_syscall, "futex");
	CHECK(!w->softirq);
	CHECK_STR(r->wakers[1].who, "[softirq]");
	CHECK(r->wakers[1].by_syscall == NULL && !*r->wakers[1].by_place);
	CHECK_STR(r->wakers[2].who, "kworker/0:1 (kernel)");
	CHECK_STR(r->wakers[3].who, "other;one (not traced)");
	CHECK(r->wakers[4].softirq);
	CHECK_EQ(r->wakers[5].count, 2);
	CHECK_EQ(r->wakers[5].ns, 3 * MS - 20 * US);
	report_free(r);
}

/* Of threads whose records were lost the waits are of many: nobody can say whose waking was whose. A waker that was never made is not believed. */
static void check_refused(void)
{
	struct wire_wake unknown = by_unlock;
	struct trace *t = NULL;
	struct build b;

	unknown.waker = 77;
	build_program(&b);
	wake(&b, 5 * MS, unknown);
	CHECK_EQ(build_load(&b, &t), -EBADMSG);
	CHECK(strstr(fail_message(), "thread 77") != NULL);
	build_release(&b);
	build_program(&b);
	build_record(&b, &(struct wire_wake){.head = {WIRE_WAKE, sizeof(struct wire_wake) - 8, WAITER}}, sizeof(struct wire_wake) - 8);
	CHECK_EQ(build_load(&b, &t), -EBADMSG);
	build_release(&b);
}

int main(void)
{
	struct trace *t = NULL;
	struct build b;

	build_program(&b);
	build_must(build_load(&b, &t));
	CHECK(t->meta.wakers);
	check_folded(t);
	check_drawn(t);
	check_reported(t);
	trace_free(t);
	build_release(&b);
	check_refused();
	return check_done();
}
