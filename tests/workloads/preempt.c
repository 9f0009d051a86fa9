/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * preempt [CPUS [MS]]: CPUS + 1 threads that only compute, pinned to CPUS CPUs (default: 1), for MS of wall
 * time (500). Nobody waits: what a thread does not run it is ready, preempted. Out: each thread's own
 * account.
 */
#include "truth.h"

#define MAX_THREADS 1025

struct spinner {
	pthread_t thread;
	pid_t tid;
	uint64_t until_ns, cpu_ns, ready_ns, voluntary, involuntary;
	volatile uint64_t work;
};

static struct spinner spinners[MAX_THREADS];

static void *spin(void *arg)
{
	struct spinner *s = arg;
	struct rusage usage;
	int fd, i;

	s->tid = gettid();
	while (now_ns() < s->until_ns)
		for (i = 0; i < 10000; i++)
			s->work += (uint64_t)i;
	fd = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
	s->cpu_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	s->ready_ns = ready_ns(fd);
	getrusage(RUSAGE_THREAD, &usage);
	s->voluntary = (uint64_t)usage.ru_nvcsw;
	s->involuntary = (uint64_t)usage.ru_nivcsw;
	close(fd);
	return NULL;
}

int main(int argc, char **argv)
{
	int cpus = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 1, i;
	uint64_t until = now_ns() + (argc > 2 ? strtoull(argv[2], NULL, 10) : 500) * 1000000;
	cpu_set_t set;

	CPU_ZERO(&set);
	for (i = 0; i < cpus; i++) {
		int cpu = allowed_cpu(i);

		if (cpu < 0 || cpus + 1 > MAX_THREADS)
			return skip("there are not that many CPUs");
		CPU_SET(cpu, &set);
	}
	check(!sched_setaffinity(0, sizeof(set), &set), "sched_setaffinity");
	for (i = 0; i <= cpus; i++) {
		spinners[i].until_ns = until;
		errno = pthread_create(&spinners[i].thread, NULL, spin, &spinners[i]);
		check(!errno, "pthread_create");
	}
	for (i = 0; i <= cpus; i++)
		pthread_join(spinners[i].thread, NULL);
	printf("{\"kind\":\"preempt\",\"cpus\":%d,\"pid\":%d,\"threads\":[", cpus, getpid());
	for (i = 0; i <= cpus; i++)
		printf("%s{\"tid\":%d,\"cpu_ns\":%llu,\"ready_ns\":%llu,\"voluntary\":%llu,\"involuntary\":%"
		       "llu}",
		       i ? "," : "", spinners[i].tid, (unsigned long long)spinners[i].cpu_ns,
		       (unsigned long long)spinners[i].ready_ns, (unsigned long long)spinners[i].voluntary,
		       (unsigned long long)spinners[i].involuntary);
	printf("]}\n");
	return fflush(stdout) ? 1 : 0;
}
