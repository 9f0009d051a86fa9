/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Errors: message and negative errno leave together, so that no path prints an error and exits 0.
 *     return fail(-ENOSPC, "recording %s: %s: remove old recordings or use -o", path, strerror(ENOSPC));
 * The message says what, on what, why, and the remedy. It is kept for this process until the command that knows
 * most prints it, once (main does for all of them).
 */
#ifndef CONCTRACE_FAIL_H
#define CONCTRACE_FAIL_H

/* Keeps the message (cut at 1,000 bytes; replaces an earlier one) and returns `err`, a negative errno. */
int fail(int err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Puts "fmt: " in front of the message that is there and returns err. */
int fail_within(int err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The message, "" if there is none. */
const char *fail_message(void);

/* A line for the user on stderr, "conctrace: " in front: talk, never a result. */
void talk(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
