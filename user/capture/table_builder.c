/* SPDX-License-Identifier: BSD-2-Clause */
/* In: descriptors of untrusted files. Out: unwind tables, by way of a child in a cage. */
#include "capture/table_builder.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fail.h"
#include "capture/table_builder_child.h"
#include "symbols/child_link.h"
#include "symbols/sandbox.h"

#define LIMIT_MS 5000
#define SLOW_MAX 3 /* children in a row that do not answer, then there are no more: somebody stops them, or the machine stands still */

_Static_assert(TABLE_BUILDER_DEBUG_FILES < CHILD_LINK_FDS, "a file and its debug files go out with one message");

struct table_builder {
	struct child_link child;
	uid_t uid;
	gid_t gid;
	int epoll; /* on the child's descriptor, which changes */
	unsigned char *memory;
	uint32_t number;
	bool busy;
	unsigned int slow; /* children in a row that did not answer in time */
	int limit_ms;
	int64_t deadline;
};

/* In the child. */
static void live(int fd, pid_t parent, const void *ctx)
{
	const struct table_builder *b = ctx;

	if (!sandbox_enter(fd, b->uid, b->gid, parent, SANDBOX_MEMORY))
		table_builder_child(SANDBOX_FD, b->memory);
}

static int start_child(struct table_builder *b)
{
	struct epoll_event event = {.events = EPOLLIN};
	struct table_reply first;
	size_t len;
	int err;

	if (b->slow >= SLOW_MAX)
		return fail(-ETIMEDOUT, "unwind tables: the process that makes them does not answer");
	err = child_link_start(&b->child, live, b);
	/* its first word: the sandbox is shut */
	if (!err)
		err = child_link_receive(b->child.fd, &first, sizeof(first), &len, NULL, NULL, LIMIT_MS);
	if (err) {
		child_link_end(&b->child, 1);
		b->slow += err == -ETIMEDOUT;
		return fail(err, "unwind tables: the process that makes them could not drop its rights: %s", strerror(-err));
	}
	if (epoll_ctl(b->epoll, EPOLL_CTL_ADD, b->child.fd, &event)) {
		err = -errno;
		child_link_end(&b->child, 1);
		return fail(err, "unwind tables: epoll: %s", strerror(-err));
	}
	return 0;
}

int table_builder_start(struct table_builder **out, uid_t uid, gid_t gid)
{
	struct table_builder *b = calloc(1, sizeof(*b));
	int err;

	*out = NULL;
	if (!b)
		return fail(-ENOMEM, "unwind tables: no memory");
	b->uid = uid;
	b->gid = gid;
	b->limit_ms = LIMIT_MS;
	b->epoll = epoll_create1(EPOLL_CLOEXEC);
	b->memory = mmap(NULL, TABLE_BUILDER_MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (b->memory == MAP_FAILED) {
		b->memory = NULL;
		err = fail(-ENOMEM, "unwind tables: no memory");
	} else {
		err = b->epoll < 0 ? fail(-errno, "unwind tables: epoll: %s", strerror(errno)) : start_child(b);
	}
	if (err) {
		table_builder_stop(b);
		return err;
	}
	*out = b;
	return 0;
}

void table_builder_stop(struct table_builder *b)
{
	if (!b)
		return;
	child_link_end(&b->child, 1);
	if (b->epoll >= 0)
		close(b->epoll);
	if (b->memory)
		munmap(b->memory, TABLE_BUILDER_MEMORY);
	free(b);
}

void table_builder_set_nice(const struct table_builder *b, int nice)
{
	if (b->child.pid)
		(void)setpriority(PRIO_PROCESS, (id_t)b->child.pid, nice); /* without the right: as it is */
}

int table_builder_fd(const struct table_builder *b)
{
	return b->epoll;
}

void table_builder_set_limit(struct table_builder *b, int ms)
{
	b->limit_ms = ms;
}

bool table_builder_is_idle(const struct table_builder *b)
{
	return !b->busy;
}

int table_builder_ask(struct table_builder *b, int fd, const int *debug_fds, size_t n)
{
	struct table_request request = {.magic = TABLE_BUILDER_MAGIC, .number = ++b->number};
	int fds[1 + TABLE_BUILDER_DEBUG_FILES] = {fd};
	int err = b->child.pid ? 0 : start_child(b);

	if (n > TABLE_BUILDER_DEBUG_FILES)
		n = TABLE_BUILDER_DEBUG_FILES;
	if (n)
		memcpy(fds + 1, debug_fds, n * sizeof(*fds));
	if (!err)
		err = child_link_send(b->child.fd, &request, sizeof(request), fds, 1 + n);
	if (err)
		return err;
	b->busy = true;
	b->deadline = child_link_now_ms() + b->limit_ms;
	return 0;
}

/* It is of no more use; what it wrote meanwhile goes with it. */
static int give_up(struct table_builder *b, int err)
{
	child_link_end(&b->child, 1);
	b->busy = false;
	b->slow += err == -ETIMEDOUT;
	return err;
}

static int check_reply(struct table_builder *b, const struct table_reply *r, struct packed_table *packed, struct table_file *file)
{
	size_t pages_at, rows_at;

	if (!elf_told_makes_sense(&r->told))
		return -EPROTO;
	*file = (struct table_file){.text = r->text, .bare = r->bare, .told = r->told};
	if (r->err)
		return r->err < 0 && r->err > -4096 ? r->err : -EPROTO;
	if (!table_layout(r, &pages_at, &rows_at))
		return -EPROTO;
	*packed = (struct packed_table){
		.rules = (const struct unwind_rule *)b->memory,
		.pages = (const struct unwind_page *)(b->memory + pages_at),
		.rows = (const uint32_t *)(b->memory + rows_at),
		.n_rules = r->n_rules,
		.n_pages = r->n_pages,
		.n_rows = r->n_rows,
		.first_page = r->first_page,
	};
	return 1;
}

int table_builder_take(struct table_builder *b, struct packed_table *packed, struct table_file *file)
{
	struct table_reply reply;
	ssize_t len;

	memset(file, 0, sizeof(*file));
	if (!b->busy)
		return 0;
	len = recv(b->child.fd, &reply, sizeof(reply), MSG_DONTWAIT);
	if (len < 0 && (errno == EAGAIN || errno == EINTR))
		return child_link_now_ms() < b->deadline ? 0 : give_up(b, -ETIMEDOUT);
	if (len <= 0)
		return give_up(b, -EPIPE);
	if (len != (ssize_t)sizeof(reply) || reply.magic != TABLE_BUILDER_MAGIC || reply.number != b->number)
		return give_up(b, -EPROTO);
	b->busy = false;
	b->slow = 0;
	return check_reply(b, &reply, packed, file);
}

void table_builder_wait(const struct table_builder *b, int ms)
{
	struct pollfd ready = {.fd = b->epoll, .events = POLLIN};

	(void)poll(&ready, 1, ms);
}

static bool add_size(size_t *at, size_t n, size_t size)
{
	size_t room = TABLE_BUILDER_MEMORY - *at;

	if (n > room / size)
		return false;
	*at = (*at + n * size + 15) & ~(size_t)15;
	return *at <= TABLE_BUILDER_MEMORY;
}

bool table_layout(const struct table_reply *r, size_t *pages_at, size_t *rows_at)
{
	size_t at = 0;

	if (!add_size(&at, r->n_rules, sizeof(struct unwind_rule)))
		return false;
	*pages_at = at;
	if (!add_size(&at, r->n_pages, sizeof(struct unwind_page)))
		return false;
	*rows_at = at;
	return add_size(&at, r->n_rows, sizeof(uint32_t));
}
