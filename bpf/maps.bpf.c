// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Defines what maps.h declares. */
#define CONCTRACE_DEFINE_MAPS
#include "maps.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";
