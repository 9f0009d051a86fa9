/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The call frame information of an ELF file: which functions (FDEs) there are, where each begins and ends,
 * and the bytes that say how to unwind it (symbols/cfa.h runs them). From .eh_frame, else from what
 * PT_GNU_EH_FRAME points to (a vdso in memory, a file without section headers), and for what those leave out
 * from .debug_frame of the file and of its separate debug file, compressed or not. Before them all, of a Go
 * program, comes what Go's own table says (symbols/go_frames.h). DWARF of 32 and 64 bits,
 * CIE versions 1, 3 and 4, augmentations z R P L S B G and "eh".
 *
 * The bytes are not trusted. Time and memory are proportional to their size: entries do not overlap, and an
 * FDE may only name a CIE that is an entry itself.
 */
#ifndef CONCTRACE_EH_FRAME_H
#define CONCTRACE_EH_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "symbols/dwarf_reader.h"
#include "symbols/elf_file.h"

/* One run of entries. */
struct eh_section {
	const unsigned char *bytes;
	size_t size;
	uint64_t vaddr;	       /* of the first byte */
	uint64_t text, data;   /* what text- and data-relative pointers are relative to */
	bool debug;	       /* .debug_frame: CIEs are named by their offset, and nothing is relative */
	bool ends_at_zero;     /* an entry of no length is its end, not padding: `size` is more than it has */
	unsigned char address; /* bytes of an address, where a CIE doesn't say */
	size_t first_cie, n_cies;
	unsigned char *inflated; /* the bytes, if they were compressed */
};

struct eh_cie {
	const struct eh_section *section;
	size_t offset; /* in it */
	const unsigned char *program, *end;
	uint64_t code_align;
	int64_t data_align;
	uint64_t ra; /* number of the register that stands for the return address */
	unsigned char encoding, address,
		segment; /* of pointers (DW_EH_PE_*); bytes of an address, of a segment selector */
	bool sized;	 /* FDEs have augmentation data */
	bool signal;	 /* 'S': the frame of a signal handler's return */
	bool away;	 /* made up: its frame pointer leads to another stack */
	bool broken;	 /* FDEs that name it can't be read */
};

struct eh_fde {
	uint64_t start, end; /* addresses as in the program headers; end is exclusive */
	uint64_t origin; /* where its program starts: less than `start` where another FDE has its beginning */
	const unsigned char *program, *program_end;
	const struct eh_cie *cie;
};

#define EH_SECTIONS 3
#define EH_PADDING  16 /* bytes between functions: less is padding */

enum eh_made { EH_MADE_GO, EH_MADE_PROLOGUES, N_EH_MADE };

struct eh_frames {
	struct eh_section sections[EH_SECTIONS];
	size_t n_sections;
	struct eh_cie *cies; /* of all sections */
	size_t n_cies, cap_cies;
	struct eh_fde *fdes; /* by start; none overlaps another */
	unsigned char *made[N_EH_MADE]; /* programs of FDEs that are in no section */
	size_t n_fdes, cap_fdes;
	size_t n_read;	  /* FDEs in the file, those left out for what follows included */
	size_t n_broken;  /* that could not be read */
	size_t n_outside; /* of no address in [low, high): functions that the linker dropped */
	size_t n_covered; /* whose start another one covers: .debug_frame repeats what .eh_frame says */
};

/*
 * Reads all of them; those of functions outside of [low, high) are left out. `debug` (NULL: none) is ignored
 * unless it belongs to e (symbols/elf_debug.h). The files must outlive the object. A file without any gives an empty object. 0
 * or -ENOMEM; release it in either case.
 */
int eh_frames_read(struct eh_frames *f, const struct elf_file *e, const struct elf_file *debug, uint64_t low,
		   uint64_t high);
void eh_frames_release(struct eh_frames *f);

/* Where the entries are: sets f->sections. */
int eh_sections_find(struct eh_frames *f, const struct elf_file *e, const struct elf_file *debug);
/* Would a debug file add any? */
bool eh_sections_has_debug_frame(const struct elf_file *debug);

/* Appends one, for who adds some: eh_frames_resolve() comes then. 0 or -ENOMEM. */
int eh_frames_add(struct eh_frames *f, const struct eh_fde *fde);

/* Looks through a segment of code, which is within the file, and adds an FDE for each place that it knows. 0 or -ENOMEM. */
typedef int eh_text_fn(struct eh_frames *f, const struct elf_file *e, const struct elf_segment *s);
/*
 * Has the text in [low, high) looked through, of a file as small as a vdso or a C library only, and what was added resolved: no FDE that is
 * there already gives way. 0 or -ENOMEM.
 */
int eh_frames_add_by_text(struct eh_frames *f, const struct elf_file *e, uint64_t low, uint64_t high, eh_text_fn *look_through);

/* Makes the FDEs from number `first` on disjoint, of each other and of those before, and sorts all: for who
 * adds some. 0 or -ENOMEM. */
int eh_frames_resolve(struct eh_frames *f, size_t first);

/* A pointer in encoding `encoding`, at r->p, which lies in the section; sets r->bad if it is none of those
 * that can be here. */
uint64_t eh_pointer(const struct eh_section *s, struct dwarf_reader *r, unsigned char encoding,
		    unsigned char address);

/* An address range that has code of one function (or a part of it that the compiler moved away), for names
 * where there is no symbol. */
struct eh_function {
	uint64_t start, end;
};

/*
 * The ranges of all FDEs in the file's executable segments, by start, none overlapping another. *out is the
 * caller's, to free; NULL and 0 if there are none. 0 or -ENOMEM.
 */
int eh_frame_functions(const struct elf_file *e, const struct elf_file *debug, struct eh_function **out,
		       size_t *n);

/* From the first to behind the last byte of executable segments; false if there are none. */
bool eh_text_range(const struct elf_file *e, uint64_t *low, uint64_t *high);

#endif
