/* SPDX-License-Identifier: BSD-2-Clause */
/* In: descriptors of untrusted files and offsets. Out: names, by way of a child in a sandbox. */
#include "capture/symbolizer.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fail.h"
#include "capture/symbolizer_protocol.h"
#include "symbols/child_link.h"
#include "symbols/sandbox.h"
#include "symbols/symbol.h"

#define LIMIT_MS 5000
#define SLOW_MAX 3 /* children in a row that do not answer, then there are no more: somebody stops them, or the machine stands still */

_Static_assert(SYMBOLIZER_DEBUG_FILES <= CHILD_LINK_FDS, "debug files go out with one message");

struct symbolizer {
	struct child_link child;
	uid_t uid;
	gid_t gid;
	int limit_ms;
	unsigned int slow; /* children in a row that did not answer in time */
	struct symbolizer_request request;
	union {
		struct symbolizer_reply reply;
		unsigned char message[SYMBOLIZER_MESSAGE];
	};
};

/* One message of the child, its length in *len. */
static int receive(struct symbolizer *s, int64_t deadline, size_t *len)
{
	int64_t left = deadline - child_link_now_ms();
	int err = child_link_receive(s->child.fd, s->message, sizeof(s->message), len, NULL, NULL, left > 0 ? (int)left : 0);

	if (err == -ETIMEDOUT)
		return fail(err, "symbols: not read within %d ms", s->limit_ms);
	if (err)
		return fail(-EPIPE, "symbols: the process that read them died");
	if (*len < sizeof(s->reply) || s->reply.magic != SYMBOLIZER_MAGIC)
		return fail(-EPROTO, "symbols: an answer that makes no sense");
	return 0;
}

/* In the child. */
static void live(int fd, pid_t parent, const void *ctx)
{
	const struct symbolizer *s = ctx;

	if (!sandbox_enter(fd, s->uid, s->gid, parent, SANDBOX_MEMORY))
		symbolizer_child(SANDBOX_FD);
}

static int start_child(struct symbolizer *s)
{
	size_t len;
	int err = child_link_start(&s->child, live, s);

	if (err)
		return fail_within(err, "symbols");
	/* its first word: the sandbox is shut */
	err = receive(s, child_link_now_ms() + LIMIT_MS, &len);
	if (err) {
		child_link_end(&s->child, 1);
		s->slow += err == -ETIMEDOUT;
		return fail(-EPERM,
			    "symbols: the process that reads them could not drop its rights (seccomp filter, "
			    "user %u): "
			    "there are no names",
			    s->uid);
	}
	return 0;
}

int symbolizer_start(struct symbolizer **out, uid_t uid, gid_t gid)
{
	struct symbolizer *s = calloc(1, sizeof(*s));
	int err;

	*out = NULL;
	if (!s)
		return fail(-ENOMEM, "symbols: no memory");
	s->uid = uid;
	s->gid = gid;
	s->limit_ms = LIMIT_MS;
	err = start_child(s);
	if (err) {
		free(s);
		return err;
	}
	*out = s;
	return 0;
}

void symbolizer_stop(struct symbolizer *s)
{
	if (!s)
		return;
	child_link_end(&s->child, 1);
	free(s);
}

uid_t symbolizer_uid(const struct symbolizer *s)
{
	return s->uid;
}

pid_t symbolizer_pid(const struct symbolizer *s)
{
	return s->child.pid;
}

void symbolizer_set_limit(struct symbolizer *s, int ms)
{
	s->limit_ms = ms;
}

static int send_request(struct symbolizer *s, enum symbolizer_step step, size_t n, const int *fds, size_t n_fds)
{
	int err;

	s->request.magic = SYMBOLIZER_MAGIC;
	s->request.step = step;
	s->request.count = (uint32_t)n;
	err = child_link_send(s->child.fd, &s->request, offsetof(struct symbolizer_request, offsets) + n * sizeof(uint64_t), fds,
			      n_fds);
	if (err == -EBADF)
		return fail(err, "symbols: no such descriptor");
	return err ? fail(-EPIPE, "symbols: the process that reads them died") : 0;
}

/* The one message that answers OPEN or DEBUG. */
static int receive_state(struct symbolizer *s, int64_t deadline, size_t *len)
{
	int err = receive(s, deadline, len);

	if (err)
		return err;
	if (s->reply.err < 0 && s->reply.err > -4096)
		return fail(s->reply.err, "symbols: the file can't be read: %s", strerror(-s->reply.err));
	return s->reply.last ? 0 : fail(-EPROTO, "symbols: an answer that makes no sense");
}

/* What the child says of an ELF file, looked at with care; false if it makes no sense. */
static bool take_file(const struct symbolizer *s, size_t len, struct symbolizer_file *w, struct symbol_file *file)
{
	if (len != sizeof(s->reply) + sizeof(*w))
		return false;
	memcpy(w, s->message + sizeof(s->reply), sizeof(*w));
	*file = (struct symbol_file){.told = &w->told, .complete = w->complete};
	return elf_told_makes_sense(&w->told);
}

/* Lets the caller look for debug files, and passes them on. */
static int offer_debug_files(struct symbolizer *s, const struct symbol_query *q, size_t len, int64_t deadline)
{
	int fds[SYMBOLIZER_DEBUG_FILES], err;
	struct symbolizer_file w;
	struct symbol_file file;
	size_t n;

	if (!take_file(s, len, &w, &file))
		return fail(-EPROTO, "symbols: an answer that makes no sense");
	n = q->opened(q->ctx, &file, fds);
	if (!n)
		return 0;
	err = send_request(s, SYMBOLIZER_DEBUG, 0, fds, n);
	for (size_t i = 0; i < n; i++)
		close(fds[i]);
	return err ? err : receive_state(s, deadline, &len);
}

static int open_file(struct symbolizer *s, const struct symbol_query *q, int64_t deadline)
{
	size_t len;
	int err;

	s->request.kind = q->source;
	s->request.build_id_len =
		q->build_id_len <= sizeof(s->request.build_id) ? (uint32_t)q->build_id_len : 0;
	if (s->request.build_id_len)
		memcpy(s->request.build_id, q->build_id, s->request.build_id_len);
	err = send_request(s, SYMBOLIZER_OPEN, 0, &q->fd, 1);
	if (!err)
		err = receive_state(s, deadline, &len);
	if (!err && q->source == SYMBOLS_ELF && q->opened)
		err = offer_debug_files(s, q, len, deadline);
	return err;
}

/* Gives out the answers of one message; *next: the lowest index that may come. */
static int take_answers(struct symbolizer *s, const struct symbol_query *q, size_t len, size_t first, size_t n,
			size_t *next)
{
	size_t at = sizeof(s->reply);

	for (uint32_t i = 0; i < s->reply.count; i++) {
		struct symbolizer_answer a;
		struct symbol_found found;
		size_t padded;
		int err;

		if (len - at < sizeof(a))
			return fail(-EPROTO, "symbols: an answer that is cut");
		memcpy(&a, s->message + at, sizeof(a));
		padded = ((size_t)a.name_len + 7) & ~(size_t)7;
		at += sizeof(a);
		if (a.index < *next || a.index >= n || a.name_len > SYMBOL_NAME_MAX || padded > len - at)
			return fail(-EPROTO, "symbols: an answer that makes no sense");
		found = (struct symbol_found){
			.index = first + a.index,
			.name = (const char *)s->message + at,
			.len = a.name_len,
			.start = a.start,
			.offset = a.offset,
		};
		if (memchr(found.name, 0, found.len))
			return fail(-EPROTO, "symbols: a name that is none");
		*next = (size_t)a.index + 1;
		at += padded;
		err = q->fn(q->ctx, &found);
		if (err)
			return err;
	}
	return 0;
}

static int ask(struct symbolizer *s, const struct symbol_query *q, size_t first, size_t n, int64_t deadline)
{
	size_t next = 0, len = 0;
	int err;

	memcpy(s->request.offsets, q->offsets + first, n * sizeof(uint64_t));
	err = send_request(s, SYMBOLIZER_NAMES, n, NULL, 0);
	while (!err) {
		err = receive(s, deadline, &len);
		if (!err)
			err = take_answers(s, q, len, first, n, &next);
		if (!err && s->reply.last)
			break;
	}
	return err;
}

int symbolizer_names(struct symbolizer *s, const struct symbol_query *q)
{
	int64_t deadline = child_link_now_ms() + s->limit_ms;
	bool open = false;
	int err;

	if (s->slow >= SLOW_MAX)
		return fail(-ETIMEDOUT, "symbols: the process that reads them does not answer");
	err = s->child.pid ? 0 : start_child(s);
	s->reply.err = 0;
	if (!err)
		err = open_file(s, q, deadline);
	open = !err;
	for (size_t first = 0; !err && first < q->n; first += SYMBOLIZER_OFFSETS) {
		size_t n = q->n - first < SYMBOLIZER_OFFSETS ? q->n - first : SYMBOLIZER_OFFSETS;

		err = ask(s, q, first, n, deadline);
	}
	s->slow = err == -ETIMEDOUT ? s->slow + 1 : err ? s->slow : 0;
	/* an answer of the child's own leaves it at its post; anything else may have left messages on the way */
	if (err && (open || s->reply.err != err || err == -EPIPE || err == -ETIMEDOUT || err == -EPROTO))
		child_link_end(&s->child, 1);
	return err;
}
