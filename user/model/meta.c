/* SPDX-License-Identifier: BSD-2-Clause */
/* In: META sections, "key\0value\0" pairs. Out: trace.meta and the names of the system calls. Unknown keys
 * are skipped. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "model/load.h"

enum meta_type { META_TEXT, META_U64, META_U32, META_BOOL, META_INT };

static const struct meta_key {
	const char *key;
	enum meta_type type;
	size_t offset;
} meta_keys[] = {
	{"version", META_TEXT, offsetof(struct trace_meta, version)},
	{"kernel", META_TEXT, offsetof(struct trace_meta, kernel)},
	{"machine", META_TEXT, offsetof(struct trace_meta, machine)},
	{"verb", META_TEXT, offsetof(struct trace_meta, verb)},
	{"exit", META_INT, offsetof(struct trace_meta, exit_status)},
	{"cpus", META_U32, offsetof(struct trace_meta, cpus)},
	{"start", META_U64, offsetof(struct trace_meta, start)},
	{"end", META_U64, offsetof(struct trace_meta, end)},
	{"realtime", META_U64, offsetof(struct trace_meta, realtime_ns)},
	{"sample_hz", META_U32, offsetof(struct trace_meta, sample_hz)},
	{"stacks", META_BOOL, offsetof(struct trace_meta, stacks)},
	{"kernel_stacks", META_BOOL, offsetof(struct trace_meta, kernel_stacks)},
	{"wakers", META_BOOL, offsetof(struct trace_meta, wakers)},
	{"probe_ns", META_U64, offsetof(struct trace_meta, probe_ns)},
	{"probe_runs", META_U64, offsetof(struct trace_meta, probe_runs)},
	{"recorder_cpu_ns", META_U64, offsetof(struct trace_meta, recorder_cpu_ns)},
	{"stolen_ns", META_U64, offsetof(struct trace_meta, stolen_ns)},
	{"alive", META_U64, offsetof(struct trace_meta, alive)},
	{"setup_ns", META_U64, offsetof(struct trace_meta, setup_ns)},
};

static const char *const syscall_prefix[N_SYSCALL_TABLES] = {"syscall:", "syscall32:", "syscallx32:"};

/* A decimal number of at most `most`, and nothing else. */
static int parse_number(const char *key, const char *text, uint64_t most, uint64_t *value)
{
	char *end;

	errno = 0;
	*value = strtoull(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end || errno || *value > most)
		return fail(-EBADMSG, "its meta data has %.40s = \"%.40s\", which is no number for that", key,
			    text);
	return 0;
}

static int set_value(struct load *l, const struct meta_key *k, const char *value)
{
	static const uint64_t most[] = {
		[META_U64] = UINT64_MAX, [META_U32] = UINT32_MAX, [META_BOOL] = 1, [META_INT] = INT32_MAX};
	char *field = (char *)&l->t->meta + k->offset;
	const char *text;
	uint64_t number;
	int err;

	if (k->type == META_TEXT) {
		text = load_text(l, value, strlen(value));
		memcpy(field, &text, sizeof(text));
		return text ? 0 : -ENOMEM;
	}
	err = parse_number(k->key, value, most[k->type], &number);
	if (err)
		return err;
	if (k->type == META_U64)
		memcpy(field, &number, sizeof(number));
	else if (k->type == META_BOOL)
		memcpy(field, &(bool){number != 0}, sizeof(bool));
	else
		memcpy(field, &(uint32_t){(uint32_t)number}, sizeof(uint32_t));
	l->t->meta.has_exit |= !strcmp(k->key, "exit");
	l->has_start |= !strcmp(k->key, "start");
	l->has_end |= !strcmp(k->key, "end");
	return 0;
}

/* "syscall:NR" = name, in one of the tables: 1, 0 if the key is another, or an error. */
static int set_syscall(struct load *l, const char *key, const char *name)
{
	unsigned int table;
	const char *text;
	uint64_t number;
	int err;

	for (table = 0; table < N_SYSCALL_TABLES; table++) {
		size_t len = strlen(syscall_prefix[table]);
		int64_t at;

		if (strncmp(key, syscall_prefix[table], len))
			continue;
		err = parse_number("a system call", key + len, WIRE_NO_SYSCALL - 1, &number);
		if (err)
			return err;
		text = load_text(l, name, strlen(name));
		at = text ? strings_add(l->store->strings, text, strlen(text)) : -ENOMEM;
		if (at < 0)
			return -ENOMEM;
		err = intmap_put(&l->store->syscalls, syscall_key(table, (unsigned int)number), (uint64_t)at);
		return err ? err : 1;
	}
	return 0;
}

static int set_key(struct load *l, const char *key, const char *value)
{
	size_t i;
	int err;

	for (i = 0; i < sizeof(meta_keys) / sizeof(meta_keys[0]); i++)
		if (!strcmp(key, meta_keys[i].key))
			return set_value(l, &meta_keys[i], value);
	err = set_syscall(l, key, value);
	return err < 0 ? err : 0;
}

int meta_read(struct load *l, const unsigned char *data, size_t len)
{
	const char *at = (const char *)data, *end = at + len, *key, *value;
	bool first_arg = true;
	int err;

	if (len && end[-1])
		return fail(-EBADMSG, "its meta data does not end with a zero");
	while (at < end) {
		key = at;
		value = key + strlen(key) + 1;
		if (value >= end)
			return fail(-EBADMSG, "its meta data ends within the key %.40s", key);
		at = value + strlen(value) + 1;
		if (!strcmp(key, "arg")) {
			/* The arguments belong together: a later section that has them replaces them. */
			if (first_arg)
				bytes_clear(&l->args);
			first_arg = false;
			err = bytes_add(&l->args, value, strlen(value) + 1);
		} else {
			err = set_key(l, key, value);
		}
		if (err)
			return err;
	}
	return 0;
}

static int build_command(struct load *l)
{
	struct trace_meta *m = &l->t->meta;
	const char *at = (const char *)l->args.data;
	size_t n = 0, i;
	int64_t number;

	for (i = 0; i < l->args.len; i++)
		n += !l->args.data[i];
	l->store->command = calloc(n + 1, sizeof(*l->store->command));
	if (!l->store->command)
		return fail(-ENOMEM, "out of memory");
	for (i = 0; i < n; i++) { /* each ends with its zero: meta_read put it there */
		number = strings_add(l->store->strings, at, strlen(at));
		if (number < 0)
			return -ENOMEM;
		l->store->command[i] = strings_get(l->store->strings, (uint32_t)number);
		at += strlen(at) + 1;
	}
	m->command = l->store->command;
	m->n_command = n;
	return 0;
}

/* A name for each number that the stream has and the recording does not name. */
static int name_syscalls(struct load *l)
{
	struct intmap *names = &l->store->syscalls;
	unsigned int table, number;
	char text[24];
	uint64_t *native;
	int64_t at;

	for (table = 0; table < N_SYSCALL_TABLES; table++) {
		for (number = 0; number < WIRE_NO_SYSCALL; number++) {
			if (!l->syscalls_seen[table][number] || intmap_get(names, syscall_key(table, number)))
				continue;
			/* Below 512 the numbers of x32 are those of x86-64. */
			native = table == SYSCALLS_X32 && number < 512
					 ? intmap_get(names, syscall_key(SYSCALLS_NATIVE, number))
					 : NULL;
			snprintf(text, sizeof(text), "syscall_%u", number);
			at = native ? (int64_t)*native : strings_add(l->store->strings, text, strlen(text));
			if (at < 0 || intmap_put(names, syscall_key(table, number), (uint64_t)at))
				return -ENOMEM;
		}
	}
	return 0;
}

int meta_finish(struct load *l)
{
	struct trace_meta *m = &l->t->meta;
	const char **texts[] = {&m->version, &m->kernel, &m->machine, &m->verb};
	size_t i;
	int err;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (!*texts[i])
			*texts[i] = load_text(l, "unknown", 7);
		if (!*texts[i])
			return -ENOMEM;
	}
	if (!l->has_start)
		m->start = l->first == UINT64_MAX ? 0 : l->first;
	if (!l->has_end) {
		m->end = l->last > m->start ? l->last : m->start;
		m->end = m->alive > m->end ? m->alive : m->end;
	}
	if (m->end < m->start)
		return fail(-EBADMSG, "tracing ended at %llu ns, before it began at %llu ns",
			    (unsigned long long)m->end, (unsigned long long)m->start);
	err = build_command(l);
	return err ? err : name_syscalls(l);
}
