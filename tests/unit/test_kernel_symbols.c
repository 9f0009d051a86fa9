/* SPDX-License-Identifier: BSD-2-Clause */
/* The text of /proc/kallsyms: a made one, hidden ones, and this kernel's. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "check.h"
#include "symbols/kernel_symbols.h"

static bool at_is(const struct kernel_symbols *k, uint64_t addr, const char *name, uint64_t offset)
{
	struct symbol s;

	if (!kernel_symbols_at(k, addr, &s))
		return name == NULL;
	return name && s.name_len == strlen(name) && !memcmp(s.name, name, s.name_len) && s.offset == offset;
}

static bool module_is(const struct kernel_symbols *k, uint64_t addr, const char *module)
{
	struct symbol s;

	if (!kernel_symbols_at(k, addr, &s))
		return false;
	if (!module)
		return !s.module;
	return s.module && s.module_len == strlen(module) && !memcmp(s.module, module, s.module_len);
}

static void check_modules(void)
{
	static const char text[] = "ffffffff81001000 T schedule\n"
				   "ffffffffc0000000 t bpf_prog_6deef7357e7b4530_name\t[bpf]\n"
				   "ffffffffc0100000 t module_function\t[ext4]\n"
				   "ffffffffc0101000 t spaces  [a_b]\n"
				   "ffffffffc0102000 t cut\t[ext4\n"
				   "ffffffffc0103000 t empty\t[]\n"
				   "ffffffffc0104000 t twice\t[[ext4]\n"
				   "ffffffffc0105000 t last\t[nf";
	struct kernel_symbols *k;

	CHECK_EQ(kernel_symbols_new(&k, text, sizeof(text) - 1), 0);
	CHECK(module_is(k, 0xffffffff81001000, NULL));
	CHECK(module_is(k, 0xffffffffc0000001, "bpf"));
	CHECK(module_is(k, 0xffffffffc0100001, "ext4"));
	CHECK(module_is(k, 0xffffffffc0101001, "a_b"));
	CHECK(module_is(k, 0xffffffffc0102001, NULL));
	CHECK(module_is(k, 0xffffffffc0103001, NULL));
	CHECK(module_is(k, 0xffffffffc0104001, NULL));
	CHECK(module_is(k, 0xffffffffc0105001, NULL));
	kernel_symbols_free(k);
}

static void check_text(void)
{
	static const char text[] = "ffffffff81000000 T _text\n"
				   "ffffffff81000000 t __startup\n"
				   "ffffffff81001000 t helper\n"
				   "ffffffff81001000 T schedule\n"
				   "ffffffff81002000 D some_data\n"
				   "ffffffffc0100000 t module_function\t[ext4]\n"
				   "ffffffffc0000000 t bpf_prog_6deef7357e7b4530_name\t[bpf]\n"
				   "ffffffff81001800 t $x\n"
				   "not a line\n"
				   "ffffffff81001c00 W weak_one\n"
				   "ffffffff81000100 T";
	struct kernel_symbols *k;

	CHECK_EQ(kernel_symbols_new(&k, text, sizeof(text) - 1), 0);
	CHECK_EQ(kernel_symbols_count(k), 6);
	CHECK(at_is(k, 0xffffffff81000010, "_text", 0x10));
	CHECK(at_is(k, 0xffffffff81001000, "schedule", 0));
	CHECK(at_is(k, 0xffffffff81001900, "schedule", 0x900));
	CHECK(at_is(k, 0xffffffff81001c01, "weak_one", 1));
	CHECK(at_is(k, 0xffffffff81002004, NULL, 0));
	CHECK(at_is(k, 0xffffffffc0100020, "module_function", 0x20));
	CHECK(at_is(k, 0xffffffffc0000001, "bpf_prog_6deef7357e7b4530_name", 1));
	CHECK(at_is(k, 0xffffffff80000000, NULL, 0));
	CHECK(at_is(k, 0xffffffffff000000, NULL, 0));
	kernel_symbols_free(k);
}

static void check_hidden(void)
{
	static const char text[] = "0000000000000000 T _text\n0000000000000000 t helper\n";
	struct kernel_symbols *k;

	CHECK_EQ(kernel_symbols_new(&k, text, sizeof(text) - 1), -EPERM);
	CHECK(k == NULL);
	CHECK_EQ(kernel_symbols_new(&k, "", 0), -ENODATA);
	CHECK_EQ(kernel_symbols_new(&k, "nonsense\n", 9), -ENODATA);
	kernel_symbols_free(NULL);
}

static void check_this_kernel(void)
{
	const size_t cap = 64u << 20;
	char *text = malloc(cap);
	struct kernel_symbols *k;
	size_t len = 0;
	ssize_t n;
	int fd = open("/proc/kallsyms", O_RDONLY), err;

	CHECK(text != NULL);
	while (fd >= 0 && len < cap && (n = read(fd, text + len, cap - len)) > 0)
		len += (size_t)n;
	if (fd >= 0)
		close(fd);
	err = kernel_symbols_new(&k, text, len);
	if (err) {
		/* hidden from this user, or not there: said so, and nothing else */
		CHECK(err == -EPERM || err == -ENODATA);
	} else {
		const char *line = memmem(text, len, " T schedule\n", 12);
		uint64_t addr = line ? strtoull(line - 16, NULL, 16) : 0;

		CHECK(kernel_symbols_count(k) > 1000);
		CHECK(line != NULL && at_is(k, addr, "schedule", 0) && at_is(k, addr + 3, "schedule", 3));
	}
	kernel_symbols_free(k);
	free(text);
}

int main(void)
{
	check_text();
	check_modules();
	check_hidden();
	check_this_kernel();
	return check_done();
}
