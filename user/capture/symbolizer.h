/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names for addresses, read out of untrusted files by a child process without privileges. A file that kills
 * the child or keeps it busy costs its own names only: a new child is started for the next one. So the owner
 * must be able to fork at any time (it needs no privilege for that, but the child drops those that it has).
 * The child sees a copy of the owner's memory: start it early.
 */
#ifndef CONCTRACE_SYMBOLIZER_H
#define CONCTRACE_SYMBOLIZER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct symbolizer; /* opaque */

enum symbol_source {
	SYMBOLS_ELF,	  /* an ELF file; offsets in the file */
	SYMBOLS_PERF_MAP, /* a perf map's text; addresses */
	SYMBOLS_KERNEL,	  /* /proc/kallsyms, opened with rights; addresses */
};

struct symbol_query {
	enum symbol_source source;
	int fd;			 /* of the caller, who closes it */
	int debug_fd;		 /* ELF: its separate debug file, -1 if none */
	const uint8_t *build_id; /* ELF: what it must be; length 0: not known */
	size_t build_id_len;
	const uint64_t *offsets;
	size_t n;
};

/* An answer: the name of offsets[index], not terminated and not to be trusted (any bytes but NUL), and the
 * offset in the function. */
typedef int (*symbolizer_fn)(void *ctx, size_t index, const char *name, size_t len, uint64_t offset);

/*
 * Forks the child, which becomes that user (nobody if uid is 0; if this process isn't root, it stays who it
 * is). Negative errno if the child could not shut itself in; then there are no names.
 */
int symbolizer_start(struct symbolizer **out, uid_t uid, gid_t gid);
/* Ends the child and waits for it. */
void symbolizer_stop(struct symbolizer *s);

/*
 * Asks about one file: `fn` for each offset that has a name, in order. 0; what `fn` returned; -ENOEXEC,
 * -ESTALE and the like: the file can't be used; -EPIPE: the child died of it; -ETIMEDOUT: it took more than 5
 * s; -EPROTO: it answered nonsense. After the last three there is a new child.
 */
int symbolizer_names(struct symbolizer *s, const struct symbol_query *q, symbolizer_fn fn, void *ctx);
/* Who the child is. */
uid_t symbolizer_uid(const struct symbolizer *s);
/* Its PID, 0 if there is none at the moment. */
pid_t symbolizer_pid(const struct symbolizer *s);
/* Time limit of one file in ms (5,000). */
void symbolizer_set_limit(struct symbolizer *s, int ms);

#endif
