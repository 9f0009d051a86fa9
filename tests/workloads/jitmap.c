/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * jitmap [MS [late|bare]]: a JIT of two pieces of code, which call back and compute for MS each (300); it writes
 * /tmp/perf-PID.map as Python's -X perf does: a line for the first piece before it runs, for the second while
 * it runs; with `late` both as it ends. With `bare` (x86-64 only) the pieces have no frame pointer, as those of
 * Python 3.12 have none. Out: what it called its code.
 */
#include "truth.h"

#include <sys/mman.h>

#define PIECE 64

typedef void (*callback)(void);
typedef void (*piece)(callback);

static uint64_t spin_ns;
static volatile uint64_t work;
static void (*after_half)(void);

/* Calls what it is given, with a frame: the code between this program's functions. */
static void emit(unsigned char *at, int bare)
{
#if defined(__x86_64__)
	static const unsigned char bytes[] = {0x55, 0x48, 0x89, 0xe5, 0xff, 0xd7, 0x5d, 0xc3};
	/* sub $8,%rsp; call *%rdi; add $8,%rsp; ret */
	static const unsigned char frameless[] = {0x48, 0x83, 0xec, 0x08, 0xff, 0xd7, 0x48, 0x83, 0xc4, 0x08, 0xc3};

	if (bare) {
		memcpy(at, frameless, sizeof(frameless));
		return;
	}
#elif defined(__aarch64__)
	static const uint32_t bytes[] = {0xa9bf7bfd, 0x910003fd, 0xd63f0000, 0xa8c17bfd, 0xd65f03c0};
#else
	static const unsigned char bytes[1];
#endif
	(void)bare;
	memcpy(at, bytes, sizeof(bytes));
}

__attribute__((noinline)) static void called_by_jit(void)
{
	uint64_t begin = now_ns();

	while (now_ns() - begin < spin_ns) {
		for (int i = 0; i < 10000; i++)
			work += (uint64_t)i;
		if (after_half && now_ns() - begin > spin_ns / 2) {
			after_half();
			after_half = NULL;
		}
	}
}

static char map_path[64];
static unsigned char *code;

static void add_line(size_t offset, const char *name)
{
	FILE *map = fopen(map_path, "a");

	check(map != NULL, map_path);
	fprintf(map, "%llx %x %s\n", (unsigned long long)(uintptr_t)(code + offset), PIECE, name);
	check(!fclose(map), map_path);
}

static void name_second(void)
{
	add_line(PIECE, "py::second:/srv/app.py");
}

int main(int argc, char **argv)
{
	int late = argc > 2 && !strcmp(argv[2], "late"), bare = argc > 2 && !strcmp(argv[2], "bare");
	piece first, second;

	spin_ns = (argc > 1 ? strtoull(argv[1], NULL, 10) : 300) * 1000000;
	snprintf(map_path, sizeof(map_path), "/tmp/perf-%d.map", getpid());
	unlink(map_path);
	code = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	check(code != MAP_FAILED, "mmap");
	emit(code, bare);
	emit(code + PIECE, bare);
	check(!mprotect(code, 4096, PROT_READ | PROT_EXEC), "mprotect");
	__builtin___clear_cache((char *)code, (char *)code + 4096);
	memcpy(&first, &code, sizeof(first));
	code += PIECE;
	memcpy(&second, &code, sizeof(second));
	code -= PIECE;
	if (!late)
		add_line(0, "py::first:/srv/app.py");
	first(called_by_jit);
	if (!late)
		after_half = name_second;
	second(called_by_jit);
	if (late) {
		add_line(0, "py::first:/srv/app.py");
		name_second();
	}
	printf("{\"kind\":\"jitmap\",\"pid\":%d,\"map\":\"%s\",\"names\":[\"py::first:/srv/app.py\",\"py::second:/srv/app.py\"]}\n",
	       getpid(), map_path);
	return fflush(stdout) ? 1 : 0;
}
