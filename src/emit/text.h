/* SPDX-License-Identifier: MIT */
#ifndef SP_EMIT_TEXT_H
#define SP_EMIT_TEXT_H

#include "base/text.h"
#include "plan/plan.h"

/* What artefacts of a plan say about trees; base/text.h has what is about any text. */

/* "SPI 119, level high"; "ESPI 3, edge rising" */
void sp_text_irq(struct sp_buf *out, uint32_t number, uint32_t type);

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
