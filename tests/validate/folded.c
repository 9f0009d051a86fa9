/* SPDX-License-Identifier: BSD-2-Clause */
#include "folded.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "capture/syscalls.h"
#include "stopped.h"

#define PAUSE_US 200

struct folder {
	struct reference *reference;
	struct reference_stack stack;
	FILE *out;
	unsigned long stacks, left_out;
};

/* What has no rule and is not the innermost is where libdw guesses: no truth. Nor is a thread that begins, without a name of its own. */
static bool is_guessed(const struct folder *f, const struct captured *c)
{
	size_t i;

	if (f->stack.leaf && f->stack.n == 1)
		return true;
	for (i = f->stack.leaf; i + 1 < f->stack.n; i++)
		if (!reference_has_rule(f->reference, c->pid, f->stack.frames[i] - !f->stack.exact[i]))
			return true;
	return false;
}

static int fold_thread(void *ctx, const struct stopped_thread *t)
{
	struct folder *f = ctx;
	const struct captured *c = &t->captured;
	char name[4200];
	size_t i;

	if (t->syscall < 0)
		return 0;
	f->stacks++;
	if (reference_unwind(f->reference, c, &f->stack) || f->stack.end != REFERENCE_ROOT || is_guessed(f, c)) {
		f->left_out++;
		return 0;
	}
	fprintf(f->out, "%s;%s", t->process_comm, t->comm);
	for (i = f->stack.n; i-- > 0;)
		fprintf(f->out, ";%s", reference_name(f->reference, c->pid, f->stack.frames[i], f->stack.exact[i], name, sizeof(name)));
	if (syscall_name(SYSCALL_ABI_NATIVE, (int)t->syscall, name, sizeof(name)))
		fprintf(f->out, ";%s_[k]", name);
	fprintf(f->out, ";[stopped] 1\n");
	return 0;
}

static void fold_tree(struct folder *f, pid_t pid)
{
	char path[300];
	unsigned int child;
	struct dirent *entry;
	DIR *tasks;
	FILE *children;

	stopped_threads((uint32_t)pid, fold_thread, f);
	if (snprintf(path, sizeof(path), "/proc/%d/task", pid) < 0)
		return;
	tasks = opendir(path);
	while (tasks && (entry = readdir(tasks))) {
		if (entry->d_name[0] == '.' || snprintf(path, sizeof(path), "/proc/%d/task/%s/children", pid, entry->d_name) < 0)
			continue;
		children = fopen(path, "re");
		while (children && fscanf(children, "%u", &child) == 1)
			fold_tree(f, (pid_t)child);
		if (children)
			fclose(children);
	}
	if (tasks)
		closedir(tasks);
}

int folded_reference(struct reference *r, pid_t pid, FILE *out)
{
	struct folder *f = calloc(1, sizeof(*f));
	int status;

	if (!f)
		return -ENOMEM;
	f->reference = r;
	f->out = out;
	while (waitpid(pid, &status, WNOHANG) == 0) {
		fold_tree(f, pid);
		usleep(PAUSE_US);
	}
	fprintf(stderr, "validate: %lu stacks, %lu of them left out: libdw reaches no root, or guesses\n", f->stacks, f->left_out);
	free(f);
	return ferror(out) ? -EIO : 0;
}
