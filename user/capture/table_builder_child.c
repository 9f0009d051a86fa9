/* SPDX-License-Identifier: BSD-2-Clause */
/* In: requests with descriptors of untrusted files. Out: unwind tables, in shared memory. Runs in the cage: it can be killed by what it reads,
 * and nothing that it says is trusted.
 */
#include "capture/table_builder_child.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "symbols/child_link.h"
#include "symbols/elf_debug.h"
#include "symbols/elf_file.h"
#include "symbols/unwind_table.h"

#define PAGE (1ull << UNWIND_PAGE_BITS)
#define MEMORY_PAGE 4096u

/* A segment with text, out to the pages of memory that show it. */
struct text {
	uint64_t offset, end; /* in the file */
	uint64_t shift;       /* vaddr - offset, modulo 2^64 */
};

static bool text_segment(const struct elf_segment *s, struct text *t)
{
	if (s->type != PT_LOAD || !(s->flags & PF_X) || !s->filesz || s->filesz > UNWIND_TEXT_MAX)
		return false;
	t->shift = s->vaddr - s->offset;
	t->offset = s->offset & ~(uint64_t)(MEMORY_PAGE - 1);
	t->end = (s->offset + s->filesz + MEMORY_PAGE - 1) & ~(uint64_t)(MEMORY_PAGE - 1);
	return t->shift % PAGE == 0 && t->end > t->offset;
}

/* The range of offsets that have pages; false: no text, or more than a table may have. */
static bool offsets_of(const struct elf_file *e, uint64_t *low, uint64_t *high)
{
	struct text t;

	*low = UINT64_MAX;
	*high = 0;
	for (size_t i = 0; i < e->n_segments; i++) {
		if (!text_segment(&e->segments[i], &t))
			continue;
		*low = t.offset < *low ? t.offset : *low;
		*high = t.end > *high ? t.end : *high;
	}
	return *high > *low && *high - *low <= UNWIND_TEXT_MAX;
}

/* The table's pages are by vaddr, the owner's by offset. */
static void place_pages(const struct elf_file *e, const struct unwind_packed *p, uint64_t low, struct unwind_page *pages, size_t n)
{
	struct text t;

	memset(pages, 0, n * sizeof(*pages));
	for (size_t i = 0; i < e->n_segments; i++) {
		if (!text_segment(&e->segments[i], &t))
			continue;
		for (uint64_t at = t.offset; at < t.end; at += PAGE) {
			uint64_t from = ((at + t.shift) >> UNWIND_PAGE_BITS) - p->first_page;

			if (from < p->n_pages)
				pages[(at - low) >> UNWIND_PAGE_BITS] = p->pages[from];
		}
	}
}

static int write_table(const struct elf_file *e, const struct unwind_table *t, const struct unwind_packed *p, unsigned char *memory,
		       struct table_reply *r)
{
	size_t pages_at, rows_at;
	uint64_t low, high;

	if (!offsets_of(e, &low, &high))
		return -E2BIG;
	r->first_page = (uint32_t)(low >> UNWIND_PAGE_BITS);
	r->n_rules = (uint32_t)t->n_rules;
	r->n_pages = (uint32_t)((high - low) >> UNWIND_PAGE_BITS);
	r->n_rows = (uint32_t)p->n_rows;
	if (low >> UNWIND_PAGE_BITS > UINT32_MAX || !table_layout(r, &pages_at, &rows_at))
		return -E2BIG;
	memcpy(memory, t->rules, t->n_rules * sizeof(*t->rules));
	place_pages(e, p, low, (struct unwind_page *)(memory + pages_at), r->n_pages);
	memcpy(memory + rows_at, p->rows, p->n_rows * sizeof(*p->rows));
	return 0;
}

/* What is asked for with debug files is what they add: without that the table is the one that was made before. */
static int open_debug(struct elf_file *debug, const struct elf_file *file, const int *fds, size_t n_fds)
{
	if (!n_fds)
		return 0;
	return elf_debug_open(debug, file, fds, n_fds) && eh_sections_has_debug_frame(debug) ? 0 : -ENODATA;
}

static int make_table(struct unwind_table **table, const struct elf_file *file, const struct elf_file *debug, struct table_reply *r)
{
	static const struct eh_frames none;
	int err = unwind_table_build(table, file, debug);
	struct eh_cover cover = {0};

	if (!err)
		cover = (*table)->stats.cover;
	else if (err == -ENOENT)
		cover = eh_cover(&none, file);
	r->text = cover.text;
	r->bare = cover.bare;
	return err;
}

static int build(const int *fds, size_t n_fds, unsigned char *memory, struct table_reply *r)
{
	struct unwind_packed packed = {0};
	struct unwind_table *table = NULL;
	struct elf_file file = {0}, debug = {0};
	int err = n_fds ? elf_file_open(&file, fds[0]) : -EBADF;

	if (!err) {
		elf_told_fill(&r->told, &file);
		err = open_debug(&debug, &file, fds + 1, n_fds - 1);
	}
	if (!err)
		err = make_table(&table, &file, debug.data ? &debug : NULL, r);
	if (!err)
		err = unwind_table_pack(&packed, table, 0);
	if (!err)
		err = write_table(&file, table, &packed, memory, r);
	unwind_packed_release(&packed);
	unwind_table_free(table);
	elf_file_release(&debug);
	elf_file_release(&file);
	return err;
}

void table_builder_child(int fd, void *memory)
{
	struct table_reply reply = {.magic = TABLE_BUILDER_MAGIC};
	struct table_request request;
	int fds[CHILD_LINK_FDS];
	size_t len, n;

	while (!child_link_send(fd, &reply, sizeof(reply), NULL, 0)) {
		if (child_link_receive(fd, &request, sizeof(request), &len, fds, &n, -1))
			return;
		reply = (struct table_reply){.magic = TABLE_BUILDER_MAGIC, .number = request.number};
		reply.err = len == sizeof(request) ? build(fds, n, memory, &reply) : -EPROTO;
		for (size_t i = 0; i < n; i++)
			close(fds[i]);
	}
}
