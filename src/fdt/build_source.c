/* SPDX-License-Identifier: MIT */
#include "fdt/build.h"

#include <string.h>

#include "base/hash.h"

enum {
	LINE_WIDTH = 100,
	TAB_WIDTH = 8,
};

struct writer {
	struct sp_buf *out;
	uint32_t depth;
	size_t column;
	bool fresh; /* nothing stands in the line yet */
};

static const char hex_digits[] = "0123456789abcdef";

static void write_indent(struct writer *writer, uint32_t depth) {
	sp_buf_fill(writer->out, '\t', depth);
	writer->column = (size_t)depth * TAB_WIDTH;
}

/* A comment must not end before its end, nor carry bytes that a terminal would act on. */
static void write_comment_text(struct writer *writer, const char *text, size_t length) {
	for (size_t i = 0; i < length; i++) {
		if (text[i] == '/' && i && text[i - 1] == '*')
			sp_buf_char(writer->out, ' ');
		sp_buf_char(writer->out, text[i] >= ' ' && text[i] < 0x7f ? text[i] : '?');
	}
}

static void write_comment(struct writer *writer, const char *text) {
	size_t length = strcspn(text, "\n");

	write_indent(writer, writer->depth);
	if (!text[length]) {
		sp_buf_str(writer->out, "/* ");
		write_comment_text(writer, text, length);
		sp_buf_str(writer->out, " */\n");
		return;
	}
	sp_buf_str(writer->out, "/*\n");
	for (;;) {
		write_indent(writer, writer->depth);
		sp_buf_str(writer->out, length ? " * " : " *");
		write_comment_text(writer, text, length);
		sp_buf_char(writer->out, '\n');
		text += length;
		if (!text[0] || !text[1])
			break;
		text++;
		length = strcspn(text, "\n");
	}
	write_indent(writer, writer->depth);
	sp_buf_str(writer->out, " */\n");
}

static void break_line(struct writer *writer) {
	sp_buf_char(writer->out, '\n');
	write_indent(writer, writer->depth + 1);
	writer->fresh = true;
}

/* Goes to where the next part of a value starts, of `width` columns that may not be torn. */
static void begin_token(struct writer *writer, size_t width) {
	if (!writer->fresh && writer->column + 1 + width > LINE_WIDTH)
		break_line(writer);
	if (!writer->fresh) {
		sp_buf_char(writer->out, ' ');
		writer->column++;
	}
	writer->column += width;
	writer->fresh = false;
}

static size_t number_text(char text[static 10], uint32_t value) {
	size_t size = 2;
	int shift = 28;

	if (value < 10) {
		text[0] = (char)('0' + value);
		return 1;
	}
	text[0] = '0';
	text[1] = 'x';
	while (!(value >> shift))
		shift -= 4;
	for (; shift >= 0; shift -= 4)
		text[size++] = hex_digits[value >> shift & 15];
	return size;
}

static uint32_t cell_at(const struct sp_build_prop *prop, uint32_t index) {
	const uint8_t *bytes = prop->data + (size_t)4 * index;

	return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 |
		bytes[3];
}

/* The root cannot have a label; it is named by its path. */
static bool by_label(const struct sp_build_node *target) {
	return target->parent && target->label;
}

static size_t reference_width(const struct sp_build_node *target) {
	size_t width = 3;

	if (by_label(target))
		return 1 + strlen(target->label);
	if (!target->parent)
		return width + 1;
	for (; target->parent; target = target->parent)
		width += 1 + strlen(target->name);
	return width;
}

static void write_reference(struct writer *writer, const struct sp_build_node *target) {
	if (by_label(target)) {
		sp_buf_char(writer->out, '&');
		sp_buf_str(writer->out, target->label);
		return;
	}
	sp_buf_str(writer->out, "&{");
	sp_build_path(target, writer->out);
	sp_buf_char(writer->out, '}');
}

/* How wide cells [index, end) are as one group. `ref` is the first reference from there on. */
static size_t group_width(const struct sp_build_prop *prop, const struct sp_build_ref *ref,
	uint32_t index, uint32_t end) {
	size_t width = sizeof("<>,") - 1;
	char number[10];

	/* Wider than a line is wide enough. */
	for (; index < end && width <= LINE_WIDTH; index++) {
		if (ref && ref->offset / 4 == index) {
			width += 1 + reference_width(ref->target);
			ref = ref->next;
		} else {
			width += 1 + number_text(number, cell_at(prop, index));
		}
	}
	return width - 1;
}

static void write_bytes(struct writer *writer, const uint8_t *data, uint32_t len) {
	for (uint32_t i = 0; i < len; i++) {
		char token[5];
		size_t size = 0;

		if (!i)
			token[size++] = '[';
		token[size++] = hex_digits[data[i] >> 4];
		token[size++] = hex_digits[data[i] & 15];
		if (i == len - 1) {
			token[size++] = ']';
			token[size++] = ';';
		}
		begin_token(writer, size);
		sp_buf_put(writer->out, token, size);
	}
}

/* Cells [index, end) as one group. Returns the first reference after them. */
static const struct sp_build_ref *write_group(struct writer *writer,
	const struct sp_build_prop *prop, const struct sp_build_ref *ref, uint32_t index,
	uint32_t end) {
	const char *closing = end * 4 == prop->len ? ">;" : ">,";

	for (uint32_t i = index; i < end; i++) {
		size_t opened = i == index, closed = i == end - 1 ? 2 : 0, size = opened;
		char token[16] = "<";

		if (ref && ref->offset / 4 == i) {
			begin_token(writer, opened + reference_width(ref->target) + closed);
			sp_buf_put(writer->out, token, opened);
			write_reference(writer, ref->target);
			sp_buf_put(writer->out, closing, closed);
			ref = ref->next;
		} else {
			size += number_text(token + size, cell_at(prop, i));
			memcpy(token + size, closing, closed);
			begin_token(writer, size + closed);
			sp_buf_put(writer->out, token, size + closed);
		}
	}
	return ref;
}

static void write_cells(struct writer *writer, const struct sp_build_prop *prop) {
	uint32_t count = prop->len / 4;
	uint32_t group = prop->group ? prop->group : count;
	const struct sp_build_ref *ref = prop->refs;
	size_t margin = (size_t)(writer->depth + 1) * TAB_WIDTH;

	for (uint32_t start = 0, end; start < count; start = end) {
		end = count - start > group ? start + group : count;
		if (start) {
			size_t width = group_width(prop, ref, start, end);

			/* A group that fits into a line stays together. */
			if (writer->column + 1 + width > LINE_WIDTH && margin + width <= LINE_WIDTH)
				break_line(writer);
		}
		ref = write_group(writer, prop, ref, start, end);
	}
	write_bytes(writer, prop->data + (size_t)4 * count, prop->len % 4);
}

static bool is_plain(char c) {
	return c >= ' ' && c < 0x7f && c != '"' && c != '\\';
}

/* How wide a string is with its quotes. */
static size_t string_width(const char *text) {
	size_t width = 2;

	for (; *text; text++) {
		if (is_plain(*text))
			width++;
		else
			width += *text == '"' || *text == '\\' ? 2 : 4;
	}
	return width;
}

static void write_string(struct writer *writer, const char *text) {
	sp_buf_char(writer->out, '"');
	while (*text) {
		size_t run = 0;

		while (is_plain(text[run]))
			run++;
		sp_buf_put(writer->out, text, run);
		text += run;
		if (*text == '"' || *text == '\\') {
			sp_buf_char(writer->out, '\\');
			sp_buf_char(writer->out, *text++);
		} else if (*text) {
			uint8_t c = (uint8_t)*text++;
			/* Always two digits, for dtc reads no more of them. */
			const char escape[] = {'\\', 'x', hex_digits[c >> 4], hex_digits[c & 15]};

			sp_buf_put(writer->out, escape, sizeof(escape));
		}
	}
	sp_buf_char(writer->out, '"');
}

/* The last byte is NUL. */
static void write_strings(struct writer *writer, const struct sp_build_prop *prop) {
	const char *text = (const char *)prop->data, *end = text + prop->len;

	while (text < end) {
		begin_token(writer, string_width(text) + 1);
		write_string(writer, text);
		text += strlen(text) + 1;
		sp_buf_char(writer->out, text < end ? ',' : ';');
	}
}

static void write_prop(struct writer *writer, const struct sp_build_prop *prop) {
	enum sp_build_form form = prop->form;

	if (prop->comment)
		write_comment(writer, prop->comment);
	write_indent(writer, writer->depth);
	sp_buf_str(writer->out, prop->name);
	if (!prop->len) {
		sp_buf_str(writer->out, ";\n");
		return;
	}
	sp_buf_str(writer->out, " =");
	writer->column += strlen(prop->name) + 2;
	/* The form is a wish: what is written must have the property's bytes. */
	if (prop->refs)
		form = SP_FORM_CELLS;
	if (form == SP_FORM_STRINGS && !prop->data[prop->len - 1])
		write_strings(writer, prop);
	else if (form == SP_FORM_CELLS)
		write_cells(writer, prop);
	else
		write_bytes(writer, prop->data, prop->len);
	sp_buf_char(writer->out, '\n');
}

static void write_phandle(struct writer *writer, const struct sp_build_node *node) {
	char number[10];

	if (!node->phandle)
		return;
	write_indent(writer, writer->depth);
	sp_buf_str(writer->out, "phandle = <");
	sp_buf_put(writer->out, number, number_text(number, node->phandle));
	sp_buf_str(writer->out, ">;\n");
}

static bool label_valid(const char *label) {
	if (*label >= '0' && *label <= '9')
		return false;
	for (const char *c = label; *c; c++) {
		bool letter = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z');

		if (!letter && *c != '_' && (*c < '0' || *c > '9'))
			return false;
	}
	return *label;
}

/* The source has no way to quote a name. */
static bool check_names(const struct sp_build_node *node, struct sp_error *error) {
	const struct sp_build_prop *prop = node->props;
	const char *name = node->parent ? node->name : "/";

	while (prop && sp_build_name_valid(prop->name, false))
		prop = prop->next;
	if (prop)
		return sp_error_set(error, SP_ERROR_INPUT,
			"%s: property \"%s\" has a name that source cannot hold", name, prop->name);
	if (node->parent && !sp_build_name_valid(node->name, true))
		return sp_error_set(error, SP_ERROR_INPUT,
			"%s: the node has a name that source cannot hold", name);
	if (node->label && !label_valid(node->label))
		return sp_error_set(
			error, SP_ERROR_INPUT, "%s: \"%s\" cannot be a label", name, node->label);
	return true;
}

static void open_node(struct writer *writer, const struct sp_build_node *node) {
	bool with_phandle = false;

	if (node->comment)
		write_comment(writer, node->comment);
	write_indent(writer, writer->depth);
	if (node->parent && node->label) {
		sp_buf_str(writer->out, node->label);
		sp_buf_str(writer->out, ": ");
	}
	sp_buf_str(writer->out, node->parent ? node->name : "/");
	sp_buf_str(writer->out, " {\n");
	writer->depth++;
	for (const struct sp_build_prop *prop = node->props; prop; prop = prop->next) {
		if (sp_same_name(prop->name, "phandle")) {
			with_phandle = true;
			write_phandle(writer, node);
		} else {
			write_prop(writer, prop);
		}
	}
	if (!with_phandle)
		write_phandle(writer, node);
}

static void close_node(struct writer *writer) {
	writer->depth--;
	write_indent(writer, writer->depth);
	sp_buf_str(writer->out, "};\n");
}

static bool write_tree(
	struct writer *writer, const struct sp_build_node *root, struct sp_error *error) {
	const struct sp_build_node *node = root;

	while (node) {
		if (!check_names(node, error))
			return false;
		open_node(writer, node);
		if (node->children) {
			if (node->props || node->phandle)
				sp_buf_char(writer->out, '\n');
			node = node->children;
			continue;
		}
		while (node) {
			close_node(writer);
			if (node->next) {
				sp_buf_char(writer->out, '\n');
				node = node->next;
				break;
			}
			node = node->parent;
		}
	}
	return true;
}

bool sp_build_source(const struct sp_build *build, const char *heading, bool plugin,
	struct sp_buf *out, struct sp_error *error) {
	struct writer writer = {.out = out};
	bool written;

	if (build->arena->failed || !build->root)
		return sp_error_memory(error);
	if (heading) {
		write_comment(&writer, heading);
		sp_buf_char(out, '\n');
	}
	sp_buf_str(out, plugin ? "/dts-v1/;\n/plugin/;\n\n" : "/dts-v1/;\n\n");
	written = write_tree(&writer, build->root, error);
	if (out->failed)
		return sp_error_memory(error);
	return written;
}
