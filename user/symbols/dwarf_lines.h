/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an ELF file's DWARF says of an address: the function, the functions that were inlined there, and the
 * source line of each. The only door to libdw. The bytes are not trusted and libdw is large: this runs in the
 * sandbox (lines_child.c), where a file that breaks it costs that file's lines alone.
 */
#ifndef CONCTRACE_DWARF_LINES_H
#define CONCTRACE_DWARF_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DWARF_PARTS_MAX 32 /* functions at one address: what is deeper is left out */

struct dwarf_lines; /* opaque */

struct dwarf_part {
	const char
		*name; /* as the linker has it if the file says that, else of the source; NULL: not known */
	const char *source; /* path of the source file; NULL: not known */
	uint32_t line;	    /* in it; 0: not known */
	bool inlined;	    /* into the next part */
};

/*
 * The descriptors must stay open as long as the object. `alt_fd` is the file that .gnu_debugaltlink names
 * (strings and types that several debug files share), -1: none; then what is in it is not known. 0; -ENODATA:
 * the file has no DWARF; -ENOEXEC; -ENOMEM.
 */
int dwarf_lines_new(struct dwarf_lines **out, int fd, int alt_fd);
void dwarf_lines_free(struct dwarf_lines *d);

/*
 * What is at that address (as the file has it): parts[0] the innermost function, the last of them the one
 * whose code it is; how many there are, at most DWARF_PARTS_MAX, 0 if nothing is known. Strings live as long
 * as the object. With `inlines` false there is one part at most, with the line of the innermost. Fast for
 * addresses in ascending order.
 */
size_t dwarf_lines_at(struct dwarf_lines *d, uint64_t vaddr, bool inlines, struct dwarf_part *parts);

#endif
