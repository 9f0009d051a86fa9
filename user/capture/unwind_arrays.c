/* SPDX-License-Identifier: BSD-2-Clause */
/* In: the object with the probes' maps. Out: its unwind tables, mapped. */
#include "capture/unwind_arrays.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

/* 4.2 million rows (rustc and its LLVM have 2.7 million, libc 24,000), 512 MiB of text, 26 MB of memory in all */
#define CHUNKS	   64u
#define PAGES	   (512u << 10)
#define RULES	   16384u
#define MAPPINGS   65536u
#define FILES	   32768u
#define LAST_OF_CPU 64u /* UNWIND_LAST in bpf/maps.h */

enum { SPACES_MAP, MAPPINGS_MAP, FILES_MAP, PAGES_MAP, ROWS_MAP, RULES_MAP, N_MAPS };

static const struct {
	const char *name;
	uint32_t entries;
	size_t size; /* of one */
} maps[N_MAPS] = {
	[SPACES_MAP] = {"unwind_spaces", UNWIND_SPACES, sizeof(uint64_t)},
	[MAPPINGS_MAP] = {"unwind_mappings", MAPPINGS, sizeof(struct unwind_mapping)},
	[FILES_MAP] = {"unwind_files", FILES, sizeof(struct unwind_file)},
	[PAGES_MAP] = {"unwind_pages", PAGES, sizeof(struct unwind_page)},
	[ROWS_MAP] = {"unwind_rows", CHUNKS, UNWIND_CHUNK_ROWS * sizeof(uint32_t)},
	[RULES_MAP] = {"unwind_rules", RULES, sizeof(struct unwind_rule)},
};

static int set_size(struct bpf_object *object, const char *name, uint32_t entries)
{
	struct bpf_map *map = bpf_object__find_map_by_name(object, name);

	return map ? bpf_map__set_max_entries(map, entries) : -ENOENT;
}

int unwind_arrays_size(struct bpf_object *object, uint32_t cpus, bool wanted)
{
	int err = set_size(object, "unwind_caches", wanted ? 2 * cpus : 1);

	if (!err)
		err = set_size(object, "unwind_lasts", wanted ? LAST_OF_CPU * cpus : 1);
	for (int i = 0; !err && wanted && i < N_MAPS; i++)
		err = set_size(object, maps[i].name, maps[i].entries);
	return err;
}

/* The kernel's array is a whole number of pages. */
static size_t length(int i)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return (maps[i].entries * maps[i].size + page - 1) / page * page;
}

static int map_one(int i, int protection, int flags, int fd, void **out)
{
	*out = mmap(NULL, length(i), protection, flags, fd, 0);
	if (*out != MAP_FAILED)
		return 0;
	*out = NULL;
	return -errno;
}

int unwind_arrays_map(struct unwind_arrays *a, struct bpf_object *object)
{
	void *at[N_MAPS] = {NULL};
	int err = 0, fd;

	memset(a, 0, sizeof(*a));
	for (int i = 0; !err && i < N_MAPS; i++) {
		fd = bpf_object__find_map_fd_by_name(object, maps[i].name);
		if (i == ROWS_MAP) { /* only the addresses: unwind_arrays_reach() */
			a->rows_fd = fd;
			err = map_one(i, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, &at[i]);
		} else {
			err = map_one(i, PROT_READ | PROT_WRITE, MAP_SHARED, fd, &at[i]);
		}
	}
	a->spaces = at[SPACES_MAP];
	a->mappings = at[MAPPINGS_MAP];
	a->files = at[FILES_MAP];
	a->pages = at[PAGES_MAP];
	a->rows = at[ROWS_MAP];
	a->rules = at[RULES_MAP];
	a->n_mappings = MAPPINGS;
	a->n_files = FILES;
	a->n_pages = PAGES;
	a->n_rows = CHUNKS * UNWIND_CHUNK_ROWS;
	a->n_rules = RULES;
	if (err)
		unwind_arrays_unmap(a);
	return err;
}

int unwind_arrays_reach(struct unwind_arrays *a, uint32_t n)
{
	size_t row = sizeof(*a->rows), from = a->n_mapped * row, to;

	if (n <= a->n_mapped)
		return 0;
	n = (n + UNWIND_CHUNK_ROWS - 1) / UNWIND_CHUNK_ROWS * UNWIND_CHUNK_ROWS;
	if (n > a->n_rows)
		return -ENOSPC;
	to = n * row;
	if (mmap((char *)a->rows + from, to - from, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, a->rows_fd, (off_t)from) == MAP_FAILED)
		return -errno;
	a->n_mapped = n;
	return 0;
}

void unwind_arrays_unmap(struct unwind_arrays *a)
{
	void *at[N_MAPS] = {a->spaces, a->mappings, a->files, a->pages, a->rows, a->rules};

	for (int i = 0; i < N_MAPS; i++)
		if (at[i])
			munmap(at[i], length(i));
	memset(a, 0, sizeof(*a));
}
