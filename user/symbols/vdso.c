/* SPDX-License-Identifier: BSD-2-Clause */
/* In: this process's [vdso] mapping. Out: a memory file with its bytes. */
#include "symbols/vdso.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fail.h"

/* The length of the mapping that starts there, 0 if none does. */
static size_t mapping_length(unsigned long start)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[512];
	size_t len = 0;

	if (!maps)
		return 0;
	while (!len && fgets(line, sizeof(line), maps)) {
		unsigned long from, to;

		if (sscanf(line, "%lx-%lx", &from, &to) == 2 && from == start)
			len = to - from;
	}
	fclose(maps);
	return len;
}

int vdso_open(void)
{
	unsigned long start = getauxval(AT_SYSINFO_EHDR);
	size_t len = start ? mapping_length(start) : 0;
	const void *image;
	int fd;

	if (!len)
		return fail(-ENOENT, "vdso: this process has none");
	fd = memfd_create("vdso", MFD_CLOEXEC);
	if (fd < 0)
		return fail(-errno, "vdso: memfd_create: %s", strerror(errno));
	image = (const void *)start; /* NOLINT(performance-no-int-to-ptr): the kernel gives it as a number */
	if (write(fd, image, len) != (ssize_t)len) {
		close(fd);
		return fail(-EIO, "vdso: its %zu bytes could not be copied", len);
	}
	return fd;
}
