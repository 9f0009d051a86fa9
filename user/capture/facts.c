/* SPDX-License-Identifier: BSD-2-Clause */
/* Comes in: facts of a session. Goes out: "key\0value\0" pairs. */
#include "capture/facts.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/bytes.h"
#include "capture/syscalls.h"

uint64_t session_realtime_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int add_text(struct bytes *b, const char *key, const char *value)
{
	int err = bytes_add(b, key, strlen(key) + 1);

	return err ? err : bytes_add(b, value, strlen(value) + 1);
}

static int add_number(struct bytes *b, const char *key, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	return add_text(b, key, text);
}

/* The command is written once: a key that repeats adds a word to it. */
static int add_command(struct bytes *b, const struct session_facts *f)
{
	int err = 0;

	if (!f->argv) {
		err = add_text(b, "arg", "-p");
		for (size_t i = 0; !err && i < f->n_pids; i++)
			err = add_number(b, "arg", (uint64_t)f->pids[i]);
		return err;
	}
	for (size_t i = 0; !err && f->argv[i]; i++)
		err = add_text(b, "arg", f->argv[i]);
	return err;
}

/* Names of all system calls of this machine: the reader may be another architecture. */
static int add_syscalls(struct bytes *b)
{
	static const char *const prefixes[N_SYSCALL_ABIS] = {"syscall", "syscall32", "syscallx32"};
	char key[32], name[64];
	int err = 0;

	for (int abi = 0; abi < N_SYSCALL_ABIS; abi++) {
		for (int n = 0; !err && n < SYSCALL_NUMBERS_END; n++) {
			if (!syscall_name((enum syscall_abi)abi, n, name, sizeof(name)))
				continue;
			snprintf(key, sizeof(key), "%s:%d", prefixes[abi], n);
			err = add_text(b, key, name);
		}
	}
	return err;
}

static int add_beginning(struct bytes *b, const struct session_facts *f)
{
	int err = add_text(b, "version", CONCTRACE_VERSION);

	err = err ? err : add_text(b, "kernel", f->facts->release);
	err = err ? err : add_text(b, "machine", f->facts->machine);
	err = err ? err : add_text(b, "verb", f->verb);
	err = err ? err : add_command(b, f);
	err = err ? err : add_number(b, "cpus", f->facts->cpus_online);
	err = err ? err : add_number(b, "sample_hz", f->sample_hz);
	err = err ? err : add_number(b, "stacks", f->stacks);
	err = err ? err : add_number(b, "kernel_stacks", f->kernel_stacks);
	err = err ? err : add_number(b, "wakers", f->wakers);
	return err ? err : add_syscalls(b);
}

static int add_end(struct bytes *b, const struct session_facts *f)
{
	int err = add_number(b, "start", f->start_ns);

	err = err ? err : add_number(b, "end", f->end_ns);
	err = err ? err : add_number(b, "realtime", f->realtime_ns);
	if (f->has_exit)
		err = err ? err : add_number(b, "exit", (uint64_t)f->wait_status);
	err = err ? err : add_number(b, "probe_ns", f->probe_ns);
	err = err ? err : add_number(b, "probe_runs", f->probe_runs);
	err = err ? err : add_number(b, "recorder_cpu_ns", f->recorder_cpu_ns);
	err = err ? err : add_number(b, "stolen_ns", f->stolen_ns);
	return err ? err : add_number(b, "setup_ns", f->setup_ns);
}

void session_alive_write(uint64_t now_ns, struct recording_writer *writer)
{
	struct bytes b = {0};

	if (!add_number(&b, "alive", now_ns))
		(void)recording_write(writer, SECTION_META, b.data, b.len, false);
	bytes_release(&b);
}

int session_facts_write(const struct session_facts *f, struct recording_writer *writer)
{
	struct bytes b = {0};
	int err = f->end_ns ? add_end(&b, f) : add_beginning(&b, f);

	err = err ? err : recording_write(writer, SECTION_META, b.data, b.len, true);
	bytes_release(&b);
	return err;
}
