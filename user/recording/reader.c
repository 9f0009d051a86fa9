/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * In: a file (or pipe) that anybody may have written. Out: its sections, one by one, each checked against its
 * sizes and sums before a byte of it is believed. Memory follows the bytes that really arrived, never a claim
 * alone.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/fail.h"
#include "recording/format.h"
#include "recording/pack.h"
#include "recording/recording.h"

#define READ_STEP (1u << 20) /* a pipe's section grows by this as its bytes arrive */

struct recording {
	int fd;
	char *path;
	uint64_t at; /* bytes read */
	bool ended;  /* the walk is over: done, or damaged */
	bool done;
	char damage[160];
	struct pack *pack;
	struct bytes stored, raw;
};

/* Reads until `len` bytes are there or the file ends: how many, or a negative errno. */
static ssize_t read_some(struct recording *r, void *data, size_t len)
{
	unsigned char *to = data;
	size_t got = 0;

	while (got < len) {
		ssize_t n = read(r->fd, to + got, len - got);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail(-errno, "recording %s: read: %s", r->path, strerror(errno));
		if (n == 0)
			break;
		got += (size_t)n;
	}
	r->at += got;
	return (ssize_t)got;
}

static int __attribute__((format(printf, 2, 3))) damaged(struct recording *r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(r->damage, sizeof(r->damage), fmt, ap);
	va_end(ap);
	r->ended = true;
	return 0;
}

static int check_header(const struct recording *r, const struct format_header *h, size_t len)
{
	size_t magic = len < FORMAT_MAGIC_LEN ? len : FORMAT_MAGIC_LEN;

	if (!len)
		return fail(-ENODATA,
			    "recording %s: empty: nothing was recorded, or nothing could be written: record "
			    "again",
			    r->path);
	if (memcmp(h->magic, FORMAT_MAGIC, magic))
		return fail(
			-EINVAL,
			"recording %s: not a conctrace recording: name a file that conctrace run -o wrote",
			r->path);
	if (len < sizeof(*h))
		return fail(-ENODATA,
			    "recording %s: cut off within its header, after %zu bytes: record again", r->path,
			    len);
	if (h->byte_order == FORMAT_SWAPPED_ORDER)
		return fail(-EINVAL,
			    "recording %s: made on a machine of the other byte order: read it on a machine "
			    "like that one",
			    r->path);
	if (h->byte_order != FORMAT_BYTE_ORDER || !h->version)
		return fail(-EINVAL, "recording %s: not a conctrace recording: its header is damaged",
			    r->path);
	if (h->version > RECORDING_VERSION)
		return fail(-EPROTO,
			    "recording %s: format version %u, from a newer conctrace; this one reads up to "
			    "%u: use the newer one",
			    r->path, h->version, RECORDING_VERSION);
	return 0;
}

static int open_input(struct recording *r, const char *path)
{
	if (!strcmp(path, "-")) {
		r->fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	} else {
		r->fd = open(path, O_RDONLY | O_CLOEXEC);
	}
	if (r->fd >= 0)
		return 0;
	if (errno == ENOENT)
		return fail(-errno, "recording %s: %s: make one with conctrace run, or name another file",
			    path, strerror(errno));
	return fail(-errno, "recording %s: can't be opened: %s", path, strerror(errno));
}

int recording_open(struct recording **out, const char *path)
{
	struct recording *r = calloc(1, sizeof(*r));
	struct format_header header = {0};
	ssize_t len;
	int err = -ENOMEM;

	*out = NULL;
	if (r) {
		r->fd = -1;
		r->path = strdup(strcmp(path, "-") ? path : "(standard input)");
		r->pack = pack_new();
	}
	if (!r || !r->path || !r->pack) {
		fail(err, "recording %s: out of memory", path);
		goto out;
	}
	err = open_input(r, path);
	if (err)
		goto out;
	len = read_some(r, &header, sizeof(header));
	err = len < 0 ? (int)len : check_header(r, &header, (size_t)len);
	if (err)
		goto out;
	*out = r;
	r = NULL;
out:
	recording_close(r);
	return err;
}

/* What the file can still hold; a pipe can hold anything. */
static uint64_t bytes_left(const struct recording *r)
{
	struct stat st;
	off_t at;

	if (fstat(r->fd, &st) || !S_ISREG(st.st_mode))
		return UINT64_MAX;
	at = lseek(r->fd, 0, SEEK_CUR);
	return at < 0 ? UINT64_MAX : st.st_size > at ? (uint64_t)(st.st_size - at) : 0;
}

/* 1: a section starts here; 0: the walk is over; or a negative errno. */
static int read_section_head(struct recording *r, struct format_section *head)
{
	unsigned long long start = r->at;
	ssize_t len = read_some(r, head, sizeof(*head));

	if (len < 0)
		return (int)len;
	if (len == 0)
		return damaged(r, "ends at byte %llu without its last section: the recorder was stopped",
			       start);
	if ((size_t)len < sizeof(*head))
		return damaged(r, "ends within a section's header at byte %llu", (unsigned long long)r->at);
	if (pack_crc(head, FORMAT_CHECKED_BYTES) != head->check)
		return damaged(r, "the section header at byte %llu is damaged (checksum)", start);
	if (head->raw_size > RECORDING_SECTION_MAX || head->stored_size > RECORDING_SECTION_MAX ||
	    head->flags & ~FORMAT_DEFLATE ||
	    (head->flags ? head->raw_size / PACK_MAX_RATIO > head->stored_size
			 : head->raw_size != head->stored_size))
		return damaged(r, "the section header at byte %llu has impossible sizes", start);
	return 1;
}

/* The stored bytes into r->stored: 1, 0 if the file ends first, or a negative errno. */
static int read_stored(struct recording *r, size_t size)
{
	uint64_t left = bytes_left(r);
	/* A file too short for the section is read to its end in steps, like a pipe: no memory for what is
	 * not there. */
	size_t step = left != UINT64_MAX && left >= size ? size : READ_STEP, n;
	ssize_t got;
	int err;

	bytes_clear(&r->stored);
	while (r->stored.len < size) {
		n = size - r->stored.len < step ? size - r->stored.len : step;
		err = bytes_reserve(&r->stored, n);
		if (err)
			return fail_within(err, "recording %s", r->path);
		got = read_some(r, r->stored.data + r->stored.len, n);
		if (got < 0)
			return (int)got;
		r->stored.len += (size_t)got;
		if ((size_t)got < n)
			return damaged(r, "ends within a section at byte %llu", (unsigned long long)r->at);
	}
	return 1;
}

int recording_next(struct recording *r, uint32_t *type, const unsigned char **data, size_t *len)
{
	static const unsigned char nothing[1];
	struct format_section head;
	unsigned long long start = r->at;
	int err;

	if (r->ended)
		return 0;
	err = read_section_head(r, &head);
	if (err != 1)
		return err;
	err = read_stored(r, head.stored_size);
	if (err != 1)
		return err;
	if (pack_crc(r->stored.data, r->stored.len) != head.stored_crc)
		return damaged(r, "the section at byte %llu is damaged (checksum)", start);
	*data = r->stored.data;
	if (head.flags & FORMAT_DEFLATE) {
		bytes_clear(&r->raw);
		err = bytes_reserve(&r->raw, head.raw_size);
		if (!err)
			err = pack_inflate(r->pack, r->stored.data, r->stored.len, r->raw.data,
					   head.raw_size);
		if (err == -EBADMSG)
			return damaged(r, "the section at byte %llu is damaged (compression)", start);
		if (err)
			return fail(err, "recording %s: out of memory for a section of %u bytes", r->path,
				    head.raw_size);
		*data = r->raw.data;
	}
	if (head.type == SECTION_DONE) {
		r->ended = r->done = true;
		return 0;
	}
	*type = head.type;
	*len = head.raw_size;
	if (!*data)
		*data = nothing;
	return 1;
}

const char *recording_damage(const struct recording *r)
{
	if (r->done)
		return NULL;
	return r->damage[0] ? r->damage : "was not read to its end";
}

void recording_close(struct recording *r)
{
	if (!r)
		return;
	if (r->fd >= 0)
		close(r->fd);
	pack_free(r->pack);
	bytes_release(&r->stored);
	bytes_release(&r->raw);
	free(r->path);
	free(r);
}
