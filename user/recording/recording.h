/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The recording file: a header, then sections of bytes, each with its type, its sizes and a CRC-32, compressed with
 * zlib or stored. This layer does not know what sections mean (their types are listed here, their contents are
 * described in conctrace-recording(5)). A section of the type SECTION_DONE closes a complete file; a file without
 * it was cut off, and what stands before the damage can be read.
 */
#ifndef CONCTRACE_RECORDING_H
#define CONCTRACE_RECORDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RECORDING_VERSION 1
#define RECORDING_SECTION_MAX (64u << 20) /* no section is larger, before and after compression */

enum section_type {
	SECTION_META = 1,   /* "key\0value\0" pairs, keys may repeat */
	SECTION_EVENTS = 2, /* wire records, whole ones, in no order across sections */
	SECTION_FILES = 3,  /* struct section_file + path, repeated */
	SECTION_NAMES = 4,  /* struct section_name + name, repeated */
	SECTION_LOSS = 5,   /* u32 cause, u32 0, u64 count; repeated; the last section of the type holds */
	SECTION_DONE = 6,   /* empty */
};

enum section_file_kind {
	SECTION_FILE_ELF = 0,     /* offset: bytes from the file's start */
	SECTION_FILE_ANON = 1,    /* executable memory without a file (JIT): offset from `base`, named by perf maps */
	SECTION_FILE_VDSO = 2,    /* offset: bytes from the image's start */
	SECTION_FILE_UNKNOWN = 3, /* no mapping was known: offset from `base` */
};

struct section_file {
	uint32_t number; /* the upper bits of a frame; from 1 */
	uint16_t kind;
	uint16_t path_len; /* bytes that follow, no terminator; the next entry is padded to 8 */
	uint64_t base;     /* address that offset 0 stands for (ANON, UNKNOWN) */
	uint32_t pid;      /* whose (ANON, UNKNOWN), else 0 */
	uint8_t build_id_len;
	uint8_t build_id[27];
};

/* The name of a frame (normalised, include/wire_record.h). */
struct section_name {
	uint64_t frame;
	uint32_t offset;   /* of the frame in the function, bytes */
	uint16_t name_len; /* bytes that follow, no terminator; the next entry is padded to 8 */
	uint16_t depth;    /* 0; 1.. are the functions it was inlined into; and this bit: */
};
#define SECTION_NAME_NO_SYMBOL 0x8000 /* no symbol: named by where its function begins, "libfoo.so.1+0x1a2b30" */

_Static_assert(sizeof(struct section_file) == 48, "section_file");
_Static_assert(sizeof(struct section_name) == 16, "section_name");

struct recording_writer; /* opaque */

/* Takes the descriptor (closed by _close even on failure). NULL: no memory (fail message). */
struct recording_writer *recording_writer_new(int fd, const char *path);
/*
 * One section. `compress` false stores the bytes (for when the writer must not be the bottleneck). On an I/O error (disk full)
 * returns the negative errno with a message, the file is cut back to its last whole section, and all later calls
 * return the same error and write nothing: what was written stays readable. If the last bytes can't be had for
 * SECTION_DONE, the file simply reads as unfinished.
 */
int recording_write(struct recording_writer *w, enum section_type type, const void *data, size_t len, bool compress);
/*
 * After a section that found no room (-ENOSPC, -EDQUOT, -EFBIG): a smaller one may be tried. False if the error was another, or the
 * file could not be cut back: it stays as it is then.
 */
bool recording_retry(struct recording_writer *w);
uint64_t recording_bytes(const struct recording_writer *w); /* written so far */
/* Writes SECTION_DONE if `complete`, syncs nothing, closes and frees. The first error of the writer's life, or 0. */
int recording_writer_close(struct recording_writer *w, bool complete);

struct recording; /* opaque: an open recording */

/*
 * Opens and checks the header: -EINVAL foreign (not a recording), -EPROTO from a newer version, -ENODATA empty or cut
 * within the header, or the errno of open/read; each with a message that says what, why and the remedy. Reads a pipe too ("-" is stdin).
 */
int recording_open(struct recording **out, const char *path);
/*
 * The next section: 1 with *data (valid until the next call), 0 at the end. A damaged or cut section is not
 * an error: it ends the walk, and recording_damage says where and why. Unknown types are returned as they are: the reader skips them.
 */
int recording_next(struct recording *r, uint32_t *type, const unsigned char **data, size_t *len);
/* After the walk: NULL if the file is whole (SECTION_DONE was seen), else why not: "ends within a section at byte N", … */
const char *recording_damage(const struct recording *r);
void recording_close(struct recording *r);

#endif
