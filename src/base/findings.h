/* SPDX-License-Identifier: MIT */
#ifndef SP_BASE_FINDINGS_H
#define SP_BASE_FINDINGS_H

#include <stdbool.h>
#include <stdint.h>

#include <sallyport/finding.h>

#include "base/json.h"

/* How artefacts show lists of findings. */

/* The array "findings". With `files`, each tells the file that is at fault and the line. */
void sp_findings_json(
	struct sp_json *json, const struct sp_finding *findings, uint32_t count, bool files);

/* The last two lines of a report's head: the verdict in words, and how many findings there are. */
void sp_findings_summary(struct sp_buf *out, enum sp_verdict verdict,
	const struct sp_finding *findings, uint32_t count);

#endif
