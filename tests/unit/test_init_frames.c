/* SPDX-License-Identifier: BSD-2-Clause */
/* _init and _fini: of this program as the C library made them, and of forms that are known or not. */
#include <elf.h>
#include <fcntl.h>
#include <unistd.h>

#include "check.h"
#include "symbols/init_frames.h"
#include "symbols/unwind_table.h"

#define TEXT 0x401000u

#if defined(__x86_64__)
static void check_cfa(const struct unwind_table *t, uint64_t vaddr, int32_t cfa)
{
	const struct unwind_rule *r = unwind_table_rule_at(t, vaddr);

	CHECK_EQ(r->cfa, UNWIND_SP);
	CHECK_EQ(r->cfa_off, cfa);
	CHECK_EQ(r->ra_off, -8);
}

static void test_self(void)
{
	struct unwind_table *t = NULL;
	const struct elf_section *s;
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct elf_file e;

	CHECK_EQ(elf_file_open(&e, fd), 0);
	close(fd);
	s = elf_section_named(&e, ".init");
	if (!s) {
		fprintf(stderr, "# this C library has no .init\n");
		elf_file_release(&e);
		return;
	}
	CHECK_EQ(unwind_table_build(&t, &e, NULL), 0);
	check_cfa(t, s->addr, 8);
	check_cfa(t, s->addr + 8, 16);
	check_cfa(t, s->addr + s->size - 2, 16);
	check_cfa(t, s->addr + s->size - 1, 8); /* its ret */
	unwind_table_free(t);
	elf_file_release(&e);
}

/* How many FDEs the code gets, as .fini of a file without anything else. */
static size_t fdes_of(const char *code, size_t len)
{
	struct elf_section section = {.name = ".fini", .type = SHT_PROGBITS, .addr = TEXT, .size = len};
	struct elf_file e = {.data = (const unsigned char *)code, .size = len, .is64 = true, .machine = EM_X86_64,
			     .sections = &section, .n_sections = 1};
	struct eh_frames f = {0};
	size_t n;

	CHECK_EQ(init_frames_add(&f, &e, TEXT, TEXT + 0x1000), 0);
	n = f.n_fdes;
	if (n) {
		CHECK_EQ(f.fdes[0].start, TEXT);
		CHECK_EQ(f.fdes[n - 1].end, TEXT + len);
	}
	eh_frames_release(&f);
	return n;
}

#define FDES_OF(CODE) fdes_of(CODE, sizeof(CODE) - 1)

static void test_forms(void)
{
	CHECK_EQ(FDES_OF("\x48\x83\xec\x08\x90\x90\x90\x90\x48\x83\xc4\x08\xc3"), 2);
	CHECK_EQ(FDES_OF("\xf3\x0f\x1e\xfa\x48\x83\xec\x08\x48\x83\xc4\x08\xc3"), 2);
	CHECK_EQ(FDES_OF("\x48\x83\xec\x18\x90\x90\x90\x90\x48\x83\xc4\x18\xc3"), 0);
	CHECK_EQ(FDES_OF("\x48\x83\xec\x08\x90\x90\x90\x90\x48\x83\xc4\x08\x90"), 0);
	CHECK_EQ(FDES_OF("\x48\x83\xec\x08"), 0);
	CHECK_EQ(FDES_OF("\xc3"), 0);
}
#endif

int main(void)
{
#if defined(__x86_64__)
	test_self();
	test_forms();
#endif
	return check_done();
}
