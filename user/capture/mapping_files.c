/* SPDX-License-Identifier: BSD-2-Clause */
/* In: mappings of processes. Out: numbered files, held open, each known to be the one that was mapped. */
#include "capture/mapping_files.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/fail.h"
#include "base/intmap.h"
#include "base/strings.h"
#include "capture/debug_files.h"
#include "capture/process_roots.h"

#define MAX_OPEN   8192u /* files held open; then the oldest is closed */
#define SPARE_FDS  512u	 /* descriptors left to the rest of the program */
#define MAX_ELF	   200000
#define MAX_NUMBER 0xff0000 /* file numbers from here on are the kernel's */
#define MAX_TRIES  16	    /* to open a file that other processes map again */
#define BASE_MASK  ((1ull << 40) - 1)

#ifndef OVERLAYFS_SUPER_MAGIC
#define OVERLAYFS_SUPER_MAGIC 0x794c7630
#endif

struct elf {
	struct file_identity identity;
	uint32_t path; /* in `paths` */
	uint32_t root; /* of the process that mapped it, in `roots` */
	uint32_t number;
	int fd; /* -1: not open */
	uint16_t tries;
	bool known; /* the file was open once: dev .. mtime_ns say which it was */
	bool expected; /* not mapped yet: path and root are a guess */
	dev_t dev;
	ino_t ino;
	off_t size;
	int64_t mtime_ns;
};

/* One number; small, because a run of many processes with unknown frames makes many. */
struct numbered {
	uint64_t base;
	uint32_t pid;
	uint32_t elf; /* index in elves */
	uint8_t kind; /* enum section_file_kind */
	bool used;
};

struct mapping_files {
	struct numbered *files; /* number - 1 is the index */
	size_t n, cap;
	struct elf *elves;
	size_t n_elves, cap_elves;
	size_t n_open, max_open, oldest; /* oldest: index in elves from which on files are open */
	struct intmap by_identity;	 /* hash of identity and path -> number, or MAPPING_FILE_ANON */
	struct intmap by_inode;		 /* hash of dev, ino, size, mtime -> number */
	struct intmap by_memory;	 /* kind, pid, base -> number */
	struct strings *paths;
	struct process_roots *roots;
	uint32_t vdso;
};

static void raise_limit(struct mapping_files *f)
{
	const rlim_t wanted = MAX_OPEN + SPARE_FDS;
	struct rlimit limit, more;

	f->max_open = 256;
	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	more = limit;
	if (limit.rlim_cur < wanted) {
		more.rlim_cur = wanted;
		if (more.rlim_max < wanted)
			more.rlim_max = wanted; /* takes CAP_SYS_RESOURCE */
		if (setrlimit(RLIMIT_NOFILE, &more)) {
			more.rlim_cur = more.rlim_max = limit.rlim_max;
			if (setrlimit(RLIMIT_NOFILE, &more))
				more = limit;
		}
	}
	if (more.rlim_cur >= wanted)
		f->max_open = MAX_OPEN;
	else if (more.rlim_cur > (rlim_t)SPARE_FDS * 2)
		f->max_open = more.rlim_cur - SPARE_FDS;
}

struct mapping_files *mapping_files_new(void)
{
	struct mapping_files *f = calloc(1, sizeof(*f));

	if (!f || !(f->paths = strings_new()) || !(f->roots = process_roots_new())) {
		fail(-ENOMEM, "mapped files: no memory");
		mapping_files_free(f);
		return NULL;
	}
	raise_limit(f);
	return f;
}

void mapping_files_free(struct mapping_files *f)
{
	if (!f)
		return;
	for (size_t i = 0; i < f->n_elves; i++)
		if (f->elves[i].fd >= 0)
			close(f->elves[i].fd);
	free(f->files);
	free(f->elves);
	intmap_release(&f->by_identity);
	intmap_release(&f->by_inode);
	intmap_release(&f->by_memory);
	strings_free(f->paths);
	process_roots_free(f->roots);
	free(f);
}

/* FNV-1a of 64 bits, over runs of bytes. */
static uint64_t hash_bytes(uint64_t hash, const void *data, size_t len)
{
	const unsigned char *bytes = data;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ bytes[i]) * 0x100000001b3ull;
	return hash;
}

static uint64_t identity_hash(const struct file_identity *id, const char *path)
{
	uint64_t hash = 0xcbf29ce484222325ull;

	hash = hash_bytes(hash, &id->inode, sizeof(id->inode));
	hash = hash_bytes(hash, &id->generation, sizeof(id->generation));
	hash = hash_bytes(hash, &id->major, sizeof(id->major));
	hash = hash_bytes(hash, &id->minor, sizeof(id->minor));
	hash = hash_bytes(hash, id->build_id, id->build_id_len);
	return hash_bytes(hash, path, strlen(path));
}

static int64_t mtime_ns(const struct stat *st)
{
	return (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
}

static uint64_t inode_hash(const struct stat *st)
{
	uint64_t words[4] = {st->st_dev, st->st_ino, (uint64_t)st->st_size, (uint64_t)mtime_ns(st)};

	return hash_bytes(0xcbf29ce484222325ull, words, sizeof(words));
}

/*
 * Opens a regular file for reading, in two steps: the first finds out what it is without touching it (a
 * device may act on being opened, a FIFO may wait). `st` is of the file. -1 if it can't be had.
 */
static int open_regular(const char *path, struct stat *st)
{
	char again[64];
	int place = open(path, O_PATH | O_CLOEXEC), fd;

	if (place < 0)
		return -1;
	if (fstat(place, st) || !S_ISREG(st->st_mode)) {
		close(place);
		return -1;
	}
	snprintf(again, sizeof(again), "/proc/self/fd/%d", place);
	fd = open(again, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	close(place);
	return fd;
}

/* File systems that show other device numbers than their inodes have inside the kernel. */
static bool has_own_devices(int fd)
{
	struct statfs fs;

	return !fstatfs(fd, &fs) && (fs.f_type == BTRFS_SUPER_MAGIC || fs.f_type == OVERLAYFS_SUPER_MAGIC);
}

/*
 * Is what a path leads to now the file that was mapped? With a build id the reader of the symbols checks that
 * instead (it is sent along); the inode, where it is known, decides here.
 */
static bool is_same(const struct file_identity *id, int fd, const struct stat *st)
{
	if (id->build_id_len)
		return true;
	if (!id->inode || st->st_ino != id->inode)
		return false;
	return st->st_dev == makedev(id->major, id->minor) || has_own_devices(fd);
}

static int open_mapped(const struct mapping_files *f, const struct sideband_event *m, uint32_t root,
		       struct stat *st)
{
	char path[96];
	int fd;

	/* the very file, even if it was deleted or replaced; gone if the mapping has changed since */
	snprintf(path, sizeof(path), "/proc/%u/map_files/%" PRIx64 "-%" PRIx64, m->pid, m->start,
		 m->start + m->len);
	fd = open_regular(path, st);
	if (fd >= 0 && (m->identity.build_id_len || st->st_ino == m->identity.inode || has_own_devices(fd)))
		return fd;
	if (fd >= 0)
		close(fd);
	fd = process_roots_open(f->roots, root, m->path, st);
	if (fd >= 0 && !is_same(&m->identity, fd, st)) {
		close(fd);
		fd = -1;
	}
	return fd;
}

/* JITs that map a memory file twice (to write, to run): no ELF file. Reading from memory waits for no disk.
 */
static bool is_jit_memory(int fd)
{
	struct statfs fs;
	char magic[4];

	if (fstatfs(fd, &fs) ||
	    (fs.f_type != TMPFS_MAGIC && fs.f_type != HUGETLBFS_MAGIC && fs.f_type != RAMFS_MAGIC))
		return false;
	return pread(fd, magic, sizeof(magic), 0) != sizeof(magic) ||
	       memcmp(magic, "\177ELF", sizeof(magic)) != 0;
}

static bool is_memory_path(const char *path)
{
	static const char *const starts[] = {"//anon", "/dev/zero", "/anon_hugepage", "/SYSV", "/dev/ashmem"};

	if (path[0] != '/')
		return true; /* "", "[heap]", "[stack]", "[anon:...]", "anon_inode:..." */
	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++)
		if (!strncmp(path, starts[i], strlen(starts[i])))
			return true;
	return false;
}

/* The next number, or 0 if there are no more, or -ENOMEM. */
static int64_t add_number(struct mapping_files *f, enum section_file_kind kind, uint32_t pid, uint64_t base)
{
	int err;

	if (f->n + 1 >= MAX_NUMBER)
		return MAPPING_FILE_NONE;
	err = array_grow(&f->files, &f->cap, f->n + 1, sizeof(*f->files));
	if (err)
		return err;
	f->files[f->n] = (struct numbered){.base = base, .pid = pid, .kind = (uint8_t)kind};
	return (int64_t)++f->n;
}

static int64_t vdso_number(struct mapping_files *f, const struct sideband_event *m)
{
	int64_t number;

	/* a 32-bit process has another image */
	if (sizeof(void *) == 8 && m->start + m->len <= 1ull << 32)
		return MAPPING_FILE_ANON;
	if (f->vdso)
		return f->vdso;
	number = add_number(f, SECTION_FILE_VDSO, 0, 0);
	if (number > 0)
		f->vdso = (uint32_t)number;
	return number;
}

static void make_room(struct mapping_files *f)
{
	while (f->n_open >= f->max_open && f->oldest < f->n_elves) {
		struct elf *e = &f->elves[f->oldest++];

		if (e->fd >= 0) {
			close(e->fd);
			e->fd = -1;
			f->n_open--;
		}
	}
}

/* Takes fd. */
static void keep_open(struct mapping_files *f, struct elf *e, int fd, const struct stat *st)
{
	size_t index = (size_t)(e - f->elves);

	make_room(f);
	e->fd = fd;
	e->known = true;
	e->dev = st->st_dev;
	e->ino = st->st_ino;
	e->size = st->st_size;
	e->mtime_ns = mtime_ns(st);
	f->n_open++;
	if (index < f->oldest)
		f->oldest = index;
}

/* A file of which no descriptor could be had so far is mapped again, by a process that may still live. */
static void try_again(struct mapping_files *f, uint32_t number, const struct sideband_event *m)
{
	struct elf *e = &f->elves[f->files[number - 1].elf];
	struct stat st;
	int fd;

	if (e->known || e->tries >= MAX_TRIES)
		return;
	e->tries++;
	e->root = process_roots_of(f->roots, m->pid);
	fd = open_mapped(f, m, e->root, &st);
	if (fd >= 0)
		keep_open(f, e, fd, &st);
}

/* Takes fd (negative: none) unless it fails. */
static int64_t add_elf(struct mapping_files *f, const struct sideband_event *m, uint32_t root, int fd,
		       const struct stat *st)
{
	int64_t path = strings_add(f->paths, m->path, strlen(m->path)), number;
	int err;

	if (path < 0)
		return path;
	if (f->n_elves >= MAX_ELF)
		return MAPPING_FILE_NONE;
	err = array_grow(&f->elves, &f->cap_elves, f->n_elves + 1, sizeof(*f->elves));
	if (err)
		return err;
	number = add_number(f, SECTION_FILE_ELF, 0, 0);
	if (number <= 0)
		return number;
	f->files[number - 1].elf = (uint32_t)f->n_elves;
	f->elves[f->n_elves] = (struct elf){
		.identity = m->identity, .path = (uint32_t)path, .root = root, .number = (uint32_t)number, .fd = -1};
	f->n_elves++;
	if (fd >= 0 && st)
		keep_open(f, &f->elves[f->n_elves - 1], fd, st);
	return number;
}

/* A file that was opened before anybody mapped it: now the kernel says what and where it is. */
static int meet_expected(struct mapping_files *f, struct elf *e, const struct sideband_event *m, uint32_t root)
{
	int64_t path;

	if (!e->identity.build_id_len)
		e->identity = m->identity;
	if (!e->expected)
		return 0;
	path = strings_add(f->paths, m->path, strlen(m->path));
	if (path < 0)
		return (int)path;
	e->expected = false;
	e->path = (uint32_t)path;
	e->root = root;
	return 0;
}

static int64_t new_identity(struct mapping_files *f, const struct sideband_event *m)
{
	struct stat st;
	uint64_t *same;
	int64_t number;
	uint32_t root = process_roots_of(f->roots, m->pid);
	int fd = open_mapped(f, m, root, &st), err;

	if (fd < 0)
		return add_elf(f, m, root, -1, NULL);
	if (is_jit_memory(fd)) {
		close(fd);
		return MAPPING_FILE_ANON;
	}
	same = intmap_get(&f->by_inode, inode_hash(&st));
	if (same) {
		close(fd);
		err = meet_expected(f, &f->elves[f->files[*same - 1].elf], m, root);
		return err ? err : (int64_t)*same;
	}
	number = add_elf(f, m, root, fd, &st);
	if (number <= 0) {
		close(fd);
		return number;
	}
	err = intmap_put(&f->by_inode, inode_hash(&st), (uint64_t)number);
	return err ? err : number;
}

int64_t mapping_files_expect(struct mapping_files *f, const char *path, int fd)
{
	struct sideband_event event = {.type = SIDEBAND_MMAP, .path = path};
	char link[64], whole[PATH_MAX];
	struct stat st;
	uint64_t *same;
	int64_t number;
	ssize_t len;
	int own, err;

	if (fstat(fd, &st) || !S_ISREG(st.st_mode))
		return MAPPING_FILE_NONE;
	/* as the mapping will tell it: whole, and without symbolic links; its debug file is looked for beside it */
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, whole, sizeof(whole) - 1);
	if (len > 0) {
		whole[len] = 0;
		event.path = whole;
	}
	same = intmap_get(&f->by_inode, inode_hash(&st));
	if (same)
		return (int64_t)*same;
	event.identity.inode = st.st_ino;
	event.identity.major = major(st.st_dev);
	event.identity.minor = minor(st.st_dev);
	own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	number = add_elf(f, &event, PROCESS_ROOT_OWN, own, &st);
	if (number <= 0) {
		if (own >= 0)
			close(own);
		return number;
	}
	f->elves[f->files[number - 1].elf].expected = true;
	err = intmap_put(&f->by_inode, inode_hash(&st), (uint64_t)number);
	return err ? err : number;
}

int64_t mapping_files_at(struct mapping_files *f, const struct sideband_event *m)
{
	uint64_t hash, *seen;
	int64_t number;
	int err;

	if (!strcmp(m->path, "[vdso]"))
		return vdso_number(f, m);
	if (is_memory_path(m->path))
		return MAPPING_FILE_ANON;
	hash = identity_hash(&m->identity, m->path);
	seen = intmap_get(&f->by_identity, hash);
	if (seen) {
		if (*seen != MAPPING_FILE_ANON)
			try_again(f, (uint32_t)*seen, m);
		return (int64_t)*seen;
	}
	number = new_identity(f, m);
	if (number <= 0)
		return number;
	err = intmap_put(&f->by_identity, hash, (uint64_t)number);
	return err ? err : number;
}

int64_t mapping_files_memory(struct mapping_files *f, enum section_file_kind kind, uint32_t pid,
			     uint64_t addr)
{
	uint64_t key = (uint64_t)pid << 32 | (uint64_t)kind << 24 | addr >> 40;
	uint64_t *seen = intmap_get(&f->by_memory, key);
	int64_t number;
	int err;

	if (seen)
		return (int64_t)*seen;
	number = add_number(f, kind, pid, addr & ~BASE_MASK);
	if (number <= 0)
		return number;
	err = intmap_put(&f->by_memory, key, (uint64_t)number);
	return err ? err : number;
}

void mapping_files_used(struct mapping_files *f, uint32_t number)
{
	if (number && number <= f->n)
		f->files[number - 1].used = true;
}

bool mapping_files_is_used(const struct mapping_files *f, uint32_t number)
{
	return number && number <= f->n && f->files[number - 1].used;
}

uint32_t mapping_files_count(const struct mapping_files *f)
{
	return (uint32_t)f->n;
}

struct mapping_file mapping_files_get(const struct mapping_files *f, uint32_t number)
{
	static const char *const names[] = {[SECTION_FILE_ANON] = "[jit]",
					    [SECTION_FILE_VDSO] = "[vdso]",
					    [SECTION_FILE_UNKNOWN] = "[unknown]"};
	const struct numbered *n = &f->files[number - 1];
	struct mapping_file file = {.kind = n->kind, .pid = n->pid, .base = n->base, .path = names[n->kind]};

	if (n->kind == SECTION_FILE_ELF) {
		const struct elf *e = &f->elves[n->elf];

		file.path = strings_get(f->paths, e->path);
		file.build_id_len = e->identity.build_id_len;
		file.build_id = e->identity.build_id;
	}
	return file;
}

int mapping_files_open(const struct mapping_files *f, uint32_t number)
{
	const struct numbered *n = &f->files[number - 1];
	const struct elf *e;
	const char *path;
	struct stat st;
	int fd;

	if (n->kind != SECTION_FILE_ELF)
		return fail(-ENOENT, "file %u: it stands for memory", number);
	e = &f->elves[n->elf];
	path = strings_get(f->paths, e->path);
	if (e->fd >= 0) {
		fd = fcntl(e->fd, F_DUPFD_CLOEXEC, 0);
		return fd >= 0 ? fd : fail(-errno, "%s: %s", path, strerror(errno));
	}
	fd = process_roots_open(f->roots, e->root, path, &st);
	if (fd < 0)
		return fail(-ENOENT, "%s: can't be opened any more", path);
	if (e->known ? st.st_dev != e->dev || st.st_ino != e->ino || st.st_size != e->size ||
			       mtime_ns(&st) != e->mtime_ns
		     : !is_same(&e->identity, fd, &st)) {
		close(fd);
		return fail(-ENOENT, "%s: is another file by now", path);
	}
	return fd;
}

size_t mapping_files_open_debug(const struct mapping_files *f, uint32_t number, const struct elf_told *told,
				const struct identity *reader, int *fds)
{
	const struct numbered *n = &f->files[number - 1];
	struct debug_files_of of = {.build_id = told->build_id, .build_id_len = told->build_id_len};
	const struct elf *e;

	if (n->kind != SECTION_FILE_ELF)
		return 0;
	e = &f->elves[n->elf];
	of.root = e->root;
	of.path = strings_get(f->paths, e->path);
	if (e->identity.build_id_len) {
		of.build_id = e->identity.build_id;
		of.build_id_len = e->identity.build_id_len;
	}
	return debug_files_open(f->roots, &of, told->link, reader, fds);
}

void mapping_files_tell_build_id(struct mapping_files *f, uint32_t number, const uint8_t *build_id, size_t len)
{
	const struct numbered *n = &f->files[number - 1];
	struct file_identity *id;

	if (n->kind != SECTION_FILE_ELF)
		return;
	id = &f->elves[n->elf].identity;
	if (id->build_id_len || !len || len > sizeof(id->build_id))
		return;
	memcpy(id->build_id, build_id, len);
	id->build_id_len = (uint8_t)len;
}
