/* SPDX-License-Identifier: BSD-2-Clause */
/* Recordings of recorders that were killed: until when the trace goes. Exit 0 if that was as it must be. */
#include "build_trace.h"
#include "check.h"

#define CYCLE(...) (&(struct wire_cycle){__VA_ARGS__})

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

/* The recorder was killed: what it had written last is the end, and what came after the last record is unknown. */
static void test_killed(void)
{
	struct trace *t = NULL;
	struct build b;

	build_simple(&b);
	bytes_clear(&b.meta);
	build_meta(&b, "alive", "20000");
	build_meta(&b, "alive", "30000");
	build_write(&b, false);
	CHECK_EQ(trace_load(&t, b.path), 0);
	CHECK(t->meta.start == 1000 && t->meta.end == 30000);
	CHECK(t->threads[0].lifetime_ns == 29000 && t->threads[0].unknown_ns == 21000);
	trace_free(t);
	build_release(&b);

	/* an end that is told, and what happened after, are better */
	build_simple(&b);
	build_meta(&b, "alive", "30000");
	build_write(&b, false);
	CHECK_EQ(trace_load(&t, b.path), 0);
	CHECK(t->meta.end == 9000 && t->threads[0].unknown_ns == 0);
	trace_free(t);
	build_release(&b);
	build_simple(&b);
	bytes_clear(&b.meta);
	build_meta(&b, "alive", "5000");
	build_write(&b, false);
	CHECK_EQ(trace_load(&t, b.path), 0);
	CHECK(t->meta.end == 9000 && t->threads[0].unknown_ns == 0);
	trace_free(t);
	build_release(&b);
}

int main(void)
{
	test_killed();
	return check_done();
}
