/* SPDX-License-Identifier: BSD-2-Clause */
/* In: a recording, and what is wanted of its frames. Out: the trace, its frames with all that was found. */
#include "commands/lookup.h"

#include "base/fail.h"
#include "capture/identity.h"
#include "model/trace.h"
#include "symbols/resolver.h"

static int ask(void *ctx, const struct trace_file *file, const uint64_t *offsets, size_t n, line_part_fn fn, void *fn_ctx)
{
	const struct resolver_file f = {
		.path = file->path,
		.build_id = file->build_id,
		.build_id_len = file->build_id_len,
	};

	return resolver_ask(ctx, &f, offsets, n, fn, fn_ctx);
}

static int start(struct resolver **out, const struct lookup_options *o)
{
	struct resolver_options options = {
		.symfs = o->symfs,
		.debuginfod = o->debuginfod,
		.inlines = o->inlines,
		.lines = o->lines,
	};
	struct identity parser = {0};
	int err = identity_unprivileged(&parser);

	options.uid = parser.uid;
	options.gid = parser.gid;
	identity_release(&parser);
	return err ? err : resolver_new(out, &options);
}

int lookup_load(struct trace **out, const char *path, const struct lookup_options *o, bool must)
{
	struct trace_source source = {.ask = ask, .named = o->inlines || o->lines};
	struct resolver *resolver = NULL;
	int err;

	if (!o->symfs && !o->debuginfod && !source.named)
		return trace_load(out, path);
	err = start(&resolver, o);
	if (err && must)
		return err;
	if (err) {
		talk("%s", fail_message());
		return trace_load(out, path);
	}
	source.ctx = resolver;
	err = trace_load_from(out, path, &source);
	if (!err)
		resolver_talk(resolver);
	resolver_free(resolver);
	return err;
}
