/* SPDX-License-Identifier: BSD-2-Clause */
/* In: packed tables, mappings. Out: the arrays that the probes read. */
#include "capture/unwind_tables.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/bytes.h"
#include "base/fail.h"

#define CLASSES	    17		 /* of regions, by the power of two of their size */
#define QUIET_NS    100000000u	 /* what was taken away is not used again that long: no probe runs longer */
#define RULE_SLOTS  65536u	 /* of the hash table; a power of two, several times the number of rules */
#define OFFSET_MASK ((1ull << WIRE_FRAME_OFFSET_BITS) - 1)

struct freed {
	uint32_t place;
	uint64_t at_ns;
};

/* A queue: the oldest first. */
struct freed_queue {
	struct freed *all;
	size_t first, n, cap;
};

struct unwind_tables {
	struct unwind_arrays a;
	struct freed_queue free[CLASSES];
	uint32_t *rule_slots; /* number of the rule + 1, 0: free */
	uint32_t n_rules, n_rows, n_pages, n_files, n_mappings;
	uint32_t generation;
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* What was stored before is there for who sees this. */
/* NOLINTNEXTLINE(readability-non-const-parameter): the builtin writes through it */
static void publish32(uint32_t *place, uint32_t value)
{
	__atomic_store_n(place, value, __ATOMIC_RELEASE);
}

static uint32_t rule_hash(const struct unwind_rule *r)
{
	uint64_t words[2];

	memcpy(words, r, sizeof(words));
	words[0] = (words[0] ^ words[1] * 0xff51afd7ed558ccdull) * 0x9e3779b97f4a7c15ull;
	return (uint32_t)(words[0] >> 40) & (RULE_SLOTS - 1);
}

/* The rule's number in the probes' dictionary; UINT32_MAX: it is full. */
static uint32_t add_rule(struct unwind_tables *t, const struct unwind_rule *r)
{
	uint32_t slot = rule_hash(r);

	for (; t->rule_slots[slot]; slot = (slot + 1) & (RULE_SLOTS - 1))
		if (!memcmp(&t->a.rules[t->rule_slots[slot] - 1], r, sizeof(*r)))
			return t->rule_slots[slot] - 1;
	if (t->n_rules == t->a.n_rules)
		return UINT32_MAX;
	t->a.rules[t->n_rules] = *r;
	t->rule_slots[slot] = ++t->n_rules;
	return t->n_rules - 1;
}

struct unwind_tables *unwind_tables_new(const struct unwind_arrays *arrays)
{
	static const struct unwind_rule none = {.cfa = UNWIND_NONE}, chain = {.cfa = UNWIND_CHAIN}, no_room = {.cfa = UNWIND_NO_ROOM};
	struct unwind_tables *t = calloc(1, sizeof(*t));

	if (t)
		t->rule_slots = calloc(RULE_SLOTS, sizeof(*t->rule_slots));
	if (!t || !t->rule_slots) {
		fail(-ENOMEM, "unwind tables: no memory");
		free(t);
		return NULL;
	}
	t->a = *arrays;
	add_rule(t, &none); /* UNWIND_RULE_NONE */
	add_rule(t, &chain);
	add_rule(t, &no_room);
	t->a.n_files--; /* the last is of those that find no place */
	unwind_tables_give_up(t, t->a.n_files);
	t->n_files = 1; /* 0 means: none */
	t->n_mappings = 1;
	return t;
}

void unwind_tables_free(struct unwind_tables *t)
{
	if (!t)
		return;
	for (int i = 0; i < CLASSES; i++)
		free(t->free[i].all);
	free(t->rule_slots);
	free(t);
}

uint32_t unwind_tables_add_file(struct unwind_tables *t)
{
	return t->n_files < t->a.n_files ? t->n_files++ : t->a.n_files;
}

void unwind_tables_refuse(struct unwind_tables *t, uint32_t file)
{
	publish32(&t->a.files[file].state, UNWIND_FILE_NONE);
}

void unwind_tables_give_up(struct unwind_tables *t, uint32_t file)
{
	publish32(&t->a.files[file].state, UNWIND_FILE_NO_ROOM);
}

bool unwind_tables_is_pending(const struct unwind_tables *t, uint32_t file)
{
	return t->a.files[file].state == UNWIND_FILE_PENDING;
}

size_t unwind_tables_rows(const struct unwind_tables *t, size_t *room)
{
	*room = t->a.n_rows;
	return t->n_rows;
}

/* The numbers that the table's rules have in the dictionary. A dictionary that is full says so of what it can't hold. */
static uint32_t *translate_rules(struct unwind_tables *t, const struct packed_table *p)
{
	static const struct unwind_rule unsupported = {.cfa = UNWIND_UNSUPPORTED};
	uint32_t *numbers = malloc((p->n_rules + 1) * sizeof(*numbers));
	uint32_t full = add_rule(t, &unsupported);

	if (!numbers)
		return NULL;
	for (size_t i = 0; i < p->n_rules; i++) {
		struct unwind_rule rule = p->rules[i];

		numbers[i] = add_rule(t, &rule);
		if (numbers[i] == UINT32_MAX)
			numbers[i] = full != UINT32_MAX ? full : UNWIND_RULE_NONE;
	}
	return numbers;
}

/*
 * Where the table's rows go: at the next free row if its pages stay whole there, that is if it fits into the chunk that is begun; a larger
 * one begins with a chunk of its own.
 */
static uint32_t first_row(const struct unwind_tables *t, const struct packed_table *p)
{
	uint32_t in_chunk = t->n_rows % UNWIND_CHUNK_ROWS;

	return in_chunk + p->n_rows <= UNWIND_CHUNK_ROWS ? t->n_rows : t->n_rows - in_chunk + UNWIND_CHUNK_ROWS;
}

/* Each element is read once, and checked as it was read: who made the table may still write to it. */
static int copy_rows(struct unwind_tables *t, uint32_t row, const struct packed_table *p, const uint32_t *numbers)
{
	const volatile uint32_t *rows = p->rows;

	for (size_t i = 0; i < p->n_rows; i++) {
		uint32_t value = rows[i], rule = value & UNWIND_RULE_MASK;

		if (rule >= p->n_rules)
			return -EBADMSG;
		t->a.rows[row + i] = (value & ~UNWIND_RULE_MASK) | numbers[rule];
	}
	return 0;
}

/* Every page's rows must be within the table, and in one chunk. */
static int copy_pages(struct unwind_tables *t, uint32_t row, const struct packed_table *p)
{
	const volatile struct unwind_page *pages = p->pages;

	for (size_t i = 0; i < p->n_pages; i++) {
		uint32_t first = pages[i].row;
		uint16_t n = pages[i].n;

		if (n && (first >= p->n_rows || n > p->n_rows - first ||
			  (row + first) / UNWIND_CHUNK_ROWS != (row + first + n - 1) / UNWIND_CHUNK_ROWS))
			return -EBADMSG;
		t->a.pages[t->n_pages + i] = (struct unwind_page){.row = n ? row + first : 0, .n = n};
	}
	return 0;
}

int unwind_tables_put(struct unwind_tables *t, uint32_t file, const struct packed_table *p)
{
	uint32_t row = first_row(t, p), *numbers;
	int err;

	if (row > t->a.n_rows || p->n_rows > t->a.n_rows - row || p->n_pages > t->a.n_pages - t->n_pages)
		return fail(-ENOSPC, "unwind tables: no room for %zu more rows", p->n_rows);
	err = unwind_arrays_reach(&t->a, row + (uint32_t)p->n_rows);
	if (err)
		return fail(err, "unwind tables: mapping %zu more rows: %s", p->n_rows, strerror(-err));
	numbers = translate_rules(t, p);
	if (!numbers)
		return fail(-ENOMEM, "unwind tables: no memory");
	err = copy_rows(t, row, p, numbers);
	if (!err)
		err = copy_pages(t, row, p);
	free(numbers);
	if (err)
		return fail(err, "unwind tables: one that contradicts itself");
	t->a.files[file].page = t->n_pages - p->first_page;
	t->a.files[file].first = p->first_page;
	t->a.files[file].n_pages = (uint32_t)p->n_pages;
	t->n_rows = row + (uint32_t)p->n_rows;
	t->n_pages += (uint32_t)p->n_pages;
	return 0;
}

void unwind_tables_show(struct unwind_tables *t, uint32_t file)
{
	publish32(&t->a.files[file].state, UNWIND_FILE_READY);
}

int unwind_tables_install(struct unwind_tables *t, uint32_t file, const struct packed_table *p)
{
	int err = unwind_tables_put(t, file, p);

	if (!err)
		unwind_tables_show(t, file);
	return err;
}

static unsigned int class_of(size_t elements)
{
	unsigned int class = 0;

	while ((size_t)1 << class < elements)
		class++;
	return class;
}

/* A place for 1 << class elements, one that was given back long enough ago if there is one; 0: no room. */
static uint32_t take_place(struct unwind_tables *t, unsigned int class)
{
	struct freed_queue *q = &t->free[class];
	uint32_t place;

	if (q->first < q->n && now_ns() - q->all[q->first].at_ns > QUIET_NS)
		return q->all[q->first++].place;
	if (t->a.n_mappings - t->n_mappings < 1u << class)
		return 0;
	place = t->n_mappings;
	t->n_mappings += 1u << class;
	return place;
}

uint32_t unwind_tables_add_region(struct unwind_tables *t, uint64_t since, const struct unwind_mapping *mappings, size_t n)
{
	unsigned int class = class_of(n + 1);
	uint32_t place;
	struct unwind_region *region;

	if (class >= CLASSES)
		return 0;
	place = take_place(t, class);
	if (!place)
		return 0;
	region = (struct unwind_region *)&t->a.mappings[place];
	if (!++t->generation)
		t->generation = 1;
	*region = (struct unwind_region){.since = since, .n = (uint32_t)n, .generation = t->generation};
	if (n)
		memcpy(&t->a.mappings[place + 1], mappings, n * sizeof(*mappings));
	return place;
}

static const struct unwind_region *region_at(const struct unwind_tables *t, uint32_t place)
{
	return (const struct unwind_region *)&t->a.mappings[place];
}

void unwind_tables_drop_region(struct unwind_tables *t, uint32_t region)
{
	struct freed_queue *q = &t->free[class_of((size_t)region_at(t, region)->n + 1)];

	if (q->first > 256 && q->first > q->n / 2) {
		q->n -= q->first;
		memmove(q->all, q->all + q->first, q->n * sizeof(*q->all));
		q->first = 0;
	}
	if (array_grow(&q->all, &q->cap, q->n + 1, sizeof(*q->all)))
		return; /* without memory it is never used again */
	q->all[q->n++] = (struct freed){region, now_ns()};
}

bool unwind_tables_publish(struct unwind_tables *t, uint32_t tgid, uint32_t region)
{
	uint64_t *place = NULL;

	for (uint32_t i = 0; i < UNWIND_PROBES; i++) {
		uint64_t *at = &t->a.spaces[(tgid + i) & (UNWIND_SPACES - 1)];

		if (*at >> 32 == tgid) {
			place = at;
			break;
		}
		if (!*at && !place)
			place = at;
	}
	if (!place)
		return !region;
	__atomic_store_n(place, region ? (uint64_t)tgid << 32 | region : 0, __ATOMIC_RELEASE);
	__atomic_add_fetch(t->a.changes, 1, __ATOMIC_RELEASE);
	return true;
}

/* ---- the walk, on a copy ---- */

struct copied_walk {
	struct unwind_walk walk; /* first: unwind_read gets this */
	const struct wire_copy *copy;
	unwind_code_fn code;
	struct way_out way;
};

#include "wire_walk.h"

static int unwind_read(struct unwind_walk *w, __u64 *value, __u64 address)
{
	const struct wire_copy *c = ((struct copied_walk *)w)->copy;
	uint64_t off = address - c->regs[WIRE_REGISTER_SP];

	if (address & 7 || off / 8 >= c->n_words)
		return -1;
	*value = c->words[c->n_kernel + off / 8];
	return 0;
}

static int unwind_register(struct unwind_walk *w, __u32 number, __u64 *value)
{
	if (number >= WIRE_REGISTERS)
		return -1;
	*value = ((struct copied_walk *)w)->copy->regs[number];
	return 0;
}

static const struct way_out *unwind_way_out(struct unwind_walk *w)
{
	struct copied_walk *c = (struct copied_walk *)w;
	enum way_out_state state = WAY_OUT_GOES_ON;

	memset(&c->way, 0, sizeof(c->way));
	if (!c->code(c->copy, w->pc, c->way.code))
		return NULL;
	for (int i = 0; i < WAY_OUT_STEPS && state == WAY_OUT_GOES_ON; i++)
		state = way_out_step(&c->way);
	return state == WAY_OUT_FOUND ? &c->way : NULL;
}

static const struct unwind_mapping *find_mapping(const struct unwind_tables *t, uint32_t place, uint64_t pc)
{
	const struct unwind_mapping *all = &t->a.mappings[place + 1];
	size_t low = 0, high = region_at(t, place)->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (all[middle].end <= pc)
			low = middle + 1;
		else
			high = middle;
	}
	return low < region_at(t, place)->n && all[low].start <= pc ? &all[low] : NULL;
}

static uint32_t rule_number(const struct unwind_tables *t, const struct unwind_file *file, uint64_t offset)
{
	uint32_t index = file->page + (uint32_t)(offset >> UNWIND_PAGE_BITS);
	uint32_t key = (uint32_t)offset << UNWIND_RULE_BITS | UNWIND_RULE_MASK;
	const struct unwind_page *page;
	uint32_t n, row;

	if ((offset >> UNWIND_PAGE_BITS) - file->first >= file->n_pages || index >= t->a.n_pages || !t->a.pages[index].n)
		return UNWIND_RULE_NONE;
	page = &t->a.pages[index];
	row = page->row;
	for (n = page->n; n > 1; n -= n / 2)
		if (t->a.rows[row + n / 2] <= key)
			row += n / 2;
	return t->a.rows[row] & UNWIND_RULE_MASK;
}

enum stack_end unwind_tables_walk(const struct unwind_tables *t, uint32_t region, const struct wire_copy *copy, unwind_code_fn code,
				  uint64_t *frames, size_t *n)
{
	struct copied_walk w = {.copy = copy, .code = code};
	const uint64_t *regs = (const uint64_t *)copy->regs;
	int end = 0;

	unwind_begin(&w.walk, regs[WIRE_REGISTER_PC], regs[WIRE_REGISTER_SP], regs[WIRE_REGISTER_FP], regs[WIRE_REGISTER_BX],
		     regs[WIRE_REGISTER_LR], copy->in_call);
	*n = 0;
	while (!end) {
		uint64_t pc = unwind_lookup_pc(&w.walk);
		const struct unwind_mapping *m = find_mapping(t, region, pc);
		const struct unwind_file *file = m && m->table ? &t->a.files[m->table] : NULL;
		uint32_t number = UNWIND_RULE_CHAIN;

		if (!m)
			return w.walk.chained ? STACK_END_NO_CFI : STACK_END_NO_TABLE;
		if (file && file->state == UNWIND_FILE_PENDING)
			return STACK_END_NO_TABLE;
		if (*n == WIRE_MAX_FRAMES)
			return STACK_END_DEEP;
		if (file && file->state == UNWIND_FILE_NO_ROOM)
			number = UNWIND_RULE_NO_ROOM;
		if (file && file->state == UNWIND_FILE_READY)
			number = rule_number(t, file, pc - m->offset_bias);
		frames[(*n)++] = (uint64_t)m->file << WIRE_FRAME_OFFSET_BITS | ((pc - m->offset_bias) & OFFSET_MASK);
		w.walk.n++;
		end = unwind_step(&w.walk, &t->a.rules[number]);
	}
	return (enum stack_end)end;
}
