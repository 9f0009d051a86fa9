/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The walk of a user stack by unwind tables (wire_unwind.h). Every frame's address is looked up in a cache of this CPU, else in the tables:
 * mapping, page, row, rule. The stack is read in windows, one read for many frames: a read costs as much as five frames.
 *
 * Global functions, two frames a call: each is verified once, whatever the depth of the stack (an inlined loop over all
 * frames is refused by some kernels from 6.4 on). What they know is in the scratch, where the verifier does not follow it.
 */
#ifndef CONCTRACE_UNWIND_H
#define CONCTRACE_UNWIND_H

#include "emit.h"
#include "wire_walk.h"

enum scratch_slot { SCRATCH_SWITCH = 0, SCRATCH_SAMPLE = 1, SCRATCH_ITER = 2 };

#define FRAMES_A_CALL 2
#define FIRST_WINDOW 1024 /* bytes */
#define COPIES_A_SPAN 512 /* copies of stacks that one CPU may send .. */
#define COPY_SPAN_NS 100000000ULL /* .. in this time */
#define JIT_BEGINS_NS 2000000000ULL
#define FRAME_OFFSET_MASK ((1ULL << WIRE_FRAME_OFFSET_BITS) - 1)

/* The finalizer of MurmurHash3 over a running sum: every frame moves every bit. */
static __always_inline __u64 mix(__u64 h, __u64 value)
{
	h = (h ^ value) * 0xff51afd7ed558ccdULL;
	return h ^ (h >> 32);
}

#define SCRATCH_OF(w) ((struct stack_scratch *)((char *)(w) - __builtin_offsetof(struct stack_scratch, walk)))

static __always_inline int unwind_read(struct unwind_walk *w, __u64 *value, __u64 address)
{
	struct stack_scratch *s = SCRATCH_OF(w);
	__u64 off = address - s->window_at, slot = (address - s->sp) >> 3;
	__u32 n = s->n_reads;

	if (address & 7)
		return -1;
	if (off >= s->window_bytes) {
		if (bpf_probe_read_user(s->window, FIRST_WINDOW, (void *)address)) {
			/* the top of the stack is near */
			if (bpf_probe_read_user(s->window, 8, (void *)address))
				return -1;
			s->window_bytes = 8;
		} else {
			s->window_bytes = FIRST_WINDOW;
		}
		s->window_at = address;
		off = 0;
	}
	*value = s->window[(off >> 3) & (WINDOW_WORDS - 1)];
	s->n_reads = n + 1;
	if (n < LAST_READS && slot < LAST_WORDS) {
		s->read_slot[n & (LAST_READS - 1)] = slot;
		s->read_value[n & (LAST_READS - 1)] = *value;
	} else {
		s->n_reads = LAST_READS + 1; /* can't be remembered */
	}
	return 0;
}

#if defined(__TARGET_ARCH_x86)
#define REGISTER_CASE(NUMBER, NAME)                                                                \
	case NUMBER:                                                                               \
		off = bpf_core_field_offset(struct pt_regs, NAME);                                 \
		break
#endif

/* The innermost frame's, from where the kernel saved it. Rare: hand-written code. */
static __always_inline int unwind_register(struct unwind_walk *w, __u32 number, __u64 *value)
{
	struct stack_scratch *s = SCRATCH_OF(w);
	__u64 off;

#if defined(__TARGET_ARCH_x86)
	switch (number) {
	REGISTER_CASE(0, ax);
	REGISTER_CASE(1, dx);
	REGISTER_CASE(2, cx);
	REGISTER_CASE(3, bx);
	REGISTER_CASE(4, si);
	REGISTER_CASE(5, di);
	REGISTER_CASE(8, r8);
	REGISTER_CASE(9, r9);
	REGISTER_CASE(10, r10);
	REGISTER_CASE(11, r11);
	REGISTER_CASE(12, r12);
	REGISTER_CASE(13, r13);
	REGISTER_CASE(14, r14);
	REGISTER_CASE(15, r15);
	default:
		return -1;
	}
#else
	if (number > 30)
		return -1;
	off = bpf_core_field_offset(struct pt_regs, user_regs.regs) + 8 * number;
#endif
	return bpf_probe_read_kernel(value, sizeof(*value), (void *)(s->registers + off));
}

/* One instruction a call: its branches are verified once, not for each of the ways that led to it. */
__attribute__((weak)) __noinline __u32 step_out(struct stack_scratch *s)
{
	return s ? way_out_step(&s->way) : WAY_OUT_NONE;
}

/* Reads the code at `pc` and follows it into s->way; false: it is no way out. */
__attribute__((weak)) __noinline __u32 find_way_out(struct stack_scratch *s, __u64 pc)
{
	__u32 i, state = WAY_OUT_GOES_ON;

	if (!s)
		return 0;
	__builtin_memset(&s->way, 0, sizeof(s->way));
	/* the end of the code may be near */
	if (bpf_probe_read_user(s->way.code, WAY_OUT_BYTES, (void *)pc) && bpf_probe_read_user(s->way.code, 8, (void *)pc))
		return 0;
	for (i = 0; i < WAY_OUT_STEPS && state == WAY_OUT_GOES_ON; i++)
		state = step_out(s);
	return state == WAY_OUT_FOUND;
}

static __always_inline const struct way_out *unwind_way_out(struct unwind_walk *w)
{
	struct stack_scratch *s = SCRATCH_OF(w);

	return find_way_out(s, w->pc) ? &s->way : 0;
}

#if defined(__TARGET_ARCH_x86)
#define READ_REGISTER(NUMBER, NAME)                                                               \
	bpf_probe_read_kernel(&regs[NUMBER], 8, (void *)(s->registers + bpf_core_field_offset(struct pt_regs, NAME)))
#endif

/* The task's registers in user space, from where the kernel saved them. */
static __always_inline void fill_registers(struct stack_scratch *s, __u64 *regs)
{
#if defined(__TARGET_ARCH_x86)
	READ_REGISTER(0, ax);
	READ_REGISTER(1, dx);
	READ_REGISTER(2, cx);
	READ_REGISTER(3, bx);
	READ_REGISTER(4, si);
	READ_REGISTER(5, di);
	READ_REGISTER(6, bp);
	READ_REGISTER(7, sp);
	READ_REGISTER(8, r8);
	READ_REGISTER(9, r9);
	READ_REGISTER(10, r10);
	READ_REGISTER(11, r11);
	READ_REGISTER(12, r12);
	READ_REGISTER(13, r13);
	READ_REGISTER(14, r14);
	READ_REGISTER(15, r15);
	READ_REGISTER(16, ip);
#else
	bpf_probe_read_kernel(regs, 33 * 8, (void *)s->registers);
#endif
}

/* Where process `tgid` is in unwind_spaces, + 1; 0: it is not. */
__attribute__((weak)) __noinline __u32 find_space(__u32 tgid)
{
	__u32 i;

	for (i = 0; i < UNWIND_PROBES; i++) {
		__u32 key = (tgid + i) & (UNWIND_SPACES - 1);
		__u64 *space = bpf_map_lookup_elem(&unwind_spaces, &key);

		if (space && *(volatile __u64 *)space >> 32 == tgid)
			return key + 1;
	}
	return 0;
}

/*
 * The region of mappings of process `tgid` into `s`; false: there is none, or it is of the program that the process ran
 * before its last exec. `since`: the last but one exec's time; a region of the present program begins with its own exec, later than that.
 */
__attribute__((weak)) __noinline __u32 find_region(struct stack_scratch *s, __u32 tgid, __u64 since)
{
	__u32 changes = unwind_changes, place = find_space(tgid), index;
	const struct unwind_region *region;
	__u64 *space;

	if (!s || !place--)
		return 0;
	s->changes = changes;
	space = bpf_map_lookup_elem(&unwind_spaces, &place);
	if (!space)
		return 0;
	index = *(volatile __u64 *)space;
	region = bpf_map_lookup_elem(&unwind_mappings, &index);
	if (!index || !region || region->since < since)
		return 0;
	s->place = place;
	s->region = index;
	s->n_mappings = region->n;
	s->generation = region->generation;
	s->since = region->since;
	return 1;
}

/* Which region a process has right now; 0: none. */
static __always_inline __u32 generation_of(__u32 tgid)
{
	__u32 place = find_space(tgid), index;
	const struct unwind_region *region;
	__u64 *space;

	if (!place--)
		return 0;
	space = bpf_map_lookup_elem(&unwind_spaces, &place);
	if (!space)
		return 0;
	index = *(volatile __u64 *)space;
	region = index ? bpf_map_lookup_elem(&unwind_mappings, &index) : NULL;
	return region ? region->generation : 0;
}

/* The region of a thread's process; of one that was forked a moment ago that of its maker, if that is still the same. */
static __always_inline bool find_region_of(struct stack_scratch *s, const struct wire_state *st, __u32 tgid, __u64 since)
{
	s->n_mappings = 0;
	if (find_region(s, tgid, since))
		return true;
	return st && st->maker_pid && find_region(s, st->maker_pid, since) && s->generation == st->maker_generation;
}

/* The number of the rule for a place in a file's text. */
static __always_inline __u32 rule_number(const struct unwind_file *file, __u64 offset)
{
	__u32 index = file->page + (__u32)(offset >> UNWIND_PAGE_BITS), row, n, key, i;
	const struct unwind_page *page = bpf_map_lookup_elem(&unwind_pages, &index);
	const struct unwind_chunk *rows;

	if (!page || !page->n)
		return UNWIND_RULE_NONE;
	n = page->n;
	row = page->row;
	index = row / UNWIND_CHUNK_ROWS;
	row &= UNWIND_CHUNK_ROWS - 1;
	rows = bpf_map_lookup_elem(&unwind_rows, &index);
	if (!rows)
		return UNWIND_RULE_NONE;
	key = (__u32)offset << UNWIND_RULE_BITS | UNWIND_RULE_MASK;
	for (i = 0; i < UNWIND_PAGE_BITS + 1; i++) {
		__u32 half = n >> 1, at = (row + half) & (UNWIND_CHUNK_ROWS - 1);

		if (n <= 1)
			break;
		row += half & -(__u32)(rows->row[at] <= key);
		n -= half;
	}
	return rows->row[row & (UNWIND_CHUNK_ROWS - 1)] & UNWIND_RULE_MASK;
}

/*
 * Is the place in the file's text? If not, something else is mapped there by now, and the user side has not been told yet: a library that was
 * unloaded and loaded again elsewhere (what the loader maps at first is as long as all of the library), or another one in its place.
 */
static __always_inline bool in_text(const struct unwind_file *file, __u64 offset)
{
	return (offset >> UNWIND_PAGE_BITS) - file->first < file->n_pages;
}

/* The number of the rule for a place in a file; false: its table is not there (yet), or the file is not what is mapped there. */
static __always_inline bool find_rule(const struct unwind_file *file, __u64 offset, __u32 *number)
{
	if (!file || file->state == UNWIND_FILE_PENDING || (file->state == UNWIND_FILE_READY && !in_text(file, offset)))
		return false;
	if (file->state == UNWIND_FILE_READY)
		*number = rule_number(file, offset);
	else
		*number = file->state == UNWIND_FILE_NO_ROOM ? UNWIND_RULE_NO_ROOM : UNWIND_RULE_CHAIN;
	return true;
}

/* Fills `e` for an address. 0, or STACK_END_NO_TABLE. One key for all: the stack of all that is called for a switch is 512 bytes. */
__attribute__((weak)) __noinline __u32 look_up(struct stack_scratch *s, struct unwind_cached *e, __u64 pc)
{
	const struct unwind_mapping *m;
	const struct unwind_rule *rule;
	__u32 base, n, i, key;

	if (!s || !e)
		return STACK_END_NO_TABLE;
	base = s->region + 1;
	n = s->n_mappings;
	for (i = 0; i < 17; i++) { /* the last mapping that starts at or below pc */
		__u32 half = n >> 1;

		if (n <= 1)
			break;
		key = base + half;
		m = bpf_map_lookup_elem(&unwind_mappings, &key);
		if (!m)
			return STACK_END_NO_TABLE;
		base += half & -(__u32)(m->start <= pc);
		n -= half;
	}
	key = base;
	m = bpf_map_lookup_elem(&unwind_mappings, &key);
	if (!m || pc < m->start || pc >= m->end)
		return STACK_END_NO_TABLE;
	key = m->table;
	if (!key)
		key = UNWIND_RULE_CHAIN;
	else if (!find_rule(bpf_map_lookup_elem(&unwind_files, &key), pc - m->offset_bias, &key))
		return STACK_END_NO_TABLE;
	rule = bpf_map_lookup_elem(&unwind_rules, &key);
	if (!rule)
		return STACK_END_UNSUPPORTED;
	e->generation = 0;
	e->pc = pc;
	e->frame = (__u64)m->file << WIRE_FRAME_OFFSET_BITS | ((pc - m->offset_bias) & FRAME_OFFSET_MASK);
	e->hash = mix(m->identity, pc - m->offset_bias);
	e->rule = *rule;
	e->generation = s->generation;
	return 0;
}

/* The next frames. 0: there are more; else why there are none, enum stack_end. */
__attribute__((weak)) __noinline __u32 walk_frames(struct stack_scratch *s)
{
	struct unwind_cache *cache;
	__u32 key, k, end;

	if (!s)
		return STACK_END_NO_TABLE;
	key = s->cache;
	cache = bpf_map_lookup_elem(&unwind_caches, &key);
	if (!cache)
		return STACK_END_NO_TABLE;
	for (k = 0; k < FRAMES_A_CALL; k++) {
		__u64 pc = unwind_lookup_pc(&s->walk);
		struct unwind_cached *e = &cache->entry[(pc * 0x9e3779b97f4a7c15ULL) >> 53 & (UNWIND_CACHED - 1)];
		__u32 n = s->walk.n;

		if (e->pc != pc || e->generation != s->generation) {
			end = look_up(s, e, pc);
			if (end)
				return end;
		}
		if (settings.proof)
			s->raw[n & (WIRE_MAX_FRAMES - 1)] = s->walk.pc;
		s->frames[(s->at + n) & (SCRATCH_FRAMES - 1)] = e->frame;
		s->hash = mix(s->hash, e->hash);
		s->check = s->check * 0xd6e8feb86659fd93ULL + e->hash;
		s->walk.n = n + 1;
		end = unwind_step(&s->walk, &e->rule);
		if (end)
			return end;
		if (n + 1 >= WIRE_MAX_FRAMES)
			return STACK_END_DEEP;
	}
	return 0;
}

/* All that there are, see walk_frames. */
__attribute__((weak)) __noinline __u32 walk_all_frames(struct stack_scratch *s)
{
	__u32 i, end;

	for (i = 0; i < WIRE_MAX_FRAMES / FRAMES_A_CALL; i++) {
		end = walk_frames(s);
		if (end)
			return end;
	}
	return STACK_END_DEEP;
}

/*
 * The whole user stack into s->frames[at ..], and its hash; s->walk.n frames. How it ended, enum stack_end; with STACK_END_NO_TABLE
 * nothing is worth keeping: there is a mapping that is not known (yet), or its table is not.
 */
static __always_inline __u32 walk_user(struct stack_scratch *s, __u32 at)
{
	__u32 end;

	s->at = at;
	s->hash = 0x9e3779b97f4a7c15ULL;
	end = walk_all_frames(s);
	/* what a frame pointer led to is no code: it was no frame pointer; or a JIT has mapped it a moment ago, as they do when a program begins */
	if (end == STACK_END_NO_TABLE && s->walk.chained && bpf_ktime_get_ns() - s->since > JIT_BEGINS_NS)
		return STACK_END_NO_CFI;
	return end;
}

/* The walk begins. */
static __always_inline void start_walk(struct stack_scratch *s, __u32 kind, __u64 pc, __u64 sp, __u64 fp, __u64 bx, __u64 lr,
				       bool in_call)
{
	unwind_begin(&s->walk, pc, sp, fp, bx, lr, in_call);
	s->sp = sp;
	s->n_reads = 0;
	s->window_bytes = 0;
	s->remembered = 0;
	s->cache = 2 * bpf_get_smp_processor_id() + kind;
}

/*
 * At most COPIES_A_SPAN in COPY_SPAN_NS, and none where a quarter of the ring is full: a process whose tables never come must not fill it, nor one that
 * switches very often before they do.
 */
static __always_inline bool may_copy(struct stack_scratch *s, __u64 now)
{
	void *ring = this_ring();

	if (!ring || bpf_ringbuf_query(ring, BPF_RB_AVAIL_DATA) > settings.ring_bytes / 4)
		return false;
	if (now - s->copies_since > COPY_SPAN_NS) {
		s->copies_since = now;
		s->copies_left = COPIES_A_SPAN;
	}
	if (!s->copies_left)
		return false;
	s->copies_left--;
	return true;
}

/* Page by page: the end of the stack may be near. How many bytes there are. */
static __always_inline __u32 copy_stack(__u64 *words, __u64 sp)
{
	__u32 bytes = 0, i;

	for (i = 0; i <= WIRE_COPY_WORDS * 8 / 4096; i++) {
		__u32 part = 4096 - ((sp + bytes) & 4095);

		if (bytes > WIRE_COPY_WORDS * 8 - 4096 ||
		    bpf_probe_read_user((void *)words + bytes, part, (void *)(sp + bytes)))
			break;
		bytes += part;
	}
	return bytes;
}

/*
 * The registers and the top of the stack that the walk began with, for the user side to walk, behind n_kernel kernel frames. The copy's
 * id, or 0: there were many of late, or there is no room, or nothing to read. Global: verified once.
 */
__attribute__((weak)) __noinline __u64 send_copy(struct stack_scratch *s, __u32 n_kernel, __u32 process, __u32 pid)
{
	struct wire_copy *copy;
	__u64 now = bpf_ktime_get_ns();
	__u32 bytes, size;

	if (!s || s->sp & 7 || !may_copy(s, now))
		return 0;
	copy = (struct wire_copy *)s->record;
	bytes = copy_stack(&s->frames[n_kernel & 127], s->sp);
	size = sizeof(*copy) + (n_kernel & 127) * 8 + bytes;
	if (!bytes || size > sizeof(*copy) + sizeof(s->frames))
		return 0;
	copy->head.type = WIRE_COPY;
	copy->head.size = size;
	copy->head.thread = process;
	copy->id = WIRE_STACK_COPIED | (__u64)s->cache << 40 | s->n_copies++;
	copy->ts = now;
	copy->pid = pid;
	copy->tid = 0;
	copy->n_kernel = n_kernel;
	copy->n_words = bytes >> 3;
	copy->in_call = s->walk.in_call;
	fill_registers(s, copy->regs);
	return emit_to_this_ring_at_once(copy, size, now) ? copy->id : 0;
}

/*
 * Are the words that the walk before read still what they were? The stack is then the same, whatever lies between. That is read as well,
 * where frames are made otherwise: 4 KB in one read cost a fifth more than 64 bytes.
 */
static __always_inline bool reads_the_same(struct stack_scratch *s, const struct unwind_last *last)
{
	__u32 bytes = last->bytes, i;

	if (bytes > LAST_WORDS * 8 || bpf_probe_read_user(s->frames, bytes, (void *)last->sp))
		return false;
	for (i = 0; i < LAST_READS; i++) {
		if (i >= last->n)
			return true;
		if (s->frames[last->slot[i] & (LAST_WORDS - 1)] != last->value[i])
			return false;
	}
	return true;
}

/* Has process `tgid` still the mappings that it had then? */
static __always_inline bool same_region(const struct unwind_last *last, __u32 tgid, __u64 since)
{
	__u32 place = last->place, index = last->region;
	__u64 *space = bpf_map_lookup_elem(&unwind_spaces, &place);
	const struct unwind_region *region = bpf_map_lookup_elem(&unwind_mappings, &index);

	return space && region && *(volatile __u64 *)space == ((__u64)tgid << 32 | index) &&
	       region->generation == last->generation && region->since >= since;
}

/* Of what a walk read READS_AT_ONCE, from one on, which must be there. How many words from the stack pointer on they lie in, or `highest` if that is more. */
#define READS_AT_ONCE 8
__attribute__((weak)) __noinline __u32 remember_some_reads(const struct stack_scratch *s, struct unwind_last *last, __u32 from, __u32 highest)
{
	__u32 i, at, slot;

	if (!s || !last)
		return 0;
	for (i = 0; i < READS_AT_ONCE; i++) {
		at = (from + i) & (LAST_READS - 1);
		slot = s->read_slot[at];
		if (at >= s->n_reads)
			break;
		last->slot[at] = slot;
		last->value[at] = s->read_value[at];
		if (slot >= highest)
			highest = slot + 1;
	}
	return highest;
}

/* After a walk: what it read, so that the same stack is known again. */
__attribute__((weak)) __noinline int remember_reads(struct stack_scratch *s, struct unwind_last *last)
{
	__u32 from, highest = 0;

	if (!s || !last)
		return 0;
	for (from = 0; from < LAST_READS; from += READS_AT_ONCE) {
		if (from >= s->n_reads)
			break;
		highest = remember_some_reads(s, last, from, highest);
	}
	last->place = s->place;
	last->region = s->region;
	last->n = s->n_reads;
	last->bytes = highest * 8;
	return 0;
}

#endif
