/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The verbs: one table that dispatches and is the help. Each verb has a struct of its own options (the values
 * that its table fills) and one function, in the file of its name.
 */
#ifndef CONCTRACE_VERBS_H
#define CONCTRACE_VERBS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "commands/lookup.h"
#include "commands/options.h"

#define VERB_RECORDING "conctrace.data"
#define VERB_FOLDED    "conctrace.folded"
#define VERB_SVG       "conctrace.svg"
#define VERB_FREQUENCY 199 /* samples a second: prime, so that nothing periodic hides from it */

enum threads_choice { THREADS_MOST = 0, THREADS_ALL = 1 };

/* What is measured, and where it goes: run and attach. */
struct record_options {
	const char *recording; /* -o */
	const char *folded;
	const char *report; /* NULL: stderr */
	uint64_t frequency; /* Hz; 0: no samples */
	int threads;	    /* enum threads_choice */
	bool quiet;	    /* no report */
	bool json;	    /* the report as JSON */
	bool no_stacks;
	bool kernel_stacks;
	bool wakers; /* who ends waits */
	struct lookup_options lookup; /* of what is shown at the end; from files of this machine alone */
};

struct run_options {
	struct record_options record; /* first: the two verbs share the table of its options */
	const char *user;	      /* NULL: the invoking user */
	bool wait_all;
	bool as_root;
};

struct attach_options {
	struct record_options record;
	struct option_pids pids;
	uint64_t duration_ns; /* 0: until Ctrl-C or the end of all */
};

struct report_options {
	struct lookup_options lookup;
	int threads; /* enum threads_choice */
	int names;   /* enum symbol_names */
	bool json;
};

struct folded_options {
	struct lookup_options lookup;
	int what;  /* enum folded_choice */
	int names; /* enum symbol_names */
};
enum folded_choice { FOLDED_CHOICE_ALL = 0, FOLDED_CHOICE_CPU = 1, FOLDED_CHOICE_WAIT = 2, FOLDED_CHOICE_WAKERS = 3 };

struct flamegraph_options {
	struct lookup_options lookup;
	const char *output, *title; /* title: NULL: the command */
	int what;		    /* enum folded_choice */
	int base;		    /* enum flamegraph_base */
	int names;		    /* enum symbol_names */
	int scale;		    /* enum flamegraph_scale */
	uint64_t kinds;		    /* bits of verb_kinds, 0: all */
	uint64_t width;
	double min_width;
	bool icicle, reverse, diff, wakers;
};
enum flamegraph_base { FLAMEGRAPH_BY_NAME = 0, FLAMEGRAPH_BY_PROCESS = 1, FLAMEGRAPH_BY_THREAD = 2 };
enum flamegraph_scale {
	FLAMEGRAPH_SCALE_AUTO = 0,
	FLAMEGRAPH_SCALE_NONE = 1,
	FLAMEGRAPH_SCALE_WALL = 2,
	FLAMEGRAPH_SCALE_TOTAL = 3,
};
/* What --kind takes: the wait kinds in their order, "running", "ready", then groups. NULL-terminated. */
extern const char *const verb_kinds[];

struct compare_options {
	bool json;
};

struct doctor_options {
	bool json;
};

/*
 * Each takes its parsed options and what is left of argv (NULL-terminated, argc words, no option among them),
 * and returns the exit status of the process, or a negative errno with a fail message, which main prints.
 */
int command_run(const struct run_options *o, int argc, char **argv);
int command_attach(const struct attach_options *o, int argc, char **argv);
int command_report(const struct report_options *o, int argc, char **argv);
int command_folded(const struct folded_options *o, int argc, char **argv);
int command_flamegraph(const struct flamegraph_options *o, int argc, char **argv);
int command_compare(const struct compare_options *o, int argc, char **argv);
int command_doctor(const struct doctor_options *o, int argc, char **argv);

struct verb {
	const char *name;
	const char *synopsis; /* what follows the name */
	const char *summary;  /* one line */
	const char *about;    /* paragraphs for its own help, lines broken by hand */
	const struct option *options;
	const void *defaults;		   /* of its struct of options */
	size_t size;			   /* of that */
	int min_words, max_words;	   /* arguments that are no options; -1: any number */
	const char *words;		   /* what they are, for messages; NULL: none are taken */
	bool stop;			   /* the first argument ends the options */
	int usage_status;		   /* exit status when the command line is wrong */
	int failure_status;		   /* exit status when the function returns a negative errno */
	/* Options, and a number of words, that do not go together; may be NULL. */
	int (*check)(const void *options, int argc);
	int (*call)(const void *options, int argc, char **argv);
};

/* The verb of exactly this name, or NULL. */
const struct verb *verb_find(const char *name);
/*
 * Parses argv[0 .. argc) (behind the verb's name; argv[argc] is NULL), answers --help and --version on
 * stdout, or calls the verb. 0, or a negative errno with a message; *status is the exit status in both cases.
 */
int verb_run(const struct verb *v, int argc, char **argv, int *status);

void verbs_print_help(FILE *out);    /* conctrace --help */
void verbs_print_version(FILE *out); /* conctrace --version */
void verbs_list_options(FILE *out);  /* every option of every verb, see options_list */

#endif
