/* SPDX-License-Identifier: BSD-2-Clause */
/* In: what a recording says of a file. Out: files of this machine that may be it. */
#include "symbols/debug_places.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define DEBUG_FOLDER "/usr/lib/debug"

/* Only a look: what is no regular file must not be opened (a tape would rewind, a pipe would block). */
static int look(const char *dir, const char *path)
{
	struct open_how how = {.flags = O_PATH | O_CLOEXEC,
			       .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
	char whole[2 * DEBUG_PLACES_PATH];
	int root, fd;

	if (!dir)
		return open(path, O_PATH | O_CLOEXEC);
	root = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return -1;
	fd = (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
	close(root);
	if (fd >= 0 || (errno != ENOSYS && errno != EPERM))
		return fd;
	/* before 5.6, and in containers that know no openat2: without "..", at least */
	if (strstr(path, "..") || snprintf(whole, sizeof(whole), "%s/%s", dir, path) >= (int)sizeof(whole))
		return -1;
	return open(whole, O_PATH | O_CLOEXEC);
}

int debug_places_open(const char *dir, const char *path)
{
	char again[64];
	struct stat st;
	int place = look(dir, path), fd = -1;

	if (place < 0)
		return -1;
	if (!fstat(place, &st) && S_ISREG(st.st_mode)) {
		snprintf(again, sizeof(again), "/proc/self/fd/%d", place);
		fd = open(again, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	}
	close(place);
	return fd;
}

/* "FOLDER/.build-id/12/34…debug"; false if there is no id to go by. */
static bool id_path(char *to, size_t size, const char *folder, const struct debug_places_want *w)
{
	size_t at;

	if (w->build_id_len < 2)
		return false;
	at = (size_t)snprintf(to, size, "%s/.build-id/", folder);
	for (size_t i = 0; i < w->build_id_len && at < size; i++)
		at += (size_t)snprintf(to + at, size - at, i == 1 ? "/%02x" : "%02x", w->build_id[i]);
	return at < size && (size_t)snprintf(to + at, size - at, ".debug") < size - at;
}

/* The folder of a path, without the last slash. */
static int folder_length(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? (int)(slash - path) : 0;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* The places of a kind, by number: 1 a path in `to`, 0 none under this number, -1 no more. */
typedef int (*place_fn)(const struct debug_places_want *w, size_t n, bool in_symfs, char *to, size_t size);

static int file_place(const struct debug_places_want *w, size_t n, bool in_symfs, char *to, size_t size)
{
	switch (n) {
	case 0:
		return w->path[0] == '/' && (size_t)snprintf(to, size, "%s", w->path) < size;
	case 1: /* a folder of loose files; without a build id any of that name would do */
		return in_symfs && w->build_id_len &&
		       (size_t)snprintf(to, size, "/%s", base_name(w->path)) < size;
	default:
		return -1;
	}
}

static int debug_place(const struct debug_places_want *w, size_t n, bool in_symfs, char *to, size_t size)
{
	const char *link = w->link && *w->link && !strchr(w->link, '/') ? w->link : NULL;
	const int folder = folder_length(w->path);

	switch (n) {
	case 0:
		return id_path(to, size, DEBUG_FOLDER, w);
	case 1:
		return in_symfs && id_path(to, size, "", w);
	case 2:
		return link && (size_t)snprintf(to, size, "%.*s/%s", folder, w->path, link) < size;
	case 3:
		return link && (size_t)snprintf(to, size, "%.*s/.debug/%s", folder, w->path, link) < size;
	case 4:
		return link &&
		       (size_t)snprintf(to, size, DEBUG_FOLDER "%.*s/%s", folder, w->path, link) < size;
	case 5:
		return link && in_symfs && (size_t)snprintf(to, size, "/%s", link) < size;
	default:
		return -1;
	}
}

static int alt_place(const struct debug_places_want *w, size_t n, bool in_symfs, char *to, size_t size)
{
	const char *link = w->link && *w->link ? w->link : NULL;

	switch (n) {
	case 0:
		return id_path(to, size, DEBUG_FOLDER, w);
	case 1:
		return in_symfs && id_path(to, size, "", w);
	case 2:
		if (!link)
			return 0;
		if (link[0] == '/')
			return (size_t)snprintf(to, size, "%s", link) < size;
		/* from the debug file's folder, which is that of its build id or the one that mirrors the
		 * file's */
		return (size_t)snprintf(to, size, "%.*s/%s", folder_length(w->path), w->path, link) < size;
	case 3: /* what Debian's are called is "../../.dwz/…" or the absolute path of them */
		link = link ? strstr(link, "/.dwz/") : NULL;
		return link && (size_t)snprintf(to, size, DEBUG_FOLDER "%s", link) < size;
	default:
		return -1;
	}
}

/* First below symfs, then here. A file that was recorded without a build id can be any of that name on a
 * machine that is not the recorded one: with symfs that is all it can be found in. */
static int next(const struct debug_places_want *w, place_fn place, size_t *at, char *shown)
{
	for (;; (*at)++) {
		const bool in_symfs = w->symfs && !(*at & 1);
		char path[DEBUG_PLACES_PATH];
		int there = place(w, *at / 2, in_symfs, path, sizeof(path)), fd;

		if (there < 0)
			return -1;
		if (!there || (!(*at & 1) && !w->symfs) || (!in_symfs && w->symfs && !w->build_id_len))
			continue;
		fd = debug_places_open(in_symfs ? w->symfs : NULL, path);
		if (fd < 0)
			continue;
		snprintf(shown, DEBUG_PLACES_PATH, "%s%s", in_symfs ? w->symfs : "", path);
		(*at)++;
		return fd;
	}
}

int debug_places_next(const struct debug_places_want *w, size_t *at, char *shown)
{
	return next(w, file_place, at, shown);
}

int debug_places_next_debug(const struct debug_places_want *w, size_t *at, char *shown)
{
	return next(w, debug_place, at, shown);
}

int debug_places_next_alt(const struct debug_places_want *w, size_t *at, char *shown)
{
	return next(w, alt_place, at, shown);
}
