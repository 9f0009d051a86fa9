/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * In: bytes of a fuzzer. Out: nothing; a crash, a sanitizer's report or an abort is a finding. The first byte
 * chooses: bit 0 clear  what follows is a recording file as it is bit 0 set    what follows are sections, {
 * u8 type, u8 zero, u16 length, bytes }: they are written with right sizes and checksums, so that the fuzzer
 * gets beyond them; bit 1: as a complete recording What loads must also hold together: every index within its
 * array, every law kept. With libFuzzer: clang -fsanitize=fuzzer,address. Without: -DFUZZ_MAIN, the files to
 * try as arguments.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* memfd_create */
#endif
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "model/trace.h"
#include "recording/recording.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile uint64_t used; /* so that no read is optimised away */

static void must(int holds)
{
	if (!holds)
		abort();
}

static void write_sections(int fd, const uint8_t *data, size_t size, int complete)
{
	struct recording_writer *w = recording_writer_new(dup(fd), "fuzz");
	uint16_t len;

	must(w != NULL);
	while (size >= 4) {
		uint8_t type = data[0];

		memcpy(&len, data + 2, sizeof(len));
		data += 4;
		size -= 4;
		if (len > size)
			len = (uint16_t)size;
		must(!recording_write(w, (enum section_type)(type % 8), data, len, type & 0x80));
		data += len;
		size -= len;
	}
	must(!recording_writer_close(w, complete));
}

static uint64_t use_stack(const struct trace *t, uint32_t index)
{
	const struct trace_stack *s = &t->stacks[index];
	uint64_t sum = 0;
	uint32_t i;

	must(index < t->n_stacks);
	for (i = 0; i < s->n_kernel + s->n_user; i++) {
		const struct trace_frame *f = &t->frames[s->frames[i]];

		must(s->frames[i] < t->n_frames);
		sum += strlen(f->file) + (f->name ? strlen(f->name) : 0);
	}
	return sum;
}

static uint64_t use_thread(const struct trace *t, size_t index)
{
	const struct trace_thread *m = &t->threads[index];
	uint64_t sum = 0, streamed = 0, end = 0;
	size_t i;

	must(m->process < t->n_processes && m->comm);
	must(m->first_cycle + m->n_cycles <= t->n_cycles && m->first_sample + m->n_samples <= t->n_samples);
	for (i = m->first_cycle; i < m->first_cycle + m->n_cycles; i++) {
		const struct trace_cycle *c = &t->cycles[i];
		const char *name = trace_syscall_name(t, c->syscall, c->flags);

		must(c->thread == index && c->kind < N_WAIT_KINDS && c->ready < N_READY_REASONS &&
		     c->ts >= end);
		end = c->ts;
		streamed += c->run_ns + c->wait_ns + c->ready_ns;
		sum += use_stack(t, c->stack) + (name ? strlen(name) : 0);
	}
	must(streamed == m->streamed_ns);
	for (i = m->first_sample; i < m->first_sample + m->n_samples; i++)
		sum += use_stack(t, t->samples[i].stack);
	must(m->streamed_ns <= m->lifetime_ns && m->running_ns <= m->lifetime_ns);
	return sum;
}

static void use_trace(const struct trace *t)
{
	uint64_t sum = 0;
	size_t i, k, n = 0;

	for (i = 0; i < t->n_threads; i++)
		sum += use_thread(t, i);
	for (i = 0; i < t->n_processes; i++) {
		const struct trace_process *p = &t->processes[i];

		must(p->comm && p->n_threads > 0);
		sum += strlen(p->comm) + (p->path ? strlen(p->path) : 0);
		for (k = 0; k < p->n_threads; k++)
			must(p->threads[k] < t->n_threads && t->threads[p->threads[k]].process == i);
		n += p->n_threads;
	}
	must(n == t->n_threads);
	for (i = 0; i < t->meta.n_command; i++)
		sum += strlen(t->meta.command[i]);
	sum += strlen(t->meta.version) + strlen(t->meta.verb) + (t->damage ? strlen(t->damage) : 0);
	used = sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct trace *t = NULL;
	char path[64];
	int fd;

	if (!size)
		return 0;
	fd = memfd_create("fuzz", MFD_CLOEXEC);
	must(fd >= 0);
	if (data[0] & 1)
		write_sections(fd, data + 1, size - 1, data[0] & 2);
	else
		must(write(fd, data + 1, size - 1) == (ssize_t)(size - 1));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (!trace_load(&t, path))
		use_trace(t);
	trace_free(t);
	close(fd);
	return 0;
}

#ifdef FUZZ_MAIN
int main(int argc, char **argv)
{
	static uint8_t bytes[1 << 20];
	size_t len;
	FILE *f;
	int i;

	for (i = 1; i < argc; i++) {
		f = fopen(argv[i], "rb");
		if (!f) {
			perror(argv[i]);
			return 1;
		}
		len = fread(bytes, 1, sizeof(bytes), f);
		fclose(f);
		LLVMFuzzerTestOneInput(bytes, len);
	}
	return 0;
}
#endif
