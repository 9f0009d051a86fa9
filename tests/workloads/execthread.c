/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * execthread [DELAY_MS]: a thread that is not the first one calls execve, while the first waits in
 * pthread_join and a third in read(2): both end, and the caller becomes the process's only thread, with the
 * leader's tid. The new program sleeps for DELAY_MS (50). Out, by the new program: the pid, the tids of
 * before, the time asleep after.
 */
#include "truth.h"

static char delay_text[32] = "50";
static char self[4096];
static atomic_int reader_tid;
static int fds[2];

static void *reading(void *arg)
{
	char byte;

	atomic_store(&reader_tid, gettid());
	return read(fds[0], &byte, 1) == 1 ? NULL : arg;
}

static void *executing(void *arg)
{
	char tid_text[32], reader_text[32];
	char *arguments[] = {"execthread", "after", delay_text, tid_text, reader_text, NULL};

	while (!atomic_load(&reader_tid))
		sleep_ns(POLL_NS);
	await_sleep(getpid(), atomic_load(&reader_tid));
	await_sleep(getpid(), getpid());
	snprintf(tid_text, sizeof(tid_text), "%d", gettid());
	snprintf(reader_text, sizeof(reader_text), "%d", atomic_load(&reader_tid));
	execve(self, arguments, environ);
	check(false, "execve");
	return arg;
}

static int after(char **argv)
{
	uint64_t start = now_ns();

	sleep_ns(strtoull(argv[2], NULL, 10) * 1000000);
	printf("{\"kind\":\"execthread\",\"pid\":%d,\"tid\":%d,\"caller_tid\":%s,\"reader_tid\":%s,\"sleep_"
	       "ns\":%llu}\n",
	       getpid(), gettid(), argv[3], argv[4], (unsigned long long)(now_ns() - start));
	return fflush(stdout) ? 1 : 0;
}

int main(int argc, char **argv)
{
	pthread_t reader, caller;
	ssize_t n;

	if (argc == 5 && !strcmp(argv[1], "after"))
		return after(argv);
	if (argc > 1)
		snprintf(delay_text, sizeof(delay_text), "%s", argv[1]);
	n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	check(n > 0 && !pipe2(fds, O_CLOEXEC), "/proc/self/exe");
	errno = pthread_create(&reader, NULL, reading, NULL);
	check(!errno, "pthread_create");
	errno = pthread_create(&caller, NULL, executing, NULL);
	check(!errno, "pthread_create");
	pthread_join(caller, NULL); /* never returns: the other thread's execve ends this one */
	return 1;
}
