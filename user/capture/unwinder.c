/* SPDX-License-Identifier: BSD-2-Clause */
/* In: mappings of processes, tables of files. Out: what the probes walk stacks by. */
#include "capture/unwinder.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/fail.h"
#include "capture/debug_files.h"
#include "symbols/vdso.h"

#define OFFSET_MASK ((1ull << WIRE_FRAME_OFFSET_BITS) - 1)

/*
 * When a debug file is looked for: more than a 64th of the code has no call frame information, besides the 200 bytes of that kind that the C
 * compiler adds to each file. So little, because it may be a small program that was built without, linked statically with a large library
 * that was not; of 2,537 programs and libraries it is 122, 86 of them without any.
 */
#define BARE_SHARE 64u
#define BARE_LEAST 256u

_Static_assert(DEBUG_FILES_MAX <= TABLE_BUILDER_DEBUG_FILES, "debug files that are found, and that the builder takes");

struct unwinder {
	struct unwind_tables *tables;
	struct table_builder *builder;
	struct mapping_files *files;
	struct process_table *processes;
	const struct identity *reader;
	uint32_t *changed; /* processes whose address space changed since the last update */
	size_t n_changed, cap_changed;
	bool lost_changes; /* no memory: all are looked at */
	uint32_t *slots;   /* by the file's number: its place among the tables, 0: none yet */
	size_t n_slots, cap_slots;
	uint32_t *wanted; /* a queue of numbers of files whose tables are to be made */
	size_t first_wanted, n_wanted, cap_wanted;
	uint32_t asked; /* the file that the builder works at */
	bool with_debug; /* for the second time, now with what may be its debug file */
	bool first_put;	 /* then: the first table is there, and is taken if there will be no better one */
	uint64_t bare;	 /* then: bytes of code that the first one has no rules for */
	struct unwind_mapping *scratch;
	size_t cap_scratch;
	struct unwinder_counts counts;
};

static void on_change(void *ctx, uint32_t pid, const struct address_space *space)
{
	struct unwinder *u = ctx;

	if (!space) {
		unwind_tables_publish(u->tables, pid, 0);
		return;
	}
	if (u->n_changed && u->changed[u->n_changed - 1] == pid)
		return;
	if (array_grow(&u->changed, &u->cap_changed, u->n_changed + 1, sizeof(*u->changed)))
		u->lost_changes = true;
	else
		u->changed[u->n_changed++] = pid;
}

struct unwinder *unwinder_new(const struct unwind_arrays *arrays, struct table_builder *builder, struct mapping_files *files,
			      struct process_table *processes, const struct identity *reader)
{
	struct unwinder *u = calloc(1, sizeof(*u));

	if (u)
		u->tables = unwind_tables_new(arrays);
	if (!u || !u->tables) {
		fail(-ENOMEM, "unwind tables: no memory");
		free(u);
		return NULL;
	}
	u->builder = builder;
	u->files = files;
	u->processes = processes;
	u->reader = reader;
	process_table_listen(processes, on_change, u);
	return u;
}

void unwinder_free(struct unwinder *u)
{
	if (!u)
		return;
	unwind_tables_free(u->tables);
	free(u->changed);
	free(u->slots);
	free(u->wanted);
	free(u->scratch);
	free(u);
}

/* The place of a file's table, which is asked for if this is the first time. 0: no memory. */
static uint32_t table_of(struct unwinder *u, uint32_t number)
{
	if (number >= u->n_slots) {
		size_t old = u->n_slots;

		if (array_grow(&u->slots, &u->cap_slots, (size_t)number + 1, sizeof(*u->slots)))
			return 0;
		u->n_slots = (size_t)number + 1;
		memset(u->slots + old, 0, (u->n_slots - old) * sizeof(*u->slots));
	}
	if (u->slots[number])
		return u->slots[number];
	if (array_grow(&u->wanted, &u->cap_wanted, u->n_wanted + 1, sizeof(*u->wanted)))
		return 0;
	u->slots[number] = unwind_tables_add_file(u->tables);
	if (unwind_tables_is_pending(u->tables, u->slots[number]))
		u->wanted[u->n_wanted++] = number;
	else
		u->counts.no_room++;
	return u->slots[number];
}

void unwinder_expect(struct unwinder *u, uint32_t number)
{
	size_t before = u->n_wanted;

	if (u->asked || !table_of(u, number) || u->n_wanted == before)
		return;
	u->n_wanted = before;
	u->asked = number;
}

/* FNV-1a */
static uint64_t hash_bytes(uint64_t hash, const void *data, size_t len)
{
	const unsigned char *bytes = data;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ bytes[i]) * 0x100000001b3ull;
	return hash;
}

/* The same in every process and every recording; memory is of its process. */
static uint64_t identity_of(const struct mapping_file *file)
{
	uint64_t hash = hash_bytes(0xcbf29ce484222325ull, &file->kind, sizeof(file->kind));

	if (file->build_id_len)
		return hash_bytes(hash, file->build_id, file->build_id_len);
	hash = hash_bytes(hash, file->path, strlen(file->path));
	hash = hash_bytes(hash, &file->pid, sizeof(file->pid));
	return hash_bytes(hash, &file->base, sizeof(file->base));
}

static int fill_mapping(struct unwinder *u, uint32_t pid, const struct mapping *from, struct unwind_mapping *to)
{
	uint32_t number = from->file;
	struct mapping_file file;

	*to = (struct unwind_mapping){.start = from->start, .end = from->end, .offset_bias = from->start - from->offset};
	if (number == MAPPING_FILE_ANON) {
		int64_t memory = mapping_files_memory(u->files, SECTION_FILE_ANON, pid, from->start);

		if (memory < 0)
			return (int)memory;
		number = (uint32_t)memory;
		to->offset_bias = from->start & ~OFFSET_MASK;
	}
	to->file = number;
	if (number == MAPPING_FILE_NONE)
		return 0;
	file = mapping_files_get(u->files, number);
	to->identity = identity_of(&file);
	if (file.kind != SECTION_FILE_ANON)
		to->table = table_of(u, number);
	return 0;
}

static void drop_region(void *ctx, uint32_t region)
{
	struct unwinder *u = ctx;

	unwind_tables_drop_region(u->tables, region);
}

/* Its region, made now if there is none; 0: no room or memory. */
static uint32_t region_of(struct unwinder *u, uint32_t pid, struct address_space *space)
{
	const struct mapping *maps = address_space_mappings(space);
	size_t n = address_space_count(space);
	uint32_t region = address_space_number(space);

	if (region)
		return region;
	if (array_grow(&u->scratch, &u->cap_scratch, n + 1, sizeof(*u->scratch)))
		return 0;
	for (size_t i = 0; i < n; i++)
		if (fill_mapping(u, pid, &maps[i], &u->scratch[i]))
			return 0;
	region = unwind_tables_add_region(u->tables, address_space_since(space), u->scratch, n);
	if (region)
		address_space_set_number(space, region, drop_region, u);
	return region;
}

static void show(struct unwinder *u, uint32_t pid)
{
	struct address_space *space = process_table_space(u->processes, pid);

	if (space)
		unwind_tables_publish(u->tables, pid, region_of(u, pid, space));
}

static void show_changes(struct unwinder *u)
{
	uint32_t pid;

	for (size_t i = 0; i < u->n_changed; i++)
		show(u, u->changed[i]);
	u->n_changed = 0;
	if (u->lost_changes)
		for (size_t at = 0; process_table_next(u->processes, &at, &pid);)
			show(u, pid);
	u->lost_changes = false;
}

static int open_file(const struct unwinder *u, uint32_t number)
{
	if (mapping_files_get(u->files, number).kind == SECTION_FILE_VDSO)
		return vdso_open();
	return mapping_files_open(u->files, number);
}

/* The file's own call frame information leaves much of it out. `err` is what became of its table. */
static bool wants_debug_file(const struct table_file *file, int err)
{
	return (!err || err == -ENOENT) && file->bare > BARE_LEAST && file->bare - BARE_LEAST > file->text / BARE_SHARE;
}

/*
 * Asks again for the table of the file that was just made, now with what may be its debug file. The file stays pending meanwhile: the stacks
 * that lead through it are copied and walked later, where the first table would cut them. False: there are no debug files.
 */
static bool ask_with_debug_files(struct unwinder *u, const struct table_file *file)
{
	int fds[DEBUG_FILES_MAX], fd, err = -ENOENT;
	size_t n = mapping_files_open_debug(u->files, u->asked, &file->told, u->reader, fds);

	if (!n)
		return false;
	fd = open_file(u, u->asked);
	if (fd >= 0) {
		err = table_builder_ask(u->builder, fd, fds, n);
		close(fd);
	}
	while (n)
		close(fds[--n]);
	return !err;
}

/* This is what there will be of the table of the file that was asked about. */
static void settle_table(struct unwinder *u, int err)
{
	uint32_t slot = u->slots[u->asked];

	if (!err) {
		u->counts.tables++;
		unwind_tables_show(u->tables, slot);
	} else if (err == -ENOSPC) {
		u->counts.no_room++;
		unwind_tables_give_up(u->tables, slot);
	} else {
		u->counts.no_tables++;
		unwind_tables_refuse(u->tables, slot);
	}
	u->asked = 0;
	u->with_debug = u->first_put = false;
}

static void take_table(struct unwinder *u)
{
	struct packed_table packed;
	struct table_file file;
	int got = table_builder_take(u->builder, &packed, &file), err = got;

	if (!got || !u->asked)
		return;
	if (got > 0 && u->with_debug && file.bare >= u->bare)
		err = -ENODATA;
	else if (got > 0)
		err = unwind_tables_put(u->tables, u->slots[u->asked], &packed);
	if (u->with_debug) {
		u->counts.debug_tables += !err;
		settle_table(u, u->first_put ? 0 : err);
		return;
	}
	if (!wants_debug_file(&file, err) || !ask_with_debug_files(u, &file)) {
		settle_table(u, err);
		return;
	}
	u->with_debug = true;
	u->first_put = !err;
	u->bare = file.bare;
}

static void ask_next(struct unwinder *u)
{
	while (!u->asked && u->first_wanted < u->n_wanted) {
		uint32_t number = u->wanted[u->first_wanted++];
		int fd = open_file(u, number), err = fd < 0 ? fd : table_builder_ask(u->builder, fd, NULL, 0);

		if (fd >= 0)
			close(fd);
		if (!err) {
			u->asked = number;
		} else {
			u->counts.no_tables++;
			unwind_tables_refuse(u->tables, u->slots[number]);
		}
	}
	if (u->first_wanted == u->n_wanted)
		u->first_wanted = u->n_wanted = 0;
}

int unwinder_update(struct unwinder *u)
{
	size_t room;

	show_changes(u);
	take_table(u);
	ask_next(u);
	u->counts.rows = unwind_tables_rows(u->tables, &room);
	return 0;
}

bool unwinder_is_busy(const struct unwinder *u)
{
	return u->asked != 0;
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void unwinder_finish(struct unwinder *u, int ms)
{
	int64_t end = now_ms() + ms, left;

	unwinder_update(u);
	while (u->asked && (left = end - now_ms()) > 0) {
		table_builder_wait(u->builder, (int)left);
		unwinder_update(u);
	}
}

/* From the process itself, which may have gone on since: what is no code of its any more, or other code, is no way out either. */
static bool read_code(const struct wire_copy *copy, uint64_t pc, uint8_t *bytes) /* NOLINT(readability-non-const-parameter): written to */
{
	struct iovec to = {.iov_base = bytes, .iov_len = WAY_OUT_BYTES};
	struct iovec from = {.iov_base = (void *)(uintptr_t)pc, .iov_len = WAY_OUT_BYTES}; /* NOLINT(performance-no-int-to-ptr) */

	return process_vm_readv((pid_t)copy->pid, &to, 1, &from, 1, 0) > 0;
}

enum stack_end unwinder_walk(struct unwinder *u, const struct wire_copy *copy, uint64_t *frames, size_t *n, bool *soon)
{
	struct address_space *space = process_table_space_at(u->processes, copy->pid, copy->ts);
	uint32_t region = space ? region_of(u, copy->pid, space) : 0;
	enum stack_end end = STACK_END_NO_TABLE;

	*n = 0;
	if (region)
		end = unwind_tables_walk(u->tables, region, copy, read_code, frames, n);
	*soon = end == STACK_END_NO_TABLE && space;
	return end;
}

struct unwinder_counts unwinder_counts(const struct unwinder *u)
{
	return u->counts;
}
