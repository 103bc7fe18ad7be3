/* SPDX-License-Identifier: MIT */
#include "emit/text.h"

#include <string.h>

#include <sallyport/version.h>

void sp_text_irq(struct sp_buf *out, uint32_t number, uint32_t type) {
	static const char *const types[] = {NULL, ", edge rising", ", edge falling", ", edge both",
		", level high", NULL, NULL, NULL, ", level low"};
	bool extended = number >= SP_GIC_FIRST_ESPI;

	sp_buf_str(out, extended ? "ESPI " : "SPI ");
	sp_buf_dec(out, number - (extended ? SP_GIC_FIRST_ESPI : SP_GIC_FIRST_SPI));
	if (type < sizeof(types) / sizeof(types[0]) && types[type])
		sp_buf_str(out, types[type]);
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
	sp_text_file(out, plan->host->name);
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
