/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * In: a system call. Out: the waits of a 32-bit program in it, by that program's own clock. System calls of
 * 32-bit programs have other numbers, and their arguments are in other registers.
 *
 * The 32-bit program is assembled into this 64-bit one and executed from memory, so no 32-bit compiler or
 * library is needed. It does one system call `count` times, with the clock read before and after, and writes
 * its block back.
 */
#include "truth.h"

#if defined(__x86_64__)

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define BASE "0x10000000"

/* The part of the image that this program fills in and gets back. The offsets are known to the assembler
 * below. */
struct block {
	uint32_t number;	      /* 0: of the system call */
	uint32_t arg[6];	      /* 4 */
	uint32_t count;		      /* 28: calls to do */
	uint32_t done;		      /* 32 */
	uint32_t out_fd;	      /* 36: where the block is written in the end */
	uint64_t total_ns;	      /* 40 */
	uint32_t before[2], after[2]; /* 48, 56: seconds and nanoseconds */
	uint32_t timeout[4];	      /* 64: for the call */
	uint32_t socketcall_args[4];  /* 80 */
	uint32_t word;		      /* 96: of the futex; where bytes are read to */
	uint32_t unused;
};

_Static_assert(sizeof(struct block) == 104 && offsetof(struct block, total_ns) == 40 &&
		       offsetof(struct block, before) == 48,
	       "as assembled");

/* clang-format off */
__asm__(
	".pushsection .rodata\n"
	".balign 8\n"
	"compat_image:\n"
	/* the header of an ELF file, for the 386 */
	".byte 0x7f, 0x45, 0x4c, 0x46, 1, 1, 1, 0\n"
	".zero 8\n"
	".short 2, 3\n"
	".long 1, " BASE " + (compat_code - compat_image), 52, 0, 0\n"
	".short 52, 32, 1, 0, 0, 0\n"
	/* one segment, to be read, written and executed */
	".long 1, 0, " BASE ", " BASE ", compat_end - compat_image, compat_end - compat_image, 7, 0x1000\n"
	".zero 4\n"
	"compat_block:\n"
	".zero 104\n"
	".set P, " BASE " + (compat_block - compat_image)\n"
	"compat_code:\n"
	".code32\n"
	"1:\n"
	/* clock_gettime(CLOCK_MONOTONIC, &before) */
	"movl $265, %eax\n movl $1, %ebx\n movl $P+48, %ecx\n int $0x80\n"
	"movl P, %eax\n movl P+4, %ebx\n movl P+8, %ecx\n movl P+12, %edx\n"
	"movl P+16, %esi\n movl P+20, %edi\n movl P+24, %ebp\n int $0x80\n"
	"movl $265, %eax\n movl $1, %ebx\n movl $P+56, %ecx\n int $0x80\n"
	/* total_ns += (after - before) */
	"movl P+56, %eax\n subl P+48, %eax\n movl $1000000000, %ecx\n imull %ecx\n"
	"movl %eax, %esi\n movl %edx, %edi\n"
	"movl P+60, %eax\n subl P+52, %eax\n cltd\n addl %eax, %esi\n adcl %edx, %edi\n"
	"addl %esi, P+40\n adcl %edi, P+44\n"
	"incl P+32\n movl P+32, %eax\n cmpl P+28, %eax\n jb 1b\n"
	/* write(out_fd, block, 104), exit(0) */
	"movl $4, %eax\n movl P+36, %ebx\n movl $P, %ecx\n movl $104, %edx\n int $0x80\n"
	"movl $1, %eax\n xorl %ebx, %ebx\n int $0x80\n"
	".code64\n"
	"compat_end:\n"
	".popsection\n");
/* clang-format on */

extern const char compat_image[], compat_block[], compat_end[];

struct call {
	struct block block;
	int byte_fd; /* where the partner writes a byte to end a wait, -1: the call ends by itself */
	int read_fd; /* where it comes out */
};

static size_t block_offset(void)
{
	return (uintptr_t)compat_block - (uintptr_t)compat_image;
}

/* Where a member of the block is in the 32-bit program's memory. */
static uint32_t address_of(size_t member)
{
	return (uint32_t)(strtoul(BASE, NULL, 16) + block_offset() + member);
}

/* The image, with the block filled in, as a file without a name. */
static int make_program(const struct block *block)
{
	size_t len = (uintptr_t)compat_end - (uintptr_t)compat_image;
	int fd = memfd_create("compat32", 0);

	check(fd >= 0, "memfd_create");
	check(write(fd, compat_image, len) == (ssize_t)len, "the program");
	check(pwrite(fd, block, sizeof(*block), (off_t)block_offset()) == sizeof(*block), "the program");
	return fd;
}

/* Is the child asleep in this system call (number as in 32-bit programs)? Not in its execve any more. */
static bool is_in_call(pid_t pid, uint32_t number)
{
	char path[64], text[32] = {0}, wanted[16];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/syscall", pid);
	snprintf(wanted, sizeof(wanted), "%u ", number);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	return n > 0 && !strncmp(text, wanted, strlen(wanted));
}

/* Ends each wait a delay after it has begun. */
static void write_bytes(const struct series *s, const struct call *c, pid_t pid)
{
	unsigned int i;
	int left;

	for (i = 0; i < s->count; i++) {
		while (!is_in_call(pid, c->block.number)) {
			if (waitpid(pid, NULL, WNOHANG))
				return; /* it could not be executed: the end of its pipe tells */
			sleep_ns(POLL_NS);
		}
		await_sleep(pid, pid);
		sleep_ns(s->delay_ns);
		check(write(c->byte_fd, "x", 1) == 1, "write");
		do
			sleep_ns(POLL_NS);
		while (!ioctl(c->read_fd, FIONREAD, &left) && left);
	}
}

static int run_32(struct series *s, struct call *c)
{
	struct rusage usage = {0};
	struct block result;
	int out[2], program;
	ssize_t n;
	pid_t pid;

	check(!pipe2(out, 0), "pipe");
	c->block.count = s->count;
	c->block.out_fd = (uint32_t)out[1];
	program = make_program(&c->block);
	pid = fork();
	check(pid >= 0, "fork");
	if (!pid) {
		char *arguments[] = {"compat32", NULL}, *environment[] = {NULL};

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		fexecve(program, arguments, environment);
		_exit(SKIPPED);
	}
	close(out[1]);
	if (c->byte_fd >= 0)
		write_bytes(s, c, pid);
	n = read(out[0], &result, sizeof(result));
	wait4(pid, NULL, 0, &usage);
	if (n != sizeof(result))
		return skip("this kernel executes no 32-bit programs (CONFIG_IA32_EMULATION)");
	s->pid = pid;
	s->tid = pid;
	s->waits = result.done;
	s->wait_ns = result.total_ns;
	s->switches = (uint64_t)usage.ru_nvcsw;
	check(s->waits == s->count && s->switches >= s->waits, "every wait blocked");
	return 0;
}

static struct call call_without_end(const struct series *s, uint32_t number)
{
	struct call c = {.block.number = number, .byte_fd = -1, .read_fd = -1};

	c.block.timeout[0] = (uint32_t)(s->delay_ns / 1000000000);
	c.block.timeout[1] = (uint32_t)(s->delay_ns % 1000000000);
	return c;
}

static int run_nanosleep(struct series *s)
{
	struct call c = call_without_end(s, 162);

	c.block.arg[0] = address_of(offsetof(struct block, timeout));
	return run_32(s, &c);
}

static int run_clock_nanosleep_time64(struct series *s)
{
	struct call c = call_without_end(s, 407);

	c.block.arg[0] = CLOCK_MONOTONIC;
	c.block.arg[2] = address_of(offsetof(struct block, timeout));
	c.block.timeout[2] = c.block.timeout[1]; /* 64-bit seconds come first */
	c.block.timeout[1] = 0;
	return run_32(s, &c);
}

static int run_poll(struct series *s)
{
	struct call c = call_without_end(s, 168);

	c.block.arg[2] = (uint32_t)(s->delay_ns / 1000000);
	return run_32(s, &c);
}

/* Nobody wakes it: each call ends by its timeout and is done again, so all of them are one wait. */
static int run_futex(struct series *s)
{
	struct call c = call_without_end(s, 240);
	int status;

	c.block.word = 1;
	c.block.arg[0] = address_of(offsetof(struct block, word));
	c.block.arg[1] = 128; /* FUTEX_WAIT_PRIVATE */
	c.block.arg[2] = 1;
	c.block.arg[3] = address_of(offsetof(struct block, timeout));
	status = run_32(s, &c);
	if (!status) {
		s->retries = s->waits - 1;
		s->waits = 1;
	}
	return status;
}

static int run_read(struct series *s)
{
	struct call c = call_without_end(s, 3);
	int fds[2];

	check(!pipe2(fds, 0), "pipe");
	c.read_fd = fds[0];
	c.byte_fd = fds[1];
	c.block.arg[0] = (uint32_t)fds[0];
	c.block.arg[1] = address_of(offsetof(struct block, word));
	c.block.arg[2] = 1;
	return run_32(s, &c);
}

/* All calls on sockets in one, as old 32-bit C libraries do it: the descriptor is in memory. */
static int run_socketcall(struct series *s)
{
	struct call c = call_without_end(s, 102);
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM, 0), fd = socket(AF_INET, SOCK_STREAM, 0);

	check(listener >= 0 && !bind(listener, (struct sockaddr *)&address, len) && !listen(listener, 1),
	      "listen");
	check(!getsockname(listener, (struct sockaddr *)&address, &len), "getsockname");
	check(fd >= 0 && !connect(fd, (struct sockaddr *)&address, len), "connect");
	c.byte_fd = accept(listener, NULL, NULL);
	c.read_fd = fd;
	c.block.arg[0] = 10; /* SYS_RECV */
	c.block.arg[1] = address_of(offsetof(struct block, socketcall_args));
	c.block.socketcall_args[0] = (uint32_t)fd;
	c.block.socketcall_args[1] = address_of(offsetof(struct block, word));
	c.block.socketcall_args[2] = 1;
	return run_32(s, &c);
}

/* A 64-bit program that uses the gate of the 32-bit ones: its own numbers do not hold there. */
static int run_int80(struct series *s)
{
	uint32_t *t =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	unsigned int i;
	long result;

	check(t != MAP_FAILED, "mmap");
	series_begin(s);
	for (i = 0; i < s->count; i++) {
		t[0] = (uint32_t)(s->delay_ns / 1000000000);
		t[1] = (uint32_t)(s->delay_ns % 1000000000);
		wait_begin(s);
		__asm__ volatile("int $0x80"
				 : "=a"(result)
				 : "a"(162L), "b"(t), "c"(0L)
				 : "memory", "r8", "r9", "r10", "r11");
		if (result == -ENOSYS)
			return skip("this kernel has no 32-bit system calls (CONFIG_IA32_EMULATION)");
		wait_end(s);
	}
	return 0;
}

int main(int argc, char **argv)
{
	static const struct form forms[] = {
		{"nanosleep", run_nanosleep, "sleep"},
		{"clock_nanosleep_time64", run_clock_nanosleep_time64, "sleep"},
		{"poll", run_poll, "sleep"},
		{"futex", run_futex, "condition"},
		{"read", run_read, "local"},
		{"socketcall", run_socketcall, "network"},
		{"int80", run_int80, "sleep"},
		{NULL, NULL, NULL},
	};

	return series_main(argc, argv, "sleep", forms);
}

#else

int main(int argc, char **argv)
{
	(void)argv;
	return argc > 1 && !strcmp(argv[1], "--list") ? 0 : skip("32-bit programs are tried on x86-64 only");
}

#endif
