/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * In: accounts of threads and processes. Out: which of them did work, and which threads are event loops. What
 * has been made and never had anything to do (a pool of workers, a helper that listens for a wake-up) is not
 * part of the form of a program.
 */
#include <string.h>

#include "analysis/steps.h"
#include "base/intmap.h"

#define IDLE_RUN_NS                                                                                          \
	1000000u /* a thread that was idle all its life ran less than this, to start and to end              \
		  */

/* Blocked in I/O that something was asked for: an event loop's poll is not that, nor is reading what children
 * write. */
static uint64_t own_io(const struct report_account *a, bool parent)
{
	return a->waits[WAIT_DISK].ns + a->waits[WAIT_NETWORK].ns + (parent ? 0 : a->waits[WAIT_LOCAL].ns);
}

static uint64_t own_io_count(const struct report_account *a, bool parent)
{
	return a->waits[WAIT_DISK].count + a->waits[WAIT_NETWORK].count +
	       (parent ? 0 : a->waits[WAIT_LOCAL].count);
}

uint64_t work_of(const struct report_process *p)
{
	return p->account.running_ns + own_io(&p->account, p->parent);
}

uint64_t work_beside_first(const struct report *r, const struct report_process *p)
{
	uint64_t sum = 0, most = 0, work;
	uint32_t i;

	for (i = 0; i < p->n_threads; i++) {
		const struct report_account *a = &r->threads[p->first_thread + i].account;

		work = a->running_ns + own_io(a, p->parent);
		sum += work;
		if (work > most)
			most = work;
	}
	return sum - most;
}

/* One percent of the whole, or a tenth of a fair share where there are more than ten. */
static bool noticeable(uint64_t part, uint64_t whole, uint64_t n)
{
	return part && part >= whole / 100 / (n > 10 ? n / 10 : 1);
}

static bool io_noticeable(const struct report_account *a, bool parent, uint64_t wall_ns)
{
	return own_io_count(a, parent) >= 2 && own_io(a, parent) >= wall_ns / 100;
}

/* It waited to be given work, once or twice, and never was. */
static bool idle_all_life(const struct report_account *a)
{
	uint64_t waited = a->groups_ns[WAIT_GROUP_SYNC] + a->groups_ns[WAIT_GROUP_OTHER] +
			  a->waits[WAIT_POLL].ns + a->waits[WAIT_LOCAL].ns;

	return a->voluntary <= 2 && a->running_ns < IDLE_RUN_NS && waited >= a->lifetime_ns / 10 * 9 &&
	       waited;
}

static bool thread_working(const struct report_thread *t, const struct report_process *p, uint64_t wall_ns)
{
	if (t->kernel_worker || t->orphans || idle_all_life(&t->account))
		return false;
	return noticeable(t->account.running_ns, p->account.running_ns, p->n_threads) ||
	       io_noticeable(&t->account, p->parent, wall_ns);
}

static bool uses_epoll(const struct trace *t, const struct trace_thread *thread)
{
	size_t i;

	for (i = 0; i < thread->n_cycles; i++) {
		const struct trace_cycle *c = &t->cycles[thread->first_cycle + i];
		const char *name;

		if (!c->blocked || c->kind != WAIT_POLL)
			continue;
		name = trace_syscall_name(t, c->syscall, c->flags);
		return name && !strncmp(name, "epoll", 5);
	}
	return false;
}

/*
 * Most of its waiting is poll, it polled more than once, and it serves more than one source: two descriptors,
 * or one and timers (an epoll set whose timeout is the event loop's next timer).
 */
static bool event_loop(const struct report_thread *rt, const struct trace *t,
		       const struct trace_thread *thread)
{
	const struct report_account *a = &rt->account;

	if (rt->orphans || rt->kernel_worker || a->waits[WAIT_POLL].count < 2 ||
	    a->waits[WAIT_POLL].ns <= a->waiting_ns / 2)
		return false;
	if (a->waiting_ns < a->lifetime_ns / 100 && a->waits[WAIT_POLL].count < 100)
		return false;
	return thread->poll_sources >= 2 ||
	       (thread->poll_sources >= 1 && thread->poll_timeouts >= 2 && uses_epoll(t, thread));
}

static int find_parents(struct report *r)
{
	struct intmap ppids = {0};
	size_t i;
	int err = 0;

	for (i = 0; i < r->processes_len && !err; i++)
		err = intmap_put(&ppids, r->processes[i].ppid, 1);
	for (i = 0; i < r->processes_len && !err; i++)
		r->processes[i].parent = r->processes[i].pid && intmap_get(&ppids, r->processes[i].pid);
	intmap_release(&ppids);
	return err;
}

int work_mark(struct report *r, const struct trace *t)
{
	int err = find_parents(r);
	size_t p, i;

	if (err)
		return err;
	for (p = 0; p < r->processes_len; p++) {
		struct report_process *process = &r->processes[p];
		const uint32_t *threads = t->processes[p].threads;

		process->working =
			!process->orphans &&
			(noticeable(process->account.running_ns, r->totals.running_ns, r->processes_len) ||
			 io_noticeable(&process->account, process->parent, r->wall_ns));
		for (i = 0; i < process->n_threads; i++) {
			struct report_thread *thread = &r->threads[process->first_thread + i];

			thread->working = thread_working(thread, process, r->wall_ns);
			thread->async = event_loop(thread, t, &t->threads[threads[i]]);
		}
	}
	return 0;
}
