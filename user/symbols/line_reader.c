/* SPDX-License-Identifier: BSD-2-Clause */
/* In: descriptors of untrusted files, offsets. Out: functions and lines, by way of a child in a sandbox. */
#include "symbols/line_reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "symbols/child_link.h"
#include "symbols/sandbox.h"

#define LIMIT_MS   20000
#define MEMORY_MAX (4ull << 30) /* debug information that is compressed is unpacked in memory */

struct line_reader {
	struct child_link link;
	uid_t uid;
	gid_t gid;
	int limit_ms;
	int64_t deadline; /* of what is being asked now */
	struct lines_request request;
	union {
		struct lines_reply reply;
		unsigned char message[LINES_MESSAGE];
	};
};

/* In the child. */
static void live(int fd, pid_t parent, const void *ctx)
{
	const struct line_reader *r = ctx;

	if (!sandbox_enter(fd, r->uid, r->gid, parent, MEMORY_MAX))
		line_reader_child(SANDBOX_FD);
}

static void set_deadline(struct line_reader *r)
{
	r->deadline = child_link_now_ms() + r->limit_ms;
}

static int receive(struct line_reader *r, size_t *len)
{
	int64_t left = r->deadline - child_link_now_ms();
	int err = child_link_receive(r->link.fd, r->message, sizeof(r->message), len, NULL, NULL,
				     left > 0 ? (int)left : 0);

	if (err == -ETIMEDOUT)
		return fail(err, "debug information: not read within %d ms", r->limit_ms);
	if (err)
		return fail(-EPIPE, "debug information: the process that read it died");
	if (*len < sizeof(r->reply) || r->reply.magic != LINES_MAGIC)
		return fail(-EPROTO, "debug information: an answer that makes no sense");
	return 0;
}

static int start(struct line_reader *r)
{
	size_t len;
	int err = child_link_start(&r->link, live, r);

	if (err)
		return fail_within(err, "debug information");
	set_deadline(r);
	err = receive(r, &len);
	if (!err)
		return 0;
	child_link_end(&r->link, 1);
	return fail(-EPERM,
		    "debug information: the process that reads it could not drop its rights (seccomp filter, "
		    "user %u): "
		    "there are no inlined functions and lines",
		    r->uid);
}

int line_reader_new(struct line_reader **out, uid_t uid, gid_t gid)
{
	struct line_reader *r = calloc(1, sizeof(*r));
	int err;

	*out = NULL;
	if (!r)
		return fail(-ENOMEM, "debug information: no memory");
	r->uid = uid;
	r->gid = gid;
	r->limit_ms = LIMIT_MS;
	err = start(r);
	if (err)
		free(r);
	else
		*out = r;
	return err;
}

void line_reader_free(struct line_reader *r)
{
	if (!r)
		return;
	child_link_end(&r->link, 1);
	free(r);
}

pid_t line_reader_pid(const struct line_reader *r)
{
	return r->link.pid;
}

void line_reader_set_limit(struct line_reader *r, int ms)
{
	r->limit_ms = ms;
}

static int send_request(struct line_reader *r, enum lines_request_kind kind, size_t count, const int *fd)
{
	r->request.magic = LINES_MAGIC;
	r->request.kind = kind;
	r->request.count = (uint32_t)count;
	return child_link_send(r->link.fd, &r->request,
			       offsetof(struct lines_request, offsets) + count * sizeof(uint64_t), fd,
			       fd ? 1 : 0);
}

/* After these errors the child is dead, or what it sends next can't be told from what it should have sent. */
static int give_up(struct line_reader *r, int err)
{
	child_link_end(&r->link, 1);
	return err;
}

static int give_file(struct line_reader *r, enum lines_request_kind kind, int fd, const uint8_t *id,
		     size_t id_len, struct lines_info *info)
{
	size_t len;
	int err = r->link.pid ? 0 : kind == LINES_FILE ? start(r) : -EPIPE;

	if (err)
		return err;
	if (id_len > sizeof(r->request.build_id))
		return fail(-EINVAL, "a build id of %zu bytes", id_len);
	r->request.flags = 0;
	r->request.build_id_len = (uint32_t)id_len;
	if (id_len)
		memcpy(r->request.build_id, id, id_len);
	set_deadline(r);
	err = send_request(r, kind, 0, &fd);
	if (!err)
		err = receive(r, &len);
	if (err)
		return give_up(r, err);
	if (r->reply.err)
		return r->reply.err < 0 && r->reply.err > -4096
			       ? fail(r->reply.err, "the file can't be used: %s", strerror(-r->reply.err))
			       : give_up(r,
					 fail(-EPROTO, "debug information: an answer that makes no sense"));
	r->reply.info.debug_link[sizeof(r->reply.info.debug_link) - 1] = 0;
	r->reply.info.alt_link[sizeof(r->reply.info.alt_link) - 1] = 0;
	if (r->reply.info.alt_id_len > sizeof(r->reply.info.alt_id))
		r->reply.info.alt_id_len = 0;
	if (r->reply.info.build_id_len > sizeof(r->reply.info.build_id))
		r->reply.info.build_id_len = 0;
	if (info)
		*info = r->reply.info;
	return 0;
}

int line_reader_file(struct line_reader *r, int fd, const uint8_t *id, size_t id_len, struct lines_info *info)
{
	return give_file(r, LINES_FILE, fd, id, id_len, info);
}

int line_reader_debug(struct line_reader *r, int fd, struct lines_info *info)
{
	return give_file(r, LINES_DEBUG, fd, NULL, 0, info);
}

int line_reader_alt(struct line_reader *r, int fd, const uint8_t *id, size_t id_len)
{
	return give_file(r, LINES_ALT, fd, id, id_len, NULL);
}

static int nonsense(const char *what)
{
	return fail(-EPROTO, "debug information: an answer %s", what);
}

int line_reader_take(const void *message, size_t len, size_t n, size_t *next_index, size_t *next_depth,
		     line_part_fn fn, void *ctx)
{
	const unsigned char *bytes = message;
	struct lines_reply reply;
	size_t at = sizeof(reply);

	if (len < sizeof(reply))
		return nonsense("that is cut");
	memcpy(&reply, message, sizeof(reply));
	for (uint32_t i = 0; i < reply.count; i++) {
		struct lines_answer a;
		struct line_part part;
		size_t text, padded;
		int err;

		if (len - at < sizeof(a))
			return nonsense("that is cut");
		memcpy(&a, bytes + at, sizeof(a));
		at += sizeof(a);
		text = (size_t)a.name_len + a.source_len;
		padded = (text + 7) & ~(size_t)7;
		if (padded > len - at || a.name_len > LINES_TEXT_MAX || a.source_len > LINES_TEXT_MAX)
			return nonsense("that is cut");
		/* a new offset begins with its innermost function, and only when the one before is complete
		 */
		if (a.index >= n || a.depth != *next_depth ||
		    (*next_depth ? a.index != *next_index : a.index < *next_index) ||
		    memchr(bytes + at, 0, text))
			return nonsense("that makes no sense");
		part = (struct line_part){
			.depth = a.depth,
			.inlined = a.inlined != 0,
			.name = (const char *)bytes + at,
			.name_len = a.name_len,
			.offset = a.offset,
			.source = (const char *)bytes + at + a.name_len,
			.source_len = a.source_len,
			.line = a.line,
		};
		at += padded;
		*next_index = (size_t)a.index + !part.inlined;
		*next_depth = part.inlined ? *next_depth + 1 : 0;
		err = fn(ctx, a.index, &part);
		if (err)
			return err;
	}
	return 0;
}

/* One request. The index that is given out is the one in the caller's offsets. */
struct shifted {
	line_part_fn fn;
	void *ctx;
	size_t first;
	int result;
};

static int take_shifted(void *ctx, size_t index, const struct line_part *part)
{
	struct shifted *s = ctx;

	s->result = s->fn(s->ctx, s->first + index, part);
	return s->result;
}

static int ask(struct line_reader *r, size_t n, struct shifted *s)
{
	size_t index = 0, depth = 0, len;
	int err;

	set_deadline(r);
	err = send_request(r, LINES_ASK, n, NULL);

	while (!err) {
		err = receive(r, &len);
		if (!err && r->reply.err)
			err = nonsense("that makes no sense");
		if (!err)
			err = line_reader_take(r->message, len, n, &index, &depth, take_shifted, s);
		if (!err && r->reply.last)
			return depth ? nonsense("that is cut") : 0;
	}
	return err;
}

int line_reader_ask(struct line_reader *r, const uint64_t *offsets, size_t n, unsigned int flags,
		    line_part_fn fn, void *ctx)
{
	struct shifted s = {.fn = fn, .ctx = ctx};
	int err = r->link.pid ? 0 : fail(-EPIPE, "debug information: there is no file to ask about");

	r->request.flags = flags;
	r->request.build_id_len = 0;
	for (; !err && s.first < n; s.first += LINES_OFFSETS) {
		size_t part = n - s.first < LINES_OFFSETS ? n - s.first : LINES_OFFSETS;

		memcpy(r->request.offsets, offsets + s.first, part * sizeof(*offsets));
		err = ask(r, part, &s);
		if (err)
			return give_up(r, err);
	}
	return err;
}
