/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names for addresses, read out of untrusted files by a child process without privileges. A file that kills
 * the child or keeps it busy costs its own names only: a new child is started for the next one. So the owner
 * must be able to fork at any time (it needs no privilege for that, but the child drops those that it has).
 * The child sees a copy of the owner's memory: start it early.
 */
#ifndef CONCTRACE_SYMBOLIZER_H
#define CONCTRACE_SYMBOLIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "capture/elf_told.h"

struct symbolizer; /* opaque */

enum symbol_source {
	SYMBOLS_ELF,	  /* an ELF file; offsets in the file */
	SYMBOLS_PERF_MAP, /* a perf map's text; addresses */
	SYMBOLS_KERNEL,	  /* /proc/kallsyms, opened with rights; addresses */
};

#define SYMBOLIZER_DEBUG_FILES 8

/* What an ELF file says of itself; not to be trusted. */
struct symbol_file {
	const struct elf_told *told;
	bool complete; /* it has all its symbols: a debug file would add nothing */
};

/* An answer for offsets[index]. */
struct symbol_found {
	size_t index;
	const char *name; /* not terminated and not to be trusted (any bytes but NUL) */
	size_t len;	  /* 0: no symbol, only the function's begin is known: */
	uint64_t start;	  /* ELF, with len 0: address of the function, as its symbols would have it */
	uint64_t offset;  /* in the function */
};
typedef int (*symbolizer_fn)(void *ctx, const struct symbol_found *found);

struct symbol_query {
	enum symbol_source source;
	int fd;			 /* of the caller, who closes it */
	const uint8_t *build_id; /* ELF: what it must be; length 0: not known */
	size_t build_id_len;
	const uint64_t *offsets;
	size_t n;
	/*
	 * ELF, may be NULL: called once when the file is open. Unless it is complete: opens what may be its
	 * debug file into fds [SYMBOLIZER_DEBUG_FILES], the most likely first, and returns how many. They are
	 * closed by the symbolizer, which takes the first that really belongs to the file.
	 */
	size_t (*opened)(void *ctx, const struct symbol_file *file, int *fds);
	symbolizer_fn fn;
	void *ctx; /* of both */
};

/*
 * Forks the child, which becomes that user (nobody if uid is 0; if this process isn't root, it stays who it
 * is). Negative errno if the child could not shut itself in; then there are no names.
 */
int symbolizer_start(struct symbolizer **out, uid_t uid, gid_t gid);
/* Ends the child and waits for it. */
void symbolizer_stop(struct symbolizer *s);

/*
 * Asks about one file: `fn` for each offset that has a name, in order. Names of kernel modules end in
 * " [MODULE]". Of an ELF file: from its .symtab, else from its debug file's, else from the one it carries
 * (.gnu_debugdata), with its .dynsym, the table that Go programs have, and PLT stubs; what lies behind the end of a symbol is not in it. 0; what
 * `fn` returned; -ENOEXEC,
 * -ESTALE and the like: the file can't be used; -EPIPE: the child died of it; -ETIMEDOUT: it took more than 5
 * s; -EPROTO: it answered nonsense. After the last three there is a new child.
 */
int symbolizer_names(struct symbolizer *s, const struct symbol_query *q);
/* Who the child is. */
uid_t symbolizer_uid(const struct symbolizer *s);
/* Its PID, 0 if there is none at the moment. */
pid_t symbolizer_pid(const struct symbolizer *s);
/* Time limit of one file in ms (5,000). After three in a row that took longer none is asked for any more. */
void symbolizer_set_limit(struct symbolizer *s, int ms);

#endif
