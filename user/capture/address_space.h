/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The executable mappings of one address space over time: which mapping covered an address at a moment.
 * Shared by reference between a process and its forks until one of them changes it.
 */
#ifndef CONCTRACE_ADDRESS_SPACE_H
#define CONCTRACE_ADDRESS_SPACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mapping {
	uint64_t start, end;
	uint64_t offset; /* in the file, of `start` */
	uint64_t since;	 /* ns */
	uint32_t file;	 /* number, or MAPPING_FILE_ANON */
	uint32_t pad;
};

struct address_space; /* opaque, counted */

/* An empty one that began at `since` ns. NULL: no memory. */
struct address_space *address_space_new(uint64_t since);
struct address_space *address_space_share(struct address_space *a);
void address_space_release(struct address_space *a); /* NULL is fine */
/*
 * Puts a mapping over what was there; what it replaces is remembered for questions about times until `forget`
 * (replaced before that: forgotten). *a becomes a copy of its own if it was shared. 0 or -ENOMEM.
 */
int address_space_map(struct address_space **a, const struct mapping *m, uint64_t forget);
/* The mapping that covered the address then, or NULL; valid until the next change. */
const struct mapping *address_space_at(const struct address_space *a, uint64_t ts, uint64_t addr);
size_t address_space_count(const struct address_space *a); /* mappings now */
const struct mapping *address_space_mappings(const struct address_space *a); /* by start; valid until the next change */
uint64_t address_space_since(const struct address_space *a);

/*
 * A number that stands for what it has mapped now, 0 at first: whoever makes something of the mappings keeps it here, and `drop` is called
 * for it when they change or the address space is gone.
 */
typedef void (*address_space_drop_fn)(void *ctx, uint32_t number);
void address_space_set_number(struct address_space *a, uint32_t number, address_space_drop_fn drop, void *ctx);
uint32_t address_space_number(const struct address_space *a);

#endif
