/* SPDX-License-Identifier: BSD-2-Clause */
/* In: the path of a recording. Out: a struct trace, whole and checked, or the reason why it is not believed.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "base/text.h"
#include "model/load.h"
#include "recording/recording.h"

const char *load_text(struct load *l, const char *bytes, size_t len)
{
	int64_t number;

	bytes_clear(&l->scratch);
	if (bytes_reserve(&l->scratch, len + 1))
		return NULL;
	text_clean((char *)l->scratch.data, len + 1, bytes, len, NULL);
	number = strings_add(l->store->strings, (char *)l->scratch.data, strlen((char *)l->scratch.data));
	return number < 0 ? NULL : strings_get(l->store->strings, (uint32_t)number);
}

static int loss_read(struct load *l, const unsigned char *data, size_t len)
{
	struct {
		uint32_t cause, pad;
		uint64_t count;
	} entry;
	size_t at;

	if (len % sizeof(entry))
		return fail(-EBADMSG, "its loss section has %zu bytes, not a multiple of %zu", len,
			    sizeof(entry));
	memset(l->t->loss, 0, sizeof(l->t->loss));
	for (at = 0; at < len; at += sizeof(entry)) {
		memcpy(&entry, data + at, sizeof(entry));
		if (entry.cause < N_LOSS_CAUSES)
			l->t->loss[entry.cause] = entry.count;
	}
	return 0;
}

static int section_read(struct load *l, uint32_t type, const unsigned char *data, size_t len)
{
	switch (type) {
	case SECTION_META:
		return meta_read(l, data, len);
	case SECTION_EVENTS:
		return records_read(l, data, len);
	case SECTION_FILES:
		return files_read(l, data, len);
	case SECTION_NAMES:
		return names_read(l, data, len);
	case SECTION_LOSS:
		return loss_read(l, data, len);
	default:
		return 0; /* from a later version of the same format: nothing that is needed */
	}
}

static int read_sections(struct load *l, struct recording *r)
{
	const unsigned char *data;
	const char *damage;
	uint32_t type;
	size_t len;
	int err;

	while ((err = recording_next(r, &type, &data, &len)) == 1) {
		err = section_read(l, type, data, len);
		if (err)
			return err;
	}
	if (err)
		return err;
	damage = recording_damage(r);
	l->complete = !damage;
	if (damage) {
		l->t->damage = load_text(l, damage, strlen(damage));
		if (!l->t->damage)
			return -ENOMEM;
	}
	return 0;
}

static int load_init(struct load *l)
{
	uint32_t empty;

	memset(l, 0, sizeof(*l));
	l->first = UINT64_MAX;
	l->store = calloc(1, sizeof(*l->store));
	l->syscalls_seen = calloc(N_SYSCALL_TABLES, sizeof(*l->syscalls_seen));
	if (!l->store || !l->syscalls_seen)
		return fail(-ENOMEM, "out of memory");
	l->t = &l->store->trace;
	l->store->strings = strings_new();
	if (!l->store->strings)
		return fail(-ENOMEM, "out of memory");
	return stack_index(l, 0, &empty);
}

static void load_release(struct load *l)
{
	if (l->store)
		trace_free(&l->store->trace);
	free(l->syscalls_seen);
	bytes_release(&l->scratch);
	bytes_release(&l->args);
	free(l->drafts);
	intmap_release(&l->draft_of);
	free(l->made);
	free(l->execs);
	free(l->ends);
	free(l->waits);
	free(l->thread_of);
	free(l->draft_of_thread);
	bytes_release(&l->cycles);
	bytes_release(&l->samples);
	bytes_release(&l->wakes);
	strings_free(l->waker_ids);
	free(l->stacks);
	intmap_release(&l->stack_of);
	bytes_release(&l->raw_frames);
	free(l->names);
}

static int build(struct load *l, const struct trace_source *source)
{
	int err = meta_finish(l);

	if (!err)
		err = threads_build(l);
	if (!err)
		err = timeline_build(l);
	if (!err)
		err = wakers_build(l);
	if (!err)
		err = processes_build(l);
	if (!err && source)
		err = sources_ask(l, source);
	if (!err)
		err = stacks_build(l);
	return err ? err : trace_verify(l->t);
}

int trace_load(struct trace **out, const char *path)
{
	return trace_load_from(out, path, NULL);
}

int trace_load_from(struct trace **out, const char *path, const struct trace_source *source)
{
	struct recording *r = NULL;
	struct load l = {0};
	int err;

	*out = NULL;
	err = recording_open(&r, path);
	if (err)
		return err;
	err = load_init(&l);
	if (!err)
		err = read_sections(&l, r);
	recording_close(r); /* now: its buffers are not needed to build */
	if (!err)
		err = build(&l, source);
	if (!err) {
		*out = l.t;
		l.store = NULL;
	} else if (err == -EBADMSG) {
		fail_within(err, "recording %s is not believed", path);
	} else if (strncmp(fail_message(), "recording ", 10)) {
		fail_within(err, "recording %s", path);
	}
	load_release(&l);
	return err;
}

void trace_free(struct trace *t)
{
	struct trace_store *store = (struct trace_store *)t;

	if (!t)
		return;
	strings_free(store->strings);
	intmap_release(&store->syscalls);
	free(store->command);
	free(store->process_threads);
	free(store->stack_frames);
	free(t->threads);
	free(t->processes);
	free(t->cycles);
	free(t->samples);
	free(t->wakers);
	free(t->stacks);
	free(t->frames);
	free(t->files);
	free(store);
}

const char *trace_syscall_name(const struct trace *t, uint16_t number, uint16_t flags)
{
	/* Every number that the trace holds has a name in its table; this is for one that it does not hold.
	 */
	static _Thread_local char other[sizeof("syscall_65535")];
	const struct trace_store *store = (const struct trace_store *)t;
	uint64_t *name;

	if (number == WIRE_NO_SYSCALL)
		return NULL;
	name = intmap_get(&store->syscalls, syscall_key(syscall_table(flags), number));
	if (name)
		return strings_get(store->strings, (uint32_t)*name);
	snprintf(other, sizeof(other), "syscall_%u", number);
	return other;
}
