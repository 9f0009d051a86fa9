/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The unwinder on a program that is stripped and has call frame information in its debug file only: it asks for that when the program's own
 * leaves much out, and not otherwise; the program's own table is there if the debug file is of no use. Stacks are walked by what there is.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "capture/unwinder.h"
#include "check.h"
#include "compiled.h"

#define BASE   0x400000ull /* where the program is mapped, from its first byte on */
#define LENGTH 0x100000ull
#define STACK  0x7000000ull
#define N_ROWS (4 * UNWIND_CHUNK_ROWS)
#define MAPS   64u

static const char program[] = "__attribute__((noinline)) int inner(int *n) { __asm__ volatile(\"\" : : \"r\"(n) : \"memory\"); return *n; }\n"
			      "__attribute__((noinline)) int outer(int *n) { int own[20] = {*n}; return inner(own) + own[3]; }\n"
			      "int more(int n) { int own[30] = {n}; outer(own); inner(own); return own[n & 7] / (n | 1) + outer(own + 2); }\n"
			      "int most(int n) { int own[30] = {n}; outer(own); inner(own); return own[n & 7] * (n | 1) + more(own[1]); }\n"
			      "int main(int n, char **v) { (void)v; return outer(&n) + most(n) / 3; }\n";

static char folder[] = SCRATCH_TEMPLATE;
static struct table_builder *builder;

/* What is fresh for each program. */
struct rig {
	struct unwind_arrays arrays;
	struct mapping_files *files;
	struct process_table *processes;
	struct unwinder *unwinder;
	uint32_t pid, number, changes;
};

static void set_up(struct rig *r)
{
	*r = (struct rig){
		.arrays = {
			.spaces = calloc(UNWIND_SPACES, sizeof(uint64_t)),
			.mappings = calloc(MAPS, sizeof(struct unwind_mapping)),
			.files = calloc(8, sizeof(struct unwind_file)),
			.pages = calloc(4096, sizeof(struct unwind_page)),
			.rows = calloc(N_ROWS, sizeof(uint32_t)),
			.rules = calloc(1024, sizeof(struct unwind_rule)),
			.n_mappings = MAPS,
			.n_files = 8,
			.n_pages = 4096,
			.n_rows = N_ROWS,
			.n_rules = 1024,
			.n_mapped = UINT32_MAX,
			.changes = &r->changes,
		},
		.files = mapping_files_new(),
		.processes = process_table_new(),
		.pid = (uint32_t)getpid(),
	};
	r->unwinder = unwinder_new(&r->arrays, builder, r->files, r->processes, NULL);
	CHECK_EQ(process_table_follow(r->processes, r->pid, 1), 0);
}

static void tear_down(struct rig *r)
{
	process_table_free(r->processes);
	unwinder_free(r->unwinder);
	mapping_files_free(r->files);
	free(r->arrays.spaces);
	free(r->arrays.mappings);
	free(r->arrays.files);
	free(r->arrays.pages);
	free(r->arrays.rows);
	free(r->arrays.rules);
}

/* This process has the file mapped, as far as the unwinder knows. */
static void map_program(struct rig *r, const char *name)
{
	struct sideband_event event = {.type = SIDEBAND_MMAP, .pid = r->pid, .start = BASE, .len = LENGTH};
	struct mapping mapping = {.start = BASE, .end = BASE + LENGTH};
	char path[200];
	struct stat st;
	int64_t number;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	CHECK_EQ(stat(path, &st), 0);
	event.path = path;
	event.identity = (struct file_identity){.inode = st.st_ino, .major = major(st.st_dev), .minor = minor(st.st_dev)};
	number = mapping_files_at(r->files, &event);
	CHECK(number > 0);
	r->number = mapping.file = (uint32_t)number;
	CHECK_EQ(process_table_map(r->processes, r->pid, &mapping), 0);
	unwinder_finish(r->unwinder, 20000);
	CHECK(!unwinder_is_busy(r->unwinder));
}

/* Where a function is in the file: its address, of a program whose segments are where they are in the file. */
static uint64_t place_of(const char *name)
{
	char path[200];
	uint64_t at;

	snprintf(path, sizeof(path), "%s/whole", folder);
	at = compiled_symbol(path, name);
	CHECK(at != 0);
	return at;
}

/* A thread at the first instruction of inner, called by outer: is outer found? */
static bool finds_caller(struct rig *r)
{
	struct {
		struct wire_copy copy;
		uint64_t words[8];
	} stack = {.copy = {.pid = r->pid, .n_words = 8}};
	uint64_t frames[WIRE_MAX_FRAMES], caller = BASE + place_of("outer") + 8;
	size_t n;
	bool soon;

	stack.copy.regs[WIRE_REGISTER_PC] = BASE + place_of("inner");
	stack.copy.regs[WIRE_REGISTER_SP] = STACK;
	stack.copy.regs[WIRE_REGISTER_FP] = 1;
#ifdef __x86_64__
	stack.words[0] = caller;
#else
	stack.copy.regs[WIRE_REGISTER_LR] = caller;
#endif
	unwinder_walk(r->unwinder, &stack.copy, frames, &n, &soon);
	CHECK(n >= 1);
	return n >= 2 && frames[1] == ((uint64_t)r->number << WIRE_FRAME_OFFSET_BITS | (caller - 1 - BASE));
}

static bool compile(const char *flags)
{
	return compiled_run("cd %s && cc -O2 -g -fomit-frame-pointer -fPIE -pie -Wl,-z,noseparate-code %s -Wl,--build-id=none -o whole p.c && "
			    "objcopy --only-keep-debug whole p.debug && objcopy --strip-all --add-gnu-debuglink=p.debug whole p",
			    folder, flags);
}

#define BARE "-fno-asynchronous-unwind-tables -fno-unwind-tables"

static void check_program(const char *flags, const char *after, uint64_t debug_tables, bool whole)
{
	struct unwinder_counts counts;
	struct rig rig;

	CHECK(compile(flags));
	CHECK(compiled_run("cd %s && %s", folder, after));
	set_up(&rig);
	map_program(&rig, "p");
	counts = unwinder_counts(rig.unwinder);
	CHECK_EQ(counts.tables, 1);
	CHECK_EQ(counts.debug_tables, debug_tables);
	CHECK_EQ(counts.no_tables, 0);
	CHECK_EQ(rig.arrays.files[1].state, UNWIND_FILE_READY);
	CHECK_EQ(finds_caller(&rig), whole);
	tear_down(&rig);
}

int main(void)
{
	char path[64];

	CHECK_EQ(table_builder_start(&builder, getuid(), getgid()), 0);
	CHECK_EQ(scratch_make(folder), 0);
	snprintf(path, sizeof(path), "%s/p.c", folder);
	CHECK(compiled_write(path, program));
	check_program(BARE, "true", 1, true);
	/* its own information is enough: nobody looks for more */
	check_program("-fasynchronous-unwind-tables", "true", 0, true);
	/* none, one of another build, one that says nothing of frames: as far as the program's own table goes */
	check_program(BARE, "rm p.debug", 0, false);
	check_program(BARE, "echo >>p.debug", 0, false);
	check_program(BARE,
		      "objcopy --remove-section .debug_frame p.debug && "
		      "objcopy --remove-section .gnu_debuglink --add-gnu-debuglink=p.debug p",
		      0, false);
	/* and the next one is right again */
	check_program(BARE, "true", 1, true);
	table_builder_stop(builder);
	CHECK_EQ(scratch_remove(folder), 0);
	return check_done();
}
