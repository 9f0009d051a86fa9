/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * In: a file with DWARF, addresses. Out: functions and lines.
 * libdw's own search walks a whole compilation unit for each address (milliseconds where everything is one
 * unit); here the units' ranges are put in order once, and those of the functions of a unit when it is first
 * asked for, so that an address costs two binary searches and a walk down its own function.
 */
#include "symbols/dwarf_lines.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/fail.h"
#include "base/radix.h"

#define DEPTH_MAX 64	     /* of nested scopes */
#define STEPS_MAX (1u << 24) /* entries that are looked at in one walk: a file can point in circles */
#define OVERLAPS  64	     /* ranges before an address that are tried: they should not overlap, but may */

struct range {
	uint64_t low, high; /* [low, high) */
	size_t owner;	    /* of units: index in units; of functions: in functions */
};

struct ranges {
	struct range *all; /* by low, once it is sorted */
	size_t n, cap;
};

struct unit {
	Dwarf_Die die;
	bool walked;
	struct ranges ranges;
	Dwarf_Die *functions;
	size_t n, cap;
};

struct dwarf_lines {
	Dwarf *dwarf, *alternative;
	struct unit *units;
	size_t n_units, units_cap;
	struct ranges ranges; /* of the units */
};

static int ranges_add(struct ranges *r, Dwarf_Die *die, size_t owner)
{
	Dwarf_Addr base = 0, low, high;
	ptrdiff_t at = 0;
	unsigned int steps = 0;

	while ((at = dwarf_ranges(die, at, &base, &low, &high)) > 0 && steps++ < STEPS_MAX) {
		int err;

		/* what the linker threw away begins at 0 */
		if (!low || high <= low)
			continue;
		err = array_grow(&r->all, &r->cap, r->n + 1, sizeof(*r->all));
		if (err)
			return err;
		r->all[r->n++] = (struct range){low, high, owner};
	}
	return 0;
}

static int ranges_sort(struct ranges *r)
{
	struct radix_item *items = calloc(r->n + 1, sizeof(*items));
	struct range *sorted = calloc(r->n + 1, sizeof(*sorted));
	int err = items && sorted ? 0 : fail(-ENOMEM, "no memory for %zu ranges", r->n);

	for (size_t i = 0; !err && i < r->n; i++)
		items[i] = (struct radix_item){.key = r->all[i].low, .value = i};
	if (!err)
		err = radix_sort(items, r->n);
	for (size_t i = 0; !err && i < r->n; i++)
		sorted[i] = r->all[items[i].value];
	if (!err) {
		free(r->all);
		r->all = sorted;
		r->cap = r->n + 1;
		sorted = NULL;
	}
	free(sorted);
	free(items);
	return err;
}

/* The innermost of the ranges that have the address; its owner in *owner. */
static bool ranges_find(const struct ranges *r, uint64_t addr, size_t *owner)
{
	size_t low = 0, high = r->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (r->all[mid].low <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	for (size_t tried = 0; low-- > 0 && tried < OVERLAPS; tried++)
		if (addr < r->all[low].high) {
			*owner = r->all[low].owner;
			return true;
		}
	return false;
}

static int add_units(struct dwarf_lines *d)
{
	Dwarf_CU *cu = NULL;
	Dwarf_Half version;
	Dwarf_Die die, sub;
	uint8_t type;
	int err = 0;

	while (!err && dwarf_get_units(d->dwarf, cu, &cu, &version, &type, &die, &sub) == 0) {
		if (type != DW_UT_compile && type != DW_UT_skeleton)
			continue;
		err = array_grow(&d->units, &d->units_cap, d->n_units + 1, sizeof(*d->units));
		if (err)
			break;
		d->units[d->n_units].die = die;
		err = ranges_add(&d->ranges, &die, d->n_units++);
	}
	return err ? err : ranges_sort(&d->ranges);
}

int dwarf_lines_new(struct dwarf_lines **out, int fd, int alt_fd)
{
	struct dwarf_lines *d = calloc(1, sizeof(*d));
	int err;

	*out = NULL;
	if (!d)
		return fail(-ENOMEM, "DWARF: no memory");
	d->dwarf = dwarf_begin(fd, DWARF_C_READ);
	if (!d->dwarf) {
		err = fail(-ENODATA, "DWARF: %s", dwarf_errmsg(-1));
		goto out;
	}
	if (alt_fd >= 0)
		d->alternative = dwarf_begin(alt_fd, DWARF_C_READ);
	if (d->alternative)
		dwarf_setalt(d->dwarf, d->alternative);
	err = add_units(d);
	if (!err && !d->ranges.n)
		err = fail(-ENODATA, "DWARF: no code is described");
out:
	if (err)
		dwarf_lines_free(d);
	else
		*out = d;
	return err;
}

void dwarf_lines_free(struct dwarf_lines *d)
{
	if (!d)
		return;
	for (size_t i = 0; i < d->n_units; i++) {
		free(d->units[i].ranges.all);
		free(d->units[i].functions);
	}
	free(d->units);
	free(d->ranges.all);
	if (d->dwarf)
		dwarf_end(d->dwarf);
	if (d->alternative)
		dwarf_end(d->alternative);
	free(d);
}

/* Entries within which functions can be. */
static bool has_functions(int tag)
{
	switch (tag) {
	case DW_TAG_subprogram:
	case DW_TAG_inlined_subroutine:
	case DW_TAG_lexical_block:
	case DW_TAG_try_block:
	case DW_TAG_catch_block:
	case DW_TAG_namespace:
	case DW_TAG_module:
	case DW_TAG_class_type:
	case DW_TAG_structure_type:
	case DW_TAG_union_type:
	case DW_TAG_interface_type:
		return true;
	default:
		return false;
	}
}

static int add_function(struct unit *u, Dwarf_Die *die)
{
	size_t before = u->ranges.n;
	int err = ranges_add(&u->ranges, die, u->n);

	if (err || u->ranges.n == before)
		return err;
	err = array_grow(&u->functions, &u->cap, u->n + 1, sizeof(*u->functions));
	if (!err)
		u->functions[u->n++] = *die;
	return err;
}

/* Every function of the unit that has code, with its ranges. */
static int walk_unit(struct unit *u)
{
	Dwarf_Die path[DEPTH_MAX];
	size_t depth = 0;
	unsigned int steps = 0;
	int err = 0;

	u->walked = true;
	if (dwarf_child(&u->die, &path[0]) != 0)
		return 0;
	for (;;) {
		int tag = dwarf_tag(&path[depth]);

		if (tag == DW_TAG_subprogram)
			err = add_function(u, &path[depth]);
		if (err || ++steps > STEPS_MAX)
			break;
		if (has_functions(tag) && depth + 1 < DEPTH_MAX &&
		    dwarf_child(&path[depth], &path[depth + 1]) == 0) {
			depth++;
			continue;
		}
		/* libdw's siblings: the old entry may be the new one's place */
		while (dwarf_siblingof(&path[depth], &path[depth]) != 0)
			if (!depth--)
				return ranges_sort(&u->ranges);
	}
	return err ? err : ranges_sort(&u->ranges);
}

static struct unit *unit_at(struct dwarf_lines *d, uint64_t vaddr)
{
	struct unit *u;
	size_t index;

	if (!ranges_find(&d->ranges, vaddr, &index))
		return NULL;
	u = &d->units[index];
	return !u->walked && walk_unit(u) ? NULL : u;
}

/*
 * The scopes that have the address, from the function down, those that are code of functions alone:
 * scopes[0] is the function, the others were inlined.
 */
static size_t descend(const Dwarf_Die *function, uint64_t vaddr, Dwarf_Die *scopes)
{
	Dwarf_Die at = *function, child;
	unsigned int steps = 0;
	size_t n = 1;

	scopes[0] = at;
	for (size_t depth = 0; depth < DEPTH_MAX && n < DWARF_PARTS_MAX; depth++) {
		int more = dwarf_child(&at, &child);

		for (; more == 0; more = dwarf_siblingof(&child, &child)) {
			int tag = dwarf_tag(&child);

			if (++steps > STEPS_MAX)
				return n;
			if ((tag == DW_TAG_inlined_subroutine || tag == DW_TAG_lexical_block ||
			     tag == DW_TAG_try_block || tag == DW_TAG_catch_block) &&
			    dwarf_haspc(&child, vaddr) == 1)
				break;
		}
		if (more)
			break;
		at = child;
		if (dwarf_tag(&at) == DW_TAG_inlined_subroutine)
			scopes[n++] = at;
	}
	return n;
}

static const char *function_name(Dwarf_Die *die)
{
	Dwarf_Attribute attr;
	const char *name = NULL;

	if (dwarf_attr_integrate(die, DW_AT_linkage_name, &attr) ||
	    dwarf_attr_integrate(die, DW_AT_MIPS_linkage_name, &attr))
		name = dwarf_formstring(&attr);
	if ((!name || !*name) && dwarf_attr_integrate(die, DW_AT_name, &attr))
		name = dwarf_formstring(&attr);
	return name && *name ? name : NULL;
}

static const char *known(const char *path)
{
	return path && *path && strcmp(path, "???") != 0 ? path : NULL;
}

/* Where the code at the address comes from, by the line table. */
static void place_of_code(struct unit *u, uint64_t vaddr, struct dwarf_part *part)
{
	Dwarf_Line *line = dwarf_getsrc_die(&u->die, vaddr);
	int number = 0;

	if (!line || dwarf_lineno(line, &number) || number <= 0)
		return;
	part->source = known(dwarf_linesrc(line, NULL, NULL));
	part->line = part->source ? (uint32_t)number : 0;
}

/* Where a function was called that was inlined: the place in the function around it. */
static void place_of_call(struct unit *u, Dwarf_Die *inlined, struct dwarf_part *part)
{
	Dwarf_Attribute attr;
	Dwarf_Files *files;
	Dwarf_Word file, line;
	size_t n;

	if (!dwarf_attr(inlined, DW_AT_call_file, &attr) || dwarf_formudata(&attr, &file) ||
	    !dwarf_attr(inlined, DW_AT_call_line, &attr) || dwarf_formudata(&attr, &line) || !line ||
	    line > INT32_MAX || dwarf_getsrcfiles(&u->die, &files, &n) || file >= n)
		return;
	part->source = known(dwarf_filesrc(files, (size_t)file, NULL, NULL));
	part->line = part->source ? (uint32_t)line : 0;
}

size_t dwarf_lines_at(struct dwarf_lines *d, uint64_t vaddr, bool inlines, struct dwarf_part *parts)
{
	struct unit *u = unit_at(d, vaddr);
	Dwarf_Die scopes[DWARF_PARTS_MAX];
	size_t function, n = 0;

	if (!u)
		return 0;
	if (ranges_find(&u->ranges, vaddr, &function))
		n = inlines ? descend(&u->functions[function], vaddr, scopes) : 1;
	if (n == 1)
		scopes[0] = u->functions[function];
	memset(parts, 0, (n ? n : 1) * sizeof(*parts));
	place_of_code(u, vaddr, &parts[0]);
	if (!n)
		return parts[0].line ? 1 : 0;
	for (size_t i = 0; i < n; i++) {
		Dwarf_Die *scope = &scopes[n - 1 - i];

		parts[i].name = function_name(scope);
		parts[i].inlined = i + 1 < n;
		if (parts[i].inlined)
			place_of_call(u, scope, &parts[i + 1]);
	}
	return n;
}
