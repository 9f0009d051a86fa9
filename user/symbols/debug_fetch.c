/* SPDX-License-Identifier: BSD-2-Clause */
/* In: build ids. Out: files, by way of a child that speaks HTTP. */
#include "symbols/debug_fetch.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"

#ifdef CONCTRACE_DEBUGINFOD

#include <dlfcn.h>
#include <elfutils/debuginfod.h>
#include <ftw.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "symbols/child_link.h"
#include "symbols/sandbox.h"

#define FIRST_WORD_MS 2000
#define NEXT_WORD_MS  10000
#define CACHE_FOLDER  "/tmp/conctrace-debuginfod-XXXXXX"

struct debug_fetch {
	struct child_link link;
	uid_t uid;
	gid_t gid;
	const char *shown; /* what is being fetched */
};

struct request {
	uint32_t kind; /* enum debug_fetch_kind */
	uint32_t len;
	uint8_t build_id[64];
};

struct reply {
	uint32_t done; /* 0: so much has come, of so much */
	int32_t err;
	int64_t got, all;
};

/* ---- the child -------------------------------------------------------------------------------------------
 */

struct library {
	int fd; /* of the link */
	debuginfod_client *client;
	__typeof__(&debuginfod_begin) begin;
	__typeof__(&debuginfod_end) end;
	__typeof__(&debuginfod_set_progressfn) set_progress;
	__typeof__(&debuginfod_find_debuginfo) find_debug;
	__typeof__(&debuginfod_find_executable) find_executable;
};

static int link_fd; /* of the child: the progress function has no other way to it in old versions of the
		       library */

static int load(struct library *l)
{
	void *library = dlopen(DEBUGINFOD_SONAME, RTLD_NOW | RTLD_LOCAL);

	if (!library)
		return -ENOTSUP;
	l->begin = (__typeof__(l->begin))dlsym(library, "debuginfod_begin");
	l->end = (__typeof__(l->end))dlsym(library, "debuginfod_end");
	l->set_progress = (__typeof__(l->set_progress))dlsym(library, "debuginfod_set_progressfn");
	l->find_debug = (__typeof__(l->find_debug))dlsym(library, "debuginfod_find_debuginfo");
	l->find_executable = (__typeof__(l->find_executable))dlsym(library, "debuginfod_find_executable");
	if (!l->begin || !l->end || !l->set_progress || !l->find_debug || !l->find_executable)
		return -ENOTSUP;
	l->client = l->begin();
	return l->client ? 0 : -ENOMEM;
}

/* Called as a download goes on. Another value than 0 ends it: the parent is gone. */
static int on_progress(debuginfod_client *client, long got, long all)
{
	struct reply reply = {.got = got, .all = all};
	struct pollfd parent = {.fd = link_fd, .events = POLLOUT};

	(void)client;
	if (poll(&parent, 1, 0) < 0 || parent.revents & (POLLHUP | POLLERR))
		return 1;
	/* a parent that is busy misses a line of talk */
	return parent.revents & POLLOUT && child_link_send(link_fd, &reply, sizeof(reply), NULL, 0) ? 1 : 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

/* Whose cache? Ours; that of the user behind sudo; else, for nobody, one of its own (its name is then in
 * `made`). */
static int choose_cache(bool was_root, char *made)
{
	const struct passwd *user = was_root ? getpwuid(getuid()) : NULL;
	const char *given = getenv(DEBUGINFOD_CACHE_PATH_ENV_VAR);
	struct stat st;

	if (!was_root || (given && *given))
		return 0;
	unsetenv("XDG_CACHE_HOME");
	if (user && user->pw_dir && !stat(user->pw_dir, &st) && S_ISDIR(st.st_mode) && st.st_uid == getuid())
		return setenv("HOME", user->pw_dir, 1);
	memcpy(made, CACHE_FOLDER, sizeof(CACHE_FOLDER));
	if (!mkdtemp(made)) {
		made[0] = 0;
		return -1;
	}
	return setenv(DEBUGINFOD_CACHE_PATH_ENV_VAR, made, 1);
}

static int serve_one(const struct library *l, const struct request *r)
{
	struct reply reply = {.done = 1};
	char *path = NULL;
	int fd = r->kind == FETCH_DEBUG ? l->find_debug(l->client, r->build_id, (int)r->len, &path)
					: l->find_executable(l->client, r->build_id, (int)r->len, &path);
	int err;

	free(path);
	reply.err = fd < 0 ? fd : 0;
	err = child_link_send(link_fd, &reply, sizeof(reply), &fd, fd < 0 ? 0 : 1);
	if (fd >= 0)
		close(fd);
	return err;
}

static void live(int fd, pid_t parent, const void *ctx)
{
	static const int ignored[] = {SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGPIPE};
	const struct debug_fetch *f = ctx;
	const bool root = geteuid() == 0;
	struct library l = {.fd = fd};
	struct reply ready = {.done = 1};
	struct request r;
	char made[sizeof(CACHE_FOLDER)] = "";
	size_t len;

	(void)parent;
	link_fd = fd;
	/* it ends when the parent does, by the closed link, so that it can clean up */
	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		signal(ignored[i], SIG_IGN);
	ready.err = sandbox_drop_privileges(f->uid, f->gid);
	if (!ready.err)
		ready.err = choose_cache(root, made) ? -EACCES : load(&l);
	if (l.client)
		l.set_progress(l.client, on_progress);
	if (!child_link_send(fd, &ready, sizeof(ready), NULL, 0) && !ready.err)
		while (!child_link_receive(fd, &r, sizeof(r), &len, NULL, NULL, -1) && len == sizeof(r) &&
		       r.len <= sizeof(r.build_id) && !serve_one(&l, &r))
			;
	if (l.client)
		l.end(l.client);
	if (made[0])
		nftw(made, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* ---- the parent ------------------------------------------------------------------------------------------
 */

static void say_progress(const struct debug_fetch *f, const struct reply *r)
{
	const double mega = 1e6;

	if (r->all > 0)
		talk("fetching the debug information of %s: %.1f of %.1f MB", f->shown, (double)r->got / mega,
		     (double)r->all / mega);
	else
		talk("fetching the debug information of %s: asking the servers", f->shown);
}

/* The last reply to a request. A descriptor that came with it is in *fd, else -1. */
static int wait_for(struct debug_fetch *f, struct reply *r, int *fd)
{
	int64_t word = child_link_now_ms() + FIRST_WORD_MS;

	do {
		int fds[CHILD_LINK_FDS];
		size_t len, n;
		int err = child_link_receive(f->link.fd, r, sizeof(*r), &len, fds, &n, -1);

		if (!err && len != sizeof(*r))
			err = fail(-EPIPE, "debuginfod: an answer that makes no sense");
		if (err)
			return err;
		while (n > 1)
			close(fds[--n]);
		*fd = n ? fds[0] : -1;
		if (!r->done && child_link_now_ms() > word) {
			say_progress(f, r);
			word = child_link_now_ms() + NEXT_WORD_MS;
		}
	} while (!r->done);
	return 0;
}

int debug_fetch_new(struct debug_fetch **out, uid_t uid, gid_t gid)
{
	const char *urls = getenv(DEBUGINFOD_URLS_ENV_VAR);
	struct debug_fetch *f;
	struct reply r;
	int fd, err;

	*out = NULL;
	if (!urls || !urls[strspn(urls, " ")])
		return fail(-EINVAL, "--debuginfod: " DEBUGINFOD_URLS_ENV_VAR
				     " is not set or empty: set it to the addresses of the servers to ask "
				     "(sudo keeps it with --preserve-env=" DEBUGINFOD_URLS_ENV_VAR ")");
	f = calloc(1, sizeof(*f));
	if (!f)
		return fail(-ENOMEM, "--debuginfod: no memory");
	f->uid = uid;
	f->gid = gid;
	err = child_link_start(&f->link, live, f);
	if (err) {
		fail_within(err, "--debuginfod");
		goto out;
	}
	err = wait_for(f, &r, &fd);
	if (!err)
		err = r.err;
	if (err == -ENOTSUP)
		fail(err, "--debuginfod: " DEBUGINFOD_SONAME
			  " can't be loaded: install it (libdebuginfod1) or do without the option");
	else if (err)
		fail(err, "--debuginfod: the process that fetches files did not start: %s", strerror(-err));
out:
	if (err)
		debug_fetch_free(f);
	else
		*out = f;
	return err;
}

void debug_fetch_free(struct debug_fetch *f)
{
	if (!f)
		return;
	child_link_end(&f->link, 0);
	free(f);
}

int debug_fetch_file(struct debug_fetch *f, enum debug_fetch_kind kind, const uint8_t *build_id, size_t len,
		     const char *shown)
{
	struct request request = {.kind = kind, .len = (uint32_t)len};
	struct reply reply;
	struct stat st;
	int fd, err;

	if (!f->link.pid)
		return -EPIPE;
	if (!len || len > sizeof(request.build_id))
		return -ENOENT;
	memcpy(request.build_id, build_id, len);
	f->shown = shown;
	err = child_link_send(f->link.fd, &request, sizeof(request), NULL, 0);
	if (!err)
		err = wait_for(f, &reply, &fd);
	if (err) {
		child_link_end(&f->link, 1);
		return err;
	}
	if (reply.err || fd < 0)
		return reply.err < 0 && reply.err > -4096 ? reply.err : -ENOENT;
	if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		close(fd);
		return -ENOENT;
	}
	return fd;
}

#else

int debug_fetch_new(struct debug_fetch **out, uid_t uid, gid_t gid)
{
	(void)uid, (void)gid;
	*out = NULL;
	return fail(-ENOTSUP,
		    "--debuginfod: this conctrace was built without libdebuginfod: install its development "
		    "package (libdebuginfod-dev) and build it anew, or do without the option");
}

void debug_fetch_free(struct debug_fetch *f)
{
	(void)f;
}

int debug_fetch_file(struct debug_fetch *f, enum debug_fetch_kind kind, const uint8_t *build_id, size_t len,
		     const char *shown)
{
	(void)f, (void)kind, (void)build_id, (void)len, (void)shown;
	return -ENOTSUP;
}

#endif
