/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * yield [COUNT]: two threads on one CPU that give it to each other with sched_yield, at least COUNT times each
 * (1009), and until that made COUNT switches (a scheduler may take a yield for none as long as one thread is
 * ahead of the other by more than some milliseconds: CFS, until 6.5). Out: each thread's calls and how often it
 * left the CPU. A yield is no wait: the thread is ready all the time.
 */
#include "truth.h"

struct yielder {
	pthread_t thread;
	pid_t tid;
	unsigned long calls;
	uint64_t cpu_ns, ready_ns, voluntary;
	_Atomic uint64_t involuntary;
};

static struct yielder yielders[2];
static unsigned long count = 1009;
static pthread_barrier_t here;

#define LOOK_EVERY 16   /* calls, between two looks at the number of switches */
#define GIVE_UP	   1000 /* times COUNT calls */

static bool are_enough(struct yielder *y)
{
	struct rusage usage;

	if (y->calls % LOOK_EVERY == 0) {
		getrusage(RUSAGE_THREAD, &usage);
		atomic_store(&y->involuntary, (uint64_t)usage.ru_nivcsw);
	}
	return atomic_load(&yielders[0].involuntary) + atomic_load(&yielders[1].involuntary) >= count ||
	       y->calls >= GIVE_UP * count;
}

static void *yield_often(void *arg)
{
	struct yielder *y = arg;
	struct rusage usage;
	int fd;

	y->tid = gettid();
	fd = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
	pthread_barrier_wait(&here); /* the last to come runs on; the other is ready, and gets the CPU by the
					first yield */
	for (; y->calls < count || !are_enough(y); y->calls++)
		sched_yield();
	y->cpu_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	y->ready_ns = ready_ns(fd);
	getrusage(RUSAGE_THREAD, &usage);
	y->voluntary = (uint64_t)usage.ru_nvcsw;
	atomic_store(&y->involuntary, (uint64_t)usage.ru_nivcsw);
	close(fd);
	return NULL;
}

int main(int argc, char **argv)
{
	int i;

	if (argc > 1)
		count = strtoul(argv[1], NULL, 10);
	pin_to_cpu(allowed_cpu(0));
	pthread_barrier_init(&here, NULL, 2);
	for (i = 0; i < 2; i++) {
		errno = pthread_create(&yielders[i].thread, NULL, yield_often, &yielders[i]);
		check(!errno, "pthread_create");
	}
	for (i = 0; i < 2; i++)
		pthread_join(yielders[i].thread, NULL);
	printf("{\"kind\":\"yield\",\"yields\":%lu,\"pid\":%d,\"threads\":[", count, getpid());
	for (i = 0; i < 2; i++)
		printf("%s{\"tid\":%d,\"calls\":%lu,\"cpu_ns\":%llu,\"ready_ns\":%llu,\"voluntary\":%llu,"
		       "\"involuntary\":%llu}",
		       i ? "," : "", yielders[i].tid, yielders[i].calls, (unsigned long long)yielders[i].cpu_ns,
		       (unsigned long long)yielders[i].ready_ns, (unsigned long long)yielders[i].voluntary,
		       (unsigned long long)atomic_load(&yielders[i].involuntary));
	printf("]}\n");
	return fflush(stdout) ? 1 : 0;
}
