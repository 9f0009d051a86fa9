/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * In: requests with descriptors of untrusted files. Out: names. Runs in the sandbox: it can be killed by what
 * it reads, and nothing that it says is trusted.
 */
#include "capture/symbolizer_protocol.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/fail.h"
#include "capture/symbolizer.h"
#include "symbols/child_link.h"
#include "symbols/eh_frame.h"
#include "symbols/elf_debug.h"
#include "symbols/elf_symbols.h"
#include "symbols/kernel_symbols.h"
#include "symbols/minidebuginfo.h"
#include "symbols/perf_map.h"

#define TEXT_MAX (256u << 20)

/* The file that questions are about. */
struct source {
	enum symbol_source kind;
	int err;
	struct elf_file file, debug; /* debug: data is NULL if there is none */
	struct bytes unpacked;	     /* what `debug` is read from, if it was in the file itself */
	struct elf_symbols *elf;     /* made with the first question, after debug files have come */
	struct eh_function *functions; /* read when the first address has no symbol */
	size_t n_functions;
	bool functions_read;
	struct bytes text;
	struct perf_map *jit;
	struct kernel_symbols *kernel;
};

struct child {
	int fd;
	struct source source;
	struct symbolizer_request request;
	union {
		struct symbolizer_reply reply;
		unsigned char message[SYMBOLIZER_MESSAGE];
	};
	size_t len; /* of message */
};

static void source_release(struct source *s)
{
	elf_symbols_free(s->elf);
	free(s->functions);
	elf_file_release(&s->file);
	elf_file_release(&s->debug);
	bytes_release(&s->unpacked);
	perf_map_free(s->jit);
	kernel_symbols_free(s->kernel);
	bytes_release(&s->text);
	memset(s, 0, sizeof(*s));
}

static int read_text(struct bytes *text, int fd)
{
	const size_t step = 1u << 20;

	for (;;) {
		ssize_t n;
		int err = bytes_reserve(text, step);

		if (err)
			return err;
		n = pread(fd, text->data + text->len, step, (off_t)text->len);
		if (n < 0)
			return fail(-errno, "read: %s", strerror(errno));
		text->len += (size_t)n;
		if (!n || text->len >= TEXT_MAX)
			return 0;
	}
}

static int open_elf(struct source *s, int fd, const struct symbolizer_request *r)
{
	int err = elf_file_open(&s->file, fd);

	if (err)
		return err;
	/* opened by its path: is it the one that was mapped? */
	if (r->build_id_len && s->file.build_id_len &&
	    (r->build_id_len != s->file.build_id_len ||
	     memcmp(r->build_id, s->file.build_id, s->file.build_id_len) != 0))
		return fail(-ESTALE, "the file has another build id");
	return 0;
}

/* The first of them that belongs to the file. */
static void take_debug_file(struct source *s, const int *fds, size_t n_fds)
{
	if (s->file.data && !s->debug.data)
		(void)elf_debug_open(&s->debug, &s->file, fds, n_fds);
}

/* What the file carries itself, if nothing better came. */
static void unpack_debug_file(struct source *s)
{
	if (s->debug.data || elf_symbols_in(&s->file) || minidebuginfo_unpack(&s->file, &s->unpacked))
		return;
	(void)elf_file_read(&s->debug, s->unpacked.data, s->unpacked.len);
}

static void make_elf_symbols(struct source *s)
{
	if (s->err || s->elf || s->kind != SYMBOLS_ELF)
		return;
	unpack_debug_file(s);
	s->err = elf_symbols_new(&s->elf, &s->file, s->debug.data ? &s->debug : NULL);
}

static void source_open(struct source *s, int fd, const struct symbolizer_request *r)
{
	source_release(s);
	s->kind = r->kind;
	switch (s->kind) {
	case SYMBOLS_ELF:
		s->err = open_elf(s, fd, r);
		return;
	case SYMBOLS_PERF_MAP:
		s->err = read_text(&s->text, fd);
		if (!s->err)
			s->err = perf_map_new(&s->jit, (const char *)s->text.data, s->text.len);
		return;
	case SYMBOLS_KERNEL:
		s->err = read_text(&s->text, fd);
		if (!s->err)
			s->err = kernel_symbols_new(&s->kernel, (const char *)s->text.data, s->text.len);
		return;
	}
	s->err = -EINVAL;
}

/* The last function by the call frame information (which knows those without a symbol, too) that begins there or before. */
static const struct eh_function *function_before(struct source *s, uint64_t vaddr)
{
	size_t low = 0, high;

	if (!s->functions_read) {
		s->functions_read = true;
		if (eh_frame_functions(&s->file, s->debug.data ? &s->debug : NULL, &s->functions, &s->n_functions))
			s->n_functions = 0;
	}
	high = s->n_functions;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (s->functions[middle].start <= vaddr)
			low = middle + 1;
		else
			high = middle;
	}
	return low ? &s->functions[low - 1] : NULL;
}

/*
 * What no symbol covers: by the label that its function begins with, or, with an empty name, by where that is
 * (*start); code that lies in no function either by the label before it.
 */
static bool unnamed_at(struct source *s, uint64_t vaddr, const struct eh_function *before, struct symbol *symbol,
		       uint64_t *start)
{
	bool inside = before && vaddr < before->end, label = elf_symbols_label(s->elf, vaddr, symbol);

	if (!inside)
		return label && (!before || before->end <= vaddr - symbol->offset);
	if (elf_symbols_label(s->elf, before->start, symbol) && !symbol->offset) {
		symbol->offset = vaddr - before->start;
		return true;
	}
	memset(symbol, 0, sizeof(*symbol));
	symbol->offset = vaddr - before->start;
	*start = before->start;
	return true;
}

static bool elf_at(struct source *s, uint64_t offset, struct symbol *symbol, uint64_t *start)
{
	const struct eh_function *before;
	uint64_t vaddr;
	bool found;

	if (!elf_file_vaddr(&s->file, offset, &vaddr))
		return false;
	found = elf_symbols_at(s->elf, vaddr, symbol);
	if (found && !symbol->unsized)
		return true;
	before = function_before(s, vaddr);
	/* one without a size ends where another function begins */
	if (found && (!before || before->start <= vaddr - symbol->offset))
		return true;
	return unnamed_at(s, vaddr, before, symbol, start);
}

static bool source_at(struct source *s, uint64_t offset, struct symbol *symbol, uint64_t *start)
{
	if (s->elf)
		return elf_at(s, offset, symbol, start);
	if (s->jit)
		return perf_map_at(s->jit, offset, symbol);
	return s->kernel && kernel_symbols_at(s->kernel, offset, symbol);
}

static int send_reply(struct child *c, bool last)
{
	int err;

	c->reply.magic = SYMBOLIZER_MAGIC;
	c->reply.err = c->source.err;
	c->reply.last = last;
	err = child_link_send(c->fd, c->message, c->len, NULL, 0);
	if (err)
		return err;
	c->len = sizeof(c->reply);
	c->reply.count = 0;
	return 0;
}

/* The name as it goes out, into `to` (SYMBOL_NAME_MAX bytes): its length. */
static size_t whole_name(const struct symbol *symbol, unsigned char *to)
{
	size_t len = symbol->name_len, module = symbol->module ? symbol->module_len + 3 : 0;

	if (len)
		memcpy(to, symbol->name, len);
	if (!module || len + module > SYMBOL_NAME_MAX)
		return len;
	memcpy(to + len, " [", 2);
	memcpy(to + len + 2, symbol->module, symbol->module_len);
	to[len + module - 1] = ']';
	return len + module;
}

static int answer(struct child *c, uint32_t count)
{
	const size_t most = sizeof(struct symbolizer_answer) + SYMBOL_NAME_MAX + 8;

	make_elf_symbols(&c->source);
	for (uint32_t i = 0; !c->source.err && i < count; i++) {
		struct symbolizer_answer head = {.index = i};
		struct symbol symbol;
		unsigned char *name;

		if (!source_at(&c->source, c->request.offsets[i], &symbol, &head.start))
			continue;
		if (c->len + most > sizeof(c->message) && send_reply(c, false))
			return -EPIPE;
		name = c->message + c->len + sizeof(head);
		head.name_len = (uint32_t)whole_name(&symbol, name);
		head.offset = symbol.offset;
		memcpy(c->message + c->len, &head, sizeof(head));
		memset(name + head.name_len, 0, -(size_t)head.name_len & 7);
		c->len += sizeof(head) + ((head.name_len + 7) & ~7u);
		c->reply.count++;
	}
	return send_reply(c, true);
}

/* What the parent is to know of the file, to look for more. */
static int answer_open(struct child *c)
{
	const struct elf_file *e = &c->source.file;
	struct symbolizer_file file = {0};

	if (c->source.err || c->source.kind != SYMBOLS_ELF)
		return send_reply(c, true);
	file.complete = elf_symbols_in(e);
	elf_told_fill(&file.told, e);
	memcpy(c->message + c->len, &file, sizeof(file));
	c->len += sizeof(file);
	return send_reply(c, true);
}

/* The next request with its descriptors, their number in *n; negative at the end. */
static int receive(struct child *c, int fds[CHILD_LINK_FDS], size_t *n, uint32_t *count)
{
	const size_t head = offsetof(struct symbolizer_request, offsets);
	size_t len;
	int err = child_link_receive(c->fd, &c->request, sizeof(c->request), &len, fds, n, -1);

	if (err)
		return err;
	if (len < head || c->request.magic != SYMBOLIZER_MAGIC)
		return -EPIPE;
	*count = c->request.count;
	return *count <= (len - head) / sizeof(uint64_t) ? 0 : -EPIPE;
}

/* 0, or negative at the end. */
static int take_request(struct child *c)
{
	int fds[CHILD_LINK_FDS], err;
	uint32_t count;
	size_t n;

	err = receive(c, fds, &n, &count);
	if (err)
		return err;
	err = -EPIPE;
	switch (c->request.step) {
	case SYMBOLIZER_OPEN:
		if (n == 1)
			source_open(&c->source, fds[0], &c->request);
		err = n == 1 ? answer_open(c) : -EPIPE;
		break;
	case SYMBOLIZER_DEBUG:
		take_debug_file(&c->source, fds, n);
		err = send_reply(c, true);
		break;
	case SYMBOLIZER_NAMES:
		err = answer(c, count);
		break;
	}
	for (size_t i = 0; i < n; i++)
		close(fds[i]);
	return err;
}

void symbolizer_child(int fd)
{
	struct child *c = calloc(1, sizeof(*c));

	if (!c)
		return;
	c->fd = fd;
	c->len = sizeof(c->reply);
	/* the first message says that the sandbox is shut */
	if (send_reply(c, true))
		goto out;
	while (!take_request(c))
		;
out:
	source_release(&c->source);
	free(c);
}
