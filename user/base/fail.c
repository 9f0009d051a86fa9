/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * In: what went wrong, as a printf format. Out: the one message of this process, kept until it is printed.
 * The message is the only state: any thread may fail, the last one wins.
 */
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/fail.h"

#define MESSAGE_MAX 1001

static char message[MESSAGE_MAX];
static pthread_mutex_t message_lock = PTHREAD_MUTEX_INITIALIZER;

static void keep(const char *text)
{
	pthread_mutex_lock(&message_lock);
	memcpy(message, text, strlen(text) + 1);
	pthread_mutex_unlock(&message_lock);
}

int fail(int err, const char *fmt, ...)
{
	/* Formatted aside first: the arguments may be fail_message() itself. */
	char text[MESSAGE_MAX];
	int saved = errno;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	keep(text);
	errno = saved;
	return err;
}

int fail_within(int err, const char *fmt, ...)
{
	char text[MESSAGE_MAX];
	const char *old;
	int saved = errno;
	size_t len;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	len = strlen(text);
	pthread_mutex_lock(&message_lock);
	for (old = ": "; *old && len < sizeof(text) - 1; old++)
		text[len++] = *old;
	for (old = message; *old && len < sizeof(text) - 1; old++)
		text[len++] = *old;
	text[len] = '\0';
	pthread_mutex_unlock(&message_lock);
	keep(text);
	errno = saved;
	return err;
}

const char *fail_message(void)
{
	return message;
}

void talk(const char *fmt, ...)
{
	static const char prefix[] = "conctrace: ";
	char line[sizeof(prefix) + 4096];
	size_t len = sizeof(prefix) - 1, i;
	va_list ap;

	memcpy(line, prefix, len);
	va_start(ap, fmt);
	vsnprintf(line + len, sizeof(line) - len - 1, fmt, ap);
	va_end(ap);
	len = strlen(line);
	/* File names and commands reach this line: they must not steer the terminal. */
	for (i = 0; i < len; i++)
		if (((unsigned char)line[i] < 0x20 && line[i] != '\n' && line[i] != '\t') || line[i] == 0x7f)
			line[i] = '?';
	if (line[len - 1] != '\n')
		line[len++] = '\n';
	fwrite(line, 1, len, stderr);
}
