/* SPDX-License-Identifier: BSD-2-Clause */
/* Flame graphs: what is merged, in which order, that widths add up exactly, what is cut, what is compared. */
#include <stdlib.h>

#include "analysis/flame.h"
#include "check.h"
#include "lives.h"

static struct flame *flame;

static void make(const struct trace *t, struct flame_choice choice)
{
	if (!choice.states)
		choice.states = PARTS_ALL;
	build_must(flame_build(&flame, t, &choice));
}

/* The box at the end of "a/b/c" from the root's children on; NULL: there is none. */
static const struct flame_box *find(const char *path)
{
	const char *names[16] = {""};
	char text[512], *save, *word;
	uint32_t depth = 0, n = 0;
	size_t i;

	snprintf(text, sizeof(text), "%s", path);
	for (word = strtok_r(text, "/", &save); word; word = strtok_r(NULL, "/", &save))
		names[n++] = word;
	for (i = 1; i < flame->n; i++) {
		const struct flame_box *box = &flame->boxes[i];

		if (box->depth < depth + 1)
			depth = box->depth - 1;
		if (box->depth == depth + 1 && depth < n && !strcmp(box->name, names[depth]) && ++depth == n)
			return box;
	}
	return NULL;
}

static long long find_ns(const char *path)
{
	const struct flame_box *box = find(path);

	return box ? (long long)box->ns : -1;
}

/* The laws of every flame graph: children fill their parent from its start on, without overlap and in order.
 */
static void check_lawful(bool whole)
{
	uint64_t filled[64] = {0};
	const char *last[64] = {NULL};
	uint32_t depth = 0;
	size_t i;

	CHECK_EQ(flame->boxes[0].role, FLAME_ROOT);
	CHECK_EQ(flame->boxes[0].ns, flame->total_ns);
	for (i = 0; i < flame->n; i++) {
		const struct flame_box *box = &flame->boxes[i];

		CHECK(box->depth <= depth + 1 && box->depth < 63);
		for (; whole && depth > box->depth;
		     depth--) /* those that end here are full, or have no children */
			CHECK(filled[depth] == filled[depth - 1] || last[depth] == NULL);
		depth = box->depth;
		CHECK_EQ(box->start, filled[depth]);
		CHECK(box->ns > 0 || i == 0);
		if (box->role == FLAME_REST)
			CHECK(box->hidden > 0);
		else if (last[depth])
			CHECK(strcmp(last[depth], box->name) <= 0);
		last[depth] = box->name;
		filled[depth] = box->start + box->ns;
		filled[depth + 1] = box->start;
		last[depth + 1] = NULL;
		if (depth)
			CHECK(filled[depth] <= filled[depth - 1]);
	}
}

/* main > work > read and main > idle, in two threads of one name; one of another. */
static void build_program(struct build *b, uint64_t read_ns)
{
	const uint64_t work[] = {BUILD_FRAME(1, 0x300), BUILD_FRAME(1, 0x200), BUILD_FRAME(1, 0x100)};
	const uint64_t idle[] = {BUILD_FRAME(1, 0x400), BUILD_FRAME(1, 0x100)};
	struct life l;
	uint32_t i;

	build_init(b, 0, 100 * MS);
	life_names(b);
	build_file(b, 1, SECTION_FILE_ELF, "/home/me/prog");
	build_name(b, BUILD_FRAME(1, 0x100), 0, "main");
	build_name(b, BUILD_FRAME(1, 0x200), 0, "work");
	build_name(b, BUILD_FRAME(1, 0x300), 0, "read_all");
	build_name(b, BUILD_FRAME(1, 0x400), 0, "idle");
	build_stack(b, 7, 100, 0, 3, work);
	build_stack(b, 8, 100, 0, 2, idle);
	for (i = 0; i < 2; i++) {
		life_begin(&l, b, 1 + i, 1, 100 + i, 100, 0, "prog");
		life_run(&l, 4 * MS + i);
		l.stack = 7;
		life_wait(&l, WAIT_DISK, read_ns, 1 * MS + 1, SYS_READ, 0);
		l.stack = 8;
		life_wait(&l, WAIT_MUTEX, 5 * MS, 0, SYS_FUTEX, 0);
		build_sample(b, 1 + i, 1 * MS, 7, true);
		life_end(&l, 0);
	}
	life_begin(&l, b, 9, 1, 109, 100, 0, "an other");
	life_run(&l, 3 * MS);
	life_end(&l, 0);
}

static void merged(void)
{
	struct trace *t;
	struct build b;

	build_program(&b, 30 * MS);
	build_must(build_load(&b, &t));
	make(t, (struct flame_choice){0});
	check_lawful(true);
	CHECK_EQ(flame->total_ns,
		 t->threads[0].lifetime_ns + t->threads[1].lifetime_ns + t->threads[2].lifetime_ns);
	CHECK_EQ(find_ns("prog/prog/main/work/read_all/read_[k]/[disk]"), 60 * MS);
	CHECK_EQ(find_ns("prog/prog/main/work/read_all/read_[k]/[ready]"), 2 * MS + 2);
	CHECK_EQ(find_ns("prog/prog/main/work/read_all/[running]"), 8 * MS + 1);
	CHECK_EQ(find_ns("prog/prog/main/idle/futex_[k]/[mutex]"), 10 * MS);
	CHECK_EQ(find_ns("prog/an other/[no stack]/[running]"), 3 * MS);
	CHECK_EQ(find_ns("prog/prog/main/work"), 60 * MS + 2 * MS + 2 + 8 * MS + 1);
	CHECK_EQ(find("prog/prog/main/work")->state, FLAME_GROUP + WAIT_GROUP_IO);
	CHECK_EQ(find("prog/prog/main/idle")->state, FLAME_GROUP + WAIT_GROUP_LOCK);
	CHECK_EQ(find("prog/prog/main/work/read_all/[running]")->state, FLAME_RUNNING);
	CHECK_EQ(find("prog/prog/main/work/read_all/[running]")->role, FLAME_TIP);
	CHECK_EQ(find("prog/prog/main")->role, FLAME_FRAME);
	CHECK_EQ(find("prog/prog")->role, FLAME_BASE);
	CHECK(find("prog/an other")->start < find("prog/prog")->start);
	CHECK(find("prog/prog/main/idle")->start < find("prog/prog/main/work")->start);
	CHECK_EQ(flame->states_ns[FLAME_GROUP + WAIT_GROUP_IO], 60 * MS);
	CHECK_EQ(flame->states_ns[FLAME_RUNNING], 11 * MS + 1);
	CHECK_EQ(flame->frames, flame->n - 1);
	CHECK_EQ(flame->hidden, 0);
	CHECK_EQ(flame->depth, 7);
	flame_free(flame);

	make(t, (struct flame_choice){.states = PARTS_CPU});
	check_lawful(true);
	CHECK_EQ(flame->total_ns, 11 * MS + 1);
	CHECK_EQ(find_ns("prog/prog/main/idle"), -1);
	flame_free(flame);
	make(t, (struct flame_choice){.states = PART_BIT(WAIT_MUTEX)});
	CHECK_EQ(flame->total_ns, 10 * MS);
	flame_free(flame);
	make(t,
	     (struct flame_choice){.states = PART_BIT(WAIT_CHILD)}); /* there was none: a root and no more */
	CHECK_EQ(flame->total_ns, 0);
	CHECK_EQ(flame->n, 1);
	flame_free(flame);

	make(t, (struct flame_choice){.base = PATH_BY_PROCESS});
	CHECK_EQ(find_ns("prog-100/main/idle/futex_[k]/[mutex]"), 10 * MS);
	flame_free(flame);
	make(t, (struct flame_choice){.base = PATH_BY_THREAD});
	CHECK_EQ(find_ns("prog-100/prog-101/main/idle/futex_[k]/[mutex]"), 5 * MS);
	flame_free(flame);
	make(t, (struct flame_choice){.reverse = true});
	check_lawful(true);
	CHECK_EQ(find_ns("[disk]/read_[k]/read_all/work/main/prog/prog"), 60 * MS);
	CHECK_EQ(find_ns("[running]/[no stack]/an other/prog"), 3 * MS);
	CHECK_EQ(find("[disk]/read_[k]")->state, FLAME_GROUP + WAIT_GROUP_IO);
	CHECK_EQ(find("[ready]")->state, FLAME_READY);
	flame_free(flame);
	trace_free(t);
	build_release(&b);
}

/* 40 functions of 1 ms .. 40 ms under one caller, and each has one below it. */
static void build_many(struct build *b)
{
	struct life l;
	uint32_t i;

	build_init(b, 0, 2000 * MS);
	build_file(b, 1, SECTION_FILE_ELF, "/home/me/prog");
	build_name(b, BUILD_FRAME(1, 0x100), 0, "main");
	life_begin(&l, b, 1, 1, 100, 100, 0, "prog");
	for (i = 1; i <= 40; i++) {
		const uint64_t stack[] = {BUILD_FRAME(1, 0x20000 + i), BUILD_FRAME(1, 0x10000 + i),
					  BUILD_FRAME(1, 0x100)};

		build_stack(b, i, 100, 0, 3, stack);
		l.stack = i;
		life_wait(&l, i % 2 ? WAIT_DISK : WAIT_MUTEX, i * MS, 0, WIRE_NO_SYSCALL, 0);
	}
	life_end(&l, 0);
}

static size_t cost(const char *name, double share, const void *page)
{
	CHECK(share > 0 && share <= 1 && !page);
	return 100 + 3 * strlen(name);
}

static void cut(void)
{
	const double total = 820.0 * MS;
	const struct flame_box *rest = NULL;
	uint64_t sum = 0;
	struct trace *t;
	struct build b;
	size_t i;

	build_many(&b);
	build_must(build_load(&b, &t));
	make(t, (struct flame_choice){0});
	check_lawful(true);
	CHECK_EQ(flame->n, 1 + 3 + 40 * 3);
	flame_free(flame);

	/* 1 + … + 10 ms: 55 ms in 30 boxes. */
	make(t, (struct flame_choice){.least = 10.5 * MS / total});
	check_lawful(true);
	CHECK_EQ(flame->n, 1 + 3 + 30 * 3 + 1);
	CHECK_EQ(flame->frames, 3 + 40 * 3);
	CHECK_EQ(flame->hidden, 30);
	for (i = 0; i < flame->n; i++) {
		if (flame->boxes[i].role == FLAME_REST)
			rest = &flame->boxes[i];
		if (flame->boxes[i].depth == 4)
			sum += flame->boxes[i].ns;
	}
	CHECK(rest && rest->ns == 55 * MS && rest->hidden == 30 && rest->depth == 4);
	/* 2 + 4 + … + 10 = 30 ms of locks, more than half. */
	CHECK(rest && rest->state == FLAME_GROUP + WAIT_GROUP_LOCK);
	CHECK(rest && rest->start + rest->ns == flame->total_ns);
	CHECK_EQ(sum, flame->total_ns);
	flame_free(flame);

	/* Room for 50 boxes of 100 bytes, less their names. */
	make(t, (struct flame_choice){.room = 5000, .cost = cost});
	check_lawful(true);
	CHECK(flame->n > 10 && flame->n < 50);
	CHECK_EQ(flame->frames, 3 + 40 * 3);
	CHECK(flame->hidden > 60);
	CHECK(flame->hidden_share > 0.03);
	flame_free(flame);
	/* For none at all: the root remains, and what it holds. */
	make(t, (struct flame_choice){.room = 1, .cost = cost});
	CHECK_EQ(flame->n, 1);
	CHECK_EQ(flame->hidden, flame->frames);
	flame_free(flame);
	trace_free(t);
	build_release(&b);
}

static void compared(void)
{
	struct trace *a, *b;
	struct build first, second;
	struct flame_choice choice = {.states = PARTS_ALL};
	uint64_t before;

	build_program(&first, 10 * MS);
	build_program(&second, 30 * MS);
	build_must(build_load(&first, &a));
	build_must(build_load(&second, &b));
	build_must(flame_compare(&flame, a, b, &choice, FLAME_SCALE_NONE));
	check_lawful(true);
	CHECK(flame->compared);
	CHECK_EQ(find("prog/prog/main/work/read_all/read_[k]/[disk]")->before, 20 * MS);
	CHECK_EQ(find("prog/prog/main/work/read_all/read_[k]/[disk]")->ns, 60 * MS);
	CHECK_EQ(find("prog/prog/main/idle")->before, 10 * MS);
	CHECK_EQ(flame->total_ns - flame->before_ns, 40 * MS);
	CHECK_EQ(flame->gone_ns, 0);
	before = flame->before_ns;
	flame_free(flame);

	/* Of the same total: what did not change has less of it now. */
	build_must(flame_compare(&flame, a, b, &choice, FLAME_SCALE_TOTAL));
	CHECK(flame->before_ns + 10 > flame->total_ns && flame->before_ns < flame->total_ns + 10);
	CHECK(find("prog/prog/main/idle")->before > 10 * MS);
	CHECK(flame->scale > 1);
	flame_free(flame);
	build_must(flame_compare(&flame, a, b, &choice, FLAME_SCALE_WALL)); /* 100 ms both */
	CHECK_EQ(flame->before_ns, before);
	flame_free(flame);

	/* What only A has is not drawn, and said. */
	trace_free(b);
	build_release(&second);
	build_many(&second);
	build_must(build_load(&second, &b));
	build_must(flame_compare(&flame, b, a, &choice, FLAME_SCALE_NONE));
	check_lawful(true);
	CHECK_EQ(flame->gone_ns, 820 * MS);
	CHECK_EQ(flame->before_ns, 820 * MS);
	CHECK_EQ(find("prog")->before, 820 * MS);
	CHECK_EQ(find("prog/prog/main/idle")->before, 0);
	CHECK_EQ(flame->frames, flame->n - 1);
	flame_free(flame);
	trace_free(a);
	trace_free(b);
	build_release(&first);
	build_release(&second);
}

int main(void)
{
	merged();
	cut();
	compared();
	return check_done();
}
