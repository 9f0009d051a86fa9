/* SPDX-License-Identifier: BSD-2-Clause */
/* In: frames of the trace. Out: labels, and the choice of the frame that people look for. */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "analysis/frames.h"
#include "base/text.h"

#define LABEL_NOT ";"
#define PLACE_MAX 300 /* the longest file name has 255 bytes */

const char *frame_file_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] && path[0] != '[' ? slash + 1 : path;
}

char *frame_label(char *buf, size_t size, const struct trace_frame *f)
{
	uint64_t offset = f->frame & ((1ull << WIRE_FRAME_OFFSET_BITS) - 1);
	char text[512];
	const char *name = frame_file_name(f->file);

	if (f->name)
		return text_clean(buf, size, f->name, strlen(f->name), LABEL_NOT);
	if (f->kernel)
		snprintf(text, sizeof(text), "0x%" PRIx64, f->frame);
	else if (name[0] == '[' && strcmp(name, "[vdso]"))
		snprintf(text, sizeof(text), "%s", name);
	else
		snprintf(text, sizeof(text), "%s+0x%" PRIx64, name, offset);
	return text_clean(buf, size, text, strlen(text), LABEL_NOT);
}

char *frame_label_line(char *buf, size_t size, const struct trace_frame *f)
{
	char place[PLACE_MAX] = "", clean[PLACE_MAX];
	size_t len, room;

	if (f->source)
		snprintf(place, sizeof(place), f->line ? " (%s:%u)" : " (%s)", frame_file_name(f->source), f->line);
	text_clean(clean, sizeof(clean), place, strlen(place), LABEL_NOT);
	room = strlen(clean);
	/* the place is short, the name may be cut for it */
	frame_label(buf, size > room ? size - room : size, f);
	len = strlen(buf);
	if (size - len > room)
		memcpy(buf + len, clean, room + 1);
	return buf;
}

uint32_t frames_of_probe(const struct trace *t, const struct trace_stack *s)
{
	/* which of them there are is the choice of kernel and compiler */
	static const char *const callers[] = {"bpf_trace_run", "__bpf_trace_sched_switch", "__traceiter_sched_switch"};
	uint32_t i, n = 0;
	size_t k;

	for (i = 0; i < s->n_kernel; i++) {
		const char *name = t->frames[s->frames[i]].name;

		for (k = 0; name && k < sizeof(callers) / sizeof(callers[0]); k++)
			if (!strncmp(name, callers[k], strlen(callers[k])))
				n = i + 1;
	}
	return n;
}

/* "libc.so.6", "libc-2.31.so", "ld-linux-x86-64.so.2": the stem, then what a version may look like. */
static bool is_library(const char *name, const char *stem)
{
	size_t len = strlen(stem);

	if (strncmp(name, stem, len))
		return false;
	return !strncmp(name + len, ".so", 3) ||
	       (name[len] == '-' && isdigit((unsigned char)name[len + 1]) && strstr(name, ".so"));
}

static bool of_the_system(const char *path)
{
	static const char *const stems[] = {
		"libc",	     "libpthread", "libm",	"libdl",    "librt",	    "libresolv",
		"libstdc++", "libc++",	   "libc++abi", "libgcc_s", "libatomic",    "libgomp",
		"libanl",    "libutil",	   "liburing",	"libaio",   "libnss_files",
	};
	const char *name = frame_file_name(path);
	size_t i;

	if (name[0] == '[')
		return !strcmp(name, "[vdso]") || !strcmp(name, "[unknown]");
	if (!strncmp(name, "ld-linux", 8) || !strncmp(name, "ld-musl", 7) || is_library(name, "ld"))
		return true;
	for (i = 0; i < sizeof(stems) / sizeof(stems[0]); i++)
		if (is_library(name, stems[i]))
			return true;
	return false;
}

static bool installed_library(const char *path)
{
	bool folder = !strncmp(path, "/lib", 4) || !strncmp(path, "/usr/lib", 8);

	return folder && strstr(frame_file_name(path), ".so");
}

const struct trace_frame *frame_own(const struct trace *t, const struct trace_stack *s)
{
	const struct trace_frame *library = NULL, *innermost = NULL;
	uint32_t i;

	for (i = s->n_kernel; i < s->n_kernel + s->n_user; i++) {
		const struct trace_frame *f = &t->frames[s->frames[i]];

		if (!innermost)
			innermost = f;
		if (of_the_system(f->file))
			continue;
		if (!installed_library(f->file))
			return f;
		if (!library)
			library = f;
	}
	return library ? library : innermost;
}
