/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * In: requests with descriptors of untrusted files. Out: functions and lines. Runs in the sandbox: it can be
 * killed by what it reads, and nothing that it says is trusted.
 */
#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fail.h"
#include "symbols/child_link.h"
#include "symbols/dwarf_lines.h"
#include "symbols/elf_symbols.h"
#include "symbols/lines_protocol.h"

/* One ELF file, and the descriptor that libdw reads it by. */
struct opened {
	struct elf_file elf;
	int fd; /* -1: there is none */
};

struct child {
	int fd;
	struct opened main, debug, alt;
	struct elf_symbols *symbols;
	struct dwarf_lines *lines;
	bool symbols_tried, lines_tried;
	struct lines_request request;
	union {
		struct lines_reply reply;
		unsigned char message[LINES_MESSAGE];
	};
	size_t len; /* of message */
};

static void opened_release(struct opened *o)
{
	elf_file_release(&o->elf);
	if (o->fd >= 0)
		close(o->fd);
	o->fd = -1;
}

/* What was made of the files; they stay. */
static void forget_tables(struct child *c)
{
	elf_symbols_free(c->symbols);
	dwarf_lines_free(c->lines);
	c->symbols = NULL;
	c->lines = NULL;
	c->symbols_tried = c->lines_tried = false;
}

static void forget(struct child *c)
{
	forget_tables(c);
	opened_release(&c->main);
	opened_release(&c->debug);
	opened_release(&c->alt);
}

static bool same_id(const struct elf_file *e, const uint8_t *id, size_t len)
{
	return e->build_id_len == len && !memcmp(e->build_id, id, len);
}

static bool has_dwarf(const struct elf_file *e)
{
	const struct elf_section *s = elf_section_named(e, ".debug_info");

	if (!s)
		s = elf_section_named(e, ".zdebug_info");
	return s && s->type != SHT_NOBITS && s->size;
}

/* In a debug file that binutils made, segments have lost their place in the file. */
static bool has_segments(const struct elf_file *e)
{
	for (size_t i = 0; i < e->n_segments; i++)
		if (e->segments[i].type == PT_LOAD && (e->segments[i].flags & PF_X) && e->segments[i].filesz)
			return true;
	return false;
}

static bool has_symtab(const struct elf_file *e)
{
	const struct elf_section *s = elf_section_named(e, ".symtab");

	return s && s->type == SHT_SYMTAB && s->size;
}

/* .gnu_debugaltlink: a path, terminated, and a build id. */
static void describe_alt(const struct elf_file *e, struct lines_info *info)
{
	const struct elf_section *s = elf_section_named(e, ".gnu_debugaltlink");
	const unsigned char *bytes;
	size_t len, n, id_len;

	bytes = s ? elf_section_bytes(e, s, &len) : NULL;
	if (!bytes)
		return;
	n = strnlen((const char *)bytes, len);
	if (n == len || n >= sizeof(info->alt_link))
		return;
	id_len = len - n - 1;
	if (!id_len || id_len > sizeof(info->alt_id))
		return;
	memcpy(info->alt_link, bytes, n + 1);
	memcpy(info->alt_id, bytes + n + 1, id_len);
	info->alt_id_len = (uint32_t)id_len;
}

static void describe(const struct elf_file *e, struct lines_info *info)
{
	info->has = (has_symtab(e) ? LINES_HAS_SYMTAB : 0) | (has_dwarf(e) ? LINES_HAS_DWARF : 0) |
		    (has_segments(e) ? LINES_HAS_SEGMENTS : 0);
	info->build_id_len = (uint32_t)e->build_id_len;
	memcpy(info->build_id, e->build_id, e->build_id_len);
	memcpy(info->debug_link, e->debug_link, sizeof(info->debug_link));
	describe_alt(e, info);
}

/* Takes the descriptor. */
static int open_file(struct opened *o, int fd)
{
	opened_release(o);
	if (fd < 0)
		return fail(-EINVAL, "a file without a descriptor");
	o->fd = fd;
	return elf_file_open(&o->elf, fd);
}

/* The same build id; without one there is nothing to go by, and for a debug file that is not enough. */
static bool is_right(const struct child *c, const struct elf_file *e)
{
	const struct lines_request *r = &c->request;

	if (r->kind == LINES_DEBUG)
		return e->build_id_len && same_id(e, c->main.elf.build_id, c->main.elf.build_id_len);
	return !r->build_id_len || same_id(e, r->build_id, r->build_id_len);
}

static int take_file(struct child *c, int fd)
{
	const struct lines_request *r = &c->request;
	struct opened *o = r->kind == LINES_FILE ? &c->main : r->kind == LINES_DEBUG ? &c->debug : &c->alt;
	int err;

	if (r->kind == LINES_FILE)
		forget(c);
	else
		forget_tables(c);
	err = open_file(o, fd);
	if (!err && !is_right(c, &o->elf))
		err = -ESTALE;
	if (!err)
		describe(&o->elf, &c->reply.info);
	else
		opened_release(o);
	return err;
}

static void make_tables(struct child *c, bool lines)
{
	const struct opened *dwarf = c->debug.fd >= 0 && has_dwarf(&c->debug.elf) ? &c->debug : &c->main;

	if (!c->symbols_tried) {
		c->symbols_tried = true;
		(void)elf_symbols_new(&c->symbols, &c->main.elf, c->debug.fd >= 0 ? &c->debug.elf : NULL);
	}
	if (lines && !c->lines_tried) {
		c->lines_tried = true;
		(void)dwarf_lines_new(&c->lines, dwarf->fd, c->alt.fd);
	}
}

static int send_reply(struct child *c, bool last)
{
	int err;

	c->reply.magic = LINES_MAGIC;
	c->reply.last = last;
	err = child_link_send(c->fd, c->message, c->len, NULL, 0);
	memset(&c->reply, 0, sizeof(c->reply));
	c->len = sizeof(c->reply);
	return err;
}

static size_t text_length(const char *text)
{
	return text ? strnlen(text, LINES_TEXT_MAX) : 0;
}

static int add_answer(struct child *c, struct lines_answer a, const char *name, const char *source)
{
	size_t text = (size_t)a.name_len + a.source_len, padded = (text + 7) & ~(size_t)7;

	if (c->len + sizeof(a) + padded > sizeof(c->message) && send_reply(c, false))
		return -EPIPE;
	memcpy(c->message + c->len, &a, sizeof(a));
	c->len += sizeof(a);
	memset(c->message + c->len, 0, padded);
	if (a.name_len)
		memcpy(c->message + c->len, name, a.name_len);
	if (a.source_len)
		memcpy(c->message + c->len + a.name_len, source, a.source_len);
	c->len += padded;
	c->reply.count++;
	return 0;
}

/* The symbol table knows the outermost function best: its name is what the rest of the report uses. */
static int answer_one(struct child *c, uint32_t index)
{
	struct dwarf_part parts[DWARF_PARTS_MAX];
	struct symbol symbol = {0};
	uint64_t vaddr;
	size_t n = 0;
	bool named;

	if (!elf_file_vaddr(&c->main.elf, c->request.offsets[index], &vaddr))
		return 0;
	named = c->symbols && elf_symbols_at(c->symbols, vaddr, &symbol);
	if (c->lines)
		n = dwarf_lines_at(c->lines, vaddr, c->request.flags & LINES_WANT_INLINES, parts);
	if (!n && named) {
		memset(&parts[0], 0, sizeof(parts[0]));
		n = 1;
	}
	for (size_t i = 0; i < n; i++) {
		bool code = i + 1 == n && named, place = c->request.flags & LINES_WANT_PLACES;
		const char *name = code ? symbol.name : parts[i].name,
			   *source = place ? parts[i].source : NULL;
		struct lines_answer a = {
			.index = index,
			.depth = (uint16_t)i,
			.inlined = i + 1 < n,
			.line = source ? parts[i].line : 0,
			.name_len = (uint16_t)(code ? symbol.name_len : text_length(name)),
			.source_len = (uint16_t)text_length(source),
			.offset = code ? symbol.offset : 0,
		};
		int err = add_answer(c, a, name, source);

		if (err)
			return err;
	}
	return 0;
}

static int answer(struct child *c)
{
	int err = c->main.fd < 0 ? -EINVAL : 0;

	if (err) {
		c->reply.err = err;
		return send_reply(c, true);
	}
	make_tables(c, c->request.flags & (LINES_WANT_INLINES | LINES_WANT_PLACES));
	for (uint32_t i = 0; !err && i < c->request.count; i++)
		err = answer_one(c, i);
	return err ? err : send_reply(c, true);
}

/* The next request; -EPIPE at the end. The descriptor that came with it, or -1, is in *fd. */
static int receive(struct child *c, int *fd)
{
	const size_t head = offsetof(struct lines_request, offsets);
	int fds[CHILD_LINK_FDS];
	size_t len, n;
	int err = child_link_receive(c->fd, &c->request, sizeof(c->request), &len, fds, &n, -1);

	*fd = -1;
	if (err)
		return err;
	while (n > 1)
		close(fds[--n]);
	if (n)
		*fd = fds[0];
	return len < head || c->request.magic != LINES_MAGIC ||
			       c->request.count > (len - head) / sizeof(uint64_t) ||
			       c->request.build_id_len > sizeof(c->request.build_id)
		       ? -EPIPE
		       : 0;
}

void line_reader_child(int fd)
{
	struct child *c = calloc(1, sizeof(*c));
	int err;

	if (!c)
		return;
	c->fd = fd;
	c->main.fd = c->debug.fd = c->alt.fd = -1;
	c->len = sizeof(c->reply);
	err = send_reply(c, true); /* says that the sandbox is shut */
	while (!err) {
		int file;

		err = receive(c, &file);
		if (err)
			break;
		if (c->request.kind == LINES_ASK) {
			err = answer(c);
		} else {
			c->reply.err = take_file(c, file);
			err = send_reply(c, true);
		}
	}
	forget(c);
	free(c);
}
