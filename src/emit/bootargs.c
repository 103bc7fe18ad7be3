/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "emit/emit.h"
#include "emit/text.h"

static const char *reason(const char *argument) {
	static const struct {
		const char *start, *why;
	} known[] = {
		{"clk_ignore_unused",
			"dom0 sees no user of a given device's clocks and would turn them off."},
		{"pd_ignore_unused",
			"The same for power domains: dom0 would switch the device's off."},
		{"regulator_ignore_unused",
			"The same for supplies: dom0 would switch the device's regulators off."},
		{"iommu=", "How Xen sets up the IOMMU."},
		{"dom0_mem=", "How much memory dom0 has."},
		{"dtuart=", "Xen's console."},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (!strncmp(argument, known[i].start, strlen(known[i].start)))
			return known[i].why;
	}
	return "The findings in report.txt say why.";
}

static void write_arguments(
	struct sp_buf *out, const char *whose, const char *const *arguments, uint32_t count) {
	sp_buf_str(out, "\n# ");
	sp_buf_str(out, whose);
	sp_buf_str(out, count ? "\n" : ": nothing to add\n");
	for (uint32_t i = 0; i < count; i++) {
		sp_text_wrap(out, "# ", "#   ", reason(arguments[i]));
		sp_buf_str(out, arguments[i]);
		sp_buf_char(out, '\n');
	}
}

bool sp_emit_bootargs(const struct sp_plan *plan, struct sp_buf *out, struct sp_error *error) {
	(void)error;
	sp_text_comment_heading(out, plan, "Arguments for the kernels' command lines", NULL);
	write_arguments(out, "dom0's Linux (xen,dom0-bootargs in /chosen)",
		plan->dom0_arguments.data, plan->dom0_arguments.count);
	write_arguments(out, "Xen (xen,xen-bootargs in /chosen)", plan->xen_arguments.data,
		plan->xen_arguments.count);
	if (plan->xen_options.count)
		sp_buf_str(out, "\n# Xen must be built with\n");
	for (uint32_t i = 0; i < plan->xen_options.count; i++) {
		sp_buf_str(out, "#   ");
		sp_text_plain(out, plan->xen_options.data[i]);
		sp_buf_str(out, "=y\n");
	}
	return true;
}
