/* SPDX-License-Identifier: BSD-2-Clause */
/* In: a queue or semaphore of System V or POSIX. Out: the main thread waits for it, and how long that took.
 */
#include <mqueue.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>

#include "truth.h"

#define MESSAGE_BYTES 64

struct message {
	long type;
	char text[MESSAGE_BYTES];
};

/* word[0] is the queue or the semaphore. */
static int id(struct series *s)
{
	return s->area.word[0];
}

static void message_send(struct series *s)
{
	struct message m = {.type = 1};

	check(!msgsnd(id(s), &m, sizeof(m.text), 0), "msgsnd");
}

static void message_receive(struct series *s)
{
	struct message m;

	check(msgrcv(id(s), &m, sizeof(m.text), 0, 0) == sizeof(m.text), "msgrcv");
}

static int run_msgrcv(struct series *s)
{
	int status;

	s->area.word[0] = msgget(IPC_PRIVATE, 0600);
	check(id(s) >= 0, "msgget");
	status = series_with_thread(s, NULL, message_send, message_receive, NULL);
	msgctl(id(s), IPC_RMID, NULL);
	return status;
}

/* The queue holds one message, and that is in it. */
static int run_msgsnd(struct series *s)
{
	struct msqid_ds limits;
	int status;

	s->area.word[0] = msgget(IPC_PRIVATE, 0600);
	check(id(s) >= 0 && !msgctl(id(s), IPC_STAT, &limits), "msgget");
	limits.msg_qbytes = MESSAGE_BYTES;
	check(!msgctl(id(s), IPC_SET, &limits), "msgctl");
	message_send(s);
	status = series_with_thread(s, NULL, message_receive, message_send, NULL);
	msgctl(id(s), IPC_RMID, NULL);
	return status;
}

static void semaphore_up(struct series *s)
{
	struct sembuf up = {.sem_op = 1};

	check(!semop(id(s), &up, 1), "semop");
}

static void semaphore_down(struct series *s)
{
	struct sembuf down = {.sem_op = -1};

	check(!semop(id(s), &down, 1), "semop");
}

static void semaphore_down_timed(struct series *s)
{
	struct timespec limit = timespec_of(GIVE_UP_NS);
	struct sembuf down = {.sem_op = -1};

	check(!semtimedop(id(s), &down, 1, &limit), "semtimedop");
}

static int semaphores(struct series *s, void (*down)(struct series *))
{
	int status;

	s->area.word[0] = semget(IPC_PRIVATE, 1, 0600);
	check(id(s) >= 0, "semget");
	check(!semctl(id(s), 0, SETVAL, 0), "semctl");
	status = series_with_thread(s, NULL, semaphore_up, down, NULL);
	semctl(id(s), 0, IPC_RMID);
	return status;
}

static int run_semop(struct series *s)
{
	return semaphores(s, semaphore_down);
}

static int run_semtimedop(struct series *s)
{
	return semaphores(s, semaphore_down_timed);
}

static void queue_make(struct series *s)
{
	struct mq_attr attr = {.mq_maxmsg = 1, .mq_msgsize = MESSAGE_BYTES};
	char name[64];

	snprintf(name, sizeof(name), "/conctrace-wait-ipc-%d", getpid());
	s->area.word[0] = mq_open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600, &attr);
	check(id(s) >= 0, "mq_open");
	mq_unlink(name);
}

static void queue_send(struct series *s)
{
	char text[MESSAGE_BYTES] = {0};

	check(!mq_send(id(s), text, sizeof(text), 0), "mq_send");
}

static void queue_receive(struct series *s)
{
	char text[MESSAGE_BYTES];

	check(mq_receive(id(s), text, sizeof(text), NULL) == sizeof(text), "mq_receive");
}

static void queue_receive_timed(struct series *s)
{
	struct timespec until = timespec_of(clock_ns(CLOCK_REALTIME) + GIVE_UP_NS);
	char text[MESSAGE_BYTES];

	check(mq_timedreceive(id(s), text, sizeof(text), NULL, &until) == sizeof(text), "mq_timedreceive");
}

static int run_mq_receive(struct series *s)
{
	queue_make(s);
	return series_with_thread(s, NULL, queue_send, queue_receive, NULL);
}

static int run_mq_timedreceive(struct series *s)
{
	queue_make(s);
	return series_with_thread(s, NULL, queue_send, queue_receive_timed, NULL);
}

static int run_mq_send(struct series *s)
{
	queue_make(s);
	queue_send(s);
	return series_with_thread(s, NULL, queue_receive, queue_send, NULL);
}

int main(int argc, char **argv)
{
	static const struct form forms[] = {
		{"msgrcv", run_msgrcv, NULL},	      {"msgsnd", run_msgsnd, NULL},
		{"semop", run_semop, NULL},	      {"semtimedop", run_semtimedop, NULL},
		{"mq_receive", run_mq_receive, NULL}, {"mq_timedreceive", run_mq_timedreceive, NULL},
		{"mq_send", run_mq_send, NULL},	      {NULL, NULL, NULL},
	};

	return series_main(argc, argv, "ipc", forms);
}
