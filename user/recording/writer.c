/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * In: sections of bytes. Out: the recording file, at every moment a readable prefix: a section that could not
 * be written whole is cut off again, and nothing follows it.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/fail.h"
#include "recording/format.h"
#include "recording/pack.h"
#include "recording/recording.h"

struct recording_writer {
	int fd;
	char *path;
	off_t base;	  /* where in the file the recording starts, -1: not seekable */
	uint64_t written; /* bytes of header and whole sections */
	struct pack *pack;
	struct bytes packed;
	int err; /* the first error, and its message */
	bool cut; /* it left the file at the end of its last whole section */
	char *message;
};

static int write_all(int fd, const void *data, size_t len)
{
	const unsigned char *at = data;

	while (len) {
		ssize_t n = write(fd, at, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -EIO;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

static const char *remedy(int err)
{
	switch (err) {
	case -ENOSPC:
	case -EDQUOT:
		return "make room, or use -o to write the recording elsewhere";
	case -EFBIG:
		return "raise the limit on file sizes (ulimit -f), or use -o to write to another file system";
	case -EPIPE:
		return "its reader went away";
	default:
		return "use -o to write the recording elsewhere";
	}
}

/* Remembers the first error and cuts the file back to what is whole. */
static int writer_break(struct recording_writer *w, int err)
{
	w->err = fail(err, "recording %s: %s after %llu bytes: %s", w->path, strerror(-err),
		      (unsigned long long)w->written, remedy(err));
	w->message = strdup(fail_message());
	/* Where this is not possible (a pipe, a device) the reader's checks find the same end. */
	w->cut = w->base >= 0 && ftruncate(w->fd, w->base + (off_t)w->written) == 0 &&
		 lseek(w->fd, w->base + (off_t)w->written, SEEK_SET) >= 0;
	return w->err;
}

bool recording_retry(struct recording_writer *w)
{
	if (!w->cut || !w->written || (w->err != -ENOSPC && w->err != -EDQUOT && w->err != -EFBIG))
		return false;
	free(w->message);
	w->message = NULL;
	w->err = 0;
	return true;
}

static int writer_broken(const struct recording_writer *w)
{
	return fail(w->err, "%s", w->message ? w->message : "the recording could not be written");
}

struct recording_writer *recording_writer_new(int fd, const char *path)
{
	struct format_header header = {.version = RECORDING_VERSION, .byte_order = FORMAT_BYTE_ORDER};
	struct recording_writer *w = calloc(1, sizeof(*w));
	int err;

	if (w) {
		w->path = strdup(path);
		w->pack = pack_new();
	}
	if (!w || !w->path || !w->pack) {
		fail(-ENOMEM, "recording %s: out of memory", path);
		if (w) {
			free(w->path);
			pack_free(w->pack);
			free(w);
		}
		return NULL;
	}
	w->fd = fd;
	w->base = lseek(fd, 0, SEEK_CUR);
	memcpy(header.magic, FORMAT_MAGIC, FORMAT_MAGIC_LEN);
	err = write_all(fd, &header, sizeof(header));
	if (err)
		writer_break(w, err);
	else
		w->written = sizeof(header);
	return w;
}

/* The section's header and stored bytes as one run in w->packed. */
static int assemble(struct recording_writer *w, uint32_t type, const void *data, size_t len, bool compress)
{
	struct format_section head = {.type = type, .raw_size = (uint32_t)len, .stored_size = (uint32_t)len};
	size_t room = len > 16 ? len - 1 : 0, packed = 0;
	unsigned char *body;
	int err;

	bytes_clear(&w->packed);
	err = bytes_reserve(&w->packed, sizeof(head) + len);
	if (err)
		return err;
	body = w->packed.data + sizeof(head);
	if (compress && room)
		packed = pack_deflate(w->pack, data, len, body, room);
	if (packed) {
		head.flags = FORMAT_DEFLATE;
		head.stored_size = (uint32_t)packed;
	} else if (len) {
		memcpy(body, data, len);
	}
	head.stored_crc = pack_crc(body, head.stored_size);
	head.check = pack_crc(&head, FORMAT_CHECKED_BYTES);
	memcpy(w->packed.data, &head, sizeof(head));
	w->packed.len = sizeof(head) + head.stored_size;
	return 0;
}

int recording_write(struct recording_writer *w, enum section_type type, const void *data, size_t len,
		    bool compress)
{
	int err;

	if (w->err)
		return writer_broken(w);
	if (len > RECORDING_SECTION_MAX)
		return fail(-EMSGSIZE,
			    "recording %s: a section of %zu bytes: at most %u fit: write it in parts",
			    w->path, len, RECORDING_SECTION_MAX);
	err = assemble(w, (uint32_t)type, data, len, compress);
	if (err)
		return fail_within(err, "recording %s", w->path);
	err = write_all(w->fd, w->packed.data, w->packed.len);
	if (err)
		return writer_break(w, err);
	w->written += w->packed.len;
	return 0;
}

uint64_t recording_bytes(const struct recording_writer *w)
{
	return w->written;
}

int recording_writer_close(struct recording_writer *w, bool complete)
{
	int err;

	if (!w)
		return 0;
	if (complete && !w->err)
		recording_write(w, SECTION_DONE, NULL, 0, false);
	/* NFS and quotas may only say now that the bytes did not arrive. */
	if (close(w->fd) && errno != EINTR && !w->err)
		w->err = fail(-errno, "recording %s: %s: %s", w->path, strerror(errno), remedy(-errno));
	else if (w->err)
		writer_broken(w);
	err = w->err;
	free(w->path);
	free(w->message);
	pack_free(w->pack);
	bytes_release(&w->packed);
	free(w);
	return err;
}
