/* SPDX-License-Identifier: MIT */
#ifndef SP_EMIT_TEXT_H
#define SP_EMIT_TEXT_H

#include "base/buf.h"
#include "plan/plan.h"

/*
 * Pieces of text that several artefacts need. What comes from a tree or from the user may hold any
 * bytes: sp_text_plain() and all that builds on it write printable ASCII and '?' for the rest.
 */
void sp_text_plain(struct sp_buf *out, const char *text);

/* At most `width` (not below 8) characters: a longer text loses its middle. */
void sp_text_short(struct sp_buf *out, const char *text, size_t width);

/* The text, wrapped: `first` goes before the first line and `rest` before the others. */
void sp_text_wrap(struct sp_buf *out, const char *first, const char *rest, const char *text);
#define SP_TEXT_WIDTH 96u

/* Lines of "# text". The text may hold newlines; an empty line becomes "#". */
void sp_text_comment(struct sp_buf *out, const char *text);

void sp_text_hex(struct sp_buf *out, uint64_t value); /* 0x1000 */
/* "256 KiB", "3 bytes": the largest unit that leaves a whole number. */
void sp_text_size(struct sp_buf *out, uint64_t bytes);
/* "47.9 MiB": the largest unit that leaves a whole number before the point. */
void sp_text_about(struct sp_buf *out, uint64_t bytes);
/* "SPI 119, level high"; "ESPI 3, edge rising" */
void sp_text_irq(struct sp_buf *out, uint32_t number, uint32_t type);

/* For XML's text and attributes in double quotes; at most `width` characters before escaping. */
void sp_text_xml(struct sp_buf *out, const char *text, size_t width);

/* The path of a node of the host; "(nothing)" for SP_NODE_NONE. */
const char *sp_text_path(const struct sp_plan *plan, sp_node node);

/*
 * The stream IDs of one master at one IOMMU, by one holder: those of stream `first` and of all
 * after it that are not `done`. Writes at most `limit` of them as "0x10, 0x11:0x3f" and marks them
 * done.
 */
void sp_text_streams(struct sp_buf *out, const struct sp_plan_guest *guest, uint32_t first,
	bool *done, uint32_t limit);

/* The three lines that open each text file: `what`, of whom; planned for what; the host. */
void sp_text_heading(struct sp_buf *out, const struct sp_plan *plan, const char *what,
	const struct sp_plan_guest *guest);

/* The same as a comment of a file whose comments begin with '#'. */
void sp_text_comment_heading(struct sp_buf *out, const struct sp_plan *plan, const char *what,
	const struct sp_plan_guest *guest);

#endif
