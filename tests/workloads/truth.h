/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the known-truth programs have in common: a series of waits of one thread, measured with that thread's
 * own clocks around each call, and a partner that ends each wait a given delay after the waiter is really
 * asleep.
 *
 *     for (...) { round_begin(s); wait_begin(s); CALL; wait_end(s); UNDO; round_end(s); }
 *
 * Everything lies in shared memory: the partner may be a thread or a process. Only the waiter measures.
 * Between its waits it sleeps in nanosleep, and only where a partner has something to prepare.
 */
#ifndef CONCTRACE_TESTS_TRUTH_H
#define CONCTRACE_TESTS_TRUTH_H

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SKIPPED	      77 /* exit status: this machine cannot do it, stderr says why */
#define DEFAULT_COUNT 23
#define DEFAULT_DELAY 10000000
#define POLL_NS	      200000
#define GIVE_UP_NS    20000000000ULL

/* The clocks and counts of a thread, between two moments that are close to each other; its CPU time at the first and at the last. */
struct reading {
	uint64_t first_ns, first_cpu_ns, switches, ready_ns, last_cpu_ns, last_ns;
};

struct series {
	const char *kind, *form;
	const char *where; /* the fourth argument, or NULL */
	unsigned int count;
	uint64_t delay_ns;
	pid_t pid, tid; /* of the waiter */
	/* the truth: waits, the time in the calls, the CPU and ready time of these, its voluntary switches in
	 * them */
	uint64_t waits, wait_ns, longest_ns, cpu_ns, ready_ns, switches, retries;
	int schedstat_fd;
	struct reading start; /* at the wait's begin */
	/* rounds that the partner prepared, the waiter is about to wait in, the waiter has ended */
	atomic_uint prepared, announced, finished;
	/* for what waiter and partner share */
	union {
		char bytes[1024];
		atomic_int word[4];
		max_align_t aligned;
	} area;
};

struct form {
	const char *name;
	int (*run)(struct series *s); /* 0, SKIPPED or 1 */
	const char *kind;	      /* NULL: the program's */
};

/* For what must work: says which call did not, and ends. */
static inline void check(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what, strerror(errno));
	exit(1);
}

static inline int skip(const char *why)
{
	fprintf(stderr, "%s: skipped: %s\n", program_invocation_short_name, why);
	return SKIPPED;
}

/* Where touching memory may wait: the vdso's page of the clock is mapped by a fault, now and then again. */
static bool clock_by_call;

static inline uint64_t clock_ns(clockid_t clock)
{
	struct timespec t = {0};

	if (clock_by_call)
		syscall(SYS_clock_gettime, clock, &t);
	else
		clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static inline uint64_t now_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

static inline struct timespec timespec_of(uint64_t ns)
{
	return (struct timespec){.tv_sec = (time_t)(ns / 1000000000), .tv_nsec = (long)(ns % 1000000000)};
}

static inline void sleep_ns(uint64_t ns)
{
	struct timespec t = timespec_of(ns);

	while (nanosleep(&t, &t) && errno == EINTR)
		;
}

static inline void pin_to_cpu(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	check(!sched_setaffinity(0, sizeof(set), &set), "sched_setaffinity");
}

/* The nth CPU that this process may use, -1 if there are not that many. */
static inline int allowed_cpu(int nth)
{
	cpu_set_t set;
	int cpu;

	check(!sched_getaffinity(0, sizeof(set), &set), "sched_getaffinity");
	for (cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &set) && !nth--)
			return cpu;
	return -1;
}

/* The letter of a thread's state: R, S, D, T, t, Z; 0 if there is no such thread. */
static inline char thread_state(pid_t pid, pid_t tid)
{
	char path[64], text[512], state = 0;
	const char *end;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", pid, tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	end = strrchr(text, ')');
	if (end && end[1] == ' ')
		state = end[2];
	return state;
}

static inline void await_sleep(pid_t pid, pid_t tid)
{
	uint64_t limit = now_ns() + GIVE_UP_NS;

	for (;;) {
		char state = thread_state(pid, tid);

		if (state && state != 'R')
			return;
		if (now_ns() > limit) {
			fprintf(stderr, "%s: the waiter does not block\n", program_invocation_short_name);
			_exit(1);
		}
		sleep_ns(POLL_NS);
	}
}

static inline void await_count(atomic_uint *counter, unsigned int more_than)
{
	uint64_t limit = now_ns() + GIVE_UP_NS;

	while (atomic_load(counter) <= more_than) {
		if (now_ns() > limit) {
			fprintf(stderr, "%s: the other side does not go on\n", program_invocation_short_name);
			_exit(1);
		}
		sleep_ns(POLL_NS);
	}
}

/* ---- the waiter ------------------------------------------------------------------------------------------
 */

/* By the thread that will wait, before its first round. */
static inline void series_begin(struct series *s)
{
	s->pid = getpid();
	s->tid = gettid();
	s->schedstat_fd = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
}

/* Time that the calling thread was ready and did not run; 0 on kernels that do not say. */
static inline uint64_t ready_ns(int schedstat_fd)
{
	char text[96];
	char *end;
	ssize_t n = schedstat_fd < 0 ? -1 : pread(schedstat_fd, text, sizeof(text) - 1, 0);

	if (n <= 0)
		return 0;
	text[n] = '\0';
	strtoull(text, &end, 10);
	return strtoull(end, NULL, 10);
}

static inline uint64_t voluntary_switches(void)
{
	struct rusage usage = {0};

	getrusage(RUSAGE_THREAD, &usage);
	return (uint64_t)usage.ru_nvcsw;
}

/*
 * A thread that loses its CPU from one clock to the next one says of that time that it was ready, and does not count it as a part of the wait, or
 * the other way round: in an emulated guest on a busy machine 3 of 72 series were wrong by 0.3 to 3.8 ms, and 1 by 9.9. The CPU itself may stand
 * still there, so no count of switches would tell. A reading that took too long is done again, and the shortest one holds; then 108
 * series were right to 0.04 ms.
 */
#define READING_NS    100000
#define READING_TRIES 20

static inline struct reading read_clocks(int schedstat_fd)
{
	struct reading best = {.last_ns = UINT64_MAX}, r;
	unsigned int i;

	for (i = 0; i < READING_TRIES && best.last_ns - best.first_ns > READING_NS; i++) {
		r.first_ns = now_ns();
		r.first_cpu_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
		r.switches = voluntary_switches();
		r.ready_ns = ready_ns(schedstat_fd);
		r.last_cpu_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
		r.last_ns = now_ns();
		if (r.last_ns - r.first_ns < best.last_ns - best.first_ns)
			best = r;
	}
	return best;
}

/* For forms with a partner: until it has prepared this round (a lock is held, say). */
static inline void round_begin(struct series *s)
{
	await_count(&s->prepared, atomic_load(&s->finished));
}

static inline void wait_begin(struct series *s)
{
	s->start = read_clocks(s->schedstat_fd);
	atomic_fetch_add(&s->announced, 1);
}

/* Counts the call if it blocked, or if `always`. True if it blocked. */
static inline bool wait_end_if(struct series *s, bool always)
{
	struct reading end = read_clocks(s->schedstat_fd);
	uint64_t took = end.first_ns - s->start.last_ns;
	bool slept = end.switches > s->start.switches;

	if (!slept && !always)
		return false;
	s->waits++;
	s->wait_ns += took;
	if (took > s->longest_ns)
		s->longest_ns = took;
	s->cpu_ns += end.first_cpu_ns - s->start.last_cpu_ns;
	s->switches += end.switches - s->start.switches;
	s->ready_ns += end.ready_ns - s->start.ready_ns;
	return slept;
}

/* A wait that must have blocked. */
static inline void wait_end(struct series *s)
{
	if (!wait_end_if(s, true)) {
		fprintf(stderr, "%s: a wait did not block\n", program_invocation_short_name);
		exit(1);
	}
}

static inline void round_end(struct series *s)
{
	atomic_fetch_add(&s->finished, 1);
}

/* ---- the partner -----------------------------------------------------------------------------------------
 */

struct partner {
	struct series *series;
	void (*prepare)(struct series *s); /* before the waiter may begin the round; NULL: nothing */
	void (*act)(struct series *s);	   /* ends the wait */
	pthread_t thread;
	pid_t pid;
};

static inline void partner_rounds(const struct partner *p)
{
	struct series *s = p->series;
	unsigned int round;

	for (round = 0; round < s->count; round++) {
		if (p->prepare)
			p->prepare(s);
		atomic_store(&s->prepared, round + 1);
		await_count(&s->announced, round);
		await_sleep(s->pid, s->tid);
		sleep_ns(s->delay_ns);
		p->act(s);
		await_count(&s->finished, round);
	}
}

static inline void *partner_main(void *arg)
{
	partner_rounds(arg);
	return NULL;
}

static inline void partner_start_thread(struct partner *p)
{
	errno = pthread_create(&p->thread, NULL, partner_main, p);
	check(!errno, "pthread_create");
}

static inline void partner_end_thread(struct partner *p)
{
	pthread_join(p->thread, NULL);
}

static inline void partner_start_process(struct partner *p)
{
	p->pid = fork();
	check(p->pid >= 0, "fork");
	if (p->pid)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	partner_rounds(p);
	_exit(0);
}

static inline void partner_end_process(struct partner *p)
{
	int status = 0;

	check(waitpid(p->pid, &status, 0) == p->pid && !status, "the partner process");
}

/* A whole series: `call` waits once, `undo` (NULL: nothing) makes the next wait possible; the partner is a
 * thread. */
static inline int series_with_thread(struct series *s, void (*prepare)(struct series *),
				     void (*act)(struct series *), void (*call)(struct series *),
				     void (*undo)(struct series *))
{
	struct partner p = {.series = s, .prepare = prepare, .act = act};
	unsigned int i;

	series_begin(s);
	partner_start_thread(&p);
	for (i = 0; i < s->count; i++) {
		round_begin(s);
		wait_begin(s);
		call(s);
		wait_end(s);
		if (undo)
			undo(s);
		round_end(s);
	}
	partner_end_thread(&p);
	return 0;
}

/* ---- the program -----------------------------------------------------------------------------------------
 */

static inline int series_print(const struct series *s)
{
	printf("{\"kind\":\"%s\",\"form\":\"%s\",\"waits\":%llu,\"wait_ns\":%llu,\"longest_ns\":%llu,\"cpu_"
	       "ns\":%llu,"
	       "\"ready_ns\":%llu,\"switches\":%llu,\"retries\":%llu,\"pid\":%d,\"tid\":%d}\n",
	       s->kind, s->form, (unsigned long long)s->waits, (unsigned long long)s->wait_ns,
	       (unsigned long long)s->longest_ns, (unsigned long long)s->cpu_ns,
	       (unsigned long long)s->ready_ns, (unsigned long long)s->switches,
	       (unsigned long long)s->retries, s->pid, s->tid);
	return fflush(stdout) ? 1 : 0;
}

static inline const struct form *find_form(const struct form *forms, const char *name)
{
	for (; forms->name; forms++)
		if (!name || !strcmp(name, forms->name))
			return forms;
	return NULL;
}

static inline int forms_print(const struct form *forms, FILE *out)
{
	for (; forms->name; forms++)
		fprintf(out, "%s\n", forms->name);
	return 1;
}

/* Shared memory for a series: it survives fork, and is the same for all. */
static inline struct series *series_new(void)
{
	struct series *s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	check(s != MAP_FAILED, "mmap");
	return s;
}

/* PROGRAM [FORM [COUNT [DELAY_MS [WHERE]]]]; `forms` ends with a zeroed row, its first is the default; --list
 * names them. */
static inline int series_main(int argc, char **argv, const char *kind, const struct form *forms)
{
	const struct form *form = find_form(forms, argc > 1 ? argv[1] : NULL);
	struct series *s;
	int status;

	if (argc > 1 && !strcmp(argv[1], "--list"))
		return !forms_print(forms, stdout);
	if (!form) {
		fprintf(stderr, "Usage: %s [FORM [COUNT [DELAY_MS [WHERE]]]], FORM is one of:\n",
			program_invocation_short_name);
		return forms_print(forms, stderr);
	}
	prctl(PR_SET_TIMERSLACK, 1);
	s = series_new();
	s->kind = form->kind ? form->kind : kind;
	s->form = form->name;
	s->count = argc > 2 ? (unsigned int)strtoul(argv[2], NULL, 10) : DEFAULT_COUNT;
	s->delay_ns = argc > 3 ? (uint64_t)(strtod(argv[3], NULL) * 1e6) : DEFAULT_DELAY;
	s->where = argc > 4 ? argv[4] : NULL;
	status = form->run(s);
	return status ? status : series_print(s);
}

#endif
