/* SPDX-License-Identifier: MIT */
#include "base/text.h"

#include <string.h>

static bool printable(char c) {
	return c >= ' ' && c < 0x7f;
}

static void put_plain(struct sp_buf *out, const char *text, size_t size) {
	size_t start = 0;

	for (size_t i = 0; i < size; i++) {
		if (printable(text[i]))
			continue;
		sp_buf_put(out, text + start, i - start);
		sp_buf_char(out, '?');
		start = i + 1;
	}
	sp_buf_put(out, text + start, size - start);
}

void sp_text_plain(struct sp_buf *out, const char *text) {
	put_plain(out, text, strlen(text));
}

/* How many characters a short form keeps on each side of its three dots. */
static void split(size_t width, size_t *head, size_t *tail) {
	*head = (width - 3) / 3;
	*tail = width - 3 - *head;
}

void sp_text_short(struct sp_buf *out, const char *text, size_t width) {
	size_t size = strlen(text), head, tail;

	if (size <= width) {
		put_plain(out, text, size);
		return;
	}
	split(width, &head, &tail);
	put_plain(out, text, head);
	sp_buf_str(out, "...");
	put_plain(out, text + size - tail, tail);
}

void sp_text_wrap(struct sp_buf *out, const char *first, const char *rest, const char *text) {
	size_t column = strlen(first);
	bool fresh = true;

	sp_buf_str(out, first);
	for (;;) {
		size_t size;

		text += strspn(text, " \n");
		size = strcspn(text, " \n");
		if (!size)
			break;
		if (!fresh && column + 1 + size > SP_TEXT_WIDTH) {
			sp_buf_char(out, '\n');
			sp_buf_str(out, rest);
			column = strlen(rest);
			fresh = true;
		}
		if (!fresh) {
			sp_buf_char(out, ' ');
			column++;
		}
		put_plain(out, text, size);
		column += size;
		text += size;
		fresh = false;
	}
	sp_buf_char(out, '\n');
}

void sp_text_comment(struct sp_buf *out, const char *text) {
	for (;;) {
		size_t size = strcspn(text, "\n");

		sp_buf_str(out, size ? "# " : "#");
		put_plain(out, text, size);
		sp_buf_char(out, '\n');
		if (!text[size])
			break;
		text += size + 1;
	}
}

void sp_text_section(struct sp_buf *out, const char *title) {
	sp_buf_str(out, "\n  ");
	sp_buf_str(out, title);
	sp_buf_char(out, '\n');
}

const char *sp_base_name(const char *path) {
	const char *slash = path ? strrchr(path, '/') : NULL;

	return slash ? slash + 1 : path;
}

void sp_text_file(struct sp_buf *out, const char *path) {
	const char *name = sp_base_name(path);

	sp_text_plain(out, *name ? name : path);
}

void sp_text_hex(struct sp_buf *out, uint64_t value) {
	sp_buf_put(out, "0x", 2);
	sp_buf_hex(out, value);
}

static const char *const units[] = {" bytes", " KiB", " MiB", " GiB", " TiB"};
#define UNITS (sizeof(units) / sizeof(units[0]))

void sp_text_size(struct sp_buf *out, uint64_t bytes) {
	size_t unit = 0;

	while (bytes && bytes % 1024 == 0 && unit + 1 < UNITS) {
		bytes /= 1024;
		unit++;
	}
	sp_buf_dec(out, bytes);
	sp_buf_str(out, units[unit]);
}

void sp_text_about(struct sp_buf *out, uint64_t bytes) {
	uint64_t tenths = 0;
	size_t unit = 0;

	while (bytes >= 1024 && unit + 1 < UNITS) {
		tenths = bytes % 1024 * 10 / 1024;
		bytes /= 1024;
		unit++;
	}
	sp_buf_dec(out, bytes);
	if (tenths) {
		sp_buf_char(out, '.');
		sp_buf_dec(out, tenths);
	}
	sp_buf_str(out, units[unit]);
}

static void put_xml(struct sp_buf *out, const char *text, size_t size) {
	for (size_t i = 0; i < size; i++) {
		switch (text[i]) {
		case '&':
			sp_buf_str(out, "&amp;");
			break;
		case '<':
			sp_buf_str(out, "&lt;");
			break;
		case '>':
			sp_buf_str(out, "&gt;");
			break;
		case '"':
			sp_buf_str(out, "&quot;");
			break;
		default:
			sp_buf_char(out, printable(text[i]) ? text[i] : '?');
		}
	}
}

void sp_text_xml(struct sp_buf *out, const char *text, size_t width) {
	size_t size = strlen(text), head, tail;

	if (size <= width) {
		put_xml(out, text, size);
		return;
	}
	split(width, &head, &tail);
	put_xml(out, text, head);
	sp_buf_str(out, "...");
	put_xml(out, text + size - tail, tail);
}
