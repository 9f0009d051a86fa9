/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What clang's analyzer can't see from within one file, told to it by tools/check-lint (-include); no build uses this.
 * fail() returns its first argument, which is never 0: without that the analyzer follows errors as if they were successes.
 */
#include "base/fail.h"

#define fail(err, ...)	      (fail(err, __VA_ARGS__), (err))
#define fail_within(err, ...) (fail_within(err, __VA_ARGS__), (err))
