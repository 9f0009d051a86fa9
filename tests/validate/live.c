/* SPDX-License-Identifier: BSD-2-Clause */
#include "live.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/fail.h"
#include "capture/session.h"
#include "wire_kinds.h"

#define STACK_END_WORD(n, ID, name, ...) [n] = name,
static const char *const ends[] = {STACK_ENDS(STACK_END_WORD)};

static void on_proof(void *ctx, const struct wire_proof *p)
{
	const struct live_request *request = ctx;
	struct captured c = {
		.pid = p->pid,
		.tid = p->tid,
		.where = p->sample ? AT_SAMPLE : AT_SWITCH,
		.stack = p->stack,
		.copied = p->copied < sizeof(p->stack) ? p->copied : sizeof(p->stack),
		.missing = (const uint64_t *)(const void *)p->missing,
		.step = WIRE_PROOF_STEP,
		.frames = (const uint64_t *)(const void *)p->frames,
		.n_frames = p->n < WIRE_PROOF_FRAMES ? p->n : WIRE_PROOF_FRAMES,
		.root = p->end == STACK_END_ROOT,
		.cut = p->end == STACK_END_DEEP,
		.pending = p->end == STACK_END_NO_TABLE,
		.again = p->remembered != 0,
		.again_wrong = p->remembered && p->id && p->remembered != p->id && !(p->id & WIRE_STACK_COPIED),
		.end = p->end < sizeof(ends) / sizeof(ends[0]) ? ends[p->end] : "?",
	};

	memcpy(c.regs, p->regs, sizeof(c.regs));
	request->captured(request->ctx, &c);
}

int live_run(const struct live_request *request)
{
	struct identity workload = {0}, parser = {0};
	struct session_result result;
	struct origin origin;
	const char *path = request->recording ? request->recording : "/dev/null";
	struct session_request session = {
		.argv = request->argv,
		.pids = request->pids,
		.n_pids = request->n_pids,
		.duration_ns = request->duration_ns,
		.wait_all = true,
		.quiet = true,
		.stacks = true,
		.sample_hz = request->sample_hz,
		.workload = &workload,
		.parser = &parser,
		.origin = &origin,
		.recording_fd = -1,
		.recording_path = path,
		.proof = request->recording ? NULL : on_proof,
		.stack_bits = request->stack_bits,
		.ctx = (void *)request,
	};
	int err = origin_save(&origin);

	if (!err)
		err = identity_workload(&workload, NULL, true);
	if (!err)
		err = identity_unprivileged(&parser);
	if (!err) {
		session.recording_fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
		err = session.recording_fd < 0 ? fail(-errno, "%s: %s", path, strerror(errno)) : session_run(&session, &result);
	}
	identity_release(&workload);
	identity_release(&parser);
	return err;
}
