/* SPDX-License-Identifier: BSD-2-Clause */
/* In: the tables of wire_syscalls.h, names. Out: numbers, for the probes. */
#include "capture/probe_classes.h"

#include <stddef.h>
#include <string.h>

#include "capture/syscalls.h"
#include "wire_kinds.h"

static void set_classes(uint8_t (*classes)[N_SYSCALL_NUMBERS])
{
#define CLASS_OF(NAME, CLASS) {#NAME, SYSCALL_##CLASS},
	static const struct {
		const char *name;
		uint8_t class;
	} table[] = {SYSCALLS(CLASS_OF)};
#undef CLASS_OF

	for (int abi = 0; abi < N_SYSCALL_ABIS; abi++) {
		for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
			int n = syscall_number((enum syscall_abi)abi, table[i].name);

			if (n >= 0 && n < N_SYSCALL_NUMBERS)
				classes[abi][n] = table[i].class;
		}
	}
}

static void set_class_kinds(uint8_t *kinds)
{
#define SET_KIND(CLASS, KIND) kinds[SYSCALL_##CLASS] = WAIT_##KIND;
	memset(kinds, WAIT_SYSCALL, N_SYSCALL_CLASSES);
	SYSCALL_CLASS_KINDS(SET_KIND)
#undef SET_KIND
}

void probe_classes_set(uint8_t (*classes)[N_SYSCALL_NUMBERS], uint8_t *kinds)
{
	set_class_kinds(kinds);
	set_classes(classes);
}
