/* SPDX-License-Identifier: BSD-2-Clause */
/* In: a PID. Out: its executable mappings and the number of its threads. */
#include "capture/proc_maps.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"

/* "\012" for a newline is the one escape that the kernel writes; in place. */
static void unescape(char *path)
{
	char *to = path;

	for (const char *from = path; *from;) {
		if (!strncmp(from, "\\012", 4)) {
			*to++ = '\n';
			from += 4;
		} else {
			*to++ = *from++;
		}
	}
	*to = 0;
}

/* "START-END PERM OFFSET MAJ:MIN INODE   PATH" */
static bool parse_line(char *line, struct sideband_event *e)
{
	unsigned long long start, end, offset, inode;
	unsigned int major, minor;
	char permissions[8], *path;
	int at = 0;

	line[strcspn(line, "\n")] = 0;
	if (sscanf(line, "%llx-%llx %7s %llx %x:%x %llu %n", &start, &end, permissions, &offset, &major,
		   &minor, &inode, &at) != 7 ||
	    !at || strlen(permissions) < 4 || permissions[2] != 'x' || end <= start)
		return false;
	path = line + at;
	unescape(path);
	e->type = SIDEBAND_MMAP;
	e->start = start;
	e->len = end - start;
	e->offset = offset;
	e->identity.inode = inode;
	e->identity.major = major;
	e->identity.minor = minor;
	e->path = path;
	return true;
}

int proc_read_maps(uint32_t pid, uint64_t ts, sideband_fn fn, void *ctx)
{
	char path[64], *line = NULL;
	size_t cap = 0;
	FILE *maps;
	int err = 0;

	snprintf(path, sizeof(path), "/proc/%u/maps", pid);
	maps = fopen(path, "re");
	if (!maps)
		return fail(errno == ENOENT ? -ESRCH : -errno, "process %u: its mappings: %s", pid,
			    strerror(errno));
	while (!err && getline(&line, &cap, maps) > 0) {
		struct sideband_event e = {.ts = ts, .pid = pid, .tid = pid};

		if (parse_line(line, &e))
			err = fn(ctx, &e);
	}
	free(line);
	fclose(maps);
	return err;
}

/* Ended, and not yet waited for by its parent. */
static bool is_zombie(uint32_t pid)
{
	char path[64], stat[512];
	const char *end;
	size_t len;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%u/stat", pid);
	file = fopen(path, "re");
	if (!file)
		return true;
	len = fread(stat, 1, sizeof(stat) - 1, file);
	fclose(file);
	stat[len] = 0;
	end = strrchr(stat, ')'); /* of the name, which may hold anything */
	return end && (!strncmp(end, ") Z", 3) || !strncmp(end, ") X", 3));
}

uint32_t proc_count_threads(uint32_t pid)
{
	char path[64];
	struct dirent *entry;
	uint32_t n = 0;
	DIR *tasks;

	snprintf(path, sizeof(path), "/proc/%u/task", pid);
	tasks = opendir(path);
	if (!tasks)
		return 0;
	while ((entry = readdir(tasks)))
		n += entry->d_name[0] != '.';
	closedir(tasks);
	return n == 1 && is_zombie(pid) ? 0 : n;
}
