/* SPDX-License-Identifier: BSD-2-Clause */
/* In: argv. Out: the verb's exit status; what went wrong is printed here, once, for all of them. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <string.h>

#include "base/fail.h"
#include "commands/verbs.h"
#include "output/json_keys.h"

#define STATUS_USAGE   2
#define STATUS_FAILURE 1

/* A result that could not be written (a full disk, a closed pipe) must not look like success. */
static int check_stdout(void)
{
	bool pending = __fpending(stdout) != 0, failed = ferror(stdout) != 0;
	int err = 0;

	if (fclose(stdout) &&
	    (pending || failed || errno != EBADF)) /* closed from the start and not used: fine */
		err = errno;
	else if (failed)
		err = EIO;
	if (!err)
		return 0;
	return fail(-err, "standard output: %s: the result was not written whole", strerror(err));
}

/* Without a verb: what an option of conctrace itself asks for. */
static int answer(const char *word, const char *extra)
{
	static const struct {
		const char *name;
		void (*print)(FILE *);
	} answers[] = {
		{"--help", verbs_print_help},
		{"-h", verbs_print_help},
		{"--version", verbs_print_version},
		{"--list-options", verbs_list_options}, /* for the completion and the check of the documents
							 */
		{"--list-json-keys", json_keys_print},	/* for the manual */
	};

	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		if (strcmp(answers[i].name, word))
			continue;
		if (extra)
			return fail(-EINVAL,
				    "argument \"%s\" behind %s is one too many: see conctrace --help", extra,
				    word);
		answers[i].print(stdout);
		return 0;
	}
	return fail(-EINVAL, "unknown %s \"%s\": see conctrace --help", word[0] == '-' ? "option" : "verb",
		    word);
}

static int dispatch(int argc, char **argv, int *status)
{
	const char *word = argc > 1 ? argv[1] : NULL;
	const struct verb *verb;
	int err;

	*status = STATUS_USAGE;
	if (!word)
		return fail(-EINVAL,
			    "no verb was given: start with conctrace run COMMAND, or see conctrace --help");
	verb = verb_find(word);
	if (verb)
		return verb_run(verb, argc - 2, argv + 2, status);

	err = answer(word, argc > 2 ? argv[2] : NULL);
	if (!err)
		*status = 0;
	return err;
}

int main(int argc, char **argv)
{
	int status, err = dispatch(argc, argv, &status);

	if (err)
		talk("%s", fail_message());
	if (check_stdout() && !err) { /* one message: what failed first is most likely why */
		talk("%s", fail_message());
		if (status == 0)
			status = STATUS_FAILURE;
	}
	return status;
}
