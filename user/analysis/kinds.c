/* SPDX-License-Identifier: BSD-2-Clause */
/* In: numbers of wire_kinds.h. Out: their words; a number that is in no table has those of "unknown". */
#include "analysis/kinds.h"

struct kind_words {
	const char *name, *about;
	enum wait_group group;
};

#define KIND_ROW(n, ID, name, GROUP, about) [n] = {name, about, WAIT_GROUP_##GROUP},
#define NAME_ROW(n, ID, name, title)	    [n] = name,
#define TITLE_ROW(n, ID, name, title)	    [n] = title,

static const struct kind_words kinds[N_WAIT_KINDS] = {WAIT_KINDS(KIND_ROW)};
static const char *const group_names[N_WAIT_GROUPS] = {WAIT_GROUPS(NAME_ROW)};
static const char *const group_titles[N_WAIT_GROUPS] = {WAIT_GROUPS(TITLE_ROW)};
static const char *const reason_names[N_READY_REASONS] = {READY_REASONS(NAME_ROW)};
static const char *const loss_names[N_LOSS_CAUSES] = {LOSS_CAUSES(NAME_ROW)};
static const char *const loss_titles[N_LOSS_CAUSES] = {LOSS_CAUSES(TITLE_ROW)};

static const char *const end_names[N_STACK_ENDS] = {STACK_ENDS(NAME_ROW)};
static const char *const end_titles[N_STACK_ENDS] = {STACK_ENDS(TITLE_ROW)};

static const struct kind_words *words(enum wait_kind kind)
{
	return &kinds[(unsigned int)kind < N_WAIT_KINDS ? kind : WAIT_UNKNOWN];
}

const char *wait_kind_name(enum wait_kind kind)
{
	return words(kind)->name;
}

const char *wait_kind_about(enum wait_kind kind)
{
	return words(kind)->about;
}

enum wait_group wait_kind_group(enum wait_kind kind)
{
	return words(kind)->group;
}

const char *wait_group_name(enum wait_group group)
{
	return (unsigned int)group < N_WAIT_GROUPS ? group_names[group] : "unknown";
}

const char *wait_group_title(enum wait_group group)
{
	return (unsigned int)group < N_WAIT_GROUPS ? group_titles[group] : "unknown";
}

const char *ready_reason_name(enum ready_reason reason)
{
	return (unsigned int)reason < N_READY_REASONS ? reason_names[reason] : "unknown";
}

const char *loss_cause_name(enum loss_cause cause)
{
	return (unsigned int)cause < N_LOSS_CAUSES ? loss_names[cause] : "unknown";
}

const char *loss_cause_about(enum loss_cause cause)
{
	return (unsigned int)cause < N_LOSS_CAUSES ? loss_titles[cause] : "unknown";
}

const char *stack_end_name(enum stack_end end)
{
	return (unsigned int)end < N_STACK_ENDS ? end_names[end] : "unknown";
}

const char *stack_end_about(enum stack_end end)
{
	return (unsigned int)end < N_STACK_ENDS ? end_titles[end] : "unknown";
}
