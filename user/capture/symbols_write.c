/* SPDX-License-Identifier: BSD-2-Clause */
/* In: the frames of a run. Out: SECTION_NAMES. */
#include "capture/symbols_write.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/fail.h"
#include "symbols/vdso.h"
#include "wire_record.h"

#define SECTION_STEP (1u << 20)
#define TOTAL_NS     60000000000ll
#define OFFSET_MASK  ((1ull << WIRE_FRAME_OFFSET_BITS) - 1)

/* The frames of one file, and where their names go. */
struct job {
	struct mappings *mappings;
	struct symbolizer *symbolizer;
	struct recording_writer *writer;
	struct symbols_result *result;
	struct bytes names;
	const uint64_t *frames; /* of the file that is asked about */
	int write_error;
};

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int flush(struct job *j)
{
	int err = 0;

	if (j->names.len)
		err = recording_write(j->writer, SECTION_NAMES, j->names.data, j->names.len, true);
	bytes_clear(&j->names);
	return err;
}

static int take_name(void *ctx, size_t index, const char *name, size_t len, uint64_t offset)
{
	struct job *j = ctx;
	struct section_name s = {
		.frame = j->frames[index],
		.offset = offset > UINT32_MAX ? UINT32_MAX : (uint32_t)offset,
		.name_len = (uint16_t)len,
	};
	int err = bytes_add(&j->names, &s, sizeof(s));

	if (!err)
		err = bytes_add(&j->names, name, len);
	if (!err)
		err = bytes_add(&j->names, NULL, -len & 7);
	if (!err && j->names.len >= SECTION_STEP)
		err = flush(j);
	j->result->frames_named++;
	j->write_error = err;
	return err;
}

/* The separate debug file that the distribution installs, by build id; -1 if there is none. */
static int open_debug(const uint8_t *build_id, size_t len)
{
	char path[128] = "/usr/lib/debug/.build-id/";
	size_t at = strlen(path);
	struct stat st;
	int fd;

	if (len < 2)
		return -1;
	for (size_t i = 0; i < len; i++)
		at += (size_t)snprintf(path + at, sizeof(path) - at, i == 1 ? "/%02x" : "%02x", build_id[i]);
	snprintf(path + at, sizeof(path) - at, ".debug");
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd >= 0 && (fstat(fd, &st) || !S_ISREG(st.st_mode))) {
		close(fd);
		fd = -1;
	}
	return fd;
}

/* Fills in what the frames of that file are to be looked up in; -ENOENT and the like if there is nothing. */
static int open_source(struct job *j, uint32_t number, struct symbol_query *q, uint64_t *base)
{
	struct mapping_file file;

	q->debug_fd = -1;
	*base = 0;
	if (number >= WIRE_FRAME_KERNEL_FILE) {
		q->source = SYMBOLS_KERNEL;
		q->fd = open("/proc/kallsyms", O_RDONLY | O_CLOEXEC);
		return q->fd < 0 ? -errno : 0;
	}
	file = mapping_files_get(mappings_files(j->mappings), number);
	switch (file.kind) {
	case SECTION_FILE_ELF:
		q->source = SYMBOLS_ELF;
		q->fd = mapping_files_open(mappings_files(j->mappings), number);
		q->build_id = file.build_id;
		q->build_id_len = file.build_id_len;
		if (q->fd >= 0)
			q->debug_fd = open_debug(file.build_id, file.build_id_len);
		break;
	case SECTION_FILE_VDSO:
		q->source = SYMBOLS_ELF;
		q->fd = vdso_open();
		break;
	case SECTION_FILE_ANON:
		q->source = SYMBOLS_PERF_MAP;
		q->fd = mappings_open_jit(j->mappings, file.pid, symbolizer_uid(j->symbolizer));
		*base = file.base;
		break;
	default:
		q->fd = -ENOENT;
	}
	return q->fd < 0 ? q->fd : 0;
}

/* A JIT that writes no perf map and a kernel that hides its addresses have no symbols: nothing was lost. */
static bool is_loss(const struct symbol_query *q, int err)
{
	return !(q->source == SYMBOLS_PERF_MAP && err == -ENOENT) &&
	       !(q->source == SYMBOLS_KERNEL && err == -EPERM);
}

static int name_file(struct job *j, uint32_t number, const uint64_t *frames, size_t n)
{
	struct symbol_query q = {.n = n};
	uint64_t *offsets, base;
	int err = open_source(j, number, &q, &base);

	j->result->files++;
	if (err) {
		j->result->files_lost += is_loss(&q, err);
		return 0;
	}
	offsets = malloc(n * sizeof(*offsets));
	if (offsets) {
		for (size_t i = 0; i < n; i++)
			offsets[i] =
				q.source == SYMBOLS_KERNEL ? frames[i] : base + (frames[i] & OFFSET_MASK);
		q.offsets = offsets;
		j->frames = frames;
		j->write_error = 0;
		err = symbolizer_names(j->symbolizer, &q, take_name, j);
		if (err && !j->write_error)
			j->result->files_lost += is_loss(&q, err);
		err = j->write_error;
	} else {
		err = fail(-ENOMEM, "symbols: no memory for %zu frames", n);
	}
	free(offsets);
	close(q.fd);
	if (q.debug_fd >= 0)
		close(q.debug_fd);
	return err;
}

/* All kernel frames belong together, whatever their upper bits. */
static uint32_t file_of(uint64_t frame)
{
	uint32_t number = (uint32_t)(frame >> WIRE_FRAME_OFFSET_BITS);

	return number < WIRE_FRAME_KERNEL_FILE ? number : WIRE_FRAME_KERNEL_FILE;
}

int symbols_write(struct mappings *m, struct symbolizer *s, struct recording_writer *w,
		  struct symbols_result *result)
{
	struct job j = {.mappings = m, .symbolizer = s, .writer = w, .result = result};
	int64_t deadline = now_ns() + TOTAL_NS;
	uint64_t *frames;
	size_t n, end;
	int err;

	memset(result, 0, sizeof(*result));
	err = mappings_frames(m, &frames, &n);
	result->frames = n;
	for (size_t at = 0; !err && at < n; at = end) {
		uint32_t number = file_of(frames[at]);

		for (end = at; end < n && file_of(frames[end]) == number; end++)
			;
		if (now_ns() < deadline) {
			err = name_file(&j, number, frames + at, end - at);
		} else {
			result->files++;
			result->files_lost++;
		}
	}
	if (!err)
		err = flush(&j);
	bytes_release(&j.names);
	free(frames);
	return err;
}
