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
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/fail.h"
#include "capture/symbolizer.h"
#include "symbols/elf_symbols.h"
#include "symbols/kernel_symbols.h"
#include "symbols/perf_map.h"

#define TEXT_MAX (256u << 20)

/* The file that questions are about. */
struct source {
	enum symbol_source kind;
	int err;
	struct elf_file file, debug;
	struct elf_symbols *elf;
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
	elf_file_release(&s->file);
	elf_file_release(&s->debug);
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

static int open_elf(struct source *s, const int *fds, int n_fds, const struct symbolizer_request *r)
{
	bool has_debug;
	int err = elf_file_open(&s->file, fds[0]);

	if (err)
		return err;
	/* opened by its path: is it the one that was mapped? */
	if (r->build_id_len && s->file.build_id_len &&
	    (r->build_id_len != s->file.build_id_len ||
	     memcmp(r->build_id, s->file.build_id, r->build_id_len) != 0))
		return fail(-ESTALE, "the file has another build id");
	has_debug = n_fds > 1 && !elf_file_open(&s->debug, fds[1]);
	return elf_symbols_new(&s->elf, &s->file, has_debug ? &s->debug : NULL);
}

static void source_open(struct source *s, const int *fds, int n_fds, const struct symbolizer_request *r)
{
	source_release(s);
	s->kind = r->kind;
	switch (s->kind) {
	case SYMBOLS_ELF:
		s->err = open_elf(s, fds, n_fds, r);
		return;
	case SYMBOLS_PERF_MAP:
		s->err = read_text(&s->text, fds[0]);
		if (!s->err)
			s->err = perf_map_new(&s->jit, (const char *)s->text.data, s->text.len);
		return;
	case SYMBOLS_KERNEL:
		s->err = read_text(&s->text, fds[0]);
		if (!s->err)
			s->err = kernel_symbols_new(&s->kernel, (const char *)s->text.data, s->text.len);
		return;
	}
	s->err = -EINVAL;
}

static bool source_at(const struct source *s, uint64_t offset, struct symbol *symbol)
{
	if (s->elf)
		return elf_symbols_at_offset(s->elf, offset, symbol);
	if (s->jit)
		return perf_map_at(s->jit, offset, symbol);
	return s->kernel && kernel_symbols_at(s->kernel, offset, symbol);
}

static int send_reply(struct child *c, bool last)
{
	struct iovec data = {c->message, c->len};
	struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1};

	c->reply.magic = SYMBOLIZER_MAGIC;
	c->reply.err = c->source.err;
	c->reply.last = last;
	if (sendmsg(c->fd, &message, MSG_NOSIGNAL) != (ssize_t)c->len)
		return -EPIPE;
	c->len = sizeof(c->reply);
	c->reply.count = 0;
	return 0;
}

static int answer(struct child *c, uint32_t count)
{
	c->len = sizeof(c->reply);
	c->reply.count = 0;
	for (uint32_t i = 0; !c->source.err && i < count; i++) {
		struct symbolizer_answer head = {.index = i};
		struct symbol symbol;
		size_t padded;

		if (!source_at(&c->source, c->request.offsets[i], &symbol))
			continue;
		padded = (symbol.name_len + 7) & ~(size_t)7;
		if (c->len + sizeof(head) + padded > sizeof(c->message) && send_reply(c, false))
			return -EPIPE;
		head.name_len = (uint32_t)symbol.name_len;
		head.offset = symbol.offset;
		memcpy(c->message + c->len, &head, sizeof(head));
		memset(c->message + c->len + sizeof(head) + padded - 8, 0, 8);
		memcpy(c->message + c->len + sizeof(head), symbol.name, symbol.name_len);
		c->len += sizeof(head) + padded;
		c->reply.count++;
	}
	return send_reply(c, true);
}

/* The next request; the number of descriptors that came with it, or negative at the end. */
static int receive(struct child *c, int fds[2], uint32_t *count)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(2 * sizeof(int))];
	} control;
	struct iovec data = {&c->request, sizeof(c->request)};
	struct msghdr message = {.msg_iov = &data,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = sizeof(control)};
	const size_t head = offsetof(struct symbolizer_request, offsets);
	struct cmsghdr *part;
	ssize_t len = recvmsg(c->fd, &message, 0);
	int n = 0;

	if (len < (ssize_t)head || c->request.magic != SYMBOLIZER_MAGIC)
		return -EPIPE;
	part = CMSG_FIRSTHDR(&message);
	if (part && part->cmsg_type == SCM_RIGHTS) {
		n = (int)((part->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		memcpy(fds, CMSG_DATA(part), (size_t)n * sizeof(int));
	}
	*count = c->request.count;
	return *count <= ((size_t)len - head) / sizeof(uint64_t) ? n : -EPIPE;
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
	for (;;) {
		uint32_t count;
		int fds[2], n = receive(c, fds, &count);

		if (n < 0)
			break;
		if (n)
			source_open(&c->source, fds, n, &c->request);
		for (int i = 0; i < n; i++)
			close(fds[i]);
		if (answer(c, count))
			break;
	}
out:
	source_release(&c->source);
	free(c);
}
