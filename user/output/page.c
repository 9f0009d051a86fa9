/* SPDX-License-Identifier: BSD-2-Clause */
/* In: text in UTF-8, widths, inks. Out: lines on a FILE that are never wider than the page. */
#include <stdarg.h>
#include <string.h>

#include "base/text.h"
#include "output/page.h"

static const char *const escapes[N_INKS] = {
	[INK_PLAIN] = "",	  [INK_BOLD] = "\033[1m",    [INK_DIM] = "\033[2m",
	[INK_GREEN] = "\033[32m", [INK_YELLOW] = "\033[33m", [INK_BLUE] = "\033[34m",
	[INK_RED] = "\033[31m",	  [INK_CYAN] = "\033[36m",   [INK_MAGENTA] = "\033[35m",
};

/* What stands for a character where there is only ASCII. */
static const struct {
	const char *utf8, *ascii;
} ascii_for[] = {
	{"µ", "u"}, {"→", "->"}, {"…", "~"}, {"×", "x"}, {"·", "-"}, {"–", "-"}, {"−", "-"}, {"─", "-"},
};

void page_init(struct page *p, FILE *out, const struct page_style *style)
{
	*p = (struct page){.out = out, .style = *style};
	p->width = style->width < PAGE_MIN_WIDTH   ? PAGE_MIN_WIDTH
		   : style->width > PAGE_MAX_WIDTH ? PAGE_MAX_WIDTH
						   : style->width;
}

/* Before anything that can be seen: a line never ends in spaces. */
static void ink_on(struct page *p, enum page_ink ink)
{
	for (; p->gap; p->gap--)
		fputc(' ', p->out);
	if (p->style.colours && ink != INK_PLAIN)
		fputs(escapes[ink], p->out);
}

static void ink_off(struct page *p, enum page_ink ink)
{
	if (p->style.colours && ink != INK_PLAIN)
		fputs("\033[0m", p->out);
}

static size_t character_bytes(const char *s)
{
	uint32_t code;
	size_t n = text_utf8(s, strlen(s), &code);

	return n ? n : 1;
}

/* One character as this page can show it. */
static const char *shown(const struct page *p, const char *s, size_t n)
{
	size_t i;

	if (n == 1)
		return (unsigned char)*s < 0x80 ? NULL : "?";
	if (p->style.utf8)
		return NULL;
	for (i = 0; i < sizeof(ascii_for) / sizeof(ascii_for[0]); i++)
		if (strlen(ascii_for[i].utf8) == n && !memcmp(ascii_for[i].utf8, s, n))
			return ascii_for[i].ascii;
	return "?";
}

static int columns_of(const struct page *p, const char *s)
{
	int columns = 0;

	while (*s) {
		size_t n = character_bytes(s);
		const char *other = shown(p, s, n);

		columns += other ? (int)strlen(other) : 1;
		s += n;
	}
	return columns;
}

static void put_character(struct page *p, const char *s, size_t n)
{
	const char *other = shown(p, s, n);

	if (other)
		fputs(other, p->out);
	else
		fwrite(s, 1, n, p->out);
	p->column += other ? (int)strlen(other) : 1;
}

/* At most `width` columns of the text; the last of them says that there was more. */
static void put_cut(struct page *p, enum page_ink ink, const char *text, int width)
{
	int columns = columns_of(p, text), limit = p->column + width;
	bool cut = columns > width;

	if (width <= 0 || !*text)
		return;
	ink_on(p, ink);
	while (*text) {
		size_t n = character_bytes(text);
		const char *other = shown(p, text, n);
		int wide = other ? (int)strlen(other) : 1;

		if (p->column + wide > limit - cut)
			break;
		put_character(p, text, n);
		text += n;
	}
	if (cut)
		put_character(p, "…", strlen("…"));
	ink_off(p, ink);
}

int page_room(const struct page *p)
{
	return p->column < p->width ? p->width - p->column : 0;
}

void page_text(struct page *p, enum page_ink ink, const char *text)
{
	put_cut(p, ink, text, page_room(p));
}

void page_printf(struct page *p, enum page_ink ink, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	page_text(p, ink, text);
}

void page_spaces(struct page *p, int n)
{
	if (n > page_room(p))
		n = page_room(p);
	if (n <= 0)
		return;
	p->gap += n;
	p->column += n;
}

void page_left(struct page *p, enum page_ink ink, int width, const char *text)
{
	int start = p->column;

	put_cut(p, ink, text, width < page_room(p) ? width : page_room(p));
	page_spaces(p, start + width - p->column);
}

void page_right(struct page *p, enum page_ink ink, int width, const char *text)
{
	page_spaces(p, width - columns_of(p, text));
	put_cut(p, ink, text, width < page_room(p) ? width : page_room(p));
}

void page_line(struct page *p)
{
	fputc('\n', p->out);
	p->column = 0;
	p->gap = 0;
}

/* Is what follows the space the unit of the number before it? They stay on one line. */
static bool unit_follows(const char *text, size_t len)
{
	static const char *const units[] = {"%", "ns", "µs", "ms", "s", "times", "CPUs"};
	const char *next = text + len + 1;
	size_t i;

	if (!len || text[len] != ' ' || text[len - 1] < '0' || text[len - 1] > '9')
		return false;
	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		size_t n = strlen(units[i]);

		if (!strncmp(next, units[i], n) && (!next[n] || strchr(" ,;.:)", next[n])))
			return true;
	}
	return false;
}

/* A word, with its unit if it is a number. */
static size_t word_bytes(const char *text)
{
	size_t len = strcspn(text, " ");

	if (unit_follows(text, len))
		len += 1 + strcspn(text + len + 1, " ");
	return len;
}

void page_wrapped(struct page *p, enum page_ink ink, int indent, const char *text)
{
	char word[256];
	bool first = true;

	page_spaces(p, indent - p->column);
	while (*text) {
		size_t len = word_bytes(text);

		snprintf(word, sizeof(word), "%.*s", (int)len, text);
		if (!first && columns_of(p, word) + 1 > page_room(p)) {
			page_line(p);
			page_spaces(p, indent);
			first = true;
		}
		if (!first)
			page_spaces(p, 1);
		page_text(p, ink, word);
		first = false;
		text += len;
		text += strspn(text, " ");
	}
	page_line(p);
}

void page_bar(struct page *p, enum page_ink ink, int width, double share)
{
	static const char *const parts[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
	int eighths = (int)(share * width * 8 + 0.5), i;

	if (width > page_room(p))
		width = page_room(p);
	if (eighths > width * 8)
		eighths = width * 8;
	if (eighths <= 0 || (!p->style.utf8 && eighths < 4))
		return;
	ink_on(p, ink);
	if (!p->style.utf8) {
		for (i = 0; i < (eighths + 4) / 8; i++)
			fputc('#', p->out);
		p->column += (eighths + 4) / 8;
	} else {
		for (i = 0; i < eighths / 8; i++)
			fputs("█", p->out);
		fputs(parts[eighths % 8], p->out);
		p->column += (eighths + 7) / 8;
	}
	ink_off(p, ink);
}

void page_pieces(struct page *p, int width, uint64_t whole, const struct page_piece *pieces, size_t n)
{
	uint64_t sum = 0;
	int at = 0, until, i;
	size_t k;

	if (width > page_room(p))
		width = page_room(p);
	if (!whole || width <= 0)
		return;
	for (k = 0; k < n; k++) {
		sum += pieces[k].part;
		until = (int)((double)sum / (double)whole * width + 0.5);
		if (until > width)
			until = width;
		if (until <= at)
			continue;
		ink_on(p, pieces[k].ink);
		for (i = at; i < until; i++) {
			if (p->style.utf8)
				fputs(pieces[k].utf8, p->out);
			else
				fputc(pieces[k].ascii, p->out);
		}
		ink_off(p, pieces[k].ink);
		p->column += until - at;
		at = until;
	}
}

void page_section(struct page *p, const char *title)
{
	page_line(p);
	page_text(p, INK_BOLD, title);
}

char *cell_share(char *buf, size_t size, uint64_t part, uint64_t whole)
{
	double share = whole ? 100.0 * (double)part / (double)whole : 0;

	if (!part)
		snprintf(buf, size, "%s", "");
	else if (share < 0.05)
		snprintf(buf, size, "< 0.1 %%");
	else
		snprintf(buf, size, "%.1f %%", share);
	return buf;
}

char *cell_ns(char *buf, size_t size, uint64_t ns)
{
	if (!ns)
		snprintf(buf, size, "%s", "");
	else
		text_ns(buf, size, ns);
	return buf;
}

char *cell_count(char *buf, size_t size, uint64_t n)
{
	return text_count(buf, size, n);
}
