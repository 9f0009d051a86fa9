/* SPDX-License-Identifier: BSD-2-Clause */
/* How much of a file's code its call frame information is for. */
#ifndef CONCTRACE_EH_COVER_H
#define CONCTRACE_EH_COVER_H

#include <stdint.h>

#include "symbols/eh_frame.h"

struct eh_cover {
	uint64_t text; /* bytes of code: sections with instructions, or without section headers the executable segments */
	uint64_t bare; /* of those: that no FDE is for, padding between functions aside */
};

/* Of no FDEs at all, too: a zeroed `f`. */
struct eh_cover eh_cover(const struct eh_frames *f, const struct elf_file *e);

#endif
