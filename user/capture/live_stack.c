/* SPDX-License-Identifier: BSD-2-Clause */
/* Comes in: the registers of a blocked thread. Goes out: these and its stack. */
#include "capture/live_stack.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>

#define PAGE  4096u
#define BYTES (WIRE_COPY_WORDS * 8u)
#define PARTS (BYTES / PAGE + 1)

/* "NUMBER ARGUMENT.. SP PC", "-1 SP PC" outside of a call, "running": is it blocked, and there? */
static bool is_still_there(const struct wire_copy *c)
{
	unsigned long long sp = 0, pc = 0;
	char path[64], line[256], *at, *before = NULL, *last = NULL;
	bool got;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%u/task/%u/syscall", c->pid, c->tid);
	f = fopen(path, "re");
	if (!f)
		return false;
	got = fgets(line, sizeof(line), f) != NULL;
	fclose(f);
	if (!got)
		return false;
	for (char *word = strtok_r(line, " \n", &at); word; word = strtok_r(NULL, " \n", &at)) {
		before = last;
		last = word;
	}
	return before && sscanf(before, "%llx", &sp) == 1 && sscanf(last, "%llx", &pc) == 1 && sp == c->regs[WIRE_REGISTER_SP] &&
	       pc == c->regs[WIRE_REGISTER_PC];
}

/* How many bytes could be read from sp on; a page that is not there ends it. */
/* NOLINTNEXTLINE(readability-non-const-parameter): written through the vector */
static size_t read_stack(const struct wire_copy *c, unsigned char *to)
{
	struct iovec here = {to, BYTES}, there[PARTS];
	uint64_t sp = c->regs[WIRE_REGISTER_SP];
	size_t n = 0, got = 0;
	ssize_t len;

	while (got < BYTES) {
		size_t part = PAGE - ((sp + got) & (PAGE - 1));

		if (part > BYTES - got)
			part = BYTES - got;
		there[n++] = (struct iovec){(void *)(uintptr_t)(sp + got), part};
		got += part;
	}
	len = process_vm_readv((pid_t)c->pid, &here, 1, there, n, 0);
	return len < 0 ? 0 : (size_t)len & ~(size_t)7;
}

int live_stack_add(struct bytes *copies, const struct wire_copy *copy)
{
	size_t at = copies->len, size = copy->head.size, len = 0;
	struct wire_copy *c;
	int err = bytes_reserve(copies, size + BYTES);

	if (err)
		return err;
	memcpy(copies->data + at, copy, size);
	copies->len += size;
	if (copy->regs[WIRE_REGISTER_SP] & 7 || !is_still_there(copy))
		return 0;
	len = read_stack(copy, copies->data + copies->len);
	if (!len || !is_still_there(copy))
		return 0;
	copies->len += len;
	c = (struct wire_copy *)(copies->data + at);
	c->n_words = (uint16_t)(len / 8);
	c->head.size = (uint16_t)(size + len);
	return 0;
}
