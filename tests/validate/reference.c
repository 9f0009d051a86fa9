/* SPDX-License-Identifier: BSD-2-Clause */
#include "reference.h"

#include <elfutils/libdwfl.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"

/* At the mappings of a process: now and then, and sooner if there is code of which nothing is known. */
#define LOOK_AGAIN_NS 20000000
#define LOOK_SOON_NS  1000000

struct process {
	uint32_t pid;
	Dwfl *dwfl;
	uint64_t looked_ns, print; /* when, and a hash of what was there */
};

struct reference {
	/* This program's file, which tells libdw the machine. Otherwise it asks a module of the process, and goes on to use what it
	 * got when that module is unloaded and freed. */
	int fd;
	Elf *elf;
	struct process *processes;
	size_t n, cap;
	/* while unwinding */
	const struct captured *captured;
	uint64_t regs[CAPTURED_REGISTERS];
	struct reference_stack *out;
	bool beyond_copy;
};

struct reference *reference_new(void)
{
	struct reference *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	elf_version(EV_CURRENT);
	r->fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	r->elf = r->fd < 0 ? NULL : elf_begin(r->fd, ELF_C_READ, NULL);
	if (!r->elf) {
		reference_free(r);
		return NULL;
	}
	return r;
}

void reference_free(struct reference *r)
{
	size_t i;

	if (!r)
		return;
	for (i = 0; i < r->n; i++)
		dwfl_end(r->processes[i].dwfl);
	elf_end(r->elf);
	if (r->fd >= 0)
		close(r->fd);
	free(r->processes);
	free(r);
}

static uint64_t now_ns(void)
{
	struct timespec t = {0};

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* ---- what libdw asks for ------------------------------------------------------------------------------------------------- */

/* Constants and code of a file, wherever the captured stack isn't. What a process can write is not what it was. */
static bool read_from_file(Dwfl *dwfl, Dwarf_Addr addr, void *value, size_t size)
{
	Dwfl_Module *module = dwfl_addrmodule(dwfl, addr);
	GElf_Addr bias;
	Elf *elf = module ? dwfl_module_getelf(module, &bias) : NULL;
	size_t n, i, len;
	GElf_Phdr p;
	char *raw;

	if (!elf || elf_getphdrnum(elf, &n))
		return false;
	for (i = 0; i < n; i++) {
		if (!gelf_getphdr(elf, (int)i, &p) || p.p_type != PT_LOAD || p.p_flags & PF_W)
			continue;
		if (addr - bias < p.p_vaddr || addr - bias - p.p_vaddr + size > p.p_filesz)
			continue;
		raw = elf_rawfile(elf, &len);
		if (!raw || p.p_offset + (addr - bias - p.p_vaddr) + size > len)
			return false;
		memcpy(value, raw + p.p_offset + (addr - bias - p.p_vaddr), size);
		return true;
	}
	return false;
}

static bool is_missing(const struct captured *c, uint64_t offset)
{
	uint64_t at = c->missing ? offset / c->step : 0;

	return c->missing && c->missing[at / 64] >> (at % 64) & 1;
}

static bool read_stack(const struct captured *c, uint64_t addr, uint64_t *value)
{
	uint64_t offset = addr - c->regs[CAPTURED_SP];

	if (offset > c->copied || c->copied - offset < sizeof(*value))
		return false;
	if (is_missing(c, offset) || is_missing(c, offset + sizeof(*value) - 1))
		return false;
	memcpy(value, c->stack + offset, sizeof(*value));
	return true;
}

// NOLINTNEXTLINE(readability-non-const-parameter): it is written to
static bool read_process(uint32_t pid, uint64_t addr, uint64_t *value)
{
	struct iovec to = {value, sizeof(*value)}, from = {(void *)(uintptr_t)addr, sizeof(*value)};

	return process_vm_readv((pid_t)pid, &to, 1, &from, 1, 0) == sizeof(*value);
}

static bool on_memory(Dwfl *dwfl, Dwarf_Addr addr, Dwarf_Word *result, void *arg)
{
	struct reference *r = arg;

	if (read_stack(r->captured, addr, result) || (r->captured->stopped && read_process(r->captured->pid, addr, result)) ||
	    read_from_file(dwfl, addr, result, sizeof(*result)))
		return true;
	r->beyond_copy = true;
	return false;
}

static pid_t on_next_thread(Dwfl *dwfl, void *arg, void **thread)
{
	struct reference *r = arg;

	(void)dwfl;
	if (*thread)
		return 0;
	*thread = r;
	return (pid_t)r->captured->tid;
}

static bool on_get_thread(Dwfl *dwfl, pid_t tid, void *arg, void **thread)
{
	(void)dwfl;
	(void)tid;
	*thread = arg;
	return true;
}

static bool on_registers(Dwfl_Thread *thread, void *arg)
{
	struct reference *r = arg;
	Dwarf_Word regs[CAPTURED_REGISTERS];

	memcpy(regs, r->regs, sizeof(regs));
#if defined(__aarch64__)
	dwfl_thread_state_register_pc(thread, regs[CAPTURED_PC]);
	return dwfl_thread_state_registers(thread, 0, CAPTURED_PC, regs);
#else
	return dwfl_thread_state_registers(thread, 0, CAPTURED_REGISTERS, regs);
#endif
}

static const Dwfl_Thread_Callbacks on_thread = {
	.next_thread = on_next_thread,
	.get_thread = on_get_thread,
	.memory_read = on_memory,
	.set_initial_registers = on_registers,
};

static char *debug_path;
static const Dwfl_Callbacks on_files = {
	.find_elf = dwfl_linux_proc_find_elf,
	.find_debuginfo = dwfl_standard_find_debuginfo,
	.debuginfo_path = &debug_path,
};

/* ---- processes ----------------------------------------------------------------------------------------------------------- */

/* A hash of the executable mappings; 0: the process is gone. */
static uint64_t mappings_print(uint32_t pid)
{
	char path[64], line[4300], perms[8];
	uint64_t hash = 0;
	FILE *f;
	size_t i;

	if (snprintf(path, sizeof(path), "/proc/%u/maps", pid) < 0)
		return 0;
	f = fopen(path, "re");
	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%*s %7s", perms) != 1 || !strchr(perms, 'x'))
			continue;
		hash = hash ? hash : 0xcbf29ce484222325ULL;
		for (i = 0; line[i]; i++)
			hash = (hash ^ (unsigned char)line[i]) * 0x100000001b3ULL;
	}
	fclose(f);
	return hash;
}

/* Modules that are still where they were stay as they are, with what was read of them. */
static int look(struct process *p, uint64_t print)
{
	int err;

	dwfl_report_begin(p->dwfl);
	err = dwfl_linux_proc_report(p->dwfl, (pid_t)p->pid);
	if (dwfl_report_end(p->dwfl, NULL, NULL) || err)
		return -ESRCH;
	p->print = print;
	return 0;
}

static struct process *process_new(struct reference *r, uint32_t pid, uint64_t print, int *err)
{
	struct process *p;

	*err = array_grow(&r->processes, &r->cap, r->n + 1, sizeof(r->processes[0]));
	if (*err)
		return NULL;
	p = &r->processes[r->n];
	*p = (struct process){.pid = pid, .dwfl = dwfl_begin(&on_files)};
	*err = p->dwfl ? look(p, print) : -ENOMEM;
	if (!*err && !dwfl_attach_state(p->dwfl, r->elf, (pid_t)pid, &on_thread, r))
		*err = -EIO;
	if (*err) {
		dwfl_end(p->dwfl);
		return NULL;
	}
	r->n++;
	return p;
}

static struct process *process_find(struct reference *r, uint32_t pid)
{
	size_t i;

	for (i = 0; i < r->n; i++)
		if (r->processes[i].pid == pid)
			return &r->processes[i];
	return NULL;
}

static struct process *process_get(struct reference *r, uint32_t pid, uint64_t max_age_ns, int *err)
{
	struct process *p = process_find(r, pid);
	uint64_t now = now_ns(), print;

	if (p && now - p->looked_ns < max_age_ns)
		return p;
	print = mappings_print(pid);
	if (!p && !print) {
		*err = -ESRCH;
		return NULL;
	}
	if (!p)
		p = process_new(r, pid, print, err);
	else if (print && print != p->print)
		look(p, print); /* a failure: it went away meanwhile, and is as it was */
	if (p)
		p->looked_ns = now;
	return p;
}

/* ---- unwinding ----------------------------------------------------------------------------------------------------------- */

static bool has_rule(Dwfl *dwfl, uint64_t addr)
{
	Dwfl_Module *module = dwfl_addrmodule(dwfl, addr);
	Dwarf_Frame *frame = NULL;
	Dwarf_Addr bias;
	Dwarf_CFI *cfi;
	bool found = false;

	if (!module)
		return false;
	cfi = dwfl_module_eh_cfi(module, &bias);
	if (cfi && !dwarf_cfi_addrframe(cfi, addr - bias, &frame))
		found = true;
	free(frame);
	frame = NULL;
	cfi = found ? NULL : dwfl_module_dwarf_cfi(module, &bias);
	if (cfi && !dwarf_cfi_addrframe(cfi, addr - bias, &frame))
		found = true;
	free(frame);
	return found;
}

bool reference_has_rule(struct reference *r, uint32_t pid, uint64_t addr)
{
	struct process *p = process_find(r, pid);

	return p && has_rule(p->dwfl, addr);
}

bool reference_is_gone(uint32_t pid, uint64_t addr)
{
	unsigned long long start, end;
	char path[64], line[4300], perms[8];
	bool found = false;
	FILE *f;

	if (snprintf(path, sizeof(path), "/proc/%u/maps", pid) < 0)
		return true;
	f = fopen(path, "re");
	while (f && !found && fgets(line, sizeof(line), f))
		found = sscanf(line, "%llx-%llx %7s", &start, &end, perms) == 3 && strchr(perms, 'x') && addr >= start && addr < end;
	if (f)
		fclose(f);
	return !found;
}

/* Does the instruction before this one enter the kernel? */
static bool follows_system_call(Dwfl *dwfl, uint64_t pc)
{
#if defined(__x86_64__)
	static const unsigned char call[2] = {0x0f, 0x05};
#else
	static const unsigned char call[4] = {0x01, 0x00, 0x00, 0xd4};
#endif
	unsigned char code[sizeof(call)];

	return read_from_file(dwfl, pc - sizeof(call), code, sizeof(code)) && !memcmp(code, call, sizeof(call));
}

static int on_frame(Dwfl_Frame *frame, void *arg)
{
	struct reference *r = arg;
	Dwarf_Addr pc;
	bool activation;

	if (!dwfl_frame_pc(frame, &pc, &activation))
		return DWARF_CB_ABORT;
	if (r->out->n >= REFERENCE_MAX) {
		r->out->end = REFERENCE_FULL;
		return DWARF_CB_ABORT;
	}
	if (r->beyond_copy) /* what it found instead of what it could not read */
		return DWARF_CB_ABORT;
	r->out->exact[r->out->n] = r->out->n == 0 || activation;
	r->out->frames[r->out->n++] = pc;
	return DWARF_CB_OK;
}

/*
 * A library's own system call in a function that is written by hand and has no rules (clone3): it has nothing of its own on the
 * stack there, so its return address is at the top. libdw would follow the frame pointer, which is somebody else's. False: there
 * is no caller.
 */
static bool step_over_leaf(struct reference *r, Dwfl *dwfl)
{
#if defined(__x86_64__)
	uint64_t pc = r->regs[CAPTURED_PC], caller;

	if (has_rule(dwfl, pc) || !follows_system_call(dwfl, pc))
		return true;
	if (!read_stack(r->captured, r->regs[CAPTURED_SP], &caller))
		return true;
	r->out->exact[0] = true;
	r->out->frames[r->out->n++] = pc;
	r->out->leaf = true;
	r->regs[CAPTURED_PC] = caller;
	r->regs[CAPTURED_SP] += sizeof(caller);
	return caller != 0; /* 0: a thread that begins here */
#else
	(void)follows_system_call;
	(void)r;
	(void)dwfl;
	return true;
#endif
}

static void unwind_in(struct reference *r, Dwfl *dwfl)
{
	const struct captured *c = r->captured;
	struct reference_stack *out = r->out;
	bool stuck;

	out->n = 0;
	out->end = REFERENCE_ROOT;
	out->leaf = false;
	r->beyond_copy = false;
	memcpy(r->regs, c->regs, sizeof(r->regs));
	if (!step_over_leaf(r, dwfl))
		return;
	/* A return address that can't be read looks to it like one that is undefined: success. */
	stuck = dwfl_getthread_frames(dwfl, (pid_t)c->tid, on_frame, r) != 0;
	if (out->end == REFERENCE_ROOT && (stuck || r->beyond_copy))
		out->end = r->beyond_copy ? REFERENCE_COPY : REFERENCE_STUCK;
	/* Beyond the root it sometimes gives what it found there: no addresses. */
	while (out->n && out->frames[out->n - 1] < 4096) {
		out->n--;
		out->end = out->end == REFERENCE_ROOT ? REFERENCE_STUCK : out->end;
	}
}

static bool all_known(Dwfl *dwfl, const struct reference_stack *stack)
{
	size_t i;

	for (i = 0; i < stack->n; i++)
		if (!dwfl_addrmodule(dwfl, stack->frames[i]))
			return false;
	return true;
}

int reference_unwind(struct reference *r, const struct captured *c, struct reference_stack *out)
{
	struct process *p;
	uint64_t print;
	int err = 0;

	out->n = 0;
	out->end = REFERENCE_STUCK;
	out->leaf = false;
	p = process_get(r, c->pid, LOOK_AGAIN_NS, &err);
	if (!p)
		return err;
	r->captured = c;
	r->out = out;
	print = p->print;
	unwind_in(r, p->dwfl);
	if (!all_known(p->dwfl, out) && (p = process_get(r, c->pid, LOOK_SOON_NS, &err)) && p->print != print)
		unwind_in(r, p->dwfl);
	return out->n ? 0 : -EIO;
}

/* ---- names --------------------------------------------------------------------------------------------------------------- */

const char *reference_name(struct reference *r, uint32_t pid, uint64_t addr, bool exact, char *buf, size_t size)
{
	struct process *p = process_find(r, pid);
	uint64_t at = exact ? addr : addr - 1;
	Dwfl_Module *module = p ? dwfl_addrmodule(p->dwfl, at) : NULL;
	const char *name = module ? dwfl_module_addrname(module, at) : NULL, *file, *base;
	Dwarf_Addr start = 0;
	int n;

	if (name) {
		n = snprintf(buf, size, "%s", name);
	} else if (module) {
		file = dwfl_module_info(module, NULL, &start, NULL, NULL, NULL, NULL, NULL);
		base = file ? strrchr(file, '/') : NULL;
		n = snprintf(buf, size, "%s+0x%llx", base ? base + 1 : file ? file : "?", (unsigned long long)(at - start));
	} else {
		n = snprintf(buf, size, "0x%llx", (unsigned long long)at);
	}
	if (n < 0)
		buf[0] = '\0';
	return buf;
}
