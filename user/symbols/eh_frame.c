/* SPDX-License-Identifier: BSD-2-Clause */
/* In: .eh_frame and .debug_frame. Out: the functions they are for, in order, each with the bytes that say how
 * to unwind it. */
#include "symbols/eh_frame.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/fail.h"
#include "symbols/address_order.h"
#include "symbols/go_frames.h"

#define SMALL_TEXT (2u << 20)

/* DW_EH_PE_*: the low four bits are the form, the next three what it is relative to. */
enum {
	PE_ABSOLUTE = 0x00,
	PE_ULEB = 0x01,
	PE_U2 = 0x02,
	PE_U4 = 0x03,
	PE_U8 = 0x04,
	PE_SIGNED = 0x08,
	PE_SLEB = 0x09,
	PE_S2 = 0x0a,
	PE_S4 = 0x0b,
	PE_S8 = 0x0c,
	PE_FORM = 0x0f,
	PE_PC = 0x10,
	PE_TEXT = 0x20,
	PE_DATA = 0x30,
	PE_ALIGNED = 0x50,
	PE_RELATIVE = 0x70,
	PE_INDIRECT = 0x80,
	PE_OMIT = 0xff,
};

#define LEN_64	     UINT32_MAX	 /* the length that follows has 64 bits, and so have references */
#define LEN_RESERVED 0xfffffff0u /* lengths from here on are none */

static uint64_t form(struct dwarf_reader *r, unsigned char encoding, unsigned char address)
{
	switch (encoding & PE_FORM) {
	case PE_ABSOLUTE:
		return dwarf_u(r, address);
	case PE_ULEB:
		return dwarf_uleb(r);
	case PE_U2:
		return dwarf_u(r, 2);
	case PE_U4:
		return dwarf_u(r, 4);
	case PE_U8:
	case PE_S8:
		return dwarf_u(r, 8);
	case PE_SIGNED:
		return (uint64_t)dwarf_s(r, address);
	case PE_SLEB:
		return (uint64_t)dwarf_sleb(r);
	case PE_S2:
		return (uint64_t)dwarf_s(r, 2);
	case PE_S4:
		return (uint64_t)dwarf_s(r, 4);
	default:
		r->bad = true;
		return 0;
	}
}

uint64_t eh_pointer(const struct eh_section *s, struct dwarf_reader *r, unsigned char encoding,
		    unsigned char address)
{
	uint64_t base = 0, value;

	if (encoding & PE_INDIRECT) { /* PE_OMIT too */
		r->bad = true;
		return 0;
	}
	switch (encoding & PE_RELATIVE) {
	case 0:
		break;
	case PE_PC:
		base = s->vaddr + (uint64_t)(r->p - s->bytes);
		break;
	case PE_TEXT:
		base = s->text;
		break;
	case PE_DATA:
		base = s->data;
		break;
	case PE_ALIGNED:
		dwarf_skip(r, -(s->vaddr + (uint64_t)(r->p - s->bytes)) & (address - 1u));
		break;
	default:
		r->bad = true;
		return 0;
	}
	value = base + form(r, encoding, address);
	return address < 8 ? value & UINT32_MAX : value;
}

struct entry {
	size_t offset, cie; /* its own; that of the CIE it names, SIZE_MAX: none */
	bool is_cie;
	struct dwarf_reader body; /* behind the id */
};

static size_t cie_place(const struct eh_section *s, size_t id_at, uint64_t id)
{
	if (s->debug)
		return id;
	return id <= id_at ? id_at - id : SIZE_MAX;
}

/* The entry at *at, which moves behind it; false at the end, or where the lengths make no sense. */
static bool next_entry(const struct eh_section *s, size_t *at, struct entry *e)
{
	while (s->size - *at >= 4) {
		struct dwarf_reader r = {.p = s->bytes + *at, .end = s->bytes + s->size};
		uint64_t len = dwarf_u(&r, 4), id, cie_id = s->debug ? UINT32_MAX : 0;
		size_t wide = 4, id_at;

		e->offset = *at;
		if (!len && s->ends_at_zero)
			return false;
		if (len == LEN_64) {
			len = dwarf_u(&r, 8);
			wide = 8;
			cie_id = s->debug ? UINT64_MAX : 0;
		} else if (len >= LEN_RESERVED) {
			return false;
		}
		if (r.bad || len > dwarf_left(&r))
			return false;
		r.end = r.p + len;
		*at = (size_t)(r.end - s->bytes);
		id_at = (size_t)(r.p - s->bytes);
		id = dwarf_u(&r, wide);
		if (r.bad) /* padding: no length, or less than an id has */
			continue;
		e->is_cie = id == cie_id;
		e->cie = cie_place(s, id_at, id);
		e->body = r;
		return true;
	}
	return false;
}

/* The data of a "z" augmentation; of the letters that come first only those are known whose data has a known
 * length. */
static void read_augmentation(struct eh_cie *c, struct dwarf_reader *r, const unsigned char *letters)
{
	for (; *letters; letters++) {
		unsigned char encoding;

		switch (*letters) {
		case 'R':
			c->encoding = (unsigned char)dwarf_u(r, 1);
			break;
		case 'P':
			encoding = (unsigned char)dwarf_u(r, 1);
			if (encoding != PE_OMIT)
				eh_pointer(c->section, r, encoding & ~PE_INDIRECT, c->address);
			break;
		case 'L':
			dwarf_u(r, 1);
			break;
		case 'S':
			c->signal = true;
			break;
		case 'B': /* arm64: return addresses are signed with the other key */
		case 'G': /* arm64: of memory tagging */
			break;
		default:
			return;
		}
	}
}

static bool read_cie(struct eh_cie *c, const struct eh_section *s, struct dwarf_reader r)
{
	unsigned int version = (unsigned int)dwarf_u(&r, 1);
	const unsigned char *letters = r.p, *end = memchr(r.p, 0, dwarf_left(&r));

	c->section = s;
	c->address = s->address;
	if (!end || (version != 1 && version != 3 && version != 4))
		return false;
	r.p = end + 1;
	if (version == 4) {
		c->address = (unsigned char)dwarf_u(&r, 1);
		c->segment = (unsigned char)dwarf_u(&r, 1);
	}
	if (c->address != 4 && c->address != 8)
		return false;
	if (end - letters == 2 && !memcmp(letters, "eh", 2)) {
		dwarf_skip(&r, c->address);
		letters = end;
	}
	c->code_align = dwarf_uleb(&r);
	c->data_align = dwarf_sleb(&r);
	c->ra = version == 1 ? dwarf_u(&r, 1) : dwarf_uleb(&r);
	if (*letters == 'z') {
		uint64_t len = dwarf_uleb(&r);
		struct dwarf_reader data = r;

		dwarf_skip(&r, len);
		data.end = r.p;
		c->sized = true;
		read_augmentation(c, &data, letters + 1);
		r.bad |= data.bad;
	} else if (*letters) {
		return false; /* data of a length that nobody tells */
	}
	c->program = r.p;
	c->end = r.end;
	return !r.bad;
}

static int read_cies(struct eh_frames *f, struct eh_section *s)
{
	struct entry entry;
	size_t at = 0;

	s->first_cie = f->n_cies;
	while (next_entry(s, &at, &entry)) {
		struct eh_cie cie = {.offset = entry.offset};
		int err;

		if (!entry.is_cie)
			continue;
		cie.broken = !read_cie(&cie, s, entry.body);
		err = array_grow(&f->cies, &f->cap_cies, f->n_cies + 1, sizeof(*f->cies));
		if (err)
			return err;
		f->cies[f->n_cies++] = cie;
	}
	s->n_cies = f->n_cies - s->first_cie;
	return 0;
}

/* The CIE at that offset of the section; NULL: no entry begins there. `guess` is the one that the FDE before
 * it had. */
static const struct eh_cie *find_cie(const struct eh_frames *f, const struct eh_section *s, size_t offset,
				     const struct eh_cie *guess)
{
	size_t low = s->first_cie, high = s->first_cie + s->n_cies;

	if (guess && guess->offset == offset)
		return guess;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (f->cies[middle].offset == offset)
			return &f->cies[middle];
		if (f->cies[middle].offset < offset)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

static bool read_fde(struct eh_fde *fde, const struct eh_cie *cie, struct dwarf_reader r)
{
	unsigned char encoding = cie->section->debug ? PE_ABSOLUTE : cie->encoding;
	uint64_t len;

	dwarf_skip(&r, cie->segment);
	fde->start = fde->origin = eh_pointer(cie->section, &r, encoding, cie->address);
	len = eh_pointer(cie->section, &r, encoding & PE_FORM, cie->address);
	if (cie->sized)
		dwarf_skip(&r, dwarf_uleb(&r));
	fde->cie = cie;
	fde->program = r.p;
	fde->program_end = r.end;
	return !r.bad && !__builtin_add_overflow(fde->start, len, &fde->end);
}

static int read_fdes(struct eh_frames *f, const struct eh_section *s, uint64_t low, uint64_t high)
{
	const struct eh_cie *cie = NULL;
	struct entry entry;
	size_t at = 0;

	while (next_entry(s, &at, &entry)) {
		struct eh_fde fde;
		int err;

		if (entry.is_cie)
			continue;
		f->n_read++;
		cie = find_cie(f, s, entry.cie, cie);
		if (!cie || cie->broken || !read_fde(&fde, cie, entry.body)) {
			f->n_broken++;
			continue;
		}
		/* what linkers drop from .debug_frame stays in it with address 0 */
		if (!fde.start || fde.start < low || fde.start >= high || fde.end > high ||
		    fde.start == fde.end) {
			f->n_outside++;
			continue;
		}
		err = eh_frames_add(f, &fde);
		if (err)
			return err;
	}
	return 0;
}

/* Those from number `first` on, by start. */
static int sort_fdes(struct eh_frames *f, size_t first)
{
	struct eh_fde *fdes = f->fdes + first, *sorted;
	size_t n = f->n_fdes - first, in_order = 1;
	struct radix_item *order;

	while (in_order < n && fdes[in_order - 1].start <= fdes[in_order].start)
		in_order++;
	if (in_order >= n)
		return 0;
	order = address_order(fdes, n, sizeof(*fdes));
	if (!order)
		return -ENOMEM;
	sorted = calloc(n, sizeof(*sorted));
	if (!sorted) {
		free(order);
		return fail(-ENOMEM, "call frame information: no memory to sort %zu functions", n);
	}
	for (size_t i = 0; i < n; i++)
		sorted[i] = fdes[order[i].value];
	memcpy(fdes, sorted, n * sizeof(*fdes));
	free(sorted);
	free(order);
	return 0;
}

int eh_frames_add(struct eh_frames *f, const struct eh_fde *fde)
{
	int err = array_grow(&f->fdes, &f->cap_fdes, f->n_fdes + 1, sizeof(*f->fdes));

	if (!err)
		f->fdes[f->n_fdes++] = *fde;
	return err;
}

int eh_frames_add_by_text(struct eh_frames *f, const struct elf_file *e, uint64_t low, uint64_t high, eh_text_fn *look_through)
{
	size_t first = f->n_fdes;
	int err = 0;

	if (high - low > SMALL_TEXT)
		return 0;
	for (size_t i = 0; !err && i < e->n_segments; i++) {
		const struct elf_segment *s = &e->segments[i];
		bool in_file = s->offset <= e->size && s->filesz <= e->size - s->offset;
		bool in_range = s->vaddr >= low && s->vaddr <= high && s->filesz <= high - s->vaddr;

		if (s->type == PT_LOAD && s->flags & PF_X && in_file && in_range)
			err = look_through(f, e, s);
	}
	return err || f->n_fdes == first ? err : eh_frames_resolve(f, first);
}

/*
 * Makes the section's FDEs, from number `first` on, disjoint: the one that begins first has the addresses, as
 * far as no section before this one told of them.
 */
int eh_frames_resolve(struct eh_frames *f, size_t first)
{
	size_t n = first, before = 0;
	uint64_t end = 0;
	int err = sort_fdes(f, first);

	for (size_t i = first; !err && i < f->n_fdes; i++) {
		struct eh_fde fde = f->fdes[i];

		if (fde.start < end)
			fde.start = end;
		while (before < first && f->fdes[before].end <= fde.start)
			before++;
		if (fde.start >= fde.end || (before < first && f->fdes[before].start <= fde.start)) {
			f->n_covered++;
			continue;
		}
		if (before < first && f->fdes[before].start < fde.end)
			fde.end = f->fdes[before].start;
		end = fde.end;
		f->fdes[n++] = fde;
	}
	f->n_fdes = n;
	return err || !first ? err : sort_fdes(f, 0);
}

int eh_frames_read(struct eh_frames *f, const struct elf_file *e, const struct elf_file *debug, uint64_t low,
		   uint64_t high)
{
	int err;

	memset(f, 0, sizeof(*f));
	err = go_frames_add(f, e, low, high);
	if (!err)
		err = eh_sections_find(f, e, debug);
	for (size_t i = 0; !err && i < f->n_sections; i++)
		err = read_cies(f, &f->sections[i]);
	for (size_t i = 0; !err && i < f->n_sections; i++) {
		size_t first = f->n_fdes;

		err = read_fdes(f, &f->sections[i], low, high);
		if (!err)
			err = eh_frames_resolve(f, first);
	}
	return err;
}

void eh_frames_release(struct eh_frames *f)
{
	for (size_t i = 0; i < f->n_sections; i++)
		free(f->sections[i].inflated);
	free(f->cies);
	free(f->fdes);
	for (size_t i = 0; i < N_EH_MADE; i++)
		free(f->made[i]);
	memset(f, 0, sizeof(*f));
}

bool eh_text_range(const struct elf_file *e, uint64_t *low, uint64_t *high)
{
	bool any = false;

	for (size_t i = 0; i < e->n_segments; i++) {
		const struct elf_segment *s = &e->segments[i];
		uint64_t end;

		if (s->type != PT_LOAD || !(s->flags & PF_X) || !s->memsz ||
		    __builtin_add_overflow(s->vaddr, s->memsz, &end))
			continue;
		*low = any && *low < s->vaddr ? *low : s->vaddr;
		*high = any && *high > end ? *high : end;
		any = true;
	}
	return any;
}

int eh_frame_functions(const struct elf_file *e, const struct elf_file *debug, struct eh_function **out,
		       size_t *n)
{
	struct eh_frames f;
	uint64_t low, high;
	int err;

	*out = NULL;
	*n = 0;
	if (!eh_text_range(e, &low, &high))
		return 0;
	err = eh_frames_read(&f, e, debug, low, high);
	if (!err && f.n_fdes) {
		*out = calloc(f.n_fdes, sizeof(**out));
		if (!*out)
			err = fail(-ENOMEM, "call frame information: no memory for %zu functions", f.n_fdes);
	}
	for (size_t i = 0; *out && i < f.n_fdes; i++)
		(*out)[i] = (struct eh_function){.start = f.fdes[i].start, .end = f.fdes[i].end};
	*n = *out ? f.n_fdes : 0;
	eh_frames_release(&f);
	return err;
}
