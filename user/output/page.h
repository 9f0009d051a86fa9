/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A page of text for people: cells, bars, wrapped lines, colours if asked for, plain ASCII if the terminal
 * knows no UTF-8. All text goes through here, so that no other file has to know any of that.
 */
#ifndef CONCTRACE_PAGE_H
#define CONCTRACE_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define PAGE_MIN_WIDTH	   60
#define PAGE_MAX_WIDTH	   200
#define PAGE_DEFAULT_WIDTH 100

enum page_ink {
	INK_PLAIN,
	INK_BOLD,
	INK_DIM,
	INK_GREEN,   /* running */
	INK_YELLOW,  /* ready */
	INK_BLUE,    /* I/O */
	INK_RED,     /* locks */
	INK_CYAN,    /* other threads */
	INK_MAGENTA, /* memory */
	N_INKS,
};

struct page_style {
	int width; /* columns: taken as 60 to 200 */
	bool colours;
	bool utf8; /* false: ASCII only */
};

struct page {
	FILE *out;
	struct page_style style;
	int width;
	int column; /* where the line is */
	int gap;    /* of that, spaces that are written when something follows */
};

void page_init(struct page *p, FILE *out, const struct page_style *style);
/* UTF-8 text as it is; cut at the width of the page, the last column then says so. */
void page_text(struct page *p, enum page_ink ink, const char *text);
void page_printf(struct page *p, enum page_ink ink, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Text in exactly `width` columns: cut or filled. */
void page_left(struct page *p, enum page_ink ink, int width, const char *text);
void page_right(struct page *p, enum page_ink ink, int width, const char *text);
void page_spaces(struct page *p, int n);
void page_line(struct page *p);	     /* ends the line */
int page_room(const struct page *p); /* columns that are left in the line */
/* Words, wrapped at the width; every line but the first begins in column `indent`. Ends the line. */
void page_wrapped(struct page *p, enum page_ink ink, int indent, const char *text);
/* A bar of share × width columns (share is 0 .. 1), in eighths of a column. Not filled up. */
void page_bar(struct page *p, enum page_ink ink, int width, double share);

/* A piece of a bar that is made of pieces. */
struct page_piece {
	enum page_ink ink;
	char ascii;
	const char *utf8;
	uint64_t part;
};
/* Pieces of `whole` side by side in `width` columns; every piece that is not 0 and rounds to no column is
 * left out. */
void page_pieces(struct page *p, int width, uint64_t whole, const struct page_piece *pieces, size_t n);

void page_section(struct page *p, const char *title); /* an empty line and the title; the line stays open */

/* Cells: "12.3 %", "< 0.1 %", "" for 0; lengths of time, "" for 0; counts. They return buf. */
char *cell_share(char *buf, size_t size, uint64_t part, uint64_t whole);
char *cell_ns(char *buf, size_t size, uint64_t ns);
char *cell_count(char *buf, size_t size, uint64_t n);

#endif
