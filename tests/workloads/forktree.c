/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * forktree [FORM [DEPTH [DELAY_MS]]]: a line of processes, each the child of the one before, DEPTH (23) below
 * the first.
 *
 * plain: each waits for its child; the last sleeps for DELAY_MS (50).
 *
 * setsid: the same, each in a session of its own.
 *
 * daemon: the last one of the line makes a daemon by a double fork, and all others end: it lives on, sleeps
 * for DELAY_MS, and prints.
 *
 * Out: how many processes there were, and their pids, the first one's first.
 */
#include "truth.h"

#define MAX_DEPTH 200

struct tree {
	atomic_uint n;
	pid_t pids[MAX_DEPTH + 4];
};

static struct tree *tree;

static void enter_tree(void)
{
	tree->pids[atomic_fetch_add(&tree->n, 1)] = getpid();
}

static int print_tree(const char *form)
{
	unsigned int i, n = atomic_load(&tree->n);

	printf("{\"kind\":\"forktree\",\"form\":\"%s\",\"processes\":%u,\"threads\":%u,\"pid\":%d,\"pids\":[",
	       form, n, n, tree->pids[0]);
	for (i = 0; i < n; i++)
		printf("%s%d", i ? "," : "", tree->pids[i]);
	printf("]}\n");
	return fflush(stdout) ? 1 : 0;
}

static void reap(pid_t pid)
{
	int status = 0;

	check(pid > 0, "fork");
	check(waitpid(pid, &status, 0) == pid && !status, "a child");
}

/* The process between the tree and the daemon ends at once: the daemon is nobody's child then. */
static void make_daemon(uint64_t delay_ns)
{
	pid_t middle = fork();

	if (middle) {
		reap(middle);
		return;
	}
	enter_tree();
	check(setsid() >= 0, "setsid");
	if (fork())
		_exit(0);
	enter_tree();
	sleep_ns(delay_ns);
	_exit(print_tree("daemon"));
}

static void descend(const char *form, unsigned int depth, uint64_t delay_ns)
{
	pid_t child;

	enter_tree();
	if (!strcmp(form, "setsid") && getpid() != tree->pids[0])
		check(setsid() >= 0, "setsid");
	if (!depth && !strcmp(form, "daemon"))
		make_daemon(delay_ns);
	else if (!depth)
		sleep_ns(delay_ns);
	if (!depth)
		return;
	child = fork();
	if (!child) {
		descend(form, depth - 1,
			delay_ns); /* NOLINT(misc-no-recursion): as deep as the tree, MAX_DEPTH */
		_exit(0);
	}
	reap(child);
}

int main(int argc, char **argv)
{
	const char *form = argc > 1 ? argv[1] : "plain";
	unsigned long depth = argc > 2 ? strtoul(argv[2], NULL, 10) : 23;
	uint64_t delay_ns = (argc > 3 ? strtoull(argv[3], NULL, 10) : 50) * 1000000;

	if (!strcmp(form, "--list")) {
		printf("plain\nsetsid\ndaemon\n");
		return 0;
	}
	tree = mmap(NULL, sizeof(*tree), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	check(tree != MAP_FAILED, "mmap");
	if (depth > MAX_DEPTH)
		return skip("that is too deep");
	descend(form, (unsigned int)depth, delay_ns);
	return strcmp(form, "daemon") ? print_tree(form) : 0;
}
