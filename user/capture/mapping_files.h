/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The files that executable mappings come from, numbered from 1 and held open until the end of the run, so
 * that their symbols can be read when the processes, or the files' names, are gone. And what stands for a
 * file where there is none: the executable memory of a JIT, memory of which no mapping is known, the vdso.
 */
#ifndef CONCTRACE_MAPPING_FILES_H
#define CONCTRACE_MAPPING_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "capture/elf_told.h"
#include "capture/identity.h"
#include "capture/sideband.h"
#include "recording/recording.h"

#define MAPPING_FILE_NONE 0 /* no more numbers, or no mapping */
#define MAPPING_FILE_ANON                                                                                    \
	UINT32_MAX /* executable memory: gets its number by address, mapping_files_memory() */

struct mapping_files; /* opaque */

/* What is known of one number. */
struct mapping_file {
	enum section_file_kind kind;
	uint32_t pid;	      /* ANON, UNKNOWN */
	uint64_t base;	      /* ANON, UNKNOWN */
	const char *path;     /* ELF, as the process saw it; "[vdso]", "[jit]", "[unknown]" */
	uint8_t build_id_len; /* 0: not known */
	const uint8_t *build_id;
};

/* NULL: no memory. Raises RLIMIT_NOFILE: children that are forked later must have it put back. */
struct mapping_files *mapping_files_new(void);
void mapping_files_free(struct mapping_files *f);

/*
 * The number of the file behind a mapping of `pid`, opened now if it is new: MAPPING_FILE_ANON if it is no
 * file (or a memory file that is no ELF file), MAPPING_FILE_NONE if there are too many. Waits for nothing:
 * files that are not regular are not opened.
 */
int64_t mapping_files_at(struct mapping_files *f, const struct sideband_event *mapping);
/* The number of a file that will be mapped, by a descriptor of it, which stays the caller's. As above. */
int64_t mapping_files_expect(struct mapping_files *f, const char *path, int fd);
/* The number for the 1 TiB around addr of that pid; ANON or UNKNOWN. Negative errno on failure. */
int64_t mapping_files_memory(struct mapping_files *f, enum section_file_kind kind, uint32_t pid,
			     uint64_t addr);

/* Tells that a frame of it is in the recording: only such files are listed and symbolised. */
void mapping_files_used(struct mapping_files *f, uint32_t number);
bool mapping_files_is_used(const struct mapping_files *f, uint32_t number);
uint32_t mapping_files_count(const struct mapping_files *f); /* numbers 1 .. count */
struct mapping_file mapping_files_get(const struct mapping_files *f, uint32_t number);
/* A descriptor of the ELF file, the caller closes it; -ENOENT if it can't be had or is another file by now.
 */
int mapping_files_open(const struct mapping_files *f, uint32_t number);
/*
 * Descriptors of what may be its separate debug file (debug_files.h), in the root of the process that mapped it
 * and in our own; how many, the caller closes them. Its build id is the one that the mapping told, else the one in
 * `told`.
 */
size_t mapping_files_open_debug(const struct mapping_files *f, uint32_t number, const struct elf_told *told,
				const struct identity *reader, int *fds);
/* Its build id, if the mapping did not tell it. */
void mapping_files_tell_build_id(struct mapping_files *f, uint32_t number, const uint8_t *build_id, size_t len);

#endif
