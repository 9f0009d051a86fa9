/* SPDX-License-Identifier: BSD-2-Clause */
/* In: libbpf's messages. Out: the few words among them that tell why it failed. */
#include "capture/load_log.h"

#include <stdio.h>
#include <string.h>

#define PREFIX "libbpf: "

static void keep_line(char *to, const char *line, size_t len)
{
	if (len >= LOAD_LOG_LINE)
		len = LOAD_LOG_LINE - 1;
	memcpy(to, line, len);
	to[len] = 0;
}

/* kernel/bpf/verifier.c, print_verification_stats(): "processed N insns (limit …" follows the reason; libbpf's own line ends the log. */
static void find_verdict(struct load_log *log, const char *text)
{
	const char *line = text, *before = NULL;
	size_t len = 0, before_len = 0;

	for (; *line; line += len + (line[len] == '\n')) {
		len = strcspn(line, "\n");
		if (!strncmp(line, "processed ", 10) || !strncmp(line, "-- END PROG", 11))
			break;
		if (len) {
			before = line;
			before_len = len;
		}
	}
	if (before)
		keep_line(log->verdict, before, before_len);
}

void load_log_add(struct load_log *log, const char *message)
{
	const char *text = strncmp(message, PREFIX, strlen(PREFIX)) ? message : message + strlen(PREFIX);
	const char *begin = strstr(text, "-- BEGIN PROG LOAD LOG --\n");

	if (begin && !log->verdict[0])
		find_verdict(log, strchr(begin, '\n') + 1);
	else if (!begin && !log->cause[0])
		keep_line(log->cause, text, strcspn(text, "\n"));
}
