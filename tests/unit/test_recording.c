/* SPDX-License-Identifier: BSD-2-Clause */
/* In: recordings whole, cut at every byte, with every bit flipped, foreign, newer, onto a full disk. Out:
 * exit 0 if every check held. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* memfd_create */
#endif
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

#include "base/bytes.h"
#include "base/fail.h"
#include "check.h"
#include "recording/format.h"
#include "recording/recording.h"

/* What the small recording holds. */
static const struct {
	uint32_t type;
	const char *text;
	size_t len;
	bool compress;
} sections[] = {
	{SECTION_META, "verb\0run", 9, false},
	{SECTION_EVENTS, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	 80, true},
	{SECTION_EVENTS, "", 0, true},
	{SECTION_NAMES, "0123456789abcdef", 16, true}, /* does not get smaller: stored */
};
enum { N_SECTIONS = sizeof(sections) / sizeof(sections[0]) };

static const char path[] = "a test's recording";

static int memory_file(const void *data, size_t len)
{
	int fd = memfd_create("recording", MFD_CLOEXEC);

	CHECK(fd >= 0);
	CHECK_EQ(write(fd, data, len), (ssize_t)len);
	CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static int open_fd(struct recording **r, int fd)
{
	char name[64];

	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	return recording_open(r, name);
}

/* The small recording's bytes. */
static size_t small_recording(unsigned char *bytes, size_t room, bool complete)
{
	int fd = memfd_create("recording", MFD_CLOEXEC), copy = dup(fd);
	struct recording_writer *w = recording_writer_new(fd, path);
	ssize_t len;
	size_t i;

	CHECK(w != NULL);
	for (i = 0; i < N_SECTIONS; i++)
		CHECK_EQ(recording_write(w, sections[i].type, sections[i].text, sections[i].len,
					 sections[i].compress),
			 0);
	len = lseek(copy, 0, SEEK_END);
	CHECK_EQ(recording_bytes(w), len);
	CHECK_EQ(recording_writer_close(w, complete), 0);
	len = pread(copy, bytes, room, 0);
	close(copy);
	CHECK(len > 0 && (size_t)len < room);
	return (size_t)len;
}

/* Reads the bytes; every section that comes must be the one that was written. How many came, or the error of
 * open. */
static int read_back(const void *bytes, size_t len, bool *whole)
{
	struct recording *r = NULL;
	const unsigned char *data;
	int fd = memory_file(bytes, len), n = 0, err;
	uint32_t type;
	size_t size;

	err = open_fd(&r, fd);
	close(fd);
	*whole = false;
	if (err) {
		CHECK(!r && fail_message()[0]);
		return err;
	}
	while ((err = recording_next(r, &type, &data, &size)) == 1 && n < N_SECTIONS) {
		CHECK_EQ(type, sections[n].type);
		CHECK_EQ(size, sections[n].len);
		CHECK(size == sections[n].len && !memcmp(data, sections[n].text, size));
		n++;
	}
	CHECK_EQ(err, 0);
	CHECK_EQ(recording_next(r, &type, &data, &size), 0); /* the end stays the end */
	*whole = !recording_damage(r);
	recording_close(r);
	return n;
}

static void test_whole(void)
{
	unsigned char bytes[1000];
	size_t len = small_recording(bytes, sizeof(bytes), true), unfinished;
	bool whole;

	CHECK_EQ(read_back(bytes, len, &whole), N_SECTIONS);
	CHECK(whole);
	/* header, four section headers and one for the end, stored bytes; the 80 equal bytes are fewer than
	 * 20 */
	CHECK(len > 16 + 24 * 5 + 9 + 16 && len < 16 + 24 * 5 + 9 + 16 + 20);
	unfinished = small_recording(bytes, sizeof(bytes), false);
	CHECK_EQ(unfinished, len - 24);
	CHECK_EQ(read_back(bytes, unfinished, &whole), N_SECTIONS);
	CHECK(!whole);
}

static void test_cut(void)
{
	unsigned char bytes[1000];
	size_t len = small_recording(bytes, sizeof(bytes), true), cut;
	int before = 0, n;
	bool whole;

	for (cut = 0; cut < len; cut++) {
		n = read_back(bytes, cut, &whole);
		CHECK(!whole);
		if (cut < 16) {
			CHECK_EQ(n, -ENODATA);
			continue;
		}
		CHECK(n == before || n == before + 1);
		before = n;
	}
	CHECK_EQ(before, N_SECTIONS);
}

static void test_flipped(void)
{
	unsigned char bytes[1000];
	size_t len = small_recording(bytes, sizeof(bytes), true), bit;
	bool whole;
	int n;

	for (bit = 0; bit < len * 8; bit++) {
		bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
		n = read_back(bytes, len, &whole);
		CHECK(!whole);
		if (bit < 128)
			CHECK(n == -EINVAL || n == -EPROTO);
		else
			CHECK(n >= 0 && n <= N_SECTIONS);
		bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
	}
}

static void test_foreign(void)
{
	static const char text[] = "#!/bin/sh\necho not a recording\n";
	unsigned char bytes[1000];
	size_t len = small_recording(bytes, sizeof(bytes), true);
	struct recording *r = NULL;
	uint32_t version = RECORDING_VERSION + 1, order = FORMAT_SWAPPED_ORDER;
	bool whole;

	CHECK_EQ(read_back(text, sizeof(text), &whole), -EINVAL);
	CHECK(strstr(fail_message(), "not a conctrace recording"));
	CHECK_EQ(read_back("hi", 2, &whole), -EINVAL);
	memcpy(bytes + 8, &version, sizeof(version));
	CHECK_EQ(read_back(bytes, len, &whole), -EPROTO);
	CHECK(strstr(fail_message(), "newer"));
	version = RECORDING_VERSION;
	memcpy(bytes + 8, &version, sizeof(version));
	memcpy(bytes + 12, &order, sizeof(order));
	CHECK_EQ(read_back(bytes, len, &whole), -EINVAL);
	CHECK(strstr(fail_message(), "byte order"));
	CHECK_EQ(recording_open(&r, "/nonexistent/conctrace.data"), -ENOENT);
	CHECK(strstr(fail_message(), "/nonexistent/conctrace.data"));
	CHECK_EQ(recording_open(&r, "/"), -EISDIR);
	CHECK(!r);
}

static size_t forge(unsigned char *to, uint32_t flags, uint32_t raw, const void *stored, uint32_t len)
{
	struct format_header header = {.version = RECORDING_VERSION, .byte_order = FORMAT_BYTE_ORDER};
	struct format_section head = {SECTION_META, flags, raw, len, 0, 0};

	memcpy(header.magic, FORMAT_MAGIC, FORMAT_MAGIC_LEN);
	head.stored_crc = (uint32_t)crc32(0, stored, len);
	head.check = (uint32_t)crc32(0, (unsigned char *)&head, 20);
	memcpy(to, &header, sizeof(header));
	memcpy(to + 16, &head, sizeof(head));
	memcpy(to + 40, stored, len);
	return 40 + len;
}

/* Headers whose checksums are right and whose claims are not. */
static void test_hostile(void)
{
	unsigned char bytes[1000], packed[200], zeros[4096] = {0};
	uLongf len = sizeof(packed);
	struct format_section head;
	bool whole;

	CHECK_EQ(compress2(packed, &len, zeros, sizeof(zeros), 1), Z_OK);
	/* right is accepted (the contents are not sections[0], so only the damage is looked at) */
	CHECK_EQ(read_back(bytes, forge(bytes, 0, 9, "verb\0run", 9), &whole), 1);
	/* longer, shorter than it says; impossible; not of this version */
	CHECK_EQ(read_back(bytes, forge(bytes, 1, 4095, packed, (uint32_t)len), &whole), 0);
	CHECK_EQ(read_back(bytes, forge(bytes, 1, 4097, packed, (uint32_t)len), &whole), 0);
	CHECK_EQ(read_back(bytes, forge(bytes, 1, RECORDING_SECTION_MAX, packed, (uint32_t)len), &whole), 0);
	CHECK_EQ(read_back(bytes, forge(bytes, 1, 0, packed, (uint32_t)len), &whole), 0);
	CHECK_EQ(read_back(bytes, forge(bytes, 1, 4096, packed, (uint32_t)len - 1), &whole), 0);
	CHECK_EQ(read_back(bytes, forge(bytes, 0, 10, "verb\0run", 9), &whole), 0);
	CHECK_EQ(read_back(bytes, forge(bytes, 2, 9, "verb\0run", 9), &whole), 0);
	/* 64 MB claimed, 9 bytes there */
	forge(bytes, 0, 9, "verb\0run", 9);
	memcpy(&head, bytes + 16, sizeof(head));
	head.raw_size = head.stored_size = RECORDING_SECTION_MAX;
	head.check = (uint32_t)crc32(0, (unsigned char *)&head, 20);
	memcpy(bytes + 16, &head, sizeof(head));
	CHECK_EQ(read_back(bytes, 49, &whole), 0);
	head.raw_size = head.stored_size = RECORDING_SECTION_MAX + 1;
	head.check = (uint32_t)crc32(0, (unsigned char *)&head, 20);
	memcpy(bytes + 16, &head, sizeof(head));
	CHECK_EQ(read_back(bytes, 49, &whole), 0);
}

static void test_pipe(void)
{
	enum { LEN = 3 << 20 };
	unsigned char *large = malloc(LEN);
	const unsigned char *data;
	struct recording *r = NULL;
	struct recording_writer *w;
	uint32_t type, seed = 1, i;
	int pipes[2], saved, status;
	size_t len;
	pid_t child;

	CHECK(large && pipe(pipes) == 0);
	for (i = 0; i < LEN; i++)
		large[i] = (unsigned char)((seed = seed * 1664525 + 1013904223) >> 24);
	child = fork();
	if (!child) {
		close(pipes[0]);
		w = recording_writer_new(pipes[1], "pipe");
		if (!w || recording_write(w, SECTION_EVENTS, large, LEN, true) ||
		    recording_writer_close(w, true))
			_exit(1);
		_exit(0);
	}
	close(pipes[1]);
	saved = dup(0);
	dup2(pipes[0], 0);
	close(pipes[0]);
	CHECK_EQ(recording_open(&r, "-"), 0);
	dup2(saved, 0);
	close(saved);
	CHECK_EQ(recording_next(r, &type, &data, &len), 1);
	CHECK_EQ(len, LEN);
	CHECK(len == LEN && !memcmp(data, large, LEN));
	CHECK_EQ(recording_next(r, &type, &data, &len), 0);
	CHECK(!recording_damage(r));
	recording_close(r);
	CHECK_EQ(waitpid(child, &status, 0), child);
	CHECK_EQ(status, 0);
	free(large);
}

static void test_too_large(void)
{
	struct recording_writer *w = recording_writer_new(memfd_create("recording", MFD_CLOEXEC), path);
	unsigned char byte = 0;

	CHECK(w != NULL);
	/* refused before a byte is read; and no reason to give up what follows */
	CHECK_EQ(recording_write(w, SECTION_META, &byte, (size_t)RECORDING_SECTION_MAX + 1, true), -EMSGSIZE);
	CHECK_EQ(recording_write(w, SECTION_META, &byte, 1, true), 0);
	CHECK_EQ(recording_writer_close(w, true), 0);
	CHECK_EQ(recording_writer_close(NULL, true), 0);
}

/* A limit on the file's size stands for a full disk: a write is cut short, the next fails. */
static void test_disk_full(void)
{
	struct rlimit before, limit;
	char name[] = "/tmp/conctrace-test-XXXXXX", block[300], message[200];
	int fd = mkstemp(name), copy = dup(fd), n = 0;
	struct recording_writer *w;
	const unsigned char *data;
	struct recording *r = NULL;
	uint32_t type;
	size_t len;

	memset(block, 'b', sizeof(block));
	signal(SIGXFSZ, SIG_IGN);
	CHECK_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
	limit = before;
	limit.rlim_cur = 1000;
	CHECK_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
	w = recording_writer_new(fd, name);
	CHECK(w != NULL);
	CHECK_EQ(recording_write(w, SECTION_EVENTS, block, sizeof(block), false), 0);
	CHECK_EQ(recording_write(w, SECTION_EVENTS, block, sizeof(block), false), 0);
	CHECK_EQ(recording_write(w, SECTION_EVENTS, block, sizeof(block), false), 0);
	CHECK_EQ(recording_write(w, SECTION_EVENTS, block, sizeof(block), false), -EFBIG);
	snprintf(message, sizeof(message), "%s", fail_message());
	CHECK(strstr(message, name) && strstr(message, strerror(EFBIG)) && strstr(message, "988"));
	CHECK_EQ(lseek(copy, 0, SEEK_END), 16 + 3 * 324);
	CHECK_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
	/* there is room again, but a hole in the middle is not wanted */
	fail(-1, "another message");
	CHECK_EQ(recording_write(w, SECTION_EVENTS, block, sizeof(block), false), -EFBIG);
	CHECK_STR(fail_message(), message);
	CHECK_EQ(recording_bytes(w), 16 + 3 * 324);
	CHECK_EQ(recording_writer_close(w, true), -EFBIG);
	CHECK_EQ(lseek(copy, 0, SEEK_END), 16 + 3 * 324);
	close(copy);
	CHECK_EQ(recording_open(&r, name), 0);
	while (recording_next(r, &type, &data, &len) == 1)
		n++;
	CHECK_EQ(n, 3);
	CHECK(recording_damage(r) && strstr(recording_damage(r), "988"));
	recording_close(r);
	unlink(name);
}

/* What found no room may be tried in smaller parts, but not where nothing can be cut off or the error is another. */
static void test_retry(void)
{
	struct rlimit before, limit;
	char name[] = "/tmp/conctrace-test-XXXXXX", block[300];
	int fd = mkstemp(name), n = 0;
	struct recording_writer *w;
	const unsigned char *data;
	struct recording *r = NULL;
	uint32_t type;
	size_t len;

	memset(block, 'b', sizeof(block));
	signal(SIGXFSZ, SIG_IGN);
	CHECK_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
	limit = before;
	limit.rlim_cur = 500;
	CHECK_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
	w = recording_writer_new(fd, name);
	CHECK(w && !recording_retry(w));
	CHECK_EQ(recording_write(w, SECTION_EVENTS, block, sizeof(block), false), 0);
	CHECK_EQ(recording_write(w, SECTION_EVENTS, block, sizeof(block), false), -EFBIG);
	CHECK(recording_retry(w));
	CHECK(!recording_retry(w)); /* once */
	CHECK_EQ(recording_write(w, SECTION_EVENTS, block, 100, false), 0);
	CHECK_EQ(recording_write(w, SECTION_EVENTS, block, 100, false), -EFBIG);
	CHECK_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
	CHECK_EQ(recording_writer_close(w, true), -EFBIG);
	CHECK_EQ(recording_open(&r, name), 0);
	while (recording_next(r, &type, &data, &len) == 1)
		n++;
	CHECK(n == 2 && len == 100 && recording_damage(r));
	recording_close(r);
	unlink(name);

	w = recording_writer_new(open("/dev/full", O_WRONLY | O_CLOEXEC), "/dev/full");
	CHECK(w && recording_write(w, SECTION_META, "a\0b", 4, true) == -ENOSPC);
	CHECK(!recording_retry(w));
	CHECK_EQ(recording_writer_close(w, false), -ENOSPC);
}

static void test_no_room_at_all(void)
{
	int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
	struct recording_writer *w = recording_writer_new(fd, "/dev/full");

	CHECK(fd >= 0 && w);
	CHECK_EQ(recording_write(w, SECTION_META, "a\0b", 4, true), -ENOSPC);
	CHECK(strstr(fail_message(), "/dev/full") && strstr(fail_message(), "-o"));
	CHECK_EQ(recording_bytes(w), 0);
	CHECK_EQ(recording_writer_close(w, true), -ENOSPC);
	CHECK(fcntl(fd, F_GETFD) < 0); /* closed all the same */
}

int main(void)
{
	test_whole();
	test_cut();
	test_flipped();
	test_foreign();
	test_hostile();
	test_pipe();
	test_too_large();
	test_disk_full();
	test_retry();
	test_no_room_at_all();
	return check_done();
}
