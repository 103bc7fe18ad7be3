/* SPDX-License-Identifier: MIT */
#ifndef SP_BASE_TEXT_H
#define SP_BASE_TEXT_H

#include "base/buf.h"

/*
 * Pieces of text that several artefacts need. What comes from a machine or from the user may hold
 * any bytes: sp_text_plain() and all that builds on it write printable ASCII and '?' for the rest.
 */
void sp_text_plain(struct sp_buf *out, const char *text);

/* At most `width` (not below 8) characters: a longer text loses its middle. */
void sp_text_short(struct sp_buf *out, const char *text, size_t width);

/* The text, wrapped: `first` goes before the first line and `rest` before the others. */
void sp_text_wrap(struct sp_buf *out, const char *first, const char *rest, const char *text);
#define SP_TEXT_WIDTH 96u

/* Lines of "# text". The text may hold newlines; an empty line becomes "#". */
void sp_text_comment(struct sp_buf *out, const char *text);

/* "  title", after an empty line. */
void sp_text_section(struct sp_buf *out, const char *title);

/* What is behind the last slash of a path; NULL for NULL. */
const char *sp_base_name(const char *path);
/* A file without its folders, which say nothing about the machine and much about where this ran. */
void sp_text_file(struct sp_buf *out, const char *path);

void sp_text_hex(struct sp_buf *out, uint64_t value); /* 0x1000 */
/* "256 KiB", "3 bytes": the largest unit that leaves a whole number. */
void sp_text_size(struct sp_buf *out, uint64_t bytes);
/* "47.9 MiB": the largest unit that leaves a whole number before the point. */
void sp_text_about(struct sp_buf *out, uint64_t bytes);
/* For XML's text and attributes in double quotes; at most `width` characters before escaping. */
void sp_text_xml(struct sp_buf *out, const char *text, size_t width);

#endif
