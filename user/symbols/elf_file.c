/* SPDX-License-Identifier: BSD-2-Clause */
/* In: the bytes of an ELF file, or a descriptor of one. Out: its headers as plain arrays. */
#include "symbols/elf_file.h"

#include <elf.h>
#include <errno.h>
#include <gelf.h>
#include <libelf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fail.h"

#define MAX_SEGMENTS 4096
#define MAX_SECTIONS 200000 /* kernel-size objects with a section a function */
#define PAGE	     4096u  /* what the smallest pages of a mapping round to */

static int read_segments(struct elf_file *e, Elf *elf)
{
	size_t n;

	if (elf_getphdrnum(elf, &n) || !n)
		return 0;
	if (n > MAX_SEGMENTS)
		return fail(-ENOEXEC, "ELF file: %zu program headers: more than a real file has", n);
	e->segments = calloc(n, sizeof(*e->segments));
	if (!e->segments)
		return fail(-ENOMEM, "ELF file: no memory for %zu segments", n);
	for (size_t i = 0; i < n; i++) {
		GElf_Phdr h;

		if (!gelf_getphdr(elf, (int)i, &h))
			break;
		e->segments[e->n_segments++] = (struct elf_segment){
			.type = h.p_type,
			.flags = h.p_flags,
			.offset = h.p_offset,
			.vaddr = h.p_vaddr,
			.filesz = h.p_filesz,
			.memsz = h.p_memsz,
		};
	}
	return 0;
}

/* Names are kept as offsets into the name section until all headers are read: `name` is then a place in it.
 */
static void name_sections(struct elf_file *e, const size_t *name_at, size_t names_section)
{
	const unsigned char *names = NULL;
	size_t len = 0;

	if (names_section < e->n_sections)
		names = elf_section_bytes(e, &e->sections[names_section], &len);
	for (size_t i = 0; i < e->n_sections; i++) {
		const char *name = "";

		if (names && name_at[i] < len && memchr(names + name_at[i], 0, len - name_at[i]))
			name = (const char *)names + name_at[i];
		e->sections[i].name = name;
	}
}

static int read_sections(struct elf_file *e, Elf *elf)
{
	size_t n, names_section = SIZE_MAX, *name_at;

	if (elf_getshdrnum(elf, &n) || !n)
		return 0;
	if (n > MAX_SECTIONS)
		return fail(-ENOEXEC, "ELF file: %zu sections: more than a real file has", n);
	if (elf_getshdrstrndx(elf, &names_section))
		names_section = SIZE_MAX;
	e->sections = calloc(n, sizeof(*e->sections));
	name_at = calloc(n, sizeof(*name_at));
	if (!e->sections || !name_at) {
		free(name_at);
		return fail(-ENOMEM, "ELF file: no memory for %zu sections", n);
	}
	for (size_t i = 0; i < n; i++) {
		Elf_Scn *scn = elf_getscn(elf, i);
		GElf_Shdr h;

		if (!scn || !gelf_getshdr(scn, &h))
			break;
		name_at[i] = h.sh_name;
		e->sections[e->n_sections++] = (struct elf_section){
			.type = h.sh_type,
			.link = h.sh_link,
			.info = h.sh_info,
			.flags = h.sh_flags,
			.addr = h.sh_addr,
			.offset = h.sh_offset,
			.size = h.sh_size,
			.entsize = h.sh_entsize,
		};
	}
	name_sections(e, name_at, names_section);
	free(name_at);
	return 0;
}

/* Looks for NT_GNU_BUILD_ID in a run of notes (all of 4-byte fields, padded to 4). */
static bool find_build_id(struct elf_file *e, const unsigned char *notes, size_t len)
{
	while (len >= 12) {
		uint32_t head[3];
		size_t name_len, desc_len;

		memcpy(head, notes, sizeof(head));
		name_len = ((size_t)head[0] + 3) & ~(size_t)3;
		desc_len = ((size_t)head[1] + 3) & ~(size_t)3;
		if (name_len > len - 12 || desc_len > len - 12 - name_len)
			return false;
		if (head[2] == NT_GNU_BUILD_ID && head[0] == 4 && !memcmp(notes + 12, "GNU", 4) &&
		    head[1] > 0 && head[1] <= ELF_BUILD_ID_MAX) {
			e->build_id_len = head[1];
			memcpy(e->build_id, notes + 12 + name_len, head[1]);
			return true;
		}
		notes += 12 + name_len + desc_len;
		len -= 12 + name_len + desc_len;
	}
	return false;
}

static void read_build_id(struct elf_file *e)
{
	for (size_t i = 0; i < e->n_segments; i++) {
		const struct elf_segment *s = &e->segments[i];

		if (s->type == PT_NOTE && s->offset <= e->size && s->filesz <= e->size - s->offset &&
		    find_build_id(e, e->data + s->offset, s->filesz))
			return;
	}
	for (size_t i = 0; i < e->n_sections; i++) {
		const unsigned char *notes;
		size_t len;

		if (e->sections[i].type != SHT_NOTE)
			continue;
		notes = elf_section_bytes(e, &e->sections[i], &len);
		if (notes && find_build_id(e, notes, len))
			return;
	}
}

static void read_debug_link(struct elf_file *e)
{
	const struct elf_section *s = elf_section_named(e, ".gnu_debuglink");
	const unsigned char *bytes;
	size_t len, n;

	bytes = s ? elf_section_bytes(e, s, &len) : NULL;
	if (!bytes)
		return;
	n = strnlen((const char *)bytes, len);
	/* a name, not a path: it is looked up beside the file and in known folders */
	if (n < len && n < sizeof(e->debug_link) && !memchr(bytes, '/', n))
		memcpy(e->debug_link, bytes, n + 1);
}

static int read_headers(struct elf_file *e)
{
	Elf *elf;
	GElf_Ehdr h;
	int err;

	elf_version(EV_CURRENT);
	/* libelf wants a pointer to writable memory; opened for reading it writes none of it */
	elf = elf_memory((char *)e->data, e->size);
	if (!elf)
		return fail(-ENOEXEC, "ELF file: %s", elf_errmsg(-1));
	if (elf_kind(elf) != ELF_K_ELF || !gelf_getehdr(elf, &h)) {
		elf_end(elf);
		return fail(-ENOEXEC, "ELF file: no ELF header");
	}
	e->type = h.e_type;
	e->machine = h.e_machine;
	e->entry = h.e_entry;
	err = read_segments(e, elf);
	if (!err)
		err = read_sections(e, elf);
	elf_end(elf);
	return err;
}

int elf_file_read(struct elf_file *e, const void *data, size_t size)
{
	const unsigned char *ident = data;
	int err;

	memset(e, 0, sizeof(*e));
	if (size < sizeof(Elf32_Ehdr) || memcmp(ident, ELFMAG, SELFMAG))
		return fail(-ENOEXEC, "ELF file: the magic number is missing");
	if (ident[EI_DATA] != (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB))
		return fail(-ENOEXEC, "ELF file: of the other byte order");
	if (ident[EI_CLASS] != ELFCLASS32 && (ident[EI_CLASS] != ELFCLASS64 || size < sizeof(Elf64_Ehdr)))
		return fail(-ENOEXEC, "ELF file: neither 32 nor 64 bits");
	e->data = data;
	e->size = size;
	e->is64 = ident[EI_CLASS] == ELFCLASS64;
	err = read_headers(e);
	if (err) {
		elf_file_release(e);
		return err;
	}
	read_build_id(e);
	read_debug_link(e);
	return 0;
}

int elf_file_open(struct elf_file *e, int fd)
{
	off_t size = lseek(fd, 0, SEEK_END);
	void *data;
	int err;

	memset(e, 0, sizeof(*e));
	if (size < 0)
		return fail(-errno, "ELF file: size: %s", strerror(errno));
	if (size < (off_t)sizeof(Elf32_Ehdr))
		return fail(-ENOEXEC, "ELF file: only %lld bytes", (long long)size);
	data = mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (data == MAP_FAILED)
		return fail(-errno, "ELF file: mmap: %s", strerror(errno));
	err = elf_file_read(e, data, (size_t)size);
	if (err)
		munmap(data, (size_t)size);
	else
		e->mapped = true;
	return err;
}

void elf_file_release(struct elf_file *e)
{
	free(e->segments);
	free(e->sections);
	if (e->mapped)
		munmap((void *)e->data, e->size);
	memset(e, 0, sizeof(*e));
}

bool elf_file_is_debug_of(const struct elf_file *debug, const struct elf_file *e)
{
	return debug && e->build_id_len && debug->build_id_len == e->build_id_len && debug->is64 == e->is64 &&
	       debug->machine == e->machine && !memcmp(debug->build_id, e->build_id, e->build_id_len);
}

const unsigned char *elf_section_bytes(const struct elf_file *e, const struct elf_section *s, size_t *len)
{
	if (s->type == SHT_NOBITS || s->type == SHT_NULL || (s->flags & SHF_COMPRESSED) ||
	    s->offset > e->size || s->size > e->size - s->offset)
		return NULL;
	*len = s->size;
	return e->data + s->offset;
}

const struct elf_section *elf_section_named(const struct elf_file *e, const char *name)
{
	for (size_t i = 0; i < e->n_sections; i++)
		if (!strcmp(e->sections[i].name, name))
			return &e->sections[i];
	return NULL;
}

/* A mapping covers whole pages: with `slack` the pages that a segment's ends lie in count as its own. */
static bool segment_vaddr(const struct elf_segment *s, uint64_t offset, uint64_t slack, uint64_t *vaddr)
{
	uint64_t start = s->offset & ~slack, end;

	if (s->type != PT_LOAD || __builtin_add_overflow(s->offset, s->filesz, &end) ||
	    end > UINT64_MAX - slack)
		return false;
	end = (end + slack) & ~slack;
	if (offset < start || offset >= end)
		return false;
	*vaddr = s->vaddr + (offset - s->offset);
	return true;
}

bool elf_file_vaddr(const struct elf_file *e, uint64_t offset, uint64_t *vaddr)
{
	/* code first: a page can be mapped twice, as the end of the headers' segment and as the start of the
	 * code's */
	for (int pass = 0; pass < 4; pass++)
		for (size_t i = 0; i < e->n_segments; i++) {
			const struct elf_segment *s = &e->segments[i];
			bool code = s->flags & PF_X;

			if (code == !(pass & 1) && segment_vaddr(s, offset, pass & 2 ? PAGE - 1 : 0, vaddr))
				return true;
		}
	return false;
}
