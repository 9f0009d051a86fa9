/* SPDX-License-Identifier: BSD-2-Clause */
/* In: a kind of file lock. Out: the main thread waits for it, while another process holds it, and how long
 * that took. */
#include <sys/file.h>

#include "truth.h"

/* One description each: opened by the process that locks. The numbers stay in static memory, private to each.
 */
static int lock_fd = -1;
static char lock_path[] = "/tmp/wait_file_lock.XXXXXX";

static void open_once(void)
{
	if (lock_fd < 0)
		lock_fd = open(lock_path, O_RDWR | O_CLOEXEC);
	check(lock_fd >= 0, lock_path);
}

static void lock_flock(struct series *s)
{
	(void)s;
	open_once();
	check(!flock(lock_fd, LOCK_EX), "flock");
}

static void unlock_flock(struct series *s)
{
	(void)s;
	check(!flock(lock_fd, LOCK_UN), "flock");
}

static void record_lock(int command, short type)
{
	struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_len = 1};

	open_once();
	check(!fcntl(lock_fd, command, &lock), "fcntl");
}

static void lock_fcntl(struct series *s)
{
	(void)s;
	record_lock(F_SETLKW, F_WRLCK);
}

static void unlock_fcntl(struct series *s)
{
	(void)s;
	record_lock(F_SETLKW, F_UNLCK);
}

static void lock_ofd(struct series *s)
{
	(void)s;
	record_lock(F_OFD_SETLKW, F_WRLCK);
}

static void unlock_ofd(struct series *s)
{
	(void)s;
	record_lock(F_OFD_SETLKW, F_UNLCK);
}

static int locked(struct series *s, void (*lock)(struct series *), void (*unlock)(struct series *))
{
	struct partner p = {.series = s, .prepare = lock, .act = unlock};
	int made = mkostemp(lock_path, O_CLOEXEC);
	unsigned int i;

	check(made >= 0, lock_path);
	close(made);
	series_begin(s);
	partner_start_process(&p);
	open_once();
	for (i = 0; i < s->count; i++) {
		round_begin(s);
		wait_begin(s);
		lock(s);
		wait_end(s);
		unlock(s);
		round_end(s);
	}
	partner_end_process(&p);
	unlink(lock_path);
	return 0;
}

static int run_flock(struct series *s)
{
	return locked(s, lock_flock, unlock_flock);
}

static int run_fcntl(struct series *s)
{
	return locked(s, lock_fcntl, unlock_fcntl);
}

static int run_ofd(struct series *s)
{
	return locked(s, lock_ofd, unlock_ofd);
}

int main(int argc, char **argv)
{
	static const struct form forms[] = {
		{"flock", run_flock, NULL},
		{"fcntl", run_fcntl, NULL},
		{"ofd", run_ofd, NULL},
		{NULL, NULL, NULL},
	};

	return series_main(argc, argv, "file_lock", forms);
}
