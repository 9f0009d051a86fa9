/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The function symbols of an ELF file (.symtab, .dynsym, Go's own table, PLT stubs), or of it and its separate debug file, as
 * one sorted table. Of several names for one address the most telling is kept: a global one without
 * underscores. Takes addresses as the symbol tables have them (virtual addresses in the file) or file
 * offsets.
 */
#ifndef CONCTRACE_ELF_SYMBOLS_H
#define CONCTRACE_ELF_SYMBOLS_H

#include "symbols/elf_file.h"
#include "symbols/symbol.h"

struct elf_symbols; /* opaque */

/*
 * `e` and `debug` (its debug file: elf_debug.h; NULL: none) must outlive the table. A file without any symbol
 * gives an empty table. 0 or -ENOMEM.
 */
int elf_symbols_new(struct elf_symbols **out, const struct elf_file *e, const struct elf_file *debug);
void elf_symbols_free(struct elf_symbols *s);
size_t elf_symbols_count(const struct elf_symbols *s);
/* Has the file a .symtab of its own (with a function in it)? Then a debug file's knows no more. */
bool elf_symbols_in(const struct elf_file *e);

/* The function that the address lies in; false if none. Names of PLT stubs end in "@plt". */
bool elf_symbols_at(const struct elf_symbols *s, uint64_t vaddr, struct symbol *out);
/* The same for an offset in the file. */
bool elf_symbols_at_offset(const struct elf_symbols *s, uint64_t offset, struct symbol *out);
/*
 * The nearest name before an address that is not marked as a function's, in its section and with no function's begin in
 * between: hand-written code, as _start of the dynamic linker; and "_start" and "main" where a program begins to run, whether it
 * has symbols or not. Such names can be places in functions: it is for addresses that lie in none. Of those with a size only
 * what lies within it.
 */
bool elf_symbols_label(const struct elf_symbols *s, uint64_t vaddr, struct symbol *out);

#endif
