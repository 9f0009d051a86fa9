/* SPDX-License-Identifier: BSD-2-Clause */
/* Waits in a library that is loaded while the program runs: in its constructor, in a call that it gets and makes back, and in the
 * choice of an implementation when a function is called for the first time. Loaded and unloaded in every round. */
#include <dlfcn.h>
#include <libgen.h>
#include <limits.h>

#include "chains.h"

static char plugin_path[PATH_MAX];

/* It lies beside the program. */
static void prepare_plugin(struct job *job)
{
	char program[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", program, sizeof(program) - 1);

	(void)job;
	must(n > 0, "/proc/self/exe");
	program[n] = '\0';
	n = snprintf(plugin_path, sizeof(plugin_path), "%s/chains_plugin.so", dirname(program));
	must(n > 0 && n < (ssize_t)sizeof(plugin_path), "the length of a path");
}

NOINLINE static long plugin_calls_back(long n)
{
	nanosleep(BRIEFLY, NULL);
	AFTER(&n);
	return n + 1;
}

CHAIN(plugin, {
	void *library = dlopen(plugin_path, RTLD_LAZY);
	long (*call)(long (*)(long), long);

	if (!library)
		fprintf(stderr, "chains: %s\n", dlerror());
	must(library != NULL, "dlopen");
	*(void **)&call = dlsym(library, "plugin_call");
	must(call != NULL, "dlsym");
	area[0] = (char)call(plugin_calls_back, job->round);
	must(!dlclose(library), "dlclose");
})

const struct chain plugin_chains[] = {
	{ROW(plugin, "nanosleep plugin_calls_back plugin_inner plugin_call"), .frames_2 = FROM(plugin, "nanosleep plugin_begin * dlopen"),
	 .frames_3 = FROM(plugin, "nanosleep plugin_choose|plugin_lazy_call * plugin_lazy plugin_call"), .frames_4 = FROM(plugin, "? *"), /* for the dynamic linker's lock */
	 .prepare = prepare_plugin},
	{0},
};
