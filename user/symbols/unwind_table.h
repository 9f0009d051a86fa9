/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How to unwind each instruction of an ELF file (x86-64 or arm64, whatever machine this runs on): rows by
 * address, and the few distinct rules that they name. In the two forms of wire_unwind.h: plain rows, and
 * packed by pages as the probe reads them. Bytes that nobody vouches for in, checked numbers out; no
 * privileges are needed and nothing is opened.
 */
#ifndef CONCTRACE_UNWIND_TABLE_H
#define CONCTRACE_UNWIND_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "symbols/eh_cover.h"
#include "symbols/elf_file.h"
#include "wire_unwind.h"

#define UNWIND_TEXT_MAX	 (512u << 20) /* bytes from the first to the last executable segment */
#define UNWIND_ROWS_MAX	 (16u << 20)
#define UNWIND_RULES_MAX (64u << 10) /* real files have up to a thousand */

/* The rule holds from low + at to the next row, or to the end of the text. */
struct unwind_row {
	uint32_t at;
	uint32_t rule;
};

struct unwind_stats {
	size_t fdes;		    /* in the file */
	size_t broken;		    /* could not be read */
	size_t outside;		    /* of no code of this file: dropped by the linker */
	size_t covered;		    /* repeat another one */
	size_t rows;		    /* before those that repeat the rule of the row before were left out */
	uint64_t covered_bytes;	    /* of code that some FDE is for */
	uint64_t unsupported_bytes; /* of those: with UNWIND_UNSUPPORTED */
	struct eh_cover cover;	    /* what is missing */
};

struct unwind_table {
	uint16_t machine;   /* EM_X86_64 or EM_AARCH64 */
	uint64_t low, high; /* the file's executable segments, out to whole pages of memory: what a mapping of
			       it can show */
	struct unwind_row
		*rows; /* by address; no two neighbours have the same rule. Before the first: rule 0 */
	size_t n_rows;
	struct unwind_rule *rules; /* all different; number 0 is UNWIND_NONE */
	size_t n_rules;
	struct unwind_stats stats;
};

/*
 * `debug` is the file's separate debug file, NULL if there is none; it is ignored unless it belongs to e
 * (symbols/elf_debug.h). The table keeps nothing of either. Free it with unwind_table_free. *out is NULL and the result -ENOTSUP not
 * a 64-bit file of a machine that is known -ENOENT   no executable segment, or no call frame information for
 * it -E2BIG    text or rows beyond the limits above -ENOMEM
 */
int unwind_table_build(struct unwind_table **out, const struct elf_file *e, const struct elf_file *debug);
void unwind_table_free(struct unwind_table *t);

/* The rule for the instruction at vaddr; that of number 0 outside of the text. */
const struct unwind_rule *unwind_table_rule_at(const struct unwind_table *t, uint64_t vaddr);

/* The packed form. */
struct unwind_packed {
	uint64_t first_page; /* number (vaddr >> UNWIND_PAGE_BITS) of pages[0] */
	struct unwind_page *pages;
	size_t n_pages;
	uint32_t first_row; /* index that rows[0] will have in the map of rows; pages count from there:
			       pages[i].row >= first_row */
	uint32_t *rows; /* with the table's own numbers of rules; fillers between pages are 0 and belong to
			   none */
	size_t n_rows;
};

/*
 * Packs the table for a place in the map of rows: no page's rows are on two sides of a multiple of
 * UNWIND_CHUNK_ROWS, counted from that map's beginning. 0, -ENOMEM or -E2BIG (indices beyond 32 bits).
 * Release it in either case.
 */
int unwind_table_pack(struct unwind_packed *out, const struct unwind_table *t, uint32_t first_row);
void unwind_packed_release(struct unwind_packed *p);

/* The number of the rule for the instruction at vaddr; 0 where there is none. Agrees with
 * unwind_table_rule_at. */
uint32_t unwind_packed_rule_at(const struct unwind_packed *p, uint64_t vaddr);

#endif
