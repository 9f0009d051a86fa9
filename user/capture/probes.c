/* SPDX-License-Identifier: BSD-2-Clause */
/* Comes in: settings. Goes out: attached programs, a readable descriptor, records. */
#include "capture/probes.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <bpf/libbpf_legacy.h>

#include "base/fail.h"
#include "capture/blocked_calls.h"
#include "capture/load_log.h"
#include "capture/preempt_place.h"
#include "capture/probe_classes.h"
#include "capture/probe_sums.h"
#include "capture/wchans.h"
#include "conctrace.skel.h"

/* 0.5 (Ubuntu 22.04) does not tell its version */
#if !defined(LIBBPF_MAJOR_VERSION) || (LIBBPF_MAJOR_VERSION == 0 && LIBBPF_MINOR_VERSION < 7)
#define LIBBPF_BEFORE_0_7
#endif

#define RINGS_MAX	 32u
#define RINGS_BYTES	 (16u << 20) /* all of them together */
#define RING_BYTES_MIN	 (256u << 10)
#define RING_BYTES_MAX	 (4u << 20)
#define EVENTS_BYTES	 (2u << 20)
#define PROOFS_BYTES	 (256u << 20)
#define STOP_AHEAD_NS	 1000000u /* programs that run when the end is set are through by then */
#define LAST_SWITCH_MS	 2000	  /* that long, on a machine with much other work, a thread that exits is waited for */

struct probes {
	struct conctrace_bpf *skel;
	struct ring_buffer *rings;
	int *ring_fds;
	uint32_t n_rings;
	struct cpu_list cpus;
	int *sample_fds;
	struct bpf_link **sample_links;
	uint32_t sample_hz;
	uint32_t cpu_limit;
	bool attach;
	struct unwind_arrays unwind;
	struct load_log log;
};

static struct probes *log_owner; /* libbpf's print function has no context */

static uint64_t now_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int keep_log(enum libbpf_print_level level, const char *fmt, va_list args)
{
	char *message;

	if (level == LIBBPF_DEBUG || !log_owner || vasprintf(&message, fmt, args) < 0)
		return 0;
	load_log_add(&log_owner->log, message);
	free(message);
	return 0;
}

static uint32_t power_of_two(uint32_t n)
{
	uint32_t p = 1;

	while (p < n)
		p *= 2;
	return p;
}

/* What is not needed is not loaded. */
static int choose_programs(struct probes *p, const struct probes_options *o)
{
	int err = o->attach ? bpf_map__set_max_entries(p->skel->maps.seed_memory, SEED_THREADS) : 0;

	if (!err)
		err = bpf_program__set_autoload(p->skel->progs.seed_threads, o->attach);
	if (!err)
		err = bpf_program__set_autoload(p->skel->progs.on_waking, o->wakers);
	if (!err)
		err = bpf_program__set_autoload(p->skel->progs.on_sample, o->sample_hz > 0);
	return err;
}

static void set_logarithms(uint8_t log2_of[256])
{
	for (unsigned int i = 2; i < 256; i++)
		log2_of[i] = (uint8_t)(log2_of[i / 2] + 1);
}

static int set_up_object(struct probes *p, const struct probes_options *o)
{
	struct wire_settings *settings = (struct wire_settings *)&p->skel->rodata->settings;
	uint32_t bytes;
	int err;

	p->n_rings = power_of_two(p->cpu_limit);
	if (p->n_rings > RINGS_MAX)
		p->n_rings = RINGS_MAX;
	bytes = RINGS_BYTES / p->n_rings;
	if (bytes > RING_BYTES_MAX)
		bytes = RING_BYTES_MAX;
	if (bytes < RING_BYTES_MIN)
		bytes = RING_BYTES_MIN;
	settings->stacks = o->stacks;
	settings->kernel_stacks = o->kernel_stacks;
	settings->unwind = o->unwind;
	settings->proof = o->proof;
	settings->stack_bits = o->stack_bits;
	if (o->wakers) {
		err = preempt_place(&settings->preempt_count);
		if (err)
			return err;
	}
	settings->rings = p->n_rings;
	settings->ring_bytes = bytes;
	settings->events_bytes = EVENTS_BYTES;
	set_logarithms((uint8_t *)p->skel->rodata->log2_of);
	probe_classes_set((uint8_t(*)[N_SYSCALL_NUMBERS])p->skel->rodata->syscall_classes, (uint8_t *)p->skel->rodata->class_kinds);
	p->skel->bss->seeding.state = STATE_SEEDING;
	p->skel->bss->next_number = 1;
	err = bpf_map__set_max_entries(p->skel->maps.rings, p->n_rings);
	if (!err)
		err = bpf_map__set_max_entries(p->skel->maps.events, EVENTS_BYTES);
	if (!err && o->proof)
		err = bpf_map__set_max_entries(p->skel->maps.proofs, PROOFS_BYTES);
	if (!err)
		err = bpf_map__set_max_entries(p->skel->maps.cpus, p->cpu_limit);
	if (!err)
		err = unwind_arrays_size(p->skel->obj, p->cpu_limit, o->unwind);
	return err ? err : choose_programs(p, o);
}

/* One update for all: each update of a map of maps waits for an RCU grace period. */
static int put_rings(struct probes *p)
{
	DECLARE_LIBBPF_OPTS(bpf_map_batch_opts, opts);
	uint32_t keys[RINGS_MAX], count = p->n_rings;
	int fd = bpf_map__fd(p->skel->maps.rings);

	for (uint32_t i = 0; i < p->n_rings; i++)
		keys[i] = i;
	if (bpf_map_update_batch(fd, keys, p->ring_fds, &count, &opts) == 0)
		return 0;
	for (uint32_t i = 0; i < p->n_rings; i++) /* before 5.17 (3d6e7a5a8f51) */
		if (bpf_map_update_elem(fd, &keys[i], &p->ring_fds[i], 0))
			return -errno;
	return 0;
}

static int make_ring(uint32_t bytes)
{
#ifdef LIBBPF_BEFORE_0_7
	return bpf_create_map_name(BPF_MAP_TYPE_RINGBUF, "conctrace_ring", 0, 0, (int)bytes, 0);
#else
	return bpf_map_create(BPF_MAP_TYPE_RINGBUF, "conctrace_ring", 0, 0, bytes, NULL);
#endif
}

static int make_rings(struct probes *p)
{
	uint32_t bytes = (uint32_t)p->skel->rodata->settings.ring_bytes;

	for (uint32_t i = 0; i < p->n_rings; i++) {
		p->ring_fds[i] = make_ring(bytes);
		if (p->ring_fds[i] < 0)
			return fail(-errno, "ring buffer of %u KiB: %s: is there memory to lock?", bytes >> 10,
				    strerror(errno));
	}
	return put_rings(p) ? fail(-errno, "ring buffers: %s", strerror(errno)) : 0;
}

struct drain {
	probes_fn fn;
	void *ctx;
};

static int on_record(void *ctx, void *data, size_t size)
{
	struct drain *const *drain = ctx;

	return *drain ? (*drain)->fn((*drain)->ctx, data, size) : 0;
}

static struct drain *current_drain; /* the ring buffers hand out one context for all their life */

static int open_rings(struct probes *p)
{
	p->rings = ring_buffer__new(bpf_map__fd(p->skel->maps.events), on_record, &current_drain, NULL);
	if (!p->rings)
		return fail(-errno, "ring buffer: %s", strerror(errno));
	if (p->skel->rodata->settings.proof &&
	    ring_buffer__add(p->rings, bpf_map__fd(p->skel->maps.proofs), on_record, &current_drain))
		return fail(-errno, "ring buffer: %s", strerror(errno));
	for (uint32_t i = 0; i < p->n_rings; i++) {
		int err = ring_buffer__add(p->rings, p->ring_fds[i], on_record, &current_drain);

		if (err)
			return fail(err, "ring buffer: %s", strerror(-err));
	}
	return 0;
}

static int fail_load(const struct probes *p, int err)
{
	const struct load_log *log = &p->log;

	if (err == -EPERM)
		return fail(err, "loading the probes: %s: run as root (or with CAP_BPF, CAP_PERFMON and CAP_SYS_PTRACE); `conctrace doctor` tells more",
			    strerror(-err));
	if (err == -EMFILE || err == -ENFILE)
		return fail(err, "loading the probes: %s: raise the limit (ulimit -n, or fs.file-max for the whole system)", strerror(-err));
	return fail(err, "loading the probes: %s%s%s%s%s: `conctrace doctor` tells what this kernel lacks", strerror(-err),
		    log->cause[0] ? ": libbpf: " : "", log->cause, log->verdict[0] ? ": the verifier: " : "", log->verdict);
}

int probes_load(struct probes **out, const struct probes_options *o)
{
	struct probes *p = calloc(1, sizeof(*p));
	int err;

	*out = NULL;
	if (!p)
		return fail(-ENOMEM, "loading the probes: no memory");
	log_owner = p;
	libbpf_set_print(keep_log);
	/* as 1.0 always does: a failure is NULL and errno, not a pointer that holds an error */
	libbpf_set_strict_mode(LIBBPF_STRICT_CLEAN_PTRS | LIBBPF_STRICT_DIRECT_ERRS);
	p->sample_hz = o->sample_hz;
	p->cpu_limit = o->facts->cpu_limit;
	p->attach = o->attach;
	p->ring_fds = calloc(RINGS_MAX, sizeof(int));
	p->skel = conctrace_bpf__open();
	if (!p->skel || !p->ring_fds) {
		err = fail(-ENOMEM, "loading the probes: %s", strerror(errno));
		goto out;
	}
	memset(p->ring_fds, 0xff, RINGS_MAX * sizeof(int));
	err = cpu_list_read(&p->cpus, "", "online");
	if (err)
		goto out;
	err = set_up_object(p, o);
	if (!err)
		err = conctrace_bpf__load(p->skel);
	if (err) {
		err = fail_load(p, err);
		goto out;
	}
	if (o->unwind) {
		err = unwind_arrays_map(&p->unwind, p->skel->obj);
		if (err) {
			fail(err, "unwind tables: mmap: %s: is there memory to lock?", strerror(-err));
			goto out;
		}
		p->unwind.changes = (uint32_t *)&p->skel->bss->unwind_changes;
	}
	err = make_rings(p);
	if (!err)
		err = open_rings(p);
	if (!err)
		err = wchans_read(p->skel->bss->wchans, (uint32_t *)&p->skel->bss->n_wchans);
	probes_set_clock(p);
out:
	if (err) {
		probes_free(p);
		return err;
	}
	*out = p;
	return 0;
}

static int attach_samples(struct probes *p)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.freq = 1,
		.sample_freq = p->sample_hz,
	};

	p->sample_fds = calloc(p->cpus.n, sizeof(int));
	p->sample_links = calloc(p->cpus.n, sizeof(struct bpf_link *));
	if (!p->sample_fds || !p->sample_links)
		return fail(-ENOMEM, "samples: no memory");
	memset(p->sample_fds, 0xff, p->cpus.n * sizeof(int));
	for (size_t i = 0; i < p->cpus.n; i++) {
		int fd = (int)syscall(SYS_perf_event_open, &attr, -1, (int)p->cpus.numbers[i], -1, PERF_FLAG_FD_CLOEXEC);

		if (fd < 0 && errno == ENODEV) /* went offline */
			continue;
		if (fd < 0)
			return fail(-errno, "samples on CPU %u: perf_event_open: %s: --frequency 0 does without",
				    p->cpus.numbers[i], strerror(errno));
		p->sample_fds[i] = fd;
		p->sample_links[i] = bpf_program__attach_perf_event(p->skel->progs.on_sample, fd);
		if (!p->sample_links[i])
			return fail(-errno, "samples on CPU %u: %s: --frequency 0 does without", p->cpus.numbers[i],
				    strerror(errno));
	}
	return 0;
}

int probes_attach(struct probes *p)
{
	struct bpf_program *programs[] = {p->skel->progs.on_newtask, p->skel->progs.on_wakeup_new,
					  p->skel->progs.on_exec, p->skel->progs.on_switch, p->skel->progs.on_waking};
	struct bpf_link **links[] = {&p->skel->links.on_newtask, &p->skel->links.on_wakeup_new,
				      &p->skel->links.on_exec, &p->skel->links.on_switch, &p->skel->links.on_waking};

	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
		if (bpf_program__fd(programs[i]) < 0) /* not loaded: not asked for */
			continue;
		*links[i] = bpf_program__attach(programs[i]);
		if (!*links[i])
			return fail(-errno, "attaching %s: %s: `conctrace doctor` tells what this kernel lacks",
				    bpf_program__name(programs[i]), strerror(errno));
	}
	return p->sample_hz ? attach_samples(p) : 0;
}

int probes_seed_command(struct probes *p, int pidfd, uint32_t pid)
{
	struct wire_state state = {.number = p->skel->bss->next_number++, .tid = pid, .pid = pid, .state = STATE_HELD, .exec_ts = 1};

	p->skel->bss->command = state.number;
	state.process = state.number;
	state.space = state.number;
	state.flags = WIRE_THREAD_PROCESS | WIRE_THREAD_SEEDED;
	if (bpf_map_update_elem(bpf_map__fd(p->skel->maps.threads), &pidfd, &state, BPF_ANY))
		return fail(-errno, "following process %u: %s", pid, strerror(errno));
	return 0;
}

/* Runs a task iterator over all tasks; what it writes goes to `fn`. */
static int iterate(struct bpf_program *program, probes_fn fn, void *ctx)
{
	struct bpf_link *link = bpf_program__attach_iter(program, NULL);
	static char buf[256 << 10];
	size_t have = 0;
	int fd = -1, err = 0;
	ssize_t n;

	if (!link)
		return fail(-errno, "walking the tasks: %s", strerror(errno));
	fd = bpf_iter_create(bpf_link__fd(link));
	if (fd < 0) {
		err = fail(-errno, "walking the tasks: %s", strerror(errno));
		goto out;
	}
	while ((n = read(fd, buf + have, sizeof(buf) - have)) > 0 || (n < 0 && (errno == EINTR || errno == EAGAIN))) {
		size_t used = 0;

		have += n > 0 ? (size_t)n : 0;
		while (!err && have - used >= sizeof(struct wire_head)) {
			struct wire_head *head = (struct wire_head *)(buf + used);

			if (head->size > have - used)
				break;
			err = fn(ctx, head, head->size);
			used += head->size;
		}
		memmove(buf, buf + used, have - used);
		have -= used;
		if (err)
			goto out;
	}
	if (n < 0)
		err = fail(-errno, "walking the tasks: %s", strerror(errno));
out:
	if (fd >= 0)
		close(fd);
	bpf_link__destroy(link);
	return err;
}

/* More threads than there is room for are taken in without. */
static int hand_over(void *ctx, pid_t tid, const struct wire_seed_memory *memory)
{
	const struct probes *p = ctx;
	uint32_t key = (uint32_t)tid;

	(void)bpf_map_update_elem(bpf_map__fd(p->skel->maps.seed_memory), &key, memory, BPF_ANY);
	return 0;
}

static void forget_memory(const struct probes *p)
{
	int fd = bpf_map__fd(p->skel->maps.seed_memory);
	uint32_t key;

	while (bpf_map_get_next_key(fd, NULL, &key) == 0 && bpf_map_delete_elem(fd, &key) == 0)
		;
}

int probes_seed_processes(struct probes *p, const pid_t *pids, size_t n, probes_fn fn, void *ctx)
{
	const size_t at_once = sizeof(p->skel->bss->seed_tgids) / sizeof(uint32_t);

	for (size_t first = 0; first < n; first += at_once) {
		size_t k = n - first < at_once ? n - first : at_once;
		int err;

		for (size_t i = 0; i < k; i++)
			p->skel->bss->seed_tgids[i] = (uint32_t)pids[first + i];
		p->skel->bss->seed_count = (uint32_t)k;
		for (size_t i = 0; i < k; i++)
			(void)blocked_calls_read(pids[first + i], hand_over, p);
		err = iterate(p->skel->progs.seed_threads, fn, ctx);
		forget_memory(p);
		if (err)
			return err;
	}
	/* nobody is taken in any more (with a command the probes know it themselves: when it begins) */
	__atomic_store_n(&p->skel->bss->stop_at, NO_STOP, __ATOMIC_SEQ_CST);
	return 0;
}

void probes_arm(struct probes *p)
{
	__atomic_store_n(&p->skel->bss->stop_at, NO_STOP_YET, __ATOMIC_SEQ_CST);
}

uint32_t probes_unclosed(const struct probes *p)
{
	int32_t n = __atomic_load_n(&p->skel->bss->live_threads, __ATOMIC_SEQ_CST) -
		    __atomic_load_n(&p->skel->bss->closed_threads, __ATOMIC_SEQ_CST);

	return n > 0 ? (uint32_t)n : 0;
}

/*
 * A thread that was on its way out at the end, and no task any more to walk over (release_task comes before its last switch), closes its account at
 * that switch: a moment later, or when it gets a CPU again.
 */
static void await_last_switches(const struct probes *p)
{
	const struct timespec step = {.tv_nsec = STOP_AHEAD_NS};

	for (int i = 0; i < LAST_SWITCH_MS && probes_unclosed(p); i++)
		nanosleep(&step, NULL);
}

int probes_stop(struct probes *p, uint64_t *stopped, probes_fn fn, void *ctx)
{
	struct timespec pause = {.tv_nsec = 2 * STOP_AHEAD_NS}, settle = {.tv_nsec = STOP_AHEAD_NS};
	uint64_t at = now_ns(CLOCK_MONOTONIC) + STOP_AHEAD_NS;
	int err;

	__atomic_store_n(&p->skel->bss->stop_at, at, __ATOMIC_SEQ_CST);
	while (nanosleep(&pause, &pause) && errno == EINTR)
		;
	*stopped = at;
	err = iterate(p->skel->progs.close_threads, fn, ctx);
	await_last_switches(p);
	/* only now: a thread that dies before the walk comes to it closes its account itself */
	__atomic_store_n(&p->skel->bss->stop_at, 0, __ATOMIC_SEQ_CST);
	while (nanosleep(&settle, &settle) && errno == EINTR)
		;
	return err;
}

const struct unwind_arrays *probes_unwind_arrays(const struct probes *p)
{
	return p->unwind.rows ? &p->unwind : NULL;
}

int probes_fd(const struct probes *p)
{
	return ring_buffer__epoll_fd(p->rings);
}

int probes_drain(struct probes *p, probes_fn fn, void *ctx)
{
	struct drain drain = {fn, ctx};
	int n;

	current_drain = &drain;
	n = ring_buffer__consume(p->rings);
	current_drain = NULL;
	return n < 0 ? n : 0;
}

int32_t probes_live(const struct probes *p)
{
	return __atomic_load_n(&p->skel->bss->live_threads, __ATOMIC_RELAXED);
}

int32_t probes_live_of_command(const struct probes *p)
{
	return __atomic_load_n(&p->skel->bss->live_of_command, __ATOMIC_RELAXED);
}

void probes_set_clock(struct probes *p)
{
	p->skel->bss->realtime_offset = now_ns(CLOCK_REALTIME) - now_ns(CLOCK_MONOTONIC);
}

void probes_set_collided(struct probes *p, const uint64_t *ids, size_t n)
{
	n = n < N_COLLIDED ? n : N_COLLIDED;
	if (n <= p->skel->bss->n_collided)
		return;
	for (size_t i = p->skel->bss->n_collided; i < n; i++)
		__atomic_store_n(&p->skel->bss->collided[i], ids[i], __ATOMIC_RELAXED);
	__atomic_store_n(&p->skel->bss->n_collided, (uint32_t)n, __ATOMIC_RELEASE);
	__atomic_add_fetch(&p->skel->bss->unwind_changes, 1, __ATOMIC_RELEASE);
}

int probes_counts(const struct probes *p, struct wire_cpu_counts *sum)
{
	return probe_sums_counts(bpf_map__fd(p->skel->maps.cpus), p->cpu_limit, sum);
}

int probes_batches(const struct probes *p, probes_fn fn, void *ctx)
{
	return probe_sums_batches(bpf_map__fd(p->skel->maps.cpus), p->cpu_limit, fn, ctx);
}

int probes_orphans(const struct probes *p, probes_fn fn, void *ctx)
{
	return probe_sums_orphans(bpf_map__fd(p->skel->maps.orphans), fn, ctx);
}

/*
 * <linux/bpf.h> before 5.16 (Ubuntu 22.04) does not name verified_insns: it is read by its place, the __u32 that follows
 * recursion_misses, through a buffer that has room for it. A kernel that does not count leaves the zero.
 */
static int read_verified(int fd, uint32_t *verified)
{
	const size_t place = offsetof(struct bpf_prog_info, recursion_misses) + sizeof(__u64);
	union {
		struct bpf_prog_info info;
		unsigned char bytes[sizeof(struct bpf_prog_info) + sizeof(__u64)];
	} u;
	uint32_t len = sizeof(u);

	memset(&u, 0, sizeof(u));
	if (bpf_obj_get_info_by_fd(fd, &u.info, &len))
		return -errno;
	memcpy(verified, u.bytes + place, sizeof(*verified));
	return 0;
}

size_t probes_programs(const struct probes *p, struct probe_program *programs, size_t max)
{
	struct bpf_program *program;
	size_t n = 0;

	bpf_object__for_each_program(program, p->skel->obj) {
		if (n == max || bpf_program__fd(program) < 0 ||
		    read_verified(bpf_program__fd(program), &programs[n].verified))
			continue;
		programs[n++].name = bpf_program__name(program);
	}
	return n;
}

void probes_free(struct probes *p)
{
	if (!p)
		return;
	if (p->skel && p->skel->bss)
		p->skel->bss->stop_at = 0;
	for (size_t i = 0; p->sample_links && i < p->cpus.n; i++)
		bpf_link__destroy(p->sample_links[i]);
	for (size_t i = 0; p->sample_fds && i < p->cpus.n; i++)
		if (p->sample_fds[i] >= 0)
			close(p->sample_fds[i]);
	ring_buffer__free(p->rings);
	unwind_arrays_unmap(&p->unwind);
	conctrace_bpf__destroy(p->skel);
	for (uint32_t i = 0; p->ring_fds && i < RINGS_MAX; i++)
		if (p->ring_fds[i] >= 0)
			close(p->ring_fds[i]);
	free(p->cpus.numbers);
	free(p->sample_fds);
	free(p->sample_links);
	free(p->ring_fds);
	if (log_owner == p)
		log_owner = NULL;
	free(p);
}
