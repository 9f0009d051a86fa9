/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Call frame information by hand, and an ELF file around it: text at MADE_TEXT, .eh_frame at MADE_EH,
 * .debug_frame of no address, and, if it is asked for, no section headers but a PT_GNU_EH_FRAME. Sizes are
 * small and memory is there: errors end the test.
 */
#ifndef CONCTRACE_MADE_CFI_H
#define CONCTRACE_MADE_CFI_H

#include <elf.h>
#include <stdbool.h>
#include <stdlib.h>
#include <zlib.h>

#include "base/bytes.h"
#include "symbols/elf_file.h"

#define MADE_TEXT 0x401000u
#define MADE_SIZE 0x8000u
#define MADE_EH	  0x500000u /* also that of the segment it is in */
#define MADE_GOT  0x600000u
#define MADE_HEAD 64u /* bytes that the header of .eh_frame has, in front of it */

struct made {
	uint16_t machine;
	struct bytes eh, debug;
	bool no_sections;	 /* PT_GNU_EH_FRAME leads to .eh_frame */
	bool no_table;		 /* of FDEs in that header */
	bool compressed, zdebug; /* .debug_frame is */
	uint64_t text_size;	 /* 0: MADE_SIZE */
	unsigned char build_id;
};

/* How a CIE is written. */
struct made_cie {
	bool debug, wide;
	unsigned char version; /* 0: 1 */
	const char *letters;   /* NULL: "zR" in .eh_frame, "" in .debug_frame */
	unsigned char encoding;
	uint64_t code_align, ra;
	int64_t data_align;
	const char *program;
	size_t len;
};

static inline void must(bool ok)
{
	if (!ok) {
		fprintf(stderr, "making call frame information failed\n");
		exit(1);
	}
}

static inline void put(struct bytes *b, uint64_t value, size_t n)
{
	must(!bytes_add(b, &value, n));
}

static inline void put_uleb(struct bytes *b, uint64_t value)
{
	do {
		put(b, (value & 0x7f) | (value > 0x7f ? 0x80 : 0), 1);
		value >>= 7;
	} while (value);
}

static inline void put_sleb(struct bytes *b, int64_t value)
{
	bool more;

	do {
		unsigned char byte = value & 0x7f;

		value >>= 7;
		more = (value != 0 || (byte & 0x40)) && (value != -1 || !(byte & 0x40));
		put(b, byte | (more ? 0x80 : 0), 1);
	} while (more);
}

static inline size_t begin_entry(struct bytes *b, bool wide)
{
	size_t at = b->len;

	put(b, wide ? 0xffffffff : 0, 4);
	if (wide)
		put(b, 0, 8);
	return at;
}

static inline void end_entry(struct bytes *b, size_t at, bool wide)
{
	uint64_t len;

	while (b->len % 4)
		put(b, 0, 1); /* DW_CFA_nop */
	len = b->len - at - (wide ? 12 : 4);
	memcpy(b->data + at + (wide ? 4 : 0), &len, wide ? 8 : 4);
}

static inline size_t put_cie(struct bytes *b, const struct made_cie *c)
{
	const char *letters = c->letters ? c->letters : c->debug ? "" : "zR";
	unsigned char version = c->version ? c->version : 1;
	size_t at = begin_entry(b, c->wide);

	put(b, c->debug ? UINT64_MAX : 0, c->wide ? 8 : 4);
	put(b, version, 1);
	must(!bytes_add(b, letters, strlen(letters) + 1));
	if (version == 4)
		put(b, 8, 2); /* address and segment size */
	if (!strcmp(letters, "eh"))
		put(b, 0x1234, 8);
	put_uleb(b, c->code_align);
	put_sleb(b, c->data_align);
	put(b, c->ra, 1); /* small: the same as ULEB128 */
	if (letters[0] == 'z') {
		struct bytes data = {0};

		for (const char *l = letters + 1; *l; l++) {
			if (*l == 'R') {
				put(&data, c->encoding, 1);
			} else if (*l == 'L') {
				put(&data, 0x1b, 1);
			} else if (*l == 'P') {
				put(&data, 0x9b, 1); /* indirect, relative to its place, 4 bytes */
				put(&data, 0x11223344, 4);
			} else if (*l == 'Q') { /* nobody knows it */
				put(&data, 0x1122334455667788, 8);
			}
		}
		put_uleb(b, data.len);
		must(!bytes_add(b, data.data, data.len));
		bytes_release(&data);
	}
	must(!bytes_add(b, c->program, c->len));
	end_entry(b, at, c->wide);
	return at;
}

static inline void put_form(struct bytes *b, unsigned char encoding, uint64_t value)
{
	static const unsigned char size[16] = {
		[0] = 8, [2] = 2, [3] = 4, [4] = 8, [8] = 8, [10] = 2, [11] = 4, [12] = 8};

	if ((encoding & 0xf) == 1)
		put_uleb(b, value);
	else if ((encoding & 0xf) == 9)
		put_sleb(b, (int64_t)value);
	else
		put(b, value, size[encoding & 0xf]);
}

static inline void put_pointer(struct bytes *b, unsigned char encoding, uint64_t value)
{
	if (encoding == 0x50)
		while (b->len % 8)
			put(b, 0, 1);
	switch (encoding & 0x70) {
	case 0x10:
		value -= MADE_EH + MADE_HEAD + b->len;
		break;
	case 0x20:
		value -= MADE_TEXT;
		break;
	case 0x30:
		value -= MADE_GOT;
		break;
	default:
		break;
	}
	put_form(b, encoding, value);
}

static inline size_t put_fde(struct bytes *b, const struct made_cie *c, size_t cie, uint64_t start,
			     uint64_t len, const char *program, size_t program_len)
{
	size_t at = begin_entry(b, c->wide);
	bool sized = c->letters ? c->letters[0] == 'z' : !c->debug;

	put(b, c->debug ? cie : b->len - cie, c->wide ? 8 : 4);
	put_pointer(b, c->debug ? 0 : c->encoding, start);
	put_form(b, c->debug ? 0 : c->encoding & 0xf, len);
	if (sized) {
		put(b, 3, 1);
		put(b, 0xffffff, 3); /* would be instructions */
	}
	must(!bytes_add(b, program, program_len));
	end_entry(b, at, c->wide);
	return at;
}

static inline void put_header(struct bytes *b, const struct made *m)
{
	size_t start = b->len, at = 0;
	uint32_t n = 0;

	put(b, m->no_table ? 0xffff1b01 : 0x3b031b01, 4);
	put(b, MADE_HEAD - 4, 4); /* relative to its place */
	put(b, 0, 4);
	while (m->no_sections && !m->no_table &&
	       m->eh.len - at >= 8) { /* offsets from here of functions (nobody reads them) and FDEs */
		uint32_t len, id;

		memcpy(&len, m->eh.data + at, 4);
		memcpy(&id, m->eh.data + at + 4, 4);
		if (id && len) {
			put(b, 0, 4);
			put(b, MADE_HEAD + at, 4);
			n++;
		}
		at += 4 + (size_t)len;
	}
	must(b->len - start <= MADE_HEAD);
	memcpy(b->data + start + 8, &n, 4);
	while (b->len - start < MADE_HEAD)
		put(b, 0, 1);
}

static inline void put_compressed(struct bytes *b, const struct made *m)
{
	uLongf len = compressBound(m->debug.len);
	unsigned char *packed = malloc(len);

	must(packed && compress(packed, &len, m->debug.data, m->debug.len) == Z_OK);
	if (m->zdebug) {
		must(!bytes_add(b, "ZLIB", 4));
		put(b, __builtin_bswap64(m->debug.len), 8);
	} else {
		put(b, ELFCOMPRESS_ZLIB, 8);
		put(b, m->debug.len, 8);
		put(b, 1, 8);
	}
	must(!bytes_add(b, packed, len));
	free(packed);
}

/* The whole file; the caller releases it. */
static inline struct bytes made_file(const struct made *m)
{
	static const char names[] = "\0.text\0.eh_frame\0.debug_frame\0.zdebug_frame\0.got\0.shstrtab";
	Elf64_Ehdr head = {
		.e_type = ET_DYN, .e_machine = m->machine, .e_version = EV_CURRENT, .e_ehsize = sizeof(head)};
	Elf64_Phdr segments[4] = {0};
	Elf64_Shdr sections[6] = {0};
	struct bytes b = {0};
	uint64_t text_size = m->text_size ? m->text_size : MADE_SIZE, eh, debug, debug_size, note;
	unsigned char id[] = {4,   0,	0,   0, 4,	     0, 0, 0, NT_GNU_BUILD_ID, 0, 0, 0,
			      'G', 'N', 'U', 0, m->build_id, 1, 2, 3};

	memcpy(head.e_ident, ELFMAG, SELFMAG);
	head.e_ident[EI_CLASS] = ELFCLASS64;
	head.e_ident[EI_DATA] = ELFDATA2LSB;
	head.e_ident[EI_VERSION] = EV_CURRENT;
	must(!bytes_add(&b, NULL, sizeof(head) + sizeof(segments) + sizeof(sections)));
	eh = b.len;
	put_header(&b, m);
	must(!bytes_add(&b, m->eh.data, m->eh.len));
	note = b.len;
	must(!bytes_add(&b, id, sizeof(id)));
	debug = b.len;
	if (m->compressed)
		put_compressed(&b, m);
	else
		must(!bytes_add(&b, m->debug.data, m->debug.len));
	debug_size = b.len - debug;
	sections[5] = (Elf64_Shdr){
		.sh_name = 49, .sh_type = SHT_STRTAB, .sh_offset = b.len, .sh_size = sizeof(names)};
	must(!bytes_add(&b, names, sizeof(names)));
	segments[0] = (Elf64_Phdr){.p_type = PT_LOAD,
				   .p_flags = PF_R | PF_X,
				   .p_vaddr = MADE_TEXT,
				   .p_memsz = text_size,
				   .p_align = 4096};
	segments[1] = (Elf64_Phdr){.p_type = PT_LOAD,
				   .p_flags = PF_R,
				   .p_offset = eh,
				   .p_vaddr = MADE_EH,
				   .p_memsz = MADE_HEAD + m->eh.len,
				   .p_filesz = note + sizeof(id) - eh,
				   .p_align = 1};
	segments[2] = (Elf64_Phdr){
		.p_type = PT_NOTE, .p_offset = note, .p_filesz = m->build_id ? sizeof(id) : 0, .p_align = 4};
	segments[3] = segments[1];
	segments[3].p_type = m->no_sections ? PT_GNU_EH_FRAME : PT_NULL;
	segments[3].p_filesz = MADE_HEAD;
	sections[1] =
		(Elf64_Shdr){.sh_name = 1, .sh_type = SHT_NOBITS, .sh_addr = MADE_TEXT, .sh_size = text_size};
	sections[2] = (Elf64_Shdr){.sh_name = 7,
				   .sh_type = m->eh.len ? SHT_PROGBITS : SHT_NOBITS,
				   .sh_addr = MADE_EH + MADE_HEAD,
				   .sh_offset = eh + MADE_HEAD,
				   .sh_size = m->eh.len};
	sections[3] = (Elf64_Shdr){.sh_name = m->zdebug ? 30 : 17,
				   .sh_type = debug_size ? SHT_PROGBITS : SHT_NOBITS,
				   .sh_offset = debug,
				   .sh_flags = m->compressed && !m->zdebug ? SHF_COMPRESSED : 0,
				   .sh_size = debug_size};
	sections[4] = (Elf64_Shdr){.sh_name = 44, .sh_type = SHT_NOBITS, .sh_addr = MADE_GOT, .sh_size = 8};
	head.e_phoff = sizeof(head);
	head.e_phentsize = sizeof(segments[0]);
	head.e_phnum = 4;
	if (!m->no_sections) {
		head.e_shoff = sizeof(head) + sizeof(segments);
		head.e_shentsize = sizeof(sections[0]);
		head.e_shnum = 6;
		head.e_shstrndx = 5;
	}
	memcpy(b.data, &head, sizeof(head));
	memcpy(b.data + sizeof(head), segments, sizeof(segments));
	memcpy(b.data + sizeof(head) + sizeof(segments), sections, sizeof(sections));
	return b;
}

#endif
