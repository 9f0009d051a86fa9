/* SPDX-License-Identifier: BSD-2-Clause */
/* Chains that end in waiting for descriptors, for time, and for messages. */
#include <fcntl.h>
#include <mqueue.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/select.h>
#include <sys/sem.h>

#include "chains.h"

static void prepare_pipe(struct job *job)
{
	must(!pipe2(job->fd, O_CLOEXEC), "pipe");
}

static void kick_pipe(struct job *job)
{
	must(write(job->fd[1], "x", 1) == 1, "write");
}

/* It is readable: this does not wait. */
static void take(struct job *job)
{
	char byte;

	must(read(job->fd[0], &byte, 1) == 1, "read");
}

static struct pollfd readable(const struct job *job)
{
	return (struct pollfd){.fd = job->fd[0], .events = POLLIN};
}

CHAIN(poll, {
	struct pollfd fd = readable(job);

	must(poll(&fd, 1, -1) == 1, "poll");
	take(job);
})

CHAIN(ppoll, {
	struct pollfd fd = readable(job);

	must(ppoll(&fd, 1, NULL, NULL) == 1, "ppoll");
	take(job);
})

CHAIN(select, {
	fd_set set;

	FD_ZERO(&set);
	FD_SET(job->fd[0], &set);
	must(select(job->fd[0] + 1, &set, NULL, NULL, NULL) == 1, "select");
	take(job);
})

CHAIN(pselect, {
	fd_set set;

	FD_ZERO(&set);
	FD_SET(job->fd[0], &set);
	must(pselect(job->fd[0] + 1, &set, NULL, NULL, NULL, NULL) == 1, "pselect");
	take(job);
})

static void prepare_epoll(struct job *job)
{
	struct epoll_event event = {.events = EPOLLIN};

	prepare_pipe(job);
	atomic_store(&job->word, epoll_create1(EPOLL_CLOEXEC));
	must(!epoll_ctl(atomic_load(&job->word), EPOLL_CTL_ADD, job->fd[0], &event), "epoll_ctl");
}

CHAIN(epoll_wait, {
	struct epoll_event event;

	while (epoll_wait(atomic_load(&job->word), &event, 1, -1) != 1)
		must(errno == EINTR, "epoll_wait"); /* it was stopped for a moment: this call does not go on by itself */
	take(job);
})

CHAIN(nanosleep, nanosleep(BRIEFLY, NULL))
CHAIN(clock_nanosleep, clock_nanosleep(CLOCK_MONOTONIC, 0, BRIEFLY, NULL))
CHAIN(usleep, usleep(2000))

/* ---- messages ----------------------------------------------------------------------------------------------------------- */

struct message {
	long type;
	char text[8];
};

static void prepare_queue(struct job *job)
{
	job->fd[0] = msgget(IPC_PRIVATE, 0600);
	must(job->fd[0] >= 0, "msgget");
}

static void kick_queue(struct job *job)
{
	struct message message = {.type = 1};

	must(!msgsnd(job->fd[0], &message, sizeof(message.text), 0), "msgsnd");
}

CHAIN(msgrcv, {
	struct message message;

	must(msgrcv(job->fd[0], &message, sizeof(message.text), 0, 0) >= 0, "msgrcv");
})

static void prepare_semaphores(struct job *job)
{
	job->fd[0] = semget(IPC_PRIVATE, 1, 0600);
	must(job->fd[0] >= 0, "semget");
}

static void kick_semaphores(struct job *job)
{
	struct sembuf up = {.sem_op = 1};

	must(!semop(job->fd[0], &up, 1), "semop");
}

CHAIN(semop, {
	struct sembuf down = {.sem_op = -1};

	while (semop(job->fd[0], &down, 1))
		must(errno == EINTR, "semop"); /* as above */
})

static void prepare_mq(struct job *job)
{
	struct mq_attr attributes = {.mq_maxmsg = 4, .mq_msgsize = sizeof(((struct message *)0)->text)};
	char name[40];

	must(snprintf(name, sizeof(name), "/chains.%d", getpid()) > 0, "snprintf");
	job->fd[0] = mq_open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600, &attributes);
	must(job->fd[0] >= 0 && !mq_unlink(name), "mq_open");
}

static void kick_mq(struct job *job)
{
	must(!mq_send(job->fd[0], "x", 1, 0), "mq_send");
}

CHAIN(mq_receive, must(mq_receive(job->fd[0], area, sizeof(((struct message *)0)->text), NULL) == 1, "mq_receive"))

/* What System V keeps lives on after the program, unless it is told not to. */
static struct job *kept_queue, *kept_semaphores;

static void events_tidy(void)
{
	if (kept_queue)
		msgctl(kept_queue->fd[0], IPC_RMID, NULL);
	if (kept_semaphores)
		semctl(kept_semaphores->fd[0], 0, IPC_RMID);
}

static void prepare_kept_queue(struct job *job)
{
	prepare_queue(job);
	kept_queue = job;
	must(!atexit(events_tidy), "atexit");
}

static void prepare_kept_semaphores(struct job *job)
{
	prepare_semaphores(job);
	kept_semaphores = job;
}

const struct chain event_chains[] = {
	{ROW(poll, "poll"), .prepare = prepare_pipe, .kick = kick_pipe},
	{ROW(ppoll, "ppoll"), .prepare = prepare_pipe, .kick = kick_pipe},
	{ROW(select, "select"), .prepare = prepare_pipe, .kick = kick_pipe},
	{ROW(pselect, "~pselect"), .prepare = prepare_pipe, .kick = kick_pipe},
	{ROW(epoll_wait, "epoll_wait|epoll_pwait") /* which arm64 has in its place */, .prepare = prepare_epoll, .kick = kick_pipe},
	{ROW(nanosleep, "nanosleep")},
	{ROW(clock_nanosleep, "clock_nanosleep")},
	{ROW(usleep, "usleep")},
	{ROW(msgrcv, "msgrcv"), .prepare = prepare_kept_queue, .kick = kick_queue},
	{ROW(semop, "~semop"), .prepare = prepare_kept_semaphores, .kick = kick_semaphores},
	{ROW(mq_receive, "~mq_receive"), .prepare = prepare_mq, .kick = kick_mq},
	{0},
};
