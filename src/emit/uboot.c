/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "emit/emit.h"
#include "emit/text.h"

/*
 * U-Boot's `fdt set` puts a value together in a buffer of this size, without a check of its own,
 * and copies the old value there first (cmd/fdt.c).
 */
#define SCRATCHPAD 1024u

/* What a node or property can take up beside its value and its names. */
#define OVERHEAD 48u

/* Characters that U-Boot's shell and `fdt` take as they are between double quotes. */
static bool plain(const char *text) {
	static const char others[] = ",._+-/@:=() ";

	for (; *text; text++) {
		bool letter = (*text >= 'a' && *text <= 'z') || (*text >= 'A' && *text <= 'Z') ||
			(*text >= '0' && *text <= '9');

		if (!letter && !strchr(others, *text))
			return false;
	}
	return true;
}

/* Paths and names are words outside of quotes, in which '#' is taken as it is but at the start. */
static bool is_word(const char *text) {
	for (; *text; text++) {
		if (*text == ' ' || *text == '(' || *text == ')')
			return false;
		if (*text != '#' && *text != '?' && !plain((char[]){*text, '\0'}))
			return false;
	}
	return true;
}

static bool expressible(const struct sp_edit *edit) {
	return is_word(edit->path) &&
		(edit->creates || (edit->len <= SCRATCHPAD && is_word(edit->property)));
}

/* Non-empty strings of harmless characters; others are given as bytes. */
static bool strings_expressible(const struct sp_edit *edit) {
	const char *text = (const char *)edit->data;
	uint32_t left = edit->len;

	if (edit->form != SP_FORM_STRINGS || !left || text[left - 1])
		return false;
	while (left) {
		uint32_t size = (uint32_t)strlen(text) + 1;

		if (size == 1 || !plain(text) || text[0] == ' ')
			return false;
		text += size;
		left -= size;
	}
	return true;
}

static uint32_t cell(const uint8_t *data) {
	return (uint32_t)data[0] << 24 | (uint32_t)data[1] << 16 | (uint32_t)data[2] << 8 | data[3];
}

static void put_value(struct sp_buf *out, const struct sp_edit *edit) {
	if (!edit->len)
		return;
	if (strings_expressible(edit)) {
		for (const char *text = (const char *)edit->data;
			text < (const char *)edit->data + edit->len; text += strlen(text) + 1) {
			sp_buf_str(out, " \"");
			sp_buf_str(out, text);
			sp_buf_char(out, '"');
		}
		return;
	}
	if (edit->form == SP_FORM_CELLS && edit->len % 4 == 0) {
		for (uint32_t i = 0; i < edit->len; i += 4) {
			sp_buf_str(out, i ? " " : " \"<");
			sp_text_hex(out, cell(edit->data + i));
		}
		sp_buf_str(out, ">\"");
		return;
	}
	for (uint32_t i = 0; i < edit->len; i++) {
		sp_buf_str(out, i ? " " : " \"[");
		if (edit->data[i] < 16)
			sp_buf_char(out, '0');
		sp_buf_hex(out, edit->data[i]);
	}
	sp_buf_str(out, "]\"");
}

static void put_word(struct sp_buf *out, const char *word) {
	bool quote = word[0] == '#';

	sp_buf_str(out, quote ? " \"" : " ");
	sp_buf_str(out, word);
	if (quote)
		sp_buf_char(out, '"');
}

static void put_create(struct sp_buf *out, const char *path) {
	const char *name = strrchr(path, '/') + 1;

	sp_buf_str(out, "fdt mknode ");
	sp_buf_put(out, path, name - path > 1 ? (size_t)(name - path) - 1 : 1);
	put_word(out, name);
	sp_buf_char(out, '\n');
}

static void put_set(struct sp_buf *out, const char *path, const char *property) {
	sp_buf_str(out, "fdt set ");
	sp_buf_str(out, path);
	put_word(out, property);
}

static void put_edit(struct sp_buf *out, const struct sp_plan *plan, const struct sp_edit *edit) {
	const struct sp_prop *old;

	if (edit->why)
		sp_text_wrap(out, "# ", "# ", edit->why);
	if (edit->creates) {
		put_create(out, edit->path);
		return;
	}
	old = edit->node == SP_NODE_NONE
		? NULL
		: sp_tree_prop(plan->host->tree, edit->node, edit->property);
	if (old && old->len > SCRATCHPAD && edit->len) {
		put_set(out, edit->path, edit->property);
		sp_buf_char(out, '\n');
	}
	put_set(out, edit->path, edit->property);
	put_value(out, edit);
	sp_buf_char(out, '\n');
}

static size_t room_for(const struct sp_plan *plan) {
	size_t room = 0;

	for (uint32_t i = 0; i < plan->edits.count; i++) {
		const struct sp_edit *edit = &plan->edits.data[i];

		room += OVERHEAD + edit->len + strlen(edit->creates ? edit->path : edit->property);
	}
	return room;
}

static const struct sp_edit *first_inexpressible(const struct sp_plan *plan) {
	for (uint32_t i = 0; i < plan->edits.count; i++) {
		if (!expressible(&plan->edits.data[i]))
			return &plan->edits.data[i];
	}
	return NULL;
}

static void put_heading(struct sp_buf *out, const struct sp_plan *plan) {
	sp_text_comment_heading(out, plan, "U-Boot commands for the host's device tree", NULL);
	sp_text_comment(out,
		"\nTo be run after the tree was loaded and before Xen is started:\n"
		"    fdt addr ${fdt_addr_r}\n"
		"    mkimage -A arm64 -T script -d uboot.cmd uboot.scr     (then: source ADDRESS)\n"
		"Lines are longer than U-Boot's prompt may take; its shell must be hush.");
}

static void put_resize(struct sp_buf *out, const struct sp_plan *plan) {
	size_t room = (room_for(plan) + 0xfff) & ~(size_t)0xfff;

	sp_buf_str(out, "\nfdt resize ");
	sp_text_hex(out, room);
	sp_buf_char(out, '\n');
}

/* One change that no command can make would leave the tree half changed. */
static void put_apply(struct sp_buf *out, const struct sp_plan *plan, const struct sp_edit *edit) {
	struct sp_buf why = {0};

	sp_buf_str(&why, "\nThese changes cannot be given by commands: ");
	sp_text_plain(&why, edit->path);
	if (!edit->creates && edit->len > SCRATCHPAD) {
		sp_buf_str(&why, " would get a property ");
		sp_text_plain(&why, edit->property);
		sp_buf_str(&why, " of ");
		sp_buf_dec(&why, edit->len);
		sp_buf_str(&why, " bytes, and fdt set takes 1024");
	} else {
		sp_buf_str(&why, " has characters that U-Boot's shell would read otherwise");
	}
	sp_buf_str(&why,
		".\nSo load host-overlay.dtbo to ${fdtoverlay_addr_r} first; this applies "
		"it (CONFIG_OF_LIBFDT_OVERLAY).");
	if (why.failed)
		out->failed = true;
	else
		sp_text_comment(out, why.data);
	sp_buf_release(&why);
	put_resize(out, plan);
	sp_buf_str(out, "fdt apply ${fdtoverlay_addr_r}\n");
}

bool sp_emit_uboot(const struct sp_plan *plan, struct sp_buf *out, struct sp_error *error) {
	const struct sp_edit *inexpressible = first_inexpressible(plan);
	sp_node misleading, other;
	const char *path = NULL;

	if (!plan->edits.count)
		return true;
	if (!sp_emit_check_edits(plan, error))
		return false;
	put_heading(out, plan);
	misleading = sp_emit_misleading(plan, &other);
	if (misleading != SP_NODE_NONE) {
		sp_emit_say_misleading(out, plan, misleading, other);
		return true;
	}
	if (inexpressible) {
		put_apply(out, plan, inexpressible);
		return true;
	}
	put_resize(out, plan);
	for (uint32_t i = 0; i < plan->edits.count; i++) {
		const struct sp_edit *edit = &plan->edits.data[i];

		if (!path || strcmp(path, edit->path) != 0)
			sp_buf_char(out, '\n');
		path = edit->path;
		put_edit(out, plan, edit);
	}
	return true;
}
