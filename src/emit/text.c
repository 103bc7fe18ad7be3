/* SPDX-License-Identifier: MIT */
#include "emit/text.h"

#include <string.h>

#include <sallyport/version.h>

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

void sp_text_irq(struct sp_buf *out, uint32_t number, uint32_t type) {
	static const char *const types[] = {NULL, ", edge rising", ", edge falling", ", edge both",
		", level high", NULL, NULL, NULL, ", level low"};
	bool extended = number >= SP_GIC_FIRST_ESPI;

	sp_buf_str(out, extended ? "ESPI " : "SPI ");
	sp_buf_dec(out, number - (extended ? SP_GIC_FIRST_ESPI : SP_GIC_FIRST_SPI));
	if (type < sizeof(types) / sizeof(types[0]) && types[type])
		sp_buf_str(out, types[type]);
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

const char *sp_text_path(const struct sp_plan *plan, sp_node node) {
	return node == SP_NODE_NONE ? "(nothing)" : sp_tree_path(plan->host->tree, node);
}

void sp_text_streams(struct sp_buf *out, const struct sp_plan_guest *guest, uint32_t first,
	bool *done, uint32_t limit) {
	const struct sp_guest_stream *key = &guest->streams.data[first];
	uint32_t count = 0;

	for (uint32_t i = first; i < guest->streams.count; i++) {
		const struct sp_guest_stream *stream = &guest->streams.data[i];

		if (done[i] || stream->node != key->node ||
			stream->stream.iommu != key->stream.iommu ||
			strcmp(stream->holder, key->holder) != 0)
			continue;
		done[i] = true;
		if (++count > limit)
			continue;
		if (count > 1)
			sp_buf_str(out, ", ");
		for (uint32_t k = 0; k < stream->stream.count; k++) {
			if (k)
				sp_buf_char(out, ':');
			sp_text_hex(out, stream->stream.args[k]);
		}
	}
	if (count > limit) {
		sp_buf_str(out, " and ");
		sp_buf_dec(out, count - limit);
		sp_buf_str(out, " more");
	}
}

/* Without the folders, which say nothing about the machine and much about where this ran. */
static const char *base_name(const char *path) {
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}

void sp_text_heading(struct sp_buf *out, const struct sp_plan *plan, const char *what,
	const struct sp_plan_guest *guest) {
	sp_buf_str(out, what);
	if (guest) {
		sp_buf_str(out, " of guest \"");
		sp_text_plain(out, guest->request->name);
		sp_buf_char(out, '"');
	}
	sp_buf_str(out, "\nPlanned by sallyport " SALLYPORT_VERSION " for ");
	sp_buf_str(out, sp_target_name(plan->request->target));
	if (guest) {
		sp_buf_str(out, " (");
		sp_buf_str(out, sp_mode_name(guest->request->mode));
		sp_buf_char(out, ')');
	}
	sp_buf_str(out, "\nHost: ");
	if (plan->host->model[0]) {
		sp_text_plain(out, plan->host->model);
		sp_buf_str(out, ", ");
	}
	sp_text_plain(out, base_name(plan->host->name));
}

void sp_text_comment_heading(struct sp_buf *out, const struct sp_plan *plan, const char *what,
	const struct sp_plan_guest *guest) {
	struct sp_buf heading = {0};

	sp_text_heading(&heading, plan, what, guest);
	if (heading.failed)
		out->failed = true;
	else
		sp_text_comment(out, heading.data);
	sp_buf_release(&heading);
}
