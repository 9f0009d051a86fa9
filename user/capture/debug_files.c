/* SPDX-License-Identifier: BSD-2-Clause */
/* In: a file's path and build id, the name of its debug file. Out: descriptors of what is found. */
#include "capture/debug_files.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "capture/file_rights.h"

#define BUILD_ID_MAX 27 /* of the recording */

struct search {
	const struct process_roots *roots;
	int *fds;
	size_t n;
};

static void try_path(struct search *s, uint32_t root, const char *format, ...) __attribute__((format(printf, 3, 4)));

static void try_path(struct search *s, uint32_t root, const char *format, ...)
{
	char path[PATH_MAX];
	struct stat st;
	va_list args;
	int len, fd;

	va_start(args, format);
	len = vsnprintf(path, sizeof(path), format, args);
	va_end(args);
	if (len < 0 || (size_t)len >= sizeof(path) || s->n >= DEBUG_FILES_MAX)
		return;
	fd = process_roots_open(s->roots, root, path, &st);
	if (fd >= 0)
		s->fds[s->n++] = fd;
}

static void try_build_id(struct search *s, const struct debug_files_of *of)
{
	char hex[2 * BUILD_ID_MAX + 1] = "";

	if (of->build_id_len < 2 || of->build_id_len > BUILD_ID_MAX)
		return;
	for (size_t i = 0; i < of->build_id_len; i++)
		snprintf(hex + 2 * i, sizeof(hex) - 2 * i, "%02x", of->build_id[i]);
	try_path(s, of->root, "/usr/lib/debug/.build-id/%.2s/%s.debug", hex, hex + 2);
	if (of->root != PROCESS_ROOT_OWN)
		try_path(s, PROCESS_ROOT_OWN, "/usr/lib/debug/.build-id/%.2s/%s.debug", hex, hex + 2);
}

static void try_link(struct search *s, const struct debug_files_of *of, const char *link)
{
	const char *slash = strrchr(of->path, '/');
	int folder = slash ? (int)(slash - of->path) : 0;

	/* a name, no path: it must not lead anywhere else */
	if (!link[0] || strchr(link, '/') || !slash || of->path[0] != '/')
		return;
	if (strcmp(slash + 1, link))
		try_path(s, of->root, "%.*s/%s", folder, of->path, link);
	try_path(s, of->root, "%.*s/.debug/%s", folder, of->path, link);
	try_path(s, of->root, "/usr/lib/debug%.*s/%s", folder, of->path, link);
	if (of->root != PROCESS_ROOT_OWN)
		try_path(s, PROCESS_ROOT_OWN, "/usr/lib/debug%.*s/%s", folder, of->path, link);
}

size_t debug_files_open(const struct process_roots *r, const struct debug_files_of *of, const char *link,
			const struct identity *reader, int *fds)
{
	struct search s = {.roots = r};
	struct file_rights before = {0};

	s.fds = fds;
	if (reader && file_rights_take(&before, reader))
		return 0;
	try_build_id(&s, of);
	try_link(&s, of, link);
	if (file_rights_return(&before)) {
		/* fewer rights than before: what comes then fails by itself, with its own words */
	}
	return s.n;
}
