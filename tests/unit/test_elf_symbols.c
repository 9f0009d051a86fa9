/* SPDX-License-Identifier: BSD-2-Clause */
/* The ELF reader against what nm says of files of this system, against a file made here, and against broken
 * ones. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "symbols/elf_symbols.h"
#include "symbols/vdso.h"

static bool name_is(const struct symbol *s, const char *name)
{
	return s->name_len == strlen(name) && !memcmp(s->name, name, s->name_len);
}

static int open_symbols(const char *path, struct elf_file *e, struct elf_symbols **s)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), err;

	if (fd < 0)
		return -errno;
	err = elf_file_open(e, fd);
	close(fd);
	return err ? err : elf_symbols_new(s, e, NULL);
}

/*
 * Every function that nm knows is found at its address and in its last byte, by that name or an alias that nm
 * lists for the same address.
 */
static void check_against_nm(const char *path, const char *options)
{
	struct elf_symbols *s = NULL;
	struct elf_file e;
	char command[512], line[1024];
	size_t seen = 0, wrong = 0, aliases = 0;
	FILE *nm;

	if (access(path, R_OK) || open_symbols(path, &e, &s)) {
		fprintf(stderr, "# %s: not there\n", path);
		return;
	}
	snprintf(command, sizeof(command), "nm --defined-only %s -S %s 2>/dev/null", options, path);
	nm = popen(command, "r"); /* NOLINT(cert-env33-c): a command of this test */
	while (nm && fgets(line, sizeof(line), nm)) {
		unsigned long long addr, size;
		char type, name[512];
		struct symbol at, end;

		if (sscanf(line, "%llx %llx %c %511[^@\n]", &addr, &size, &type, name) != 4 || !size ||
		    !strchr("TtWi", type))
			continue;
		seen++;
		if (!elf_symbols_at(s, addr, &at) || at.offset != 0 ||
		    !elf_symbols_at(s, addr + size - 1, &end))
			wrong++;
		else if (!name_is(&at, name))
			aliases++;
	}
	if (nm)
		pclose(nm);
	fprintf(stderr, "# %s: %zu functions of nm, %zu not found, %zu by another name\n", path, seen, wrong,
		aliases);
	CHECK_EQ(wrong, 0);
	CHECK(!seen || aliases < seen / 2);
	elf_symbols_free(s);
	elf_file_release(&e);
}

__attribute__((noinline)) int test_function_of_its_own(int n)
{
	return n * 3 + (int)strlen("x");
}

/* This program: a position-independent (or not) executable with .symtab, and imported functions. */
static void check_self(void)
{
	struct elf_symbols *s = NULL;
	struct elf_file e = {0};
	struct symbol at = {0};
	uint64_t offset = 0, stubs = 0;
	char line[512];
	FILE *maps = fopen("/proc/self/maps", "r");
	uint64_t addr = (uint64_t)(uintptr_t)test_function_of_its_own;

	while (maps && fgets(line, sizeof(line), maps)) {
		unsigned long long start, end, file_offset;

		if (sscanf(line, "%llx-%llx %*s %llx", &start, &end, &file_offset) == 3 && addr >= start &&
		    addr < end)
			offset = addr - start + file_offset;
	}
	if (maps)
		fclose(maps);
	CHECK_EQ(open_symbols("/proc/self/exe", &e, &s), 0);
	CHECK(offset != 0);
	CHECK(elf_symbols_at_offset(s, offset, &at) && name_is(&at, "test_function_of_its_own") &&
	      at.offset == 0);
	CHECK(elf_symbols_at_offset(s, offset + 1, &at) && at.offset == 1);
	CHECK(!elf_symbols_at_offset(s, 1ull << 39, &at));
	CHECK(e.build_id_len == 0 || e.build_id_len == 20);
	for (size_t i = 0; i < e.n_sections; i++) {
		if (strncmp(e.sections[i].name, ".plt", 4))
			continue;
		for (uint64_t a = e.sections[i].addr; a < e.sections[i].addr + e.sections[i].size; a += 16)
			if (elf_symbols_at(s, a, &at) && at.name_len > 4 &&
			    !memcmp(at.name + at.name_len - 4, "@plt", 4))
				stubs++;
	}
	fprintf(stderr, "# %zu symbols, %" PRIu64 " stubs\n", elf_symbols_count(s), stubs);
	elf_symbols_free(s);
	elf_file_release(&e);
}

static void check_vdso(void)
{
	struct elf_symbols *s = NULL;
	struct elf_file e;
	int fd = vdso_open();
	size_t n = 0;

	CHECK(fd >= 0);
	CHECK_EQ(elf_file_open(&e, fd), 0);
	close(fd);
	CHECK_EQ(elf_symbols_new(&s, &e, NULL), 0);
	for (uint64_t offset = 0; offset < e.size; offset++) {
		struct symbol at;

		if (elf_symbols_at_offset(s, offset, &at) &&
		    memmem(at.name, at.name_len, "clock_gettime", 13))
			n++;
	}
	CHECK(n > 0);
	elf_symbols_free(s);
	elf_file_release(&e);
}

/* An ELF file with hand-made symbols: one code segment at offset 0x1000 and address 0x401000. */
struct made {
	Elf64_Ehdr head;
	Elf64_Phdr load;
	Elf64_Shdr sections[5];
	Elf64_Sym symbols[9];
	char names[128];
	char section_names[64];
};

static uint32_t add_name(struct made *m, size_t *at, const char *name)
{
	size_t here = *at;

	memcpy(m->names + here, name, strlen(name) + 1);
	*at = here + strlen(name) + 1;
	return (uint32_t)here;
}

static void make(struct made *m)
{
	static const struct {
		const char *name;
		uint64_t value, size;
		unsigned char bind, type;
		uint16_t section;
	} symbols[] = {
		{"__read", 0x401000, 0x20, STB_GLOBAL, STT_FUNC, 1},
		{"read", 0x401000, 0x20, STB_WEAK, STT_FUNC, 1},
		{"a_local_alias", 0x401000, 0x40, STB_LOCAL, STT_FUNC, 1},
		{"outer", 0x401100, 0x100, STB_GLOBAL, STT_FUNC, 1},
		{"inner", 0x401140, 0x10, STB_LOCAL, STT_GNU_IFUNC, 1},
		{"unsized", 0x401300, 0, STB_GLOBAL, STT_FUNC, 1},
		{"data", 0x401310, 8, STB_GLOBAL, STT_OBJECT, 1},
		{"imported", 0x401320, 8, STB_GLOBAL, STT_FUNC, SHN_UNDEF},
	};
	static const char section_names[] = "\0.text\0.symtab\0.strtab\0.shstrtab";
	size_t at = 1;

	memset(m, 0, sizeof(*m));
	memcpy(m->head.e_ident, ELFMAG, SELFMAG);
	m->head.e_ident[EI_CLASS] = ELFCLASS64;
	m->head.e_ident[EI_DATA] = ELFDATA2LSB;
	m->head.e_ident[EI_VERSION] = EV_CURRENT;
	m->head.e_type = ET_EXEC;
	m->head.e_machine = EM_X86_64;
	m->head.e_version = EV_CURRENT;
	m->head.e_ehsize = sizeof(m->head);
	m->head.e_phoff = offsetof(struct made, load);
	m->head.e_phentsize = sizeof(m->load);
	m->head.e_phnum = 1;
	m->head.e_shoff = offsetof(struct made, sections);
	m->head.e_shentsize = sizeof(m->sections[0]);
	m->head.e_shnum = 5;
	m->head.e_shstrndx = 4;
	m->load = (Elf64_Phdr){.p_type = PT_LOAD,
			       .p_flags = PF_R | PF_X,
			       .p_offset = 0x1000,
			       .p_vaddr = 0x401000,
			       .p_filesz = 0x380,
			       .p_memsz = 0x380,
			       .p_align = 0x1000};
	m->sections[1] = (Elf64_Shdr){.sh_name = 1,
				      .sh_type = SHT_NOBITS,
				      .sh_flags = SHF_ALLOC | SHF_EXECINSTR,
				      .sh_addr = 0x401000,
				      .sh_offset = 0x1000,
				      .sh_size = 0x380};
	m->sections[2] = (Elf64_Shdr){.sh_name = 7,
				      .sh_type = SHT_SYMTAB,
				      .sh_offset = offsetof(struct made, symbols),
				      .sh_size = sizeof(m->symbols),
				      .sh_link = 3,
				      .sh_entsize = sizeof(Elf64_Sym)};
	m->sections[3] = (Elf64_Shdr){.sh_name = 15,
				      .sh_type = SHT_STRTAB,
				      .sh_offset = offsetof(struct made, names),
				      .sh_size = sizeof(m->names)};
	m->sections[4] = (Elf64_Shdr){.sh_name = 23,
				      .sh_type = SHT_STRTAB,
				      .sh_size = sizeof(m->section_names),
				      .sh_offset = offsetof(struct made, section_names)};
	memcpy(m->section_names, section_names, sizeof(section_names));
	for (size_t i = 0; i < sizeof(symbols) / sizeof(symbols[0]); i++)
		m->symbols[i + 1] = (Elf64_Sym){.st_name = add_name(m, &at, symbols[i].name),
						.st_info = ELF64_ST_INFO(symbols[i].bind, symbols[i].type),
						.st_shndx = symbols[i].section,
						.st_value = symbols[i].value,
						.st_size = symbols[i].size};
}

static void check_made(void)
{
	static const struct {
		uint64_t offset;
		const char *name; /* NULL: none */
		uint64_t in;
	} truth[] = {
		{0x1000, "read", 0},	   {0x103f, "read", 0x3f},  {0x1040, NULL, 0},
		{0x10ff, NULL, 0},	   {0x1100, "outer", 0},    {0x1140, "inner", 0},
		{0x114f, "inner", 15},	   {0x1150, "outer", 0x50}, {0x11ff, "outer", 0xff},
		{0x1200, NULL, 0},	   {0x1300, "unsized", 0},  {0x1318, "unsized", 0x18},
		{0x137f, "unsized", 0x7f}, {0x1380, NULL, 0},	    {0x0fff, NULL, 0},
		{0x5000, NULL, 0},
	};
	struct elf_symbols *s = NULL;
	struct elf_file e;
	struct made m;

	make(&m);
	CHECK_EQ(elf_file_read(&e, &m, sizeof(m)), 0);
	CHECK_EQ(e.n_sections, 5);
	CHECK_STR(e.sections[2].name, ".symtab");
	CHECK_EQ(elf_symbols_new(&s, &e, NULL), 0);
	CHECK_EQ(elf_symbols_count(s), 4);
	for (size_t i = 0; i < sizeof(truth) / sizeof(truth[0]); i++) {
		struct symbol at = {0};
		bool found = elf_symbols_at_offset(s, truth[i].offset, &at);

		CHECK_EQ(found, truth[i].name != NULL);
		if (found && truth[i].name) {
			CHECK(name_is(&at, truth[i].name));
			CHECK_EQ(at.offset, truth[i].in);
		}
	}
	elf_symbols_free(s);
	elf_file_release(&e);
}

/* Reads bytes that may be anything, exactly sized so that reading past them is noticed. */
static void read_broken(const void *data, size_t size)
{
	unsigned char *copy = malloc(size ? size : 1);
	struct elf_symbols *s = NULL;
	struct elf_file e;
	struct symbol at;

	memcpy(copy, data, size);
	if (!elf_file_read(&e, copy, size)) {
		if (!elf_symbols_new(&s, &e, NULL))
			for (uint64_t offset = 0; offset < 0x2000; offset += 16)
				if (elf_symbols_at_offset(s, offset, &at))
					CHECK(at.name_len <= SYMBOL_NAME_MAX);
		elf_symbols_free(s);
		elf_file_release(&e);
	}
	free(copy);
}

static void check_broken(void)
{
	struct elf_file e;
	struct made m;

	CHECK_EQ(elf_file_read(&e, "", 0), -ENOEXEC);
	CHECK_EQ(elf_file_read(&e, "#!/bin/sh\nexit 0 and more text than an ELF header has\n", 50), -ENOEXEC);
	make(&m);
	m.head.e_ident[EI_DATA] = ELFDATA2MSB;
	CHECK_EQ(elf_file_read(&e, &m, sizeof(m)), -ENOEXEC);
	make(&m);
	for (size_t size = 0; size < sizeof(m); size += 7)
		read_broken(&m, size);
	for (size_t at = 0; at < sizeof(m); at++) {
		static const unsigned char values[] = {0, 1, 0x7f, 0x80, 0xff};

		for (size_t i = 0; i < sizeof(values); i++) {
			make(&m);
			((unsigned char *)&m)[at] = values[i];
			read_broken(&m, sizeof(m));
			if (at + 8 <= sizeof(m)) {
				memset((unsigned char *)&m + at, values[i], 8);
				read_broken(&m, sizeof(m));
			}
		}
	}
	CHECK(true);
}

int main(void)
{
	char self[512] = "";

	CHECK(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
	check_made();
	check_broken();
	check_self();
	check_vdso();
	check_against_nm("/bin/bash", "-D");
	check_against_nm("/lib/x86_64-linux-gnu/libc.so.6", "-D");
	check_against_nm("/lib/aarch64-linux-gnu/libc.so.6", "-D");
	check_against_nm(self, "");
	return check_done();
}
