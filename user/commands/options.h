/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Options as typed data: a table for each verb, and one function each that parses by it, prints its help and
 * lists it. In goes argv, out comes the verb's own struct of values; no other code looks at argv for options.
 */
#ifndef CONCTRACE_OPTIONS_H
#define CONCTRACE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

/* The field that an option sets is given by its type. */
enum option_type {
	OPTION_END = 0, /* closes a table */
	OPTION_FLAG,	/* bool: becomes true */
	OPTION_SELECT,	/* int: becomes .number; two different ones of the same field exclude each other */
	OPTION_TEXT,	/* const char *, not empty; points into argv */
	OPTION_PATH,	/* the same; completed as a file name */
	OPTION_USER,	/* the same; completed as a user name */
	OPTION_U64,	/* uint64_t, decimal, from .min to .max */
	OPTION_SECONDS, /* uint64_t, nanoseconds: "1", "0.25", "2.5"; more than 0 */
	OPTION_DECIMAL, /* double: "2", "0.1", from 0 to .max */
	OPTION_CHOICE,	/* int: the index of the word in .choices */
	OPTION_SET,	/* uint64_t: a bit for each word's index in .choices: "a,b"; given again, it adds up */
	OPTION_PIDS,	/* struct option_pids: "12,34"; may be given again and adds up */
	OPTION_HELP,	/* no field: parsing ends with OPTIONS_HELP */
	OPTION_VERSION, /* no field: parsing ends with OPTIONS_VERSION */
};

struct option_pids {
	pid_t *pids; /* each once, in the order given; owned: options_release */
	size_t n, cap;
};

struct option {
	const char *name; /* without the dashes */
	char letter;	  /* 0: none */
	enum option_type type;
	const char *value; /* what the help calls its value; NULL for types without */
	const char *help;
	size_t field; /* offsetof in the verb's struct */
	uint64_t min, max;
	int number;
	const char *const *choices; /* NULL-terminated */
};

/* The two that every verb has, and the end of the table: the last line of each. */
#define OPTIONS_EVERYWHERE                                                                                   \
	{.name = "help", .letter = 'h', .type = OPTION_HELP, .help = "print this help"},                     \
		{.name = "version", .type = OPTION_VERSION, .help = "print the version"},                    \
	{                                                                                                    \
		.type = OPTION_END                                                                           \
	}

enum options_result {
	OPTIONS_DONE = 0,
	OPTIONS_HELP = 1,
	OPTIONS_VERSION = 2,
};

/*
 * Parses argv[0 .. *argc) (no program or verb name in it) by `table` into `values`, which holds the defaults.
 * `--x=y`, `--x y`, `-o y`, `-oy`, letters of flags together, `--` ends the options. Names are exact. What is
 * no option is moved to argv[0 ..), *argc says how many; with `stop` the first of them ends the options too
 * ("-" is none). An enum options_result, or -EINVAL with a message. `values` may hold memory in either case:
 * options_release.
 */
int options_parse(const struct option *table, void *values, int *argc, char **argv, bool stop);
void options_release(const struct option *table, void *values);

/* One paragraph an option, for --help. */
void options_print(const struct option *table, FILE *out);

/*
 * One line an option: verb, "--name", "-x" or "-", type ("flag", "text", "path", "user", "number", "seconds",
 * "decimal", "choice", "set", "pids"), the choices with commas or "-"; separated by tabs. For the completion and the check of
 * the documents.
 */
void options_list(const struct option *table, const char *verb, FILE *out);

#endif
