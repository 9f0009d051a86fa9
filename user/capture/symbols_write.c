/* SPDX-License-Identifier: BSD-2-Clause */
/* In: the frames of a run. Out: SECTION_NAMES. */
#include "capture/symbols_write.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/fail.h"
#include "capture/debug_files.h"
#include "capture/jit_maps.h"
#include "symbols/vdso.h"
#include "wire_record.h"

#define SECTION_STEP (1u << 20)
#define LABEL_MAX    256

_Static_assert(DEBUG_FILES_MAX <= SYMBOLIZER_DEBUG_FILES, "debug files that are found, and that can be offered");
#define TOTAL_NS     60000000000ll
#define OFFSET_MASK  ((1ull << WIRE_FRAME_OFFSET_BITS) - 1)

/* The frames of one file, and where their names go. */
struct job {
	struct mappings *mappings;
	struct symbolizer *symbolizer;
	struct recording_writer *writer;
	struct symbols_result *result;
	const struct identity *reader;
	struct bytes names;
	uint32_t number;        /* the file that is asked about: */
	char label[LABEL_MAX];  /* its name without folders */
	const uint64_t *frames; /* of it */
	bool *named;	       /* of each frame: done already (memory of a JIT, which may have several maps) */
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

static int add_name(struct job *j, const struct section_name *head, const char *name)
{
	int err = bytes_add(&j->names, head, sizeof(*head));

	if (!err)
		err = bytes_add(&j->names, name, head->name_len);
	if (!err)
		err = bytes_add(&j->names, NULL, -(size_t)head->name_len & 7);
	if (!err && j->names.len >= SECTION_STEP)
		err = flush(j);
	j->result->frames_named++;
	return err;
}

static int take_name(void *ctx, const struct symbol_found *found)
{
	struct job *j = ctx;
	struct section_name head = {
		.frame = j->frames[found->index],
		.offset = found->offset > UINT32_MAX ? UINT32_MAX : (uint32_t)found->offset,
		.name_len = (uint16_t)found->len,
	};
	char made[LABEL_MAX + 32];
	const char *name = found->name;

	if (!found->len) {
		int len = snprintf(made, sizeof(made), "%s+0x%" PRIx64, j->label, found->start);

		head.name_len = (uint16_t)len;
		head.depth = SECTION_NAME_NO_SYMBOL;
		name = made;
	}
	j->write_error = add_name(j, &head, name);
	if (j->named)
		j->named[found->index] = true;
	return j->write_error;
}

/* The file says what it is, and may ask for its debug file. */
static size_t take_file(void *ctx, const struct symbol_file *file, int *fds)
{
	struct job *j = ctx;
	struct mapping_files *files = mappings_files(j->mappings);

	mapping_files_tell_build_id(files, j->number, file->told->build_id, file->told->build_id_len);
	return file->complete ? 0 : mapping_files_open_debug(files, j->number, file->told, j->reader, fds);
}

/* The last part of the path, without what the kernel puts behind names that are gone. */
static void set_label(struct job *j, const char *path)
{
	static const char gone[] = " (deleted)";
	const char *slash = strrchr(path, '/');
	size_t len;

	snprintf(j->label, sizeof(j->label), "%s", slash && slash[1] ? slash + 1 : path);
	len = strlen(j->label);
	if (len >= sizeof(gone) && !strcmp(j->label + len - (sizeof(gone) - 1), gone))
		j->label[len - (sizeof(gone) - 1)] = '\0';
}

/* Fills in what the frames of that file are to be looked up in; -ENOENT and the like if there is nothing. */
static int open_source(struct job *j, uint32_t number, struct symbol_query *q)
{
	struct mapping_file file;

	if (number >= WIRE_FRAME_KERNEL_FILE) {
		q->source = SYMBOLS_KERNEL;
		q->fd = open("/proc/kallsyms", O_RDONLY | O_CLOEXEC);
		return q->fd < 0 ? -errno : 0;
	}
	file = mapping_files_get(mappings_files(j->mappings), number);
	set_label(j, file.path);
	switch (file.kind) {
	case SECTION_FILE_ELF:
		q->source = SYMBOLS_ELF;
		q->fd = mapping_files_open(mappings_files(j->mappings), number);
		q->build_id = file.build_id;
		q->build_id_len = file.build_id_len;
		q->opened = take_file;
		break;
	case SECTION_FILE_VDSO:
		q->source = SYMBOLS_ELF;
		q->fd = vdso_open();
		break;
	default:
		q->fd = -ENOENT;
	}
	return q->fd < 0 ? q->fd : 0;
}

/* A kernel that hides its addresses has no symbols: nothing was lost. */
static bool is_loss(const struct symbol_query *q, int err)
{
	return !(q->source == SYMBOLS_KERNEL && err == -EPERM);
}

/* Asks for those names, counts what can't be had. */
static int ask(struct job *j, uint32_t number, const uint64_t *frames, struct symbol_query *q)
{
	int err;

	q->fn = take_name;
	q->ctx = j;
	j->number = number;
	j->frames = frames;
	j->write_error = 0;
	err = symbolizer_names(j->symbolizer, q);
	if (err && !j->write_error)
		j->result->files_lost += is_loss(q, err);
	return j->write_error;
}

static int name_file(struct job *j, uint32_t number, const uint64_t *frames, size_t n)
{
	struct symbol_query q = {.n = n};
	uint64_t *offsets;
	int err = open_source(j, number, &q);

	if (err) {
		j->result->files_lost += is_loss(&q, err);
		return 0;
	}
	offsets = malloc(n * sizeof(*offsets));
	if (offsets) {
		for (size_t i = 0; i < n; i++)
			offsets[i] = q.source == SYMBOLS_KERNEL ? frames[i] : frames[i] & OFFSET_MASK;
		q.offsets = offsets;
		err = ask(j, number, frames, &q);
	} else {
		err = fail(-ENOMEM, "symbols: no memory for %zu frames", n);
	}
	free(offsets);
	close(q.fd);
	return err;
}

/* The frames that have no name yet, and their addresses: how many. */
static size_t unnamed(uint64_t *frames, uint64_t *addresses, bool *named, size_t n, uint64_t base)
{
	size_t left = 0;

	for (size_t i = 0; i < n; i++)
		if (!named[i])
			frames[left++] = frames[i];
	memset(named, 0, n * sizeof(*named));
	for (size_t i = 0; i < left; i++)
		addresses[i] = base + (frames[i] & OFFSET_MASK);
	return left;
}

/* Memory of a JIT: one map after the other, each for what those before it did not know. */
static int name_memory(struct job *j, uint32_t number, const uint64_t *frames, size_t n)
{
	struct mapping_file file = mapping_files_get(mappings_files(j->mappings), number);
	int fds[JIT_MAPS_MAX], err = 0;
	size_t n_maps = mappings_open_jit(j->mappings, file.pid, symbolizer_uid(j->symbolizer), fds);
	uint64_t *rest = malloc(n * sizeof(*rest)), *addresses = malloc(n * sizeof(*addresses));
	bool *named = calloc(n, sizeof(*named));

	if (rest && addresses && named)
		memcpy(rest, frames, n * sizeof(*rest));
	else
		err = fail(-ENOMEM, "symbols: no memory for %zu frames", n);
	j->named = named;
	for (size_t i = 0; !err && i < n_maps; i++) {
		struct symbol_query q = {.source = SYMBOLS_PERF_MAP, .fd = fds[i], .offsets = addresses};

		q.n = n = unnamed(rest, addresses, named, n, file.base);
		if (n)
			err = ask(j, number, rest, &q);
	}
	j->named = NULL;
	for (size_t i = 0; i < n_maps; i++)
		close(fds[i]);
	free(rest);
	free(addresses);
	free(named);
	return err;
}

static bool is_memory(const struct job *j, uint32_t number)
{
	return number < WIRE_FRAME_KERNEL_FILE &&
	       mapping_files_get(mappings_files(j->mappings), number).kind == SECTION_FILE_ANON;
}

/* All kernel frames belong together, whatever their upper bits. */
static uint32_t file_of(uint64_t frame)
{
	uint32_t number = (uint32_t)(frame >> WIRE_FRAME_OFFSET_BITS);

	return number < WIRE_FRAME_KERNEL_FILE ? number : WIRE_FRAME_KERNEL_FILE;
}

int symbols_write(struct mappings *m, struct symbolizer *s, const struct identity *reader,
		  struct recording_writer *w, struct symbols_result *result)
{
	struct job j = {.mappings = m, .symbolizer = s, .reader = reader, .writer = w, .result = result};
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
		result->files++;
		if (now_ns() >= deadline)
			result->files_lost++;
		else if (is_memory(&j, number))
			err = name_memory(&j, number, frames + at, end - at);
		else
			err = name_file(&j, number, frames + at, end - at);
	}
	if (!err)
		err = flush(&j);
	bytes_release(&j.names);
	free(frames);
	return err;
}
