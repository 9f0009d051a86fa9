/* SPDX-License-Identifier: BSD-2-Clause */
/* In: the perf rings of all CPUs. Out: mapping and process events in the order of their time. */
#include "capture/sideband.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/fail.h"

#define RING_BYTES	 (256u << 10) /* of one CPU: some thousand records */
#define RING_BYTES_LARGE (64u << 10)  /* with more CPUs than this: */
#define MANY_CPUS	 64
#define MAX_PASSES 8
#define RECORD_MAX 65536
#define TRAILER	   24 /* sample_id: pid, tid, time, cpu, 0 */

#ifndef PERF_RECORD_MISC_MMAP_BUILD_ID
#define PERF_RECORD_MISC_MMAP_BUILD_ID (1 << 14)
#endif

/* PERF_RECORD_MMAP2 after its header, up to the path; perf_event.h has it as a comment only. */
struct mmap2_record {
	uint32_t pid, tid;
	uint64_t addr, len, pgoff;
	union {
		struct {
			uint32_t maj, min;
			uint64_t ino, ino_generation;
		};
		struct {
			uint8_t build_id_size, reserved[3];
			uint8_t build_id[20];
		};
	};
	uint32_t prot, flags;
};

struct task_record { /* PERF_RECORD_FORK, PERF_RECORD_EXIT */
	uint32_t pid, ppid, tid, ptid;
	uint64_t time;
};

_Static_assert(sizeof(struct mmap2_record) == 64, "PERF_RECORD_MMAP2");

struct ring {
	struct perf_event_mmap_page *page;
};

struct pending {
	struct sideband_event event; /* path is not set: */
	size_t path;		     /* place in `paths` */
	uint64_t seq;
};

struct sideband {
	int *fds;
	struct ring *rings;
	size_t n;
	size_t ring_bytes, page_bytes;
	struct pending *pending;
	size_t n_pending, cap_pending;
	struct bytes paths;
	uint64_t seq, lost;
	unsigned char record[RECORD_MAX]; /* one that wraps around the ring's end */
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* The descriptor, or a negative errno. */
static int open_event(int cpu, uint32_t wake_bytes)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_DUMMY,
		.sample_type = PERF_SAMPLE_TID | PERF_SAMPLE_TIME | PERF_SAMPLE_CPU,
		.mmap = 1,
		.mmap2 = 1,
		.comm = 1,
		.comm_exec = 1,
		.task = 1,
		.sample_id_all = 1,
		.exclude_kernel = 1,
		.use_clockid = 1,
		.clockid = CLOCK_MONOTONIC,
		.watermark = 1,
		.wakeup_watermark = wake_bytes,
		.build_id = 1,
	};
	long fd = syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);

	if (fd < 0 && errno == EINVAL) {
		attr.build_id = 0; /* 88a16a1309333 (5.12) brought it */
		fd = syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
	}
	return fd < 0 ? -errno : (int)fd;
}

static int open_cpu(struct sideband *s, int cpu)
{
	int fd = open_event(cpu, (uint32_t)s->ring_bytes / 4);
	void *page;

	if (fd == -ENODEV || fd == -ENXIO)
		return 0; /* offline */
	if (fd < 0)
		return fail(fd,
			    "mapping events on CPU %d: perf_event_open: %s: run as root, or with CAP_PERFMON",
			    cpu, strerror(-fd));
	page = mmap(NULL, s->page_bytes + s->ring_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (page == MAP_FAILED) {
		int err = errno;

		close(fd);
		return fail(-err,
			    "mapping events on CPU %d: ring of %zu bytes: %s: run as root, or raise "
			    "kernel.perf_event_mlock_kb",
			    cpu, s->ring_bytes, strerror(err));
	}
	s->fds[s->n] = fd;
	s->rings[s->n++].page = page;
	return 0;
}

int sideband_open(struct sideband **out)
{
	struct sideband *s = calloc(1, sizeof(*s));
	long cpus = sysconf(_SC_NPROCESSORS_CONF);
	int err = 0;

	*out = NULL;
	if (!s)
		return fail(-ENOMEM, "mapping events: no memory");
	if (cpus < 1)
		cpus = 1;
	s->page_bytes = (size_t)sysconf(_SC_PAGESIZE);
	s->ring_bytes = cpus > MANY_CPUS ? RING_BYTES_LARGE : RING_BYTES;
	if (s->ring_bytes < s->page_bytes)
		s->ring_bytes = s->page_bytes;
	s->fds = calloc((size_t)cpus, sizeof(*s->fds));
	s->rings = calloc((size_t)cpus, sizeof(*s->rings));
	if (!s->fds || !s->rings) {
		sideband_close(s);
		return fail(-ENOMEM, "mapping events: no memory for %ld CPUs", cpus);
	}
	for (long cpu = 0; !err && cpu < cpus; cpu++)
		err = open_cpu(s, (int)cpu);
	if (!err && !s->n)
		err = fail(-ENODEV, "mapping events: no CPU has perf events");
	if (err) {
		sideband_close(s);
		return err;
	}
	*out = s;
	return 0;
}

void sideband_close(struct sideband *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->n; i++) {
		munmap(s->rings[i].page, s->page_bytes + s->ring_bytes);
		close(s->fds[i]);
	}
	free(s->fds);
	free(s->rings);
	free(s->pending);
	bytes_release(&s->paths);
	free(s);
}

const int *sideband_fds(const struct sideband *s, size_t *n)
{
	*n = s->n;
	return s->fds;
}

uint64_t sideband_lost(const struct sideband *s)
{
	return s->lost;
}

static int add_pending(struct sideband *s, const struct sideband_event *event, const char *path,
		       size_t path_len)
{
	struct pending *p;
	int err = array_grow(&s->pending, &s->cap_pending, s->n_pending + 1, sizeof(*s->pending));

	if (err)
		return err;
	p = &s->pending[s->n_pending];
	p->event = *event;
	p->path = s->paths.len;
	p->seq = s->seq++;
	err = bytes_add(&s->paths, path, path_len);
	if (!err)
		err = bytes_add(&s->paths, NULL, 1);
	if (!err)
		s->n_pending++;
	return err;
}

static int take_mmap(struct sideband *s, struct sideband_event *event, const struct perf_event_header *h,
		     const unsigned char *body, size_t len)
{
	struct mmap2_record r;
	const char *path = (const char *)body + sizeof(r);

	if (len < sizeof(r) || (h->misc & PERF_RECORD_MISC_CPUMODE_MASK) != PERF_RECORD_MISC_USER)
		return 0;
	memcpy(&r, body, sizeof(r));
	event->type = SIDEBAND_MMAP;
	event->pid = r.pid;
	event->tid = r.tid;
	event->start = r.addr;
	event->len = r.len;
	event->offset = r.pgoff;
	if (h->misc & PERF_RECORD_MISC_MMAP_BUILD_ID) {
		event->identity.build_id_len =
			r.build_id_size <= sizeof(r.build_id) ? r.build_id_size : sizeof(r.build_id);
		memcpy(event->identity.build_id, r.build_id, event->identity.build_id_len);
	} else {
		event->identity.major = r.maj;
		event->identity.minor = r.min;
		event->identity.inode = r.ino;
		event->identity.generation = r.ino_generation;
	}
	return add_pending(s, event, path, strnlen(path, len - sizeof(r)));
}

static int take_task(struct sideband *s, struct sideband_event *event, enum sideband_type type,
		     const unsigned char *body, size_t len)
{
	struct task_record r;

	if (len < sizeof(r))
		return 0;
	memcpy(&r, body, sizeof(r));
	event->type = type;
	event->pid = r.pid;
	event->tid = r.tid;
	event->ppid = r.ppid;
	return add_pending(s, event, "", 0);
}

static int take_record(struct sideband *s, const struct perf_event_header *h, const unsigned char *body,
		       size_t len)
{
	struct sideband_event event = {0};
	uint32_t ids[2];
	uint64_t lost;

	if (len < TRAILER)
		return 0;
	len -= TRAILER;
	memcpy(&event.ts, body + len + 8, sizeof(event.ts));
	switch (h->type) {
	case PERF_RECORD_MMAP2:
		return take_mmap(s, &event, h, body, len);
	case PERF_RECORD_FORK:
		return take_task(s, &event, SIDEBAND_FORK, body, len);
	case PERF_RECORD_EXIT:
		return take_task(s, &event, SIDEBAND_EXIT, body, len);
	case PERF_RECORD_COMM:
		if (!(h->misc & PERF_RECORD_MISC_COMM_EXEC) || len < sizeof(ids))
			return 0;
		memcpy(ids, body, sizeof(ids));
		event.type = SIDEBAND_EXEC;
		event.pid = ids[0];
		event.tid = ids[1];
		return add_pending(s, &event, "", 0);
	case PERF_RECORD_LOST:
		if (len >= 16) {
			memcpy(&lost, body + 8, sizeof(lost));
			s->lost += lost;
		}
		return 0;
	default:
		return 0;
	}
}

static int read_ring(struct sideband *s, const struct ring *ring)
{
	const unsigned char *data = (const unsigned char *)ring->page + s->page_bytes;
	uint64_t head = __atomic_load_n(&ring->page->data_head, __ATOMIC_ACQUIRE);
	uint64_t tail = ring->page->data_tail;
	int err = 0;

	while (!err && tail < head) {
		size_t at = tail & (s->ring_bytes - 1), first;
		const unsigned char *record = data + at;
		struct perf_event_header h;

		memcpy(&h, record, sizeof(h)); /* records are 8-byte aligned: a head never wraps */
		if (h.size < sizeof(h) || h.size > head - tail)
			break;
		if (at + h.size > s->ring_bytes) {
			first = s->ring_bytes - at;
			memcpy(s->record, record, first);
			memcpy(s->record + first, data, h.size - first);
			record = s->record;
		}
		err = take_record(s, &h, record + sizeof(h), h.size - sizeof(h));
		tail += h.size;
	}
	__atomic_store_n(&ring->page->data_tail, err ? tail : head, __ATOMIC_RELEASE);
	return err;
}

static int by_time(const void *a, const void *b)
{
	const struct pending *x = a, *y = b;

	if (x->event.ts != y->event.ts)
		return x->event.ts < y->event.ts ? -1 : 1;
	return (x->seq > y->seq) - (x->seq < y->seq);
}

/* Gives out what happened until `until` and moves the rest to the front. */
static int give_out(struct sideband *s, uint64_t until, sideband_fn fn, void *ctx)
{
	size_t i, kept = 0;
	int err = 0;

	if (s->n_pending)
		qsort(s->pending, s->n_pending, sizeof(*s->pending), by_time);
	for (i = 0; !err && i < s->n_pending && s->pending[i].event.ts <= until; i++) {
		s->pending[i].event.path = (const char *)s->paths.data + s->pending[i].path;
		err = fn(ctx, &s->pending[i].event);
	}
	for (; i < s->n_pending; i++)
		s->pending[kept++] = s->pending[i];
	s->n_pending = kept;
	if (!kept)
		bytes_clear(&s->paths);
	return err;
}

int sideband_read(struct sideband *s, sideband_fn fn, void *ctx)
{
	int err = 0;

	for (int pass = 0; !err && pass < MAX_PASSES; pass++) {
		uint64_t until = now_ns();

		for (size_t i = 0; !err && i < s->n; i++)
			err = read_ring(s, &s->rings[i]);
		if (!err)
			err = give_out(s, until, fn, ctx);
		if (!s->n_pending)
			break;
	}
	return err;
}
