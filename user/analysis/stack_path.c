/* SPDX-License-Identifier: BSD-2-Clause */
/* In: a thread and a part of its time. Out: the labels of its path; each frame is put into words once. */
#include "analysis/stack_path.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/frames.h"
#include "base/bytes.h"
#include "base/fail.h"
#include "base/text.h"

#define BASE_MAX 2 /* process and thread */
#define EXTRA	 4 /* what a path may have besides frames and base */

static int add_label(struct stack_paths *p, const char *text, uint32_t *label)
{
	int64_t number = strings_add(p->strings, text, strlen(text));

	if (number < 0)
		return (int)number;
	*label = (uint32_t)number;
	return 0;
}

int stack_paths_init(struct stack_paths *p, const struct trace *t, struct strings *strings)
{
	*p = (struct stack_paths){.t = t, .strings = strings};
	p->frames = calloc(t->n_frames + 1, sizeof(*p->frames));
	if (!p->frames)
		return fail(-ENOMEM, "out of memory: labels of %zu frames", t->n_frames);
	return array_grow(&p->labels, &p->cap, BASE_MAX + EXTRA, sizeof(*p->labels));
}

void stack_paths_release(struct stack_paths *p)
{
	free(p->frames);
	free(p->labels);
	memset(p, 0, sizeof(*p));
}

static int add_base(struct stack_paths *p, const char *comm, uint32_t id, enum path_base base)
{
	char clean[64], text[96];

	if (!comm || !*comm)
		comm = "?";
	text_clean(clean, sizeof(clean), comm, strlen(comm), ";");
	if (base == PATH_BY_NAME)
		snprintf(text, sizeof(text), "%s", clean);
	else
		snprintf(text, sizeof(text), "%s-%u", clean, id);
	return add_label(p, text, &p->labels[p->n_base++]);
}

int stack_paths_thread(struct stack_paths *p, const struct trace_thread *thread, enum path_base base)
{
	const struct trace_process *process = &p->t->processes[thread->process];
	int err;

	p->n_base = 0;
	err = add_base(p, process->comm, process->pid, base);
	if (!err && base != PATH_BY_PROCESS)
		err = add_base(p, thread->comm, thread->tid, base);
	return err;
}

static int frame_of(struct stack_paths *p, uint32_t index, uint32_t *label)
{
	const struct trace_frame *frame = &p->t->frames[index];
	char text[FRAME_LABEL_MAX + sizeof("_[k]")];
	int err;

	if (p->frames[index]) {
		*label = p->frames[index] - 1;
		return 0;
	}
	frame_label_line(text, FRAME_LABEL_MAX, frame);
	if (frame->kernel || frame->inlined)
		memcpy(text + strlen(text), frame->kernel ? "_[k]" : "_[i]", sizeof("_[k]"));
	err = add_label(p, text, label);
	if (!err)
		p->frames[index] = *label + 1;
	return err;
}

static int add_call(struct stack_paths *p, const struct time_part *part, size_t *n)
{
	const char *name = p->t->stacks[part->stack].n_kernel
				   ? NULL
				   : trace_syscall_name(p->t, part->syscall, part->flags);
	char clean[64], text[64 + sizeof("_[k]")];

	if (!name)
		return 0;
	text_clean(clean, sizeof(clean), name, strlen(name), ";");
	snprintf(text, sizeof(text), "%s_[k]", clean);
	return add_label(p, text, &p->labels[(*n)++]);
}

int stack_path(struct stack_paths *p, const struct time_part *part, size_t *n)
{
	const struct trace_stack *s = &p->t->stacks[part->stack];
	uint32_t i = s->n_kernel + s->n_user, innermost = part->state == PART_RUNNING ? 0 : frames_of_probe(p->t, s);
	int err = array_grow(&p->labels, &p->cap, (size_t)i + BASE_MAX + EXTRA, sizeof(*p->labels));

	*n = p->n_base;
	if (err)
		return err;
	if (part->lost || !i) {
		err = add_label(p, part->lost ? "[no detail]" : "[no stack]", &p->labels[(*n)++]);
		i = 0;
	}
	if (!err && i && s->n_user && trace_stack_is_cut(s))
		err = add_label(p, "[truncated]", &p->labels[(*n)++]);
	/* Innermost first in the trace: kernel frames, then user frames. */
	while (i-- > innermost && !err)
		err = frame_of(p, s->frames[i], &p->labels[(*n)++]);
	if (!err)
		err = add_call(p, part, n);
	return err;
}
