/* SPDX-License-Identifier: BSD-2-Clause */
/* In: where a page is touched. Out: the main thread's page faults that the partner resolves, and how long
 * they took. */
#include "held_fault.h"

static struct held_pages held;

static void give_page(struct series *s)
{
	held_pages_give(&held, atomic_load(&s->finished));
}

static void touch_page(struct series *s)
{
	volatile char *page = held.pages + (size_t)atomic_load(&s->finished) * PAGE;

	*page = 1;
}

static int run_touch(struct series *s)
{
	if (!held_pages_make(&held, s->count))
		return skip("userfaultfd is not allowed here: needs root");
	return series_with_thread(s, NULL, give_page, touch_page, NULL);
}

/* The kernel touches it, for a system call that never blocks itself. */
static void touch_in_syscall(struct series *s)
{
	char *page = held.pages + (size_t)atomic_load(&s->finished) * PAGE;

	check(!syscall(SYS_uname, page), "uname");
}

static int run_syscall(struct series *s)
{
	if (!held_pages_make(&held, s->count))
		return skip("userfaultfd is not allowed here: needs root");
	return series_with_thread(s, NULL, give_page, touch_in_syscall, NULL);
}

int main(int argc, char **argv)
{
	static const struct form forms[] = {
		{"touch", run_touch, NULL},
		{"syscall", run_syscall, NULL},
		{NULL, NULL, NULL},
	};

	return series_main(argc, argv, "fault", forms);
}
