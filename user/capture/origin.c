/* SPDX-License-Identifier: BSD-2-Clause */
/* In: the process as it was started. Out: a copy of what the tool changes for itself, and the way back to it.
 */
#include "capture/origin.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fail.h"

static int fill_standard_fds(void)
{
	for (int fd = 0; fd <= 2; fd++) {
		if (fcntl(fd, F_GETFD) >= 0)
			continue;
		/* the lowest free number is `fd`: those below are open */
		if (open("/dev/null", O_RDWR | O_CLOEXEC) < 0)
			return fail(-errno, "/dev/null: %s: descriptor %d is closed and has no stand-in",
				    strerror(errno), fd);
	}
	return 0;
}

int origin_save(struct origin *origin)
{
	struct sigaction action;

	memset(origin, 0, sizeof(*origin));
	sigemptyset(&origin->ignored);
	if (getrlimit(RLIMIT_NOFILE, &origin->files) || getrlimit(RLIMIT_MEMLOCK, &origin->memlock) ||
	    sigprocmask(SIG_SETMASK, NULL, &origin->mask))
		return fail(-errno, "limits and signals of this process: %s", strerror(errno));
	for (int sig = 1; sig < NSIG; sig++)
		if (!sigaction(sig, NULL, &action) && action.sa_handler == SIG_IGN)
			sigaddset(&origin->ignored, sig);
	return fill_standard_fds();
}

void origin_raise_limits(const struct origin *origin, unsigned long files)
{
	struct rlimit wanted = {origin->files.rlim_max, origin->files.rlim_max};
	const struct rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY};

	if (wanted.rlim_max < files) {
		wanted.rlim_cur = wanted.rlim_max = files;
		if (setrlimit(RLIMIT_NOFILE, &wanted))
			wanted.rlim_cur = wanted.rlim_max = origin->files.rlim_max;
	}
	setrlimit(RLIMIT_NOFILE, &wanted);
	setrlimit(RLIMIT_MEMLOCK, &unlimited);
}

int origin_restore(const struct origin *origin)
{
	struct sigaction action;

	for (int sig = 1; sig < NSIG; sig++) {
		memset(&action, 0, sizeof(action));
		action.sa_handler = sigismember(&origin->ignored, sig) == 1 ? SIG_IGN : SIG_DFL;
		/* EINVAL: SIGKILL, SIGSTOP and the two that the C library keeps for itself */
		if (sigaction(sig, &action, NULL) && errno != EINVAL)
			return -errno;
	}
	if (setrlimit(RLIMIT_NOFILE, &origin->files) || setrlimit(RLIMIT_MEMLOCK, &origin->memlock) ||
	    sigprocmask(SIG_SETMASK, &origin->mask, NULL))
		return -errno;
	return 0;
}
