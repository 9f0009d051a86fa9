/* SPDX-License-Identifier: BSD-2-Clause */
/*
 *     chains [--json] [--rounds N] [--only NAME,NAME...] [--wait-ms N] [--hold SECONDS]
 *
 * Out: with --json the chains that the threads blocked in, see chains.h, with how often they did. --hold stops before the last
 * kick, so that somebody can look at the threads.
 */
#include <getopt.h>
#include <limits.h>
#include <linux/futex.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "chains.h"

#define MAX_JOBS 100
#define ROUNDS 23
#define GIVE_UP_S 60

static const struct chain *const tables[] = {descriptor_chains, event_chains,  lock_chains,  signal_chains,
					     process_chains,	frame_chains, stack_chains, plugin_chains};

static struct job jobs[MAX_JOBS];
static unsigned int n_jobs;
struct timespec briefly = {.tv_nsec = 2000000};
static atomic_uint the_round; /* that may begin; UINT_MAX: the end */

_Noreturn void give_up(const char *what)
{
	fprintf(stderr, "chains: %s: %s\n", what, strerror(errno));
	fflush(stderr);
	_exit(1);
}

static long voluntary_switches(void)
{
	struct rusage usage = {0};

	getrusage(RUSAGE_THREAD, &usage);
	return usage.ru_nvcsw;
}

NOINLINE bool round_begin(struct job *job)
{
	unsigned int now;

	if (!job->tid) { /* it has its name before it waits for anything */
		prctl(PR_SET_NAME, job->chain->name);
		job->tid = gettid();
		atomic_store(&job->announced, UINT_MAX);
	}
	while ((now = atomic_load(&the_round)) <= job->round)
		syscall(SYS_futex, &the_round, FUTEX_WAIT_PRIVATE, now, NULL, NULL, 0);
	if (now == UINT_MAX)
		return false;
	job->round = now;
	job->switches = voluntary_switches();
	atomic_store(&job->announced, now);
	return true;
}

NOINLINE void round_end(struct job *job)
{
	job->blocked += voluntary_switches() > job->switches;
	atomic_store(&job->finished, job->round);
}

/* ---- the driver ---------------------------------------------------------------------------------------------------------- */

static void set_round(unsigned int number)
{
	atomic_store(&the_round, number);
	syscall(SYS_futex, &the_round, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

static bool is_asleep(pid_t tid)
{
	char path[64], text[128] = "";
	const char *state;
	FILE *f;

	must(snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid) > 0, "snprintf");
	f = fopen(path, "re");
	if (!f)
		return false;
	if (!fgets(text, sizeof(text), f))
		text[0] = '\0';
	fclose(f);
	state = strrchr(text, ')');
	return state && (state[2] == 'S' || state[2] == 'D');
}

static bool is_finished(const struct job *job, unsigned int number)
{
	return atomic_load(&job->finished) == number;
}

static bool is_waiting(const struct job *job, unsigned int number)
{
	if (is_finished(job, number))
		return true;
	return atomic_load(&job->announced) == number && (job->chain->spins || is_asleep(job->tid));
}

static void await(const struct job *job, bool (*state)(const struct job *, unsigned int), unsigned int number)
{
	unsigned int tries;

	for (tries = 0; !state(job, number); tries++) {
		if (tries > GIVE_UP_S * 1000) {
			fprintf(stderr, "chains: %s does not go on\n", job->chain->name);
			_exit(1);
		}
		usleep(1000);
		if (job->chain->repeat && state == is_finished && tries % 50 == 49)
			job->chain->kick((struct job *)job);
	}
}

static void make_round(unsigned int number, unsigned int hold)
{
	unsigned int i;

	for (i = 0; i < n_jobs; i++)
		if (jobs[i].chain->arm)
			jobs[i].chain->arm(&jobs[i]);
	set_round(number);
	for (i = 0; i < n_jobs; i++)
		await(&jobs[i], is_waiting, number);
	if (hold)
		sleep(hold);
	for (i = 0; i < n_jobs; i++)
		if (jobs[i].chain->kick)
			jobs[i].chain->kick(&jobs[i]);
	for (i = 0; i < n_jobs; i++)
		await(&jobs[i], is_finished, number);
}

static unsigned int rounds = ROUNDS, hold_s;

static void *driver(void *arg)
{
	unsigned int number;

	for (number = 1; number <= rounds; number++)
		make_round(number, number == rounds ? hold_s : 0);
	set_round(UINT_MAX);
	return arg;
}

/* ---- the threads --------------------------------------------------------------------------------------------------------- */

static bool is_in_list(const char *name, const char *list)
{
	size_t len = strlen(name);
	const char *at;

	for (at = list; (at = strstr(at, name)); at += len)
		if ((at == list || at[-1] == ',') && (at[len] == '\0' || at[len] == ','))
			return true;
	return false;
}

static void prepare_jobs(const char *only)
{
	const struct chain *chain;
	unsigned int i;

	for (i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		for (chain = tables[i]; chain->name; chain++) {
			if (only && !is_in_list(chain->name, only))
				continue;
			must(n_jobs < MAX_JOBS, "room for the threads");
			jobs[n_jobs].chain = chain;
			if (chain->prepare)
				chain->prepare(&jobs[n_jobs]);
			n_jobs++;
		}
	}
}

NOINLINE static void start_jobs(void)
{
	unsigned int i;

	for (i = 0; i < n_jobs; i++) {
		must(!pthread_create(&jobs[i].thread, NULL, jobs[i].chain->thread, &jobs[i]), "pthread_create");
		while (!atomic_load(&jobs[i].announced))
			usleep(100);
	}
}

/* ---- the truth ----------------------------------------------------------------------------------------------------------- */

static void print_frames(const char *frames, const char *separator)
{
	char text[400];
	char *word, *rest = text;

	if (!frames)
		return;
	must(snprintf(text, sizeof(text), "%s%s", frames, strchr(frames, '@') ? "" : " @thread") < (int)sizeof(text), "a chain's length");
	printf("%s[", separator);
	while ((word = strsep(&rest, " ")))
		printf("\"%s\"%s", word, rest ? "," : "");
	printf("]");
}

static void print_job(const struct job *job)
{
	const struct chain *chain = job->chain;
	char in_between[80];

	must(snprintf(in_between, sizeof(in_between), "syscall round_begin %s_main", chain->name) > 0, "snprintf");
	printf(" {\"thread\":\"%s\",\"rounds\":%u,\"blocked\":%u,\"computes\":%s,\"chains\":[", chain->name, job->round,
	       job->blocked, chain->spins && !chain->kick ? "true" : "false");
	print_frames(chain->frames, "");
	print_frames(chain->frames_2, ",");
	print_frames(chain->frames_3, ",");
	print_frames(chain->frames_4, ",");
	printf("],\"between\":");
	print_frames(in_between, "");
	printf("}");
}

static void print_truth(void)
{
	unsigned int i;

	printf("{\"program\":\"chains\",\"pid\":%d,\"threads\":[\n", getpid());
	for (i = 0; i < n_jobs; i++) {
		print_job(&jobs[i]);
		printf(",\n");
	}
	printf(" {\"thread\":\"chains\",\"rounds\":1,\"blocked\":1,\"computes\":false,\"chains\":[");
	print_frames("~pthread_join main_c main_b main_a main @main", "");
	print_frames("nanosleep at_the_end * exit main @main", ",");
	print_frames("? ~usleep start_jobs main @main", ",");
	print_frames("? * main @main", ","); /* printing */
	printf("]}\n]}\n");
	must(!fflush(stdout), "standard output");
}

/* ---- the main thread's own chains ---------------------------------------------------------------------------------------- */

NOINLINE static int main_c(pthread_t thread)
{
	char area[64] = {0};
	int error = pthread_join(thread, NULL);

	AFTER(area);
	return error;
}

NOINLINE static int main_b(pthread_t thread)
{
	int error = main_c(thread);

	AFTER(&error);
	return error;
}

NOINLINE static int main_a(pthread_t thread)
{
	int error = main_b(thread);

	AFTER(&error);
	return error;
}

NOINLINE static void at_the_end(void)
{
	nanosleep(BRIEFLY, NULL);
	AFTER(&jobs);
}

static bool read_options(int argc, char **argv, bool *json, const char **only)
{
	static const struct option options[] = {
		{"json", no_argument, NULL, 'j'},	   {"rounds", required_argument, NULL, 'r'},
		{"only", required_argument, NULL, 'o'},	   {"wait-ms", required_argument, NULL, 'w'},
		{"hold", required_argument, NULL, 'h'},	   {NULL, 0, NULL, 0},
	};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'j': *json = true; break;
		case 'r': rounds = (unsigned int)strtoul(optarg, NULL, 10); break;
		case 'o': *only = optarg; break;
		case 'w': briefly.tv_nsec = strtol(optarg, NULL, 10) % 1000 * 1000000; break;
		case 'h': hold_s = (unsigned int)strtoul(optarg, NULL, 10); break;
		default: return false;
		}
	}
	return optind == argc;
}

int main(int argc, char **argv)
{
	const char *only = NULL;
	pthread_t thread;
	bool json = false;
	unsigned int i;

	if (!read_options(argc, argv, &json, &only)) {
		fprintf(stderr, "Usage: chains [--json] [--rounds N] [--only NAME,NAME...] [--wait-ms N] [--hold SECONDS]\n");
		return 2;
	}
	must(!atexit(at_the_end), "atexit");
	prepare_jobs(only);
	start_jobs();
	must(!pthread_create(&thread, NULL, driver, NULL), "pthread_create");
	pthread_setname_np(thread, "driver");
	must(!main_a(thread), "pthread_join");
	for (i = 0; i < n_jobs; i++)
		must(!pthread_join(jobs[i].thread, NULL), "pthread_join");
	if (json)
		print_truth();
	exit(0);
}
