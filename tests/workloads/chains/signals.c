/* SPDX-License-Identifier: BSD-2-Clause */
/* Chains that end in waiting for a signal, and waits in signal handlers: on the thread's stack and on another one, nested, in
 * the middle of computing, of a system call, and of a fault. */
#include <signal.h>
#include <sys/mman.h>

#include "chains.h"

/* A signal of its own for each chain. */
enum { BY_WAIT, BY_SUSPEND, BY_PAUSE, BY_RAISE, BY_KICK, BY_OTHER_STACK, BY_NEST, BY_NESTED, BY_READ };

static int number_of(int which)
{
	return SIGRTMIN + 1 + which;
}

static void handle(int which, void (*handler)(int), int flags)
{
	struct sigaction action = {.sa_handler = handler, .sa_flags = flags};

	must(!sigaction(number_of(which), &action, NULL), "sigaction");
}

static sigset_t only(int which)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, number_of(which));
	return set;
}

static void nothing(int number)
{
	(void)number;
}

/* ---- waiting for a signal ----------------------------------------------------------------------------------------------- */

/* Blocked in the thread that makes all others, so in all of them. */
static void block(int which)
{
	sigset_t set = only(which);

	must(!pthread_sigmask(SIG_BLOCK, &set, NULL), "pthread_sigmask");
}

static void prepare_sigwait(struct job *job)
{
	(void)job;
	block(BY_WAIT);
}

static void kick_sigwait(struct job *job)
{
	pthread_kill(job->thread, number_of(BY_WAIT));
}

CHAIN(sigwait, {
	sigset_t set = only(BY_WAIT);
	int number;

	must(!sigwait(&set, &number), "sigwait");
})

static void prepare_sigsuspend(struct job *job)
{
	(void)job;
	block(BY_SUSPEND);
	handle(BY_SUSPEND, nothing, 0);
}

static void kick_sigsuspend(struct job *job)
{
	pthread_kill(job->thread, number_of(BY_SUSPEND));
}

CHAIN(sigsuspend, {
	sigset_t set;

	pthread_sigmask(SIG_BLOCK, NULL, &set);
	sigdelset(&set, number_of(BY_SUSPEND));
	sigsuspend(&set);
})

static void prepare_pause(struct job *job)
{
	(void)job;
	handle(BY_PAUSE, nothing, 0);
}

static void kick_pause(struct job *job)
{
	pthread_kill(job->thread, number_of(BY_PAUSE));
}

CHAIN(pause, pause())

/* ---- waiting in a handler ----------------------------------------------------------------------------------------------- */

NOINLINE static long handler_inner(volatile int *area)
{
	nanosleep(BRIEFLY, NULL);
	AFTER(area);
	return area[0];
}

NOINLINE static void handler(int number)
{
	volatile int area[16];
	int saved = errno;

	area[0] = number;
	handler_inner(area);
	AFTER(area);
	errno = saved;
}

static void prepare_raise(struct job *job)
{
	(void)job;
	handle(BY_RAISE, handler, 0);
}

CHAIN(raise, raise(number_of(BY_RAISE)))

/* Computes until its own signal has been there. */
static atomic_int spun;

NOINLINE static void spin_handler(int number)
{
	handler(number);
	atomic_store(&spun, 1);
	AFTER(&spun);
}

static void prepare_spin(struct job *job)
{
	(void)job;
	handle(BY_KICK, spin_handler, 0);
}

static void kick_spin(struct job *job)
{
	pthread_kill(job->thread, number_of(BY_KICK));
}

CHAIN(spin, {
	while (!atomic_load_explicit(&spun, memory_order_relaxed))
		AFTER(area);
	atomic_store(&spun, 0);
})

/* Another stack, for the threads that ask for one. */
static void take_other_stack(void)
{
	static const size_t size = 128 << 10;
	stack_t stack = {.ss_size = size};

	stack.ss_sp = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	must(stack.ss_sp != MAP_FAILED && !sigaltstack(&stack, NULL), "sigaltstack");
}

static void prepare_altstack(struct job *job)
{
	(void)job;
	handle(BY_OTHER_STACK, handler, SA_ONSTACK);
}

CHAIN(altstack, {
	if (job->round == 1)
		take_other_stack();
	raise(number_of(BY_OTHER_STACK));
})

/* A signal in the handler of another, both on the other stack. */
NOINLINE static void nest_handler(int number)
{
	volatile int area[8];

	area[0] = number;
	raise(number_of(BY_NESTED));
	AFTER(area);
}

static void prepare_nested(struct job *job)
{
	(void)job;
	handle(BY_NEST, nest_handler, SA_ONSTACK);
	handle(BY_NESTED, handler, SA_ONSTACK);
}

CHAIN(nested, {
	if (job->round == 1)
		take_other_stack();
	raise(number_of(BY_NEST));
})

/* The call that the signal interrupts goes on after the handler. */
static void prepare_interrupted(struct job *job)
{
	must(!pipe(job->fd), "pipe");
	handle(BY_READ, handler, SA_RESTART);
}

static void kick_interrupted(struct job *job)
{
	pthread_kill(job->thread, number_of(BY_READ));
	nanosleep(BRIEFLY, NULL);
	must(write(job->fd[1], "x", 1) == 1, "write");
}

CHAIN(interrupted, must(read(job->fd[0], area, 1) == 1, "read"))

/* The very first instruction of a function faults, and the handler waits before it allows the access. */
static long *no_access;

NOINLINE static void fault_handler(int number, siginfo_t *info, void *context)
{
	volatile int area[4];

	(void)context;
	if (info->si_addr != (void *)no_access) {
		signal(number, SIG_DFL); /* a fault that was not meant */
		return;
	}
	area[0] = number;
	handler_inner(area);
	must(!mprotect(no_access, 4096, PROT_READ), "mprotect");
	AFTER(area);
}

static void prepare_fault(struct job *job)
{
	struct sigaction action = {.sa_sigaction = fault_handler, .sa_flags = SA_SIGINFO};

	(void)job;
	no_access = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	must(no_access != MAP_FAILED && !sigaction(SIGSEGV, &action, NULL), "sigaction");
}

static void arm_fault(struct job *job)
{
	(void)job;
	must(!mprotect(no_access, 4096, PROT_NONE), "mprotect");
}

NOINLINE static long fault_load(const long *at)
{
	return *(const volatile long *)at;
}

CHAIN(fault, area[0] = (char)fault_load(no_access))

#define HANDLED "nanosleep handler_inner handler * "

const struct chain signal_chains[] = {
	{ROW(sigwait, "~sigwait"), .prepare = prepare_sigwait, .kick = kick_sigwait},
	{ROW(sigsuspend, "sigsuspend"), .prepare = prepare_sigsuspend, .kick = kick_sigsuspend},
	{ROW(pause, "pause"), .prepare = prepare_pause, .kick = kick_pause, .repeat = true},
	{ROW(raise, HANDLED "~raise"), .prepare = prepare_raise},
	{.name = "spin", .thread = spin_main, .frames = FROM(spin, "nanosleep handler_inner handler spin_handler *"),
	 .prepare = prepare_spin, .kick = kick_spin, .spins = true},
	{ROW(altstack, HANDLED "~raise"), .prepare = prepare_altstack},
	{ROW(nested, HANDLED "~raise nest_handler * ~raise"), .prepare = prepare_nested},
	{ROW(interrupted, HANDLED "read"), .frames_2 = FROM(interrupted, "read"), .prepare = prepare_interrupted,
	 .kick = kick_interrupted},
	{ROW(fault, "nanosleep handler_inner fault_handler * fault_load"), .prepare = prepare_fault, .arm = arm_fault},
	{0},
};
