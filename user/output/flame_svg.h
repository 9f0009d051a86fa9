/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A flame graph as SVG: one file that needs nothing else. It can be looked at as it is, and in a browser its
 * script (flamegraph.js) zooms, searches and tells about what is under the pointer. Colours are in
 * flamegraph.css, for light and dark.
 */
#ifndef CONCTRACE_FLAME_SVG_H
#define CONCTRACE_FLAME_SVG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "analysis/flame.h"

#define FLAME_SVG_WIDTH	      1200
#define FLAME_SVG_WIDTH_LEAST 400
#define FLAME_SVG_WIDTH_MOST  20000
/* What a file takes at most, with all that is around the boxes. */
#define FLAME_SVG_BYTES 5000000

struct flame_page {
	const char *title, *about; /* any bytes */
	uint32_t width;		   /* pixels */
	bool icicle;		   /* the root at the top */
};

/* For flame_choice: how much room there is for boxes, what one takes on a struct flame_page, and the share
 * that `pixels` of it are. */
size_t flame_svg_room(void);
size_t flame_svg_cost(const char *name, double share, const void *page);
double flame_svg_least(const struct flame_page *page, double pixels);

/* I/O errors stay in the FILE. */
void flame_svg_print(const struct flame *f, const struct flame_page *page, FILE *out);

#endif
