/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Builds small recordings for tests: in go threads, cycles, waits, ends, stacks, files and names, out comes a
 * recording in a temporary file, written by the real writer. build_cycle keeps each thread's account, so that
 * build_end can write the totals that belong to the cycles; a test that wants wrong totals writes its own
 *records with build_record. Header only; nothing here fails softly: out of memory or disk aborts the test.
 *
 *	struct build b;
 *	struct trace *t;
 *
 *	build_init(&b, 1000, 9000);			  tracing from 1000 to 9000 ns, 2 CPUs
 *	build_thread(&b, 1, 1, 500, 500, 1000, "main");	  number, process, tid, pid, start, comm
 *	build_cycle(&b, 1, &(struct wire_cycle){.ts = 1100, .ready_ns = 100, .flags = WIRE_CYCLE_FIRST});
 *	build_cycle(&b, 1, &(struct wire_cycle){.ts = 5000, .run_ns = 900, .wait_ns = 2900, .ready_ns = 100,
 *						.kind = WAIT_DISK, .blocked = 1, .ready = READY_WOKEN,
 *.syscall = 0}); build_cycle(&b, 1, &(struct wire_cycle){.ts = 9000, .run_ns = 4000, .flags =
 *WIRE_CYCLE_OPEN}); build_end(&b, 1, 9000, WIRE_END_TERMINATED, 0); CHECK_EQ(build_load(&b, &t), 0);
 *	...
 *	trace_free(t);
 *	build_release(&b);
 */
#ifndef CONCTRACE_BUILD_TRACE_H
#define CONCTRACE_BUILD_TRACE_H

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/fail.h"
#include "model/trace.h"
#include "recording/recording.h"
#include "wire_record.h"

#define BUILD_MAX_THREADS 64

struct build_account {
	struct wire_end end;
	struct wire_wait waits[N_WAIT_KINDS];
	uint64_t covered;
	int chain; /* kind of the wait that a retry would go on with, -1: none */
	uint64_t chain_ns;
};

struct build {
	struct bytes meta, events, files, names, loss;
	struct build_account accounts[BUILD_MAX_THREADS];
	size_t n_accounts;
	bool has_arg;
	char path[64]; /* of the temporary file, "" before build_write */
};

static inline void build_must(int err)
{
	if (!err)
		return;
	fprintf(stderr, "building a recording: %s\n", fail_message());
	abort();
}

static inline void build_meta(struct build *b, const char *key, const char *value)
{
	b->has_arg |= !strcmp(key, "arg");
	build_must(bytes_add(&b->meta, key, strlen(key) + 1));
	build_must(bytes_add(&b->meta, value, strlen(value) + 1));
}

static inline void build_meta_u64(struct build *b, const char *key, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, value);
	build_meta(b, key, text);
}

/* A run on two CPUs from `start` to `end`; what is set again with build_meta counts. */
static inline void build_init(struct build *b, uint64_t start, uint64_t end)
{
	memset(b, 0, sizeof(*b));
	build_meta(b, "version", "0.1");
	build_meta(b, "kernel", "6.1.0");
	build_meta(b, "machine", "x86_64");
	build_meta(b, "verb", "run");
	build_meta(b, "exit", "0");
	build_meta(b, "stacks", "1");
	build_meta_u64(b, "cpus", 2);
	build_meta_u64(b, "start", start);
	build_meta_u64(b, "end", end);
	build_meta(b, "syscall:0", "read");
	build_meta(b, "syscall:202", "futex");
}

/* Any record, as it is: head.type, head.size and head.thread are the caller's. */
static inline void build_record(struct build *b, const void *record, size_t size)
{
	build_must(bytes_add(&b->events, record, size));
}

static inline struct build_account *build_account(struct build *b, uint32_t number)
{
	size_t i;

	for (i = 0; i < b->n_accounts; i++)
		if (b->accounts[i].end.head.thread == number)
			return &b->accounts[i];
	if (b->n_accounts == BUILD_MAX_THREADS)
		abort();
	b->accounts[i].end.head.thread = number;
	b->accounts[i].chain = -1;
	b->n_accounts++;
	return &b->accounts[i];
}

/* A WIRE_THREAD with more of its fields: parent, ppid and flags. */
static inline void build_thread_of(struct build *b, uint32_t number, uint32_t process, uint32_t tid,
				   uint32_t pid, uint64_t ts, const char *comm, uint32_t parent,
				   uint32_t ppid, uint32_t flags)
{
	struct build_account *a = build_account(b, number);
	struct wire_thread r = {
		.head = {WIRE_THREAD, sizeof(r), number},
		.ts = ts,
		.process = process,
		.parent = parent,
		.tid = tid,
		.pid = pid,
		.ppid = ppid,
		.flags = flags | (number == process ? WIRE_THREAD_PROCESS : 0),
	};

	strncpy(r.comm, comm, sizeof(r.comm));
	build_record(b, &r, sizeof(r));
	a->end.start = ts;
	a->end.process = process;
	a->end.tid = tid;
	memcpy(a->end.comm, r.comm, sizeof(r.comm));
}

static inline void build_thread(struct build *b, uint32_t number, uint32_t process, uint32_t tid,
				uint32_t pid, uint64_t ts, const char *comm)
{
	build_thread_of(b, number, process, tid, pid, ts, comm, 0, 1, 0);
}

static inline void build_exec(struct build *b, uint32_t number, uint32_t process, uint32_t pid,
			      uint32_t old_tid, uint64_t ts, const char *comm, const char *path)
{
	struct wire_exec r = {
		.head = {WIRE_EXEC, sizeof(r), number},
		.ts = ts,
		.process = process,
		.pid = pid,
		.old_tid = old_tid,
	};

	strncpy(r.comm, comm, sizeof(r.comm));
	strncpy(r.path, path, sizeof(r.path));
	build_record(b, &r, sizeof(r));
	memcpy(build_account(b, number)->end.comm, r.comm, sizeof(r.comm));
}

/* The wait that was going on is over: its length is known, retries and all. */
static inline void build_finish_wait(struct build_account *a)
{
	struct wire_wait *w;
	int bucket = 0;

	if (a->chain < 0)
		return;
	w = &a->waits[a->chain];
	while (bucket < WIRE_HIST_BUCKETS - 1 && a->chain_ns >> (bucket + 1))
		bucket++;
	w->count++;
	w->hist[bucket]++;
	if (a->chain_ns > w->max_ns)
		w->max_ns = a->chain_ns;
	a->chain = -1;
}

static inline void build_count_cycle(struct build_account *a, const struct wire_cycle *c)
{
	bool open = c->flags & WIRE_CYCLE_OPEN;

	a->covered += c->run_ns + c->wait_ns + c->ready_ns;
	a->end.running_ns += c->run_ns;
	a->end.ready_ns[c->ready] += c->ready_ns;
	a->end.ready_count[c->ready] += !open || c->ready_ns;
	a->end.switches_in += !open;
	if (!c->blocked)
		return;
	a->end.blocked++;
	a->end.waiting_ns += c->wait_ns;
	a->waits[c->kind].ns += c->wait_ns;
	if ((c->flags & WIRE_CYCLE_RETRY) && a->chain == c->kind) {
		a->waits[c->kind].retries++;
		a->chain_ns += c->wait_ns;
	} else {
		build_finish_wait(a);
		a->chain = c->kind;
		a->chain_ns = c->wait_ns;
	}
}

/* One cycle, counted in the thread's account; the head is filled in here. Cycles of a thread come in order of
 * time. */
static inline void build_cycle(struct build *b, uint32_t number, const struct wire_cycle *cycle)
{
	struct wire_cycle c = *cycle;

	c.head = (struct wire_head){WIRE_CYCLE, sizeof(c), number};
	build_record(b, &c, sizeof(c));
	build_count_cycle(build_account(b, number), &c);
}

/* The same, lost on its way: in the account, not in the stream. */
static inline void build_lost_cycle(struct build *b, uint32_t number, const struct wire_cycle *cycle)
{
	build_count_cycle(build_account(b, number), cycle);
}

static inline void build_sample(struct build *b, uint32_t number, uint64_t ts, uint64_t stack, bool user)
{
	struct wire_sample s = {
		.head = {WIRE_SAMPLE, sizeof(s), number},
		.ts = ts,
		.stack = stack,
		.syscall = user ? WIRE_NO_SYSCALL : 0,
		.flags = user ? WIRE_SAMPLE_USER : 0,
	};
	struct build_account *a = build_account(b, number);

	build_record(b, &s, sizeof(s));
	if (user)
		a->end.samples_user++;
	else
		a->end.samples_kernel++;
}

/* The WIRE_WAITs and the WIRE_END that the thread's cycles add up to; what they do not cover is unknown. */
/* A waking of thread `number`; who did it is in `w`. */
static inline void build_wake(struct build *b, uint32_t number, uint64_t ts, struct wire_wake w)
{
	w.head = (struct wire_head){WIRE_WAKE, sizeof(w), number};
	w.ts = ts;
	build_record(b, &w, sizeof(w));
}

static inline void build_end(struct build *b, uint32_t number, uint64_t end, uint32_t flags,
			     uint32_t exit_code)
{
	struct build_account *a = build_account(b, number);
	uint32_t kind;

	build_finish_wait(a);
	for (kind = 0; kind < N_WAIT_KINDS; kind++) {
		struct wire_wait *w = &a->waits[kind];

		if (!w->count)
			continue;
		w->head = (struct wire_head){WIRE_WAIT, sizeof(*w), number};
		w->kind = kind;
		build_record(b, w, sizeof(*w));
	}
	a->end.head.type = WIRE_END;
	a->end.head.size = sizeof(a->end);
	a->end.end = end;
	a->end.unknown_ns = end - a->end.start - a->covered;
	a->end.threads = 1;
	a->end.exit_code = exit_code;
	a->end.flags = flags;
	a->end.state = flags & WIRE_END_TERMINATED ? STATE_DEAD : STATE_RUNNING;
	build_record(b, &a->end, sizeof(a->end));
}

/* frames: n_kernel kernel frames, then n_user user frames, innermost first, normalised (BUILD_FRAME). */
#define BUILD_FRAME(file, offset)    ((uint64_t)(file) << WIRE_FRAME_OFFSET_BITS | (offset))
#define BUILD_KERNEL_FRAME(low_bits) (0xffffffff81000000ull + (low_bits))
static inline void build_stack(struct build *b, uint64_t id, uint32_t pid, uint16_t n_kernel, uint16_t n_user,
			       const uint64_t *frames)
{
	size_t len = 8 * ((size_t)n_kernel + n_user);
	struct wire_stack s = {
		.head = {WIRE_STACK, (uint16_t)(sizeof(s) + len), 0},
		.id = id,
		.pid = pid,
		.n_kernel = n_kernel,
		.n_user = n_user,
	};

	build_record(b, &s, sizeof(s));
	build_record(b, frames, len);
}

static inline void build_padded(struct bytes *to, const char *text, size_t len)
{
	build_must(bytes_add(to, text, len));
	build_must(bytes_add(to, NULL, (8 - len % 8) % 8));
}

static inline void build_file(struct build *b, uint32_t number, uint16_t kind, const char *path)
{
	struct section_file f = {.number = number, .kind = kind, .path_len = (uint16_t)strlen(path)};

	build_must(bytes_add(&b->files, &f, sizeof(f)));
	build_padded(&b->files, path, strlen(path));
}

static inline void build_name(struct build *b, uint64_t frame, uint16_t depth, const char *name)
{
	struct section_name n = {.frame = frame, .name_len = (uint16_t)strlen(name), .depth = depth};

	build_must(bytes_add(&b->names, &n, sizeof(n)));
	build_padded(&b->names, name, strlen(name));
}

static inline void build_loss(struct build *b, enum loss_cause cause, uint64_t count)
{
	uint32_t head[2] = {cause, 0};

	build_must(bytes_add(&b->loss, head, sizeof(head)));
	build_must(bytes_add(&b->loss, &count, sizeof(count)));
}

/* Bytes of a record, or of a name: sections are made of whole ones. */
static inline size_t build_record_size(const unsigned char *at)
{
	struct wire_head head;

	memcpy(&head, at, sizeof(head));
	return head.size;
}

static inline size_t build_name_size(const unsigned char *at)
{
	struct section_name name;

	memcpy(&name, at, sizeof(name));
	return sizeof(name) + (name.name_len + 7u) / 8 * 8;
}

/* In parts: a section has a limit. */
static inline void build_sections(struct recording_writer *w, uint32_t type, const struct bytes *from,
				  size_t (*size_of)(const unsigned char *))
{
	size_t first = 0, end = 0;

	while (end < from->len) {
		size_t left = from->len - end, size = left < 24 ? left : size_of(from->data + end);

		end += size < 8 || size > left ? left : size; /* of broken ones, all that is left */
		if (end - first < 16u << 20 && end < from->len)
			continue;
		build_must(recording_write(w, type, from->data + first, end - first, true));
		first = end;
	}
}

/* Writes the recording to a temporary file (b->path); not `complete`: as if the recorder had been killed at
 * its end. */
static inline void build_write(struct build *b, bool complete)
{
	struct recording_writer *w;
	int fd;

	if (!b->has_arg)
		build_meta(b, "arg", "./workload");
	if (b->path[0])
		unlink(b->path);
	strcpy(b->path, "/tmp/conctrace-test-XXXXXX");
	fd = mkstemp(b->path);
	w = fd < 0 ? NULL : recording_writer_new(fd, b->path);
	if (!w)
		abort();
	build_must(recording_write(w, SECTION_META, b->meta.data, b->meta.len, true));
	build_sections(w, SECTION_EVENTS, &b->events, build_record_size);
	if (b->files.len)
		build_must(recording_write(w, SECTION_FILES, b->files.data, b->files.len, true));
	build_sections(w, SECTION_NAMES, &b->names, build_name_size);
	if (b->loss.len)
		build_must(recording_write(w, SECTION_LOSS, b->loss.data, b->loss.len, true));
	build_must(recording_writer_close(w, complete));
}

/* build_write of a complete recording, and trace_load of it: its result. */
static inline int build_load(struct build *b, struct trace **t)
{
	build_write(b, true);
	return trace_load(t, b->path);
}

static inline void build_release(struct build *b)
{
	if (b->path[0])
		unlink(b->path);
	bytes_release(&b->meta);
	bytes_release(&b->events);
	bytes_release(&b->files);
	bytes_release(&b->names);
	bytes_release(&b->loss);
	memset(b, 0, sizeof(*b));
}

#endif
