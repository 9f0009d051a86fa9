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
#define EXTRA	 6 /* what a path may have besides frames and base */

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

/* The name of a process or thread. */
static int add_comm(struct stack_paths *p, const char *comm, uint32_t id, enum path_base base, uint32_t *label)
{
	char clean[64], text[96];

	if (!comm || !*comm)
		comm = "?";
	text_clean(clean, sizeof(clean), comm, strlen(comm), ";");
	if (base == PATH_BY_NAME)
		snprintf(text, sizeof(text), "%s", clean);
	else
		snprintf(text, sizeof(text), "%s-%u", clean, id);
	return add_label(p, text, label);
}

int stack_paths_thread(struct stack_paths *p, const struct trace_thread *thread, enum path_base base)
{
	const struct trace_process *process = &p->t->processes[thread->process];
	int err;

	p->base = base;
	p->n_base = 0;
	err = add_comm(p, process->comm, process->pid, base, &p->labels[p->n_base++]);
	if (!err && base != PATH_BY_PROCESS)
		err = add_comm(p, thread->comm, thread->tid, base, &p->labels[p->n_base++]);
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

/* The system call of a wait or of a waker, in place of a kernel stack. */
static int add_call(struct stack_paths *p, uint32_t stack, uint16_t syscall, uint16_t flags, size_t *n)
{
	const char *name = p->t->stacks[stack].n_kernel ? NULL : trace_syscall_name(p->t, syscall, flags);
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
		err = add_call(p, part->stack, part->syscall, part->flags, n);
	return err;
}

/* Of a traced thread: frames with the innermost first, thread, process. */
static int add_waker_thread(struct stack_paths *p, const struct trace_waker *w, size_t *n)
{
	const struct trace_thread *thread = &p->t->threads[w->thread];
	const struct trace_process *process = &p->t->processes[thread->process];
	const struct trace_stack *s = &p->t->stacks[w->stack];
	uint32_t i, frames = s->n_kernel + s->n_user;
	int err = add_call(p, w->stack, w->syscall, w->flags, n);

	for (i = 0; i < frames && !err; i++)
		err = frame_of(p, s->frames[i], &p->labels[(*n)++]);
	if (!err && s->n_user && trace_stack_is_cut(s))
		err = add_label(p, "[truncated]", &p->labels[(*n)++]);
	if (!err && p->base != PATH_BY_PROCESS)
		err = add_comm(p, thread->comm, thread->tid, p->base, &p->labels[(*n)++]);
	return err ? err : add_comm(p, process->comm, process->pid, p->base, &p->labels[(*n)++]);
}

static int add_other_waker(struct stack_paths *p, const struct trace_waker *w, size_t *n)
{
	char clean[64], text[96];
	int err = add_call(p, 0, w->syscall, w->flags, n);

	text_clean(clean, sizeof(clean), w->comm, strlen(w->comm), ";");
	snprintf(text, sizeof(text), w->flags & WIRE_WAKE_KTHREAD ? "%s_[k]" : "%s (not traced)", *clean ? clean : "?");
	return err ? err : add_label(p, text, &p->labels[(*n)++]);
}

int stack_path_waker(struct stack_paths *p, const struct time_part *part, size_t *n)
{
	const struct trace_waker *w = &p->t->wakers[part->waker];
	const struct trace_stack *s = &p->t->stacks[w->stack];
	int err = array_grow(&p->labels, &p->cap, *n + s->n_kernel + s->n_user + BASE_MAX + EXTRA, sizeof(*p->labels));

	if (!err)
		err = add_label(p, "--", &p->labels[(*n)++]);
	if (err || !part->waker)
		return err ? err : add_label(p, "[unknown waker]", &p->labels[(*n)++]);
	if (w->flags & (WIRE_WAKE_INTERRUPT | WIRE_WAKE_SOFTIRQ))
		err = add_label(p, w->flags & WIRE_WAKE_INTERRUPT ? "[interrupt]" : "[softirq]", &p->labels[(*n)++]);
	if (err || (w->thread == TRACE_NO_THREAD && !w->comm))
		return err;
	return w->thread == TRACE_NO_THREAD ? add_other_waker(p, w, n) : add_waker_thread(p, w, n);
}
