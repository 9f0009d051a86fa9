/* SPDX-License-Identifier: BSD-2-Clause */
/* In: the boxes of a flame graph. Out: SVG, with the script and the style sheet that make it work. */
#include "output/flame_svg.h"

#include <inttypes.h>
#include <string.h>

#include "analysis/frames.h"
#include "analysis/kinds.h"
#include "base/text.h"
#include "flamegraph_css.h"
#include "flamegraph_js.h"
#include "output/flame_text.h"

#define MARGIN	     10 /* pixels left and right */
#define ROW	     16 /* of a box with the gap to the next: the script knows it, too */
#define TITLE_Y	     24 /* base lines */
#define ABOUT_Y	     44
#define LEGEND_Y     70
#define LEGEND_ROW   20
#define LETTER	     7.2 /* width of one in the boxes, until the script has measured it */
#define TITLE_LETTER 10.
#define PAD	     3	  /* beside a text in a box: as in the script */
#define NARROW	     2	  /* pixels of a box that has no room for its outline: as in the script */
#define BUTTON	     130  /* room that is left for a button */
#define BOX_BYTES    150  /* of what is printed for one, without name and label: in a comparison 148 */
#define LABEL_BYTES  50	  /* and for a label, without its letters: 46 */
#define BESIDES	     9000 /* what is printed besides boxes, style and script, at most */

struct sheet {
	const struct flame *f;
	const struct flame_page *page;
	FILE *out;
	double inner;	   /* width of the root's box */
	int top;	   /* of the boxes, */
	int height;	   /* and of all */
	int details, note; /* base lines */
};

size_t flame_svg_room(void)
{
	return FLAME_SVG_BYTES - BESIDES - strlen(flamegraph_css) - strlen(flamegraph_js);
}

static double inner_width(const struct flame_page *page)
{
	return (double)page->width - 2 * MARGIN;
}

size_t flame_svg_cost(const char *name, double share, const void *page)
{
	double letters = (inner_width(page) * share - 2 * PAD) / LETTER;
	size_t whole = flame_escaped(name, strlen(name)), label = 0;

	if (letters >= 1) /* a letter takes six bytes at most, escaped or not */
		label = LABEL_BYTES + (whole < 6 * (size_t)letters ? whole : 6 * (size_t)letters);
	return BOX_BYTES + whole + label;
}

double flame_svg_least(const struct flame_page *page, double pixels)
{
	return pixels / inner_width(page);
}

/* ---- numbers ------------------------------------------------------------------------------------------ */

/* Six decimals: a box of a tenth of a pixel fills the width when it is zoomed to, and must be exact then. */
static void print_pixels(FILE *out, const char *name, double x)
{
	char text[40];
	size_t len = (size_t)snprintf(text, sizeof(text), "%.6f", x);

	while (text[len - 1] == '0')
		len--;
	if (text[len - 1] == '.')
		len--;
	fprintf(out, " %s=\"%.*s\"", name, (int)len, text);
}

static void print_share(FILE *out, uint64_t part, uint64_t whole)
{
	double share = whole ? 100 * (double)part / (double)whole : 0;

	if (share < 0.01 && part)
		fputs("&lt; 0.01 %", out);
	else
		fprintf(out, "%.2f %%", share);
}

/* "was 1.000 ms, +23.4 %" */
static void print_change(FILE *out, const struct flame_box *box)
{
	char before[32];

	if (!box->before) {
		fputs("; new", out);
		return;
	}
	fprintf(out, "; was %s, %+.1f %%", text_ns(before, sizeof(before), box->before),
		100 * ((double)box->ns - (double)box->before) / (double)box->before);
}

/* ---- text that we did not write -------------------------------------------------------------------------
 */

static void print_text(FILE *out, const char *text)
{
	flame_escape(text, strlen(text), out);
}

/* Cut to what the width has room for. */
static void print_line(const struct sheet *s, const char *text, double letter, double room)
{
	size_t columns = room > 0 ? (size_t)(room / letter) : 0, len = 0, n;

	if (text_columns(text) <= columns) {
		print_text(s->out, text);
		return;
	}
	for (n = 0; text[len] && n + 2 < columns; n++)
		for (len++; ((unsigned char)text[len] & 0xc0) == 0x80; len++)
			;
	flame_escape(text, len, s->out);
	fputs("..", s->out);
}

/* ---- boxes ----------------------------------------------------------------------------------------------
 */

static const char *class_of(const struct flame *f, const struct flame_box *box)
{
	static const char *const changes[] = {"less4", "less3", "less2", "less1", "same",
					      "more1", "more2", "more3", "more4"};

	if (f->compared)
		return changes[flame_change(f, box) + 4];
	if (box->role == FLAME_ROOT || box->role == FLAME_BASE)
		return "base";
	return flame_state_name(box->state);
}

/* Neighbours of one hue differ a little; a function looks the same wherever it is. */
static bool varied(const char *name)
{
	uint32_t hash = 2166136261u;

	for (; *name; name++)
		hash = (hash ^ (unsigned char)*name) * 16777619u;
	return hash >> 16 & 1;
}

static void print_name(const struct sheet *s, const struct flame_box *box)
{
	char count[32];

	if (box->role == FLAME_ROOT)
		fputs("all", s->out);
	else if (box->role == FLAME_REST)
		fprintf(s->out, "%s too narrow to draw", text_count(count, sizeof(count), box->hidden));
	else
		print_text(s->out, box->name);
}

static void print_label(const struct sheet *s, const struct flame_box *box, double x, double width, int y)
{
	char label[FRAME_LABEL_MAX + 8];
	double letters = (width - 2 * PAD) / LETTER;

	if (letters < 1)
		return;
	flame_short(label, sizeof(label),
		    box->role == FLAME_ROOT   ? "all"
		    : box->role == FLAME_REST ? "…"
					      : box->name,
		    (size_t)letters);
	if (!*label)
		return;
	fprintf(s->out, "<text x=\"%.2f\" y=\"%d.5\">", x + PAD, y + 11);
	print_text(s->out, label);
	fputs("</text>", s->out);
}

static void print_box(const struct sheet *s, const struct flame_box *box)
{
	const struct flame *f = s->f;
	double per_ns = f->total_ns ? s->inner / (double)f->total_ns : 0;
	double x = MARGIN + (double)box->start * per_ns;
	double width = f->total_ns ? (double)box->ns * per_ns : s->inner;
	int row = (int)(s->page->icicle ? box->depth : f->depth - box->depth), y = s->top + row * ROW;
	char time[32];

	fprintf(s->out, "<g class=\"f %s%s%s\"><title>", class_of(f, box), width < NARROW ? " n" : "",
		box->role == FLAME_TIP	  ? " t"
		: box->role == FLAME_REST ? " rest"
		: varied(box->name)	  ? " v"
					  : "");
	print_name(s, box);
	fprintf(s->out, " (%s, ", text_ns(time, sizeof(time), box->ns));
	print_share(s->out, box->ns, f->total_ns);
	if (f->compared)
		print_change(s->out, box);
	fputs(")</title><rect", s->out);
	print_pixels(s->out, "x", x);
	fprintf(s->out, " y=\"%d\"", y);
	print_pixels(s->out, "width", width);
	fprintf(s->out, " height=\"%d\"/>", ROW - 1);
	print_label(s, box, x, width, y);
	fputs("</g>\n", s->out);
}

static void print_boxes(const struct sheet *s)
{
	size_t i;

	fprintf(s->out, "<g id=\"frames\" data-total=\"%" PRIu64 "\" data-icicle=\"%d\"%s>\n", s->f->total_ns,
		s->page->icicle, s->f->compared ? " class=\"diff\"" : "");
	for (i = 0; i < s->f->n; i++)
		print_box(s, &s->f->boxes[i]);
	fputs("</g>\n", s->out);
}

/* ---- legend ---------------------------------------------------------------------------------------------
 */

/* One after the other, in as many rows as it takes. */
struct legend {
	const struct sheet *s; /* NULL: measures only */
	double width, x;
	int rows;
};

static void add_key(struct legend *l, const char *class, const char *text)
{
	double width = 18 + LETTER * (double)text_columns(text) + 18;

	if (l->rows == 0 || l->x + width - 18 > l->width - MARGIN) {
		l->x = MARGIN;
		l->rows++;
	}
	if (l->s) {
		int y = LEGEND_Y + (l->rows - 1) * LEGEND_ROW;

		fprintf(l->s->out,
			"<g class=\"key %s\"><rect x=\"%.1f\" y=\"%d\" width=\"12\" height=\"12\" "
			"rx=\"2\"/><text x=\"%.1f\" y=\"%d\">",
			class, l->x, y - 10, l->x + 18, y);
		print_text(l->s->out, text);
		fputs("</text></g>\n", l->s->out);
	}
	l->x += width;
}

static const char *title_of(unsigned int state)
{
	if (state < FLAME_GROUP || state >= FLAME_UNKNOWN)
		return flame_state_name(state);
	return wait_group_title((enum wait_group)(state - FLAME_GROUP));
}

static void add_states(struct legend *l, const struct flame *f)
{
	bool mixed = false;
	unsigned int state;
	size_t i;

	for (state = 0; state < N_FLAME_STATES; state++) {
		char text[96];
		double share;

		if (!f->states_ns[state])
			continue;
		share = 100 * (double)f->states_ns[state] / (double)f->total_ns;
		snprintf(text, sizeof(text), "%s%s %s%.1f %%",
			 state >= FLAME_GROUP && state < FLAME_UNKNOWN ? "waiting: " : "", title_of(state),
			 share < 0.1 ? "< " : "", share < 0.1 ? 0.1 : share);
		add_key(l, flame_state_name(state), text);
	}
	for (i = 0; i < f->n && !mixed; i++)
		mixed = f->boxes[i].state == FLAME_MIXED && f->boxes[i].role != FLAME_ROOT &&
			f->boxes[i].role != FLAME_BASE;
	if (mixed)
		add_key(l, flame_state_name(FLAME_MIXED), "mixed: none over half");
}

static void add_changes(struct legend *l, const struct flame *f)
{
	char text[160], number[32];

	add_key(l, "less4", "half or less");
	add_key(l, "less3", "−33 %");
	add_key(l, "less2", "−17 %");
	add_key(l, "less1", "−5 %");
	add_key(l, "same", "same");
	add_key(l, "more1", "+5 %");
	add_key(l, "more2", "+20 %");
	add_key(l, "more3", "+50 %");
	add_key(l, "more4", "twice or more, new");
	if (f->gone_ns) {
		snprintf(text, sizeof(text), "gone, not drawn: %s",
			 text_ns(number, sizeof(number), f->gone_ns));
		add_key(l, "unknown", text);
	}
}

/* How many rows it takes; prints with a sheet. */
static int legend(const struct sheet *s, const struct flame *f, uint32_t width)
{
	struct legend l = {.s = s, .width = width};

	if (f->compared)
		add_changes(&l, f);
	else
		add_states(&l, f);
	return l.rows;
}

/* ---- the sheet ------------------------------------------------------------------------------------------
 */

/* "[kind] …": how many are not drawn; "": all are. */
static void describe_hidden(const struct sheet *s, char *text, size_t size)
{
	char hidden[32], all[32];

	text[0] = '\0';
	if (s->f->hidden)
		snprintf(text, size,
			 "%s of %s boxes are narrower than %.2g px: together in “…”, or not drawn",
			 text_count(hidden, sizeof(hidden), s->f->hidden),
			 text_count(all, sizeof(all), s->f->frames), s->f->hidden_share * s->inner);
}

static void lay_out(struct sheet *s)
{
	int rows = legend(NULL, s->f, s->page->width), y = LEGEND_Y + rows * LEGEND_ROW;

	if (s->page->icicle) {
		s->details = y;
		y += 16;
	}
	s->top = y - 4;
	y = s->top + (int)(s->f->depth + 1) * ROW;
	if (!s->page->icicle) {
		s->details = y + 18;
		y = s->details + 4;
	}
	s->note = y + 16;
	s->height = s->note + 12;
}

static void print_start(const struct sheet *s)
{
	uint32_t width = s->page->width;
	FILE *out = s->out;

	fprintf(out,
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%u\" height=\"%d\" viewBox=\"0 0 %u "
		"%d\">\n"
		"<title>",
		width, s->height, width, s->height);
	print_text(out, s->page->title);
	fputs("</title>\n<desc>", out);
	print_text(out, s->page->about);
	fprintf(out,
		"</desc>\n<style>\n%s</style>\n"
		"<rect class=\"page\" width=\"100%%\" height=\"100%%\"/>\n",
		flamegraph_css);
}

/* What is under the pointer, and what was found. */
static void print_status(const struct sheet *s)
{
	fprintf(s->out,
		"<text id=\"details\" role=\"status\" x=\"%d\" y=\"%d\"></text>\n"
		"<text id=\"matched\" class=\"right\" role=\"status\" x=\"%u\" y=\"%d\"></text>\n",
		MARGIN, s->details, s->page->width - MARGIN, s->details);
}

/* Behind the boxes, because it is drawn over them: of a high picture the script keeps the head in sight. */
static void print_head(const struct sheet *s)
{
	uint32_t width = s->page->width;
	FILE *out = s->out;

	fprintf(out,
		"<g id=\"head\">\n<rect class=\"page\" width=\"%u\" height=\"%d\"/>\n"
		"<text class=\"title\" x=\"%u\" y=\"%d\">",
		width, s->top - 4, width / 2, TITLE_Y);
	print_line(s, s->page->title, TITLE_LETTER, (double)width - 2 * BUTTON);
	fprintf(out, "</text>\n<text class=\"about\" x=\"%u\" y=\"%d\">", width / 2, ABOUT_Y);
	print_line(s, s->page->about, LETTER, (double)width - 2 * MARGIN);
	fprintf(out,
		"</text>\n<text id=\"reset\" class=\"button hidden\" x=\"%d\" y=\"%d\">Reset zoom</text>\n"
		"<text id=\"search\" class=\"button right hidden\" x=\"%u\" y=\"%d\">Search</text>\n",
		MARGIN, TITLE_Y, width - MARGIN, TITLE_Y);
	legend(s, s->f, width);
	if (s->page->icicle)
		print_status(s);
	fputs("</g>\n", out);
}

static void print_foot(const struct sheet *s)
{
	char hidden[160];

	describe_hidden(s, hidden, sizeof(hidden));
	fprintf(s->out, "<text id=\"note\" class=\"note\" x=\"%d\" y=\"%d\">", MARGIN, s->note);
	print_line(s, hidden, LETTER, s->inner);
	fputs("</text>\n<g id=\"foot\">\n", s->out);
	if (!s->page->icicle) {
		fprintf(s->out, "<rect class=\"page\" y=\"%d\" width=\"%u\" height=\"22\"/>\n",
			s->details - 15, s->page->width);
		print_status(s);
	}
	fprintf(s->out, "</g>\n<script><![CDATA[\n%s]]></script>\n</svg>\n", flamegraph_js);
}

void flame_svg_print(const struct flame *f, const struct flame_page *page, FILE *out)
{
	struct sheet s = {.f = f, .page = page, .out = out, .inner = inner_width(page)};

	lay_out(&s);
	print_start(&s);
	print_boxes(&s);
	print_head(&s);
	print_foot(&s);
}
