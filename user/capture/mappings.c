/* SPDX-License-Identifier: BSD-2-Clause */
/* In: mapping and process events, raw addresses. Out: frames, and the files that they lie in. */
#include "capture/mappings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/fail.h"
#include "base/intmap.h"
#include "capture/jit_maps.h"
#include "capture/proc_maps.h"
#include "capture/process_table.h"
#include "capture/sideband.h"
#include "wire_record.h"

#define MAX_FRAMES   786432u  /* remembered for their names: 18 MB; a later one stays a number */
#define MAX_NUMBERS  1000000u /* of files; a run of more short processes with unknown frames shares one */
#define USER_MAX     (1ull << 56)
#define KERNEL_START ((uint64_t)WIRE_FRAME_KERNEL_FILE << WIRE_FRAME_OFFSET_BITS)
#define OFFSET_MASK  ((1ull << WIRE_FRAME_OFFSET_BITS) - 1)
#define SECTION_STEP (1u << 20)

struct mappings {
	struct sideband *sideband;
	struct process_table *processes;
	struct mapping_files *files;
	struct jit_maps *jits;
	struct unwinder *unwinder; /* NULL: there are no unwind tables */
	struct intmap frames; /* those that can have a name; the value is not used */
	uint64_t drains, lost;
	uint32_t rescan[32]; /* processes with an address of no known mapping: to be read anew at the next
				drain */
	size_t n_rescan;
};

int mappings_new(struct mappings **out)
{
	struct mappings *m = calloc(1, sizeof(*m));
	int err = 0;

	*out = NULL;
	if (!m)
		return fail(-ENOMEM, "mappings: no memory");
	m->files = mapping_files_new();
	m->jits = m->files ? jit_maps_new() : NULL;
	m->processes = m->jits ? process_table_new() : NULL;
	if (!m->processes)
		err = -ENOMEM;
	if (!err)
		err = sideband_open(&m->sideband);
	if (err) {
		mappings_free(m);
		return err;
	}
	*out = m;
	return 0;
}

void mappings_free(struct mappings *m)
{
	if (!m)
		return;
	sideband_close(m->sideband);
	process_table_free(m->processes);
	unwinder_free(m->unwinder);
	mapping_files_free(m->files);
	jit_maps_free(m->jits);
	intmap_release(&m->frames);
	free(m);
}

const int *mappings_fds(const struct mappings *m, size_t *n)
{
	return sideband_fds(m->sideband, n);
}

static int take_mapping(void *ctx, const struct sideband_event *e)
{
	struct mappings *m = ctx;
	struct mapping mapping = {
		.start = e->start, .end = e->start + e->len, .offset = e->offset, .since = e->ts};
	int64_t file;

	if (mapping.end < mapping.start)
		return 0;
	file = mapping_files_at(m->files, e);
	if (file < 0)
		return (int)file;
	mapping.file = (uint32_t)file;
	return process_table_map(m->processes, e->pid, &mapping);
}

static int take_fork(struct mappings *m, const struct sideband_event *e)
{
	int err = process_table_fork(m->processes, e->ppid, e->pid, e->ts);

	if (!err && process_table_has(m->processes, e->pid))
		err = jit_maps_fork(m->jits, e->ppid, e->pid);
	return err;
}

static int take_exec(struct mappings *m, const struct sideband_event *e)
{
	int err = process_table_exec(m->processes, e->pid, e->ts);

	return err ? err : jit_maps_exec(m->jits, e->pid);
}

static int take_event(void *ctx, const struct sideband_event *e)
{
	struct mappings *m = ctx;

	switch (e->type) {
	case SIDEBAND_MMAP:
		return process_table_has(m->processes, e->pid) ? take_mapping(m, e) : 0;
	case SIDEBAND_EXEC:
		return take_exec(m, e);
	case SIDEBAND_FORK:
		return take_fork(m, e);
	case SIDEBAND_EXIT:
		process_table_exit(m->processes, e->pid, e->ts);
		return 0;
	}
	return 0;
}

int mappings_follow(struct mappings *m, uint32_t pid)
{
	int err = process_table_follow(m->processes, pid, proc_count_threads(pid));

	if (!err)
		err = proc_read_maps(pid, 0, take_mapping, m);
	return !err && m->unwinder ? unwinder_update(m->unwinder) : err;
}

/* Reads the mappings of processes anew whose events were lost or did not tell all (mremap has none). */
static int rescan(struct mappings *m)
{
	uint64_t lost = sideband_lost(m->sideband);
	uint32_t pid;
	int err = 0;

	if (lost != m->lost) {
		m->lost = lost;
		m->n_rescan = 0;
		for (size_t at = 0; !err && process_table_next(m->processes, &at, &pid);) {
			err = proc_read_maps(pid, process_table_epoch(m->processes, pid), take_mapping, m);
			if (err == -ESRCH)
				err = 0;
		}
		process_table_counts_unsure(m->processes);
		return err;
	}
	for (size_t i = 0; !err && i < m->n_rescan; i++) {
		pid = m->rescan[i];
		if (!process_table_has(m->processes, pid))
			continue;
		err = proc_read_maps(pid, process_table_epoch(m->processes, pid), take_mapping, m);
		if (err == -ESRCH)
			err = 0;
	}
	m->n_rescan = 0;
	return err;
}

int mappings_drain(struct mappings *m)
{
	int err = sideband_read(m->sideband, take_event, m);

	m->drains++;
	if (!err)
		err = rescan(m);
	if (!err)
		process_table_forget(m->processes);
	if (!err && m->unwinder)
		err = unwinder_update(m->unwinder);
	return err;
}

static void want_rescan(struct mappings *m, uint32_t pid)
{
	if (m->n_rescan < sizeof(m->rescan) / sizeof(m->rescan[0]) &&
	    process_table_may_rescan(m->processes, pid, m->drains))
		m->rescan[m->n_rescan++] = pid;
}

/* The frame of an address that no file holds. */
static uint64_t memory_frame(struct mappings *m, enum section_file_kind kind, uint32_t pid, uint64_t addr)
{
	int64_t number;

	/* no address at all (stacks without frame pointers end in such), or no more numbers: one file for all
	 * of them */
	if (addr >= USER_MAX || mapping_files_count(m->files) >= MAX_NUMBERS)
		pid = 0, addr = 0, kind = SECTION_FILE_UNKNOWN;
	number = mapping_files_memory(m->files, kind, pid, addr);
	if (number <= 0)
		return 0;
	mapping_files_used(m->files, (uint32_t)number);
	return (uint64_t)number << WIRE_FRAME_OFFSET_BITS | (addr & OFFSET_MASK);
}

/* True if it was not known before. Without memory, or when there are too many, it stays a number. */
static bool remember(struct mappings *m, uint64_t frame)
{
	if (intmap_get(&m->frames, frame) || m->frames.len >= MAX_FRAMES)
		return false;
	return !intmap_put(&m->frames, frame, 0);
}

uint64_t mappings_frame(struct mappings *m, uint32_t pid, uint64_t ts, uint64_t addr, bool is_leaf)
{
	const struct mapping *at;
	uint64_t frame, offset;

	if (!is_leaf && addr)
		addr--;
	at = process_table_at(m->processes, pid, ts, addr);
	if (at && at->file != MAPPING_FILE_NONE && at->file != MAPPING_FILE_ANON) {
		offset = addr - at->start + at->offset;
		if (offset > OFFSET_MASK)
			return memory_frame(m, SECTION_FILE_UNKNOWN, pid, addr);
		frame = (uint64_t)at->file << WIRE_FRAME_OFFSET_BITS | offset;
		mapping_files_used(m->files, at->file);
		remember(m, frame);
		return frame;
	}
	if (at && at->file == MAPPING_FILE_ANON) {
		frame = memory_frame(m, SECTION_FILE_ANON, pid, addr);
		if (remember(m, frame))
			jit_maps_note(m->jits, pid, m->drains);
		return frame;
	}
	if (!at && addr && addr < USER_MAX)
		want_rescan(m, pid);
	return memory_frame(m, SECTION_FILE_UNKNOWN, pid, addr);
}

int mappings_unwind(struct mappings *m, const struct unwind_arrays *arrays, struct table_builder *builder,
		    const struct identity *reader)
{
	m->unwinder = unwinder_new(arrays, builder, m->files, m->processes, reader);
	return m->unwinder ? 0 : -ENOMEM;
}

void mappings_expect(struct mappings *m, const char *path, int fd)
{
	int64_t number = m->unwinder ? mapping_files_expect(m->files, path, fd) : MAPPING_FILE_NONE;

	if (number > 0)
		unwinder_expect(m->unwinder, (uint32_t)number);
}

enum stack_end mappings_walk(struct mappings *m, const struct wire_copy *copy, uint64_t *frames, size_t *n, bool *soon)
{
	*n = 0;
	*soon = false;
	return m->unwinder ? unwinder_walk(m->unwinder, copy, frames, n, soon) : STACK_END_NO_TABLE;
}

void mappings_finish_tables(struct mappings *m, int ms)
{
	if (m->unwinder)
		unwinder_finish(m->unwinder, ms);
}

void mappings_note_frame(struct mappings *m, uint64_t frame)
{
	uint32_t number = (uint32_t)(frame >> WIRE_FRAME_OFFSET_BITS);
	struct mapping_file file;

	if (!number || number > mapping_files_count(m->files))
		return;
	mapping_files_used(m->files, number);
	file = mapping_files_get(m->files, number);
	if (file.kind != SECTION_FILE_UNKNOWN && remember(m, frame) && file.kind == SECTION_FILE_ANON)
		jit_maps_note(m->jits, file.pid, m->drains);
}

bool mappings_is_unknown(const struct mappings *m, uint64_t frame)
{
	uint32_t number = (uint32_t)(frame >> WIRE_FRAME_OFFSET_BITS);

	return number && number <= mapping_files_count(m->files) &&
	       mapping_files_get(m->files, number).kind == SECTION_FILE_UNKNOWN;
}

uint64_t mappings_kernel_frame(struct mappings *m, uint64_t addr, bool is_leaf)
{
	if (!is_leaf && addr > KERNEL_START)
		addr--;
	if (addr < KERNEL_START)
		return memory_frame(m, SECTION_FILE_UNKNOWN, 0, 0);
	remember(m, addr);
	return addr;
}

uint64_t mappings_lost(const struct mappings *m)
{
	return sideband_lost(m->sideband);
}

size_t mappings_processes(const struct mappings *m)
{
	return process_table_count(m->processes);
}

static int add_file(struct bytes *b, const struct mapping_file *file, uint32_t number)
{
	size_t path_len = strlen(file->path);
	struct section_file s = {
		.number = number, .kind = (uint16_t)file->kind, .base = file->base, .pid = file->pid};
	int err;

	if (path_len > UINT16_MAX)
		path_len = UINT16_MAX;
	s.path_len = (uint16_t)path_len;
	s.build_id_len = file->build_id_len;
	if (file->build_id_len)
		memcpy(s.build_id, file->build_id, file->build_id_len);
	err = bytes_add(b, &s, sizeof(s));
	if (!err)
		err = bytes_add(b, file->path, path_len);
	if (!err)
		err = bytes_add(b, NULL, -path_len & 7);
	return err;
}

int mappings_write_files(const struct mappings *m, struct recording_writer *w)
{
	uint32_t n = mapping_files_count(m->files);
	struct bytes b = {0};
	int err = 0;

	for (uint32_t number = 1; !err && number <= n; number++) {
		struct mapping_file file;

		if (!mapping_files_is_used(m->files, number))
			continue;
		file = mapping_files_get(m->files, number);
		err = add_file(&b, &file, number);
		if (!err && b.len >= SECTION_STEP) {
			err = recording_write(w, SECTION_FILES, b.data, b.len, true);
			bytes_clear(&b);
		}
	}
	if (!err && b.len)
		err = recording_write(w, SECTION_FILES, b.data, b.len, true);
	bytes_release(&b);
	return err;
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

int mappings_frames(const struct mappings *m, uint64_t **frames, size_t *n)
{
	uint64_t *list, value;
	size_t at = 0, i = 0;

	*frames = NULL;
	*n = 0;
	if (!m->frames.len)
		return 0;
	list = malloc(m->frames.len * sizeof(*list));
	if (!list)
		return fail(-ENOMEM, "symbols: no memory for %zu frames", m->frames.len);
	while (i < m->frames.len && intmap_next(&m->frames, &at, &list[i], &value))
		i++;
	qsort(list, i, sizeof(*list), by_value);
	*frames = list;
	*n = i;
	return 0;
}

struct mapping_files *mappings_files(const struct mappings *m)
{
	return m->files;
}

size_t mappings_open_jit(struct mappings *m, uint32_t pid, uid_t uid, int *fds)
{
	return jit_maps_open(m->jits, pid, uid, fds);
}
