/* SPDX-License-Identifier: BSD-2-Clause */
/* In: what libbpf says when a kernel refuses a program. Out: the line that is shown. */
#include <string.h>

#include "capture/load_log.h"
#include "check.h"

static void test_refused(void)
{
	struct load_log log = {0};

	load_log_add(&log, "libbpf: prog 'on_switch': BPF program load failed: Permission denied\n");
	load_log_add(&log, "libbpf: prog 'on_switch': -- BEGIN PROG LOAD LOG --\n"
			   "func#0 @0\n0: R1=ctx(off=0,imm=0) R10=fp0\n; if (!armed)\n"
			   "combined stack size of 5 calls is 608. Too large\n"
			   "processed 58744 insns (limit 1000000) max_states_per_insn 12 total_states 2590 peak_states 2164 mark_read 33\n"
			   "-- END PROG LOAD LOG --\n");
	load_log_add(&log, "libbpf: prog 'on_switch': failed to load: -13\n");
	load_log_add(&log, "libbpf: failed to load object 'conctrace_bpf'\n");
	CHECK_STR(log.cause, "prog 'on_switch': BPF program load failed: Permission denied");
	CHECK_STR(log.verdict, "combined stack size of 5 calls is 608. Too large");
}

/* The log does not end where it should: the last line there is. Nor does a line have to end. */
static void test_cut(void)
{
	struct load_log log = {0};

	load_log_add(&log, "libbpf: prog 'a': -- BEGIN PROG LOAD LOG --\nR2 invalid mem access 'scalar'\n\n");
	CHECK_STR(log.verdict, "R2 invalid mem access 'scalar'");
	CHECK_STR(log.cause, "");
	load_log_add(&log, "libbpf: prog 'b': -- BEGIN PROG LOAD LOG --\nanother\nprocessed 1 insns\n");
	CHECK_STR(log.verdict, "R2 invalid mem access 'scalar'");
	load_log_add(&log, "no prefix, no end");
	CHECK_STR(log.cause, "no prefix, no end");
}

static void test_empty(void)
{
	struct load_log log = {0};

	load_log_add(&log, "libbpf: prog 'a': -- BEGIN PROG LOAD LOG --\nprocessed 0 insns\n-- END PROG LOAD LOG --\n");
	load_log_add(&log, "libbpf: prog 'b': -- BEGIN PROG LOAD LOG --\n");
	CHECK_STR(log.verdict, "");
}

static void test_long(void)
{
	char message[2 * LOAD_LOG_LINE];
	struct load_log log = {0};

	memset(message, 'x', sizeof(message) - 1);
	message[sizeof(message) - 1] = 0;
	load_log_add(&log, message);
	CHECK(strlen(log.cause) == LOAD_LOG_LINE - 1);
}

int main(void)
{
	test_refused();
	test_cut();
	test_empty();
	test_long();
	return check_done();
}
