/* SPDX-License-Identifier: BSD-2-Clause */
/* In: an ELF file's call frame information. Out: its rows and rules, in the order of addresses. */
#include "symbols/unwind_table.h"

#include <elf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

#include "base/bytes.h"
#include "base/fail.h"
#include "symbols/cfa.h"
#include "symbols/context_frames.h"
#include "symbols/eh_frame.h"
#include "symbols/go_frames.h"
#include "symbols/init_frames.h"
#include "symbols/plt_frames.h"
#include "symbols/prologue_frames.h"
#include "symbols/sigreturn_frames.h"

#define MADE_UP_CIES (3 + GO_FRAMES_CIES)
#define LARGE_GAP  256 /* bytes that hold functions of their own, not an entry or two of assembler code */
#define HASH_FIRST 1024

_Static_assert(UNWIND_RULES_MAX <= UNWIND_RULE_MASK, "a row has room for the number of its rule");

struct builder {
	struct unwind_table *t;
	const struct elf_file *file;
	const struct cfa_machine *machine;
	struct eh_frames frames;
	struct cfa_context
		*contexts; /* one a CIE, and one a made-up CIE; without a machine: not prepared yet */
	uint32_t *hash;	   /* of rules: their number + 1, 0: free; a power of two, at most half used */
	size_t cap_hash, cap_rules, cap_rows;
	const struct eh_fde *fde; /* being run */
	uint64_t keys[2];	  /* of the hash */
	unsigned int shift;	  /* leaves as many bits as count to cap_hash */
	bool with_bx, needs_bx;
};

/* Where to look for the rule first. Keyed by what a file can't know, so that no file is made of rules that
 * collide: multiplication by odd numbers, the high bits. */
static size_t rule_place(const struct builder *b, const struct unwind_rule *rule)
{
	uint64_t halves[2];

	memcpy(halves, rule, sizeof(halves));
	return (halves[0] * b->keys[0] + halves[1] * b->keys[1]) >> b->shift;
}

static void make_keys(struct builder *b)
{
	/* 16 bytes that the kernel gives each process anew; without them the file is trusted not to know
	 * these constants */
	const void *random = (const void *)getauxval(AT_RANDOM); /* NOLINT(performance-no-int-to-ptr) */

	if (random)
		memcpy(b->keys, random, sizeof(b->keys));
	b->keys[0] = (b->keys[0] ^ 0x9e3779b97f4a7c15) | 1;
	b->keys[1] = (b->keys[1] ^ 0xc2b2ae3d27d4eb4f) | 1;
}

static void enter(struct builder *b, uint32_t number)
{
	size_t at = rule_place(b, &b->t->rules[number]);

	while (b->hash[at])
		at = (at + 1) & (b->cap_hash - 1);
	b->hash[at] = number + 1;
}

static int grow_hash(struct builder *b)
{
	size_t cap = b->cap_hash ? b->cap_hash * 2 : HASH_FIRST;
	uint32_t *hash = calloc(cap, sizeof(*hash));

	if (!hash)
		return fail(-ENOMEM, "unwind table: no memory for %zu rules", cap);
	free(b->hash);
	b->hash = hash;
	b->cap_hash = cap;
	b->shift = 64 - (unsigned int)__builtin_ctzl(cap);
	for (size_t i = 0; i < b->t->n_rules; i++)
		enter(b, (uint32_t)i);
	return 0;
}

/* The number of the rule, which becomes a new one if there is none like it. */
static int rule_number(struct builder *b, const struct unwind_rule *rule, uint32_t *number)
{
	struct unwind_table *t = b->t;
	size_t at;
	int err = 0;

	if (!b->hash || t->n_rules * 2 >= b->cap_hash)
		err = grow_hash(b);
	if (err)
		return err;
	for (at = rule_place(b, rule); b->hash[at]; at = (at + 1) & (b->cap_hash - 1)) {
		*number = b->hash[at] - 1;
		if (!memcmp(&t->rules[*number], rule, sizeof(*rule)))
			return 0;
	}
	if (t->n_rules >= UNWIND_RULES_MAX)
		return fail(-E2BIG, "unwind table: more than %u different rules", UNWIND_RULES_MAX);
	err = array_grow(&t->rules, &b->cap_rules, t->n_rules + 1, sizeof(*t->rules));
	if (err)
		return err;
	*number = (uint32_t)t->n_rules;
	t->rules[t->n_rules++] = *rule;
	b->hash[at] = *number + 1;
	return 0;
}

/* The rule holds from vaddr on, which no row is behind. */
static int add_row(struct builder *b, uint64_t vaddr, uint32_t rule)
{
	struct unwind_table *t = b->t;
	uint32_t at = (uint32_t)(vaddr - t->low);
	int err;

	if (t->n_rows && t->rows[t->n_rows - 1].at == at)
		t->n_rows--;
	if (rule == (t->n_rows ? t->rows[t->n_rows - 1].rule : 0))
		return 0;
	if (t->n_rows >= UNWIND_ROWS_MAX)
		return fail(-E2BIG, "unwind table: more than %u rows", UNWIND_ROWS_MAX);
	err = array_grow(&t->rows, &b->cap_rows, t->n_rows + 1, sizeof(*t->rows));
	if (!err)
		t->rows[t->n_rows++] = (struct unwind_row){.at = at, .rule = rule};
	return err;
}

/* A row of the FDE that is run: of one that begins inside of another the rows before its part count as being
 * at its start. */
static int fde_row(void *ctx, uint64_t vaddr, const struct unwind_rule *rule)
{
	struct builder *b = ctx;
	uint32_t number;
	int err = rule_number(b, rule, &number);

	b->t->stats.rows++;
	if (rule->cfa == UNWIND_REG && b->machine->has_bx && rule->reg == b->machine->bx)
		b->needs_bx = true;
	if (err)
		return err;
	return add_row(b, vaddr > b->fde->start ? vaddr : b->fde->start, number);
}

/* The file's own CIEs come first, then those of places that it says nothing of. */
static size_t context_number(const struct builder *b, const struct eh_cie *cie)
{
	if (cie == plt_frames_cie(b->machine->elf))
		return b->frames.n_cies;
	for (size_t i = 0; i < GO_FRAMES_CIES; i++)
		if (cie == go_frames_cie(i))
			return b->frames.n_cies + 2 + i;
	if (cie == context_frames_cie())
		return b->frames.n_cies + 2 + GO_FRAMES_CIES;
	return cie == sigreturn_frames_cie() ? b->frames.n_cies + 1 : (size_t)(cie - b->frames.cies);
}

static const struct cfa_context *context_of(struct builder *b, const struct eh_cie *cie)
{
	struct cfa_context *c = &b->contexts[context_number(b, cie)];

	if (!c->machine)
		cfa_prepare(c, b->machine, cie, b->with_bx);
	return c;
}

/* Does some function in [from, to) set up a frame pointer? Or is it not known? */
static bool keeps_frame_pointer(const struct elf_file *e, uint64_t from, uint64_t to)
{
	static const unsigned char set_up[] = {0x55, 0x48, 0x89, 0xe5}; /* push %rbp; mov %rsp,%rbp */

	for (size_t i = 0; i < e->n_segments; i++) {
		const struct elf_segment *s = &e->segments[i];
		uint64_t at = from - s->vaddr;

		if (s->type != PT_LOAD || from < s->vaddr || at >= s->filesz || to - from > s->filesz - at)
			continue;
		if (s->offset > e->size || s->filesz > e->size - s->offset)
			return true;
		return memmem(e->data + s->offset + at, to - from, set_up, sizeof(set_up)) != NULL;
	}
	return true;
}

/* Nothing is said of [from, to). */
static int add_gap(struct builder *b, uint64_t from, uint64_t to)
{
	static const struct unwind_rule bare = {.cfa = UNWIND_BARE};
	uint32_t number = 0;
	int err = 0;

	if (b->file->machine == EM_X86_64 && to - from >= LARGE_GAP && !keeps_frame_pointer(b->file, from, to))
		err = rule_number(b, &bare, &number);
	return err ? err : add_row(b, from, number);
}

static int add_fdes(struct builder *b)
{
	uint64_t end = b->t->low;
	int err = 0;

	for (size_t i = 0; !err && i < b->frames.n_fdes; i++) {
		const struct eh_fde *fde = &b->frames.fdes[i];

		b->fde = fde;
		if (fde->start - end >= EH_PADDING) /* padding has the rule of what is before it */
			err = add_gap(b, end, fde->start);
		if (!err)
			err = cfa_run(context_of(b, fde->cie), fde, fde_row, b);
		end = fde->end;
		b->t->stats.covered_bytes += fde->end - fde->start;
	}
	return err || end >= b->t->high ? err : add_row(b, end, 0);
}

/* All rows, from nothing. */
static int build_rows(struct builder *b)
{
	static const struct unwind_rule none = {.cfa = UNWIND_NONE};
	struct unwind_table *t = b->t;
	uint32_t number;
	int err;

	t->n_rows = t->n_rules = 0;
	t->stats.rows = t->stats.covered_bytes = 0;
	memset(b->contexts, 0, (b->frames.n_cies + MADE_UP_CIES) * sizeof(*b->contexts));
	if (b->hash)
		memset(b->hash, 0, b->cap_hash * sizeof(*b->hash));
	err = rule_number(b, &none, &number);
	return err ? err : add_fdes(b);
}

static void count_unsupported(struct unwind_table *t)
{
	for (size_t i = 0; i < t->n_rows; i++) {
		uint64_t end = i + 1 < t->n_rows ? t->rows[i + 1].at : t->high - t->low;

		if (t->rules[t->rows[i].rule].cfa == UNWIND_UNSUPPORTED)
			t->stats.unsupported_bytes += end - t->rows[i].at;
	}
}

/* Gives back what growing took too much of. */
static void *shrink(void *array, size_t bytes)
{
	void *smaller = bytes ? realloc(array, bytes) : NULL;

	return smaller ? smaller : array;
}

/* What the file tells, and what is known of places that no file tells of. */
static int read_frames(struct eh_frames *f, const struct elf_file *e, const struct elf_file *debug, uint64_t low, uint64_t high)
{
	int err = eh_frames_read(f, e, debug, low, high);

	if (!err)
		err = sigreturn_frames_add(f, e, low, high);
	return err ? err : context_frames_add(f, e, low, high);
}

static int build(struct builder *b, const struct elf_file *e, const struct elf_file *debug)
{
	struct unwind_table *t = b->t;
	uint64_t low, high, page;
	int err;

	b->machine = e->is64 ? cfa_machine(e->machine) : NULL;
	if (!b->machine)
		return fail(-ENOTSUP, "unwind table: not a file of x86-64 or arm64 (machine %u)", e->machine);
	if (!eh_text_range(e, &low, &high))
		return fail(-ENOENT, "unwind table: the file has no executable segment");
	page = e->machine == EM_AARCH64 ? 65536 : 4096; /* the largest of the machine */
	t->machine = e->machine;
	t->low = low & ~(page - 1);
	if (high - t->low > UNWIND_TEXT_MAX)
		return fail(-E2BIG, "unwind table: %llu MiB of text, the limit is %u",
			    (unsigned long long)(high - t->low) >> 20, UNWIND_TEXT_MAX >> 20);
	t->high = high + (-high & (page - 1));
	err = read_frames(&b->frames, e, debug, low, high);
	if (err)
		return err;
	if (!b->frames.n_fdes)
		return fail(-ENOENT,
			    "unwind table: the file has no call frame information (%zu entries, none of use)",
			    b->frames.n_read);
	err = plt_frames_add(&b->frames, e, low, high);
	if (!err)
		err = init_frames_add(&b->frames, e, low, high);
	if (err)
		return err;
	t->stats.cover = eh_cover(&b->frames, e); /* of what is told, not of what is concluded: a debug file may tell more */
	err = prologue_frames_add(&b->frames, e, debug, low, high);
	if (err)
		return err;
	b->contexts = calloc(b->frames.n_cies + MADE_UP_CIES, sizeof(*b->contexts));
	if (!b->contexts)
		return fail(-ENOMEM, "unwind table: no memory for %zu entries", b->frames.n_cies);
	err = build_rows(b);
	if (!err &&
	    b->needs_bx) { /* rare, and of small files: the rest is spared rows that differ in nothing else */
		b->with_bx = true;
		err = build_rows(b);
	}
	return err;
}

int unwind_table_build(struct unwind_table **out, const struct elf_file *e, const struct elf_file *debug)
{
	struct builder b = {.t = calloc(1, sizeof(*b.t)), .file = e};
	int err;

	*out = NULL;
	if (!b.t)
		return fail(-ENOMEM, "unwind table: no memory");
	make_keys(&b);
	err = build(&b, e, debug);
	if (!err) {
		b.t->stats.fdes = b.frames.n_read;
		b.t->stats.broken = b.frames.n_broken;
		b.t->stats.outside = b.frames.n_outside;
		b.t->stats.covered = b.frames.n_covered;
		count_unsupported(b.t);
		b.t->rows = shrink(b.t->rows, b.t->n_rows * sizeof(*b.t->rows));
		b.t->rules = shrink(b.t->rules, b.t->n_rules * sizeof(*b.t->rules));
		*out = b.t;
	} else {
		unwind_table_free(b.t);
	}
	eh_frames_release(&b.frames);
	free(b.contexts);
	free(b.hash);
	return err;
}

void unwind_table_free(struct unwind_table *t)
{
	if (!t)
		return;
	free(t->rows);
	free(t->rules);
	free(t);
}

const struct unwind_rule *unwind_table_rule_at(const struct unwind_table *t, uint64_t vaddr)
{
	size_t low = 0, high = t->n_rows;
	uint32_t at = (uint32_t)(vaddr - t->low);

	if (vaddr < t->low || vaddr >= t->high)
		return &t->rules[0];
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (t->rows[middle].at <= at)
			low = middle + 1;
		else
			high = middle;
	}
	return &t->rules[low ? t->rows[low - 1].rule : 0];
}
