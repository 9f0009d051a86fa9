/* SPDX-License-Identifier: BSD-2-Clause */
/* In: the BTF of the kernel. Out: how far two of its per-CPU variables are apart. */
#include "capture/preempt_place.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <bpf/btf.h>

#include "base/fail.h"

#if defined(__x86_64__)

static const char *name_of(const struct btf *btf, uint32_t offset)
{
	const char *name = btf__name_by_offset(btf, offset);

	return name ? name : "";
}

/* Where a member of a struct lies, in it or in one of its nameless ones: bytes, or -1. */
static int64_t member_place(const struct btf *btf, const struct btf_type *type, const char *name)
{
	const struct btf_member *members = btf_members(type);

	for (uint32_t i = 0; i < btf_vlen(type); i++) {
		const struct btf_type *inner = btf__type_by_id(btf, members[i].type);
		int64_t at = btf_member_bit_offset(type, i) / 8, within = -1;

		if (!strcmp(name_of(btf, members[i].name_off), name))
			return at;
		if (!members[i].name_off && inner && btf_is_composite(inner))
			within = member_place(btf, inner, name);
		if (within >= 0)
			return at + within;
	}
	return -1;
}

/*
 * From 6.2 (64701838bf05) to 6.14 (46e8fff6d45f) the count is in struct pcpu_hot, before and after it is a variable of its own. What `v` adds
 * to one of the two sums; both -1 until they are known.
 */
static void see_variable(const struct btf *btf, const struct btf_var_secinfo *v, int64_t *queues, int64_t *count)
{
	const struct btf_type *variable = btf__type_by_id(btf, v->type);
	const char *name = variable ? name_of(btf, variable->name_off) : "";
	const struct btf_type *type;
	int64_t within;

	if (!strcmp(name, "runqueues"))
		*queues = v->offset;
	if (!strcmp(name, "__preempt_count"))
		*count = v->offset;
	if (strcmp(name, "pcpu_hot"))
		return;
	type = btf__type_by_id(btf, variable->type);
	within = type && btf_is_composite(type) ? member_place(btf, type, "preempt_count") : -1;
	if (within >= 0)
		*count = v->offset + within;
}

static int find_place(const struct btf *btf, int32_t *distance)
{
	int32_t id = btf__find_by_name_kind(btf, ".data..percpu", BTF_KIND_DATASEC);
	const struct btf_type *section = id > 0 ? btf__type_by_id(btf, (uint32_t)id) : NULL;
	int64_t queues = -1, count = -1;

	for (uint32_t i = 0; section && i < btf_vlen(section); i++)
		see_variable(btf, btf_var_secinfos(section) + i, &queues, &count);
	if (queues < 0 || count < 0 || queues == count)
		return -EOPNOTSUPP;
	*distance = (int32_t)(count - queues);
	return 0;
}

int preempt_place(int32_t *distance)
{
	struct btf *btf = btf__parse("/sys/kernel/btf/vmlinux", NULL);
	int err = btf ? find_place(btf, distance) : -EOPNOTSUPP;

	btf__free(btf);
	if (err)
		fail(err, "--wakers: this kernel's BTF does not tell where per-CPU variables are, and without that a thread that an interrupt "
			  "came upon would be taken for a waker: run without it");
	return err;
}

#else

int preempt_place(int32_t *distance)
{
	*distance = 0;
	return 0;
}

#endif
