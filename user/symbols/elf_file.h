/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An ELF file as plain arrays: segments, sections, build id, debug link. The only door to libelf. The bytes
 * are not trusted: every offset and size is checked here or by elf_section_bytes. Truncating the file behind
 * an open elf_file makes the process die of SIGBUS, so this runs where that costs little (the symbolizer's
 * child).
 */
#ifndef CONCTRACE_ELF_FILE_H
#define CONCTRACE_ELF_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ELF_BUILD_ID_MAX 20

struct elf_segment {
	uint32_t type, flags; /* PT_*, PF_* */
	uint64_t offset, vaddr, filesz, memsz;
};

struct elf_section {
	const char *name; /* terminated, "" if it has none */
	uint32_t type, link, info;
	uint64_t flags, addr, offset, size, entsize;
};

struct elf_file {
	const unsigned char *data;
	size_t size;
	bool mapped; /* data is a mapping of this object */
	bool is64;
	uint16_t type, machine; /* ET_*, EM_* */
	uint64_t entry;		/* address where a program begins to run, 0: none */
	struct elf_segment *segments;
	size_t n_segments;
	struct elf_section *sections;
	size_t n_sections;
	unsigned char build_id[ELF_BUILD_ID_MAX];
	size_t build_id_len;  /* 0: none */
	char debug_link[256]; /* .gnu_debuglink's file name, "" if none */
};

/*
 * Maps the regular file behind fd (which may then be closed) or takes `data`, which must outlive the object.
 * -ENOEXEC: not an ELF file of this byte order, or headers that contradict the size; -ENOMEM; errors of mmap.
 */
int elf_file_open(struct elf_file *e, int fd);
int elf_file_read(struct elf_file *e, const void *data, size_t size);
void elf_file_release(struct elf_file *e);

/* `debug` (may be NULL) is e's separate debug file: both have a build id, the same. */
bool elf_file_is_debug_of(const struct elf_file *debug, const struct elf_file *e);

/* The section's bytes and their number, or NULL (none in the file, compressed, outside of the file). */
const unsigned char *elf_section_bytes(const struct elf_file *e, const struct elf_section *s, size_t *len);
/* The first section of that name, or NULL. */
const struct elf_section *elf_section_named(const struct elf_file *e, const char *name);
/* The virtual address that the program headers give a file offset; false if no segment has it. */
bool elf_file_vaddr(const struct elf_file *e, uint64_t offset, uint64_t *vaddr);

#endif
