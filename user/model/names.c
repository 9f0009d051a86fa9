/* SPDX-License-Identifier: BSD-2-Clause */
/* In: frames with the linker's names. Out: the same frames with readable ones, each distinct name made once. */
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "base/intmap.h"
#include "base/text.h"
#include "model/load.h"
#include "symbols/demangle.h"

/* The name to show: `name` itself, or a text that is kept with the trace; NULL: no memory. */
static const char *readable(struct trace_store *store, const char *name, enum symbol_names names)
{
	char made[DEMANGLED_MAX], clean[DEMANGLED_MAX];
	int64_t number;

	if (!demangle(made, name, names))
		return name;
	/* what was safe letters can stand for any character (Rust's identifiers) */
	text_clean(clean, sizeof(clean), made, strlen(made), NULL);
	number = strings_add(store->strings, clean, strlen(clean));
	return number < 0 ? NULL : strings_get(store->strings, (uint32_t)number);
}

int trace_set_names(struct trace *t, enum symbol_names names)
{
	struct trace_store *store = (struct trace_store *)t;
	struct intmap made = {0}; /* address of a name (equal ones have the same): its first frame */
	int err = 0;

	for (size_t i = 0; !err && names != SYMBOL_NAMES_RAW && i < t->n_frames; i++) {
		struct trace_frame *f = &t->frames[i];
		uint64_t *at;
		const char *name;

		if (!f->name || f->no_symbol)
			continue;
		at = intmap_get(&made, (uintptr_t)f->name);
		name = at ? t->frames[*at].name : readable(store, f->name, names);
		if (!name)
			err = -ENOMEM;
		else if (!at)
			err = intmap_put(&made, (uintptr_t)f->name, i);
		if (!err)
			f->name = name;
	}
	intmap_release(&made);
	return err;
}
