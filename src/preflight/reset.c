/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "preflight/preflight.h"

/* What brings the function back to a known state between two owners. */

/*
 * GPUs that do not come back from a bus reset: src/device-db.h of the vendor-reset project, vendor
 * 1002h. Each line is a family.
 */
static const uint16_t UNRESETTABLE[] = {
	/* Polaris 10 */
	0x67c0, 0x67c1, 0x67c2, 0x67c4, 0x67c7, 0x67c8, 0x67c9, 0x67ca, 0x67cc, 0x67cf, 0x67d0,
	0x67df, 0x6fdf,
	/* Polaris 11 */
	0x67e0, 0x67e1, 0x67e3, 0x67e7, 0x67e8, 0x67e9, 0x67eb, 0x67ef, 0x67ff,
	/* Polaris 12 */
	0x6980, 0x6981, 0x6985, 0x6986, 0x6987, 0x6995, 0x6997, 0x699f,
	/* Vega 10 */
	0x6860, 0x6861, 0x6862, 0x6863, 0x6864, 0x6867, 0x6868, 0x6869, 0x686a, 0x686b, 0x686c,
	0x686d, 0x686e, 0x686f, 0x687f,
	/* Vega 20, Arcturus */
	0x66a0, 0x66a1, 0x66a2, 0x66a3, 0x66a4, 0x66a7, 0x66af, 0x738c,
	/* Navi 10 */
	0x7310, 0x7312, 0x7318, 0x7319, 0x731a, 0x731b, 0x731e, 0x731f,
	/* Navi 14, Navi 12 */
	0x7340, 0x7341, 0x7347, 0x734f, 0x7360, 0x7362};

static bool is_unresettable(const struct sp_function *function) {
	if (function->config.vendor != 0x1002)
		return false;
	for (size_t i = 0; i < sizeof(UNRESETTABLE) / sizeof(UNRESETTABLE[0]); i++)
		if (UNRESETTABLE[i] == function->config.device)
			return true;
	return false;
}

static void ask_known(struct sp_preflight *preflight, const struct sp_function *function) {
	if (function->reset_count == 0)
		sp_preflight_find(preflight, SP_QUESTION_RESET, function, SP_CODE_PCI_RESET_NONE,
			NULL, "the kernel knows no way to reset it alone");
	else if (function->reset_count == 1 && sp_function_has_reset(function, "pm"))
		sp_preflight_find(preflight, SP_QUESTION_RESET, function, SP_CODE_PCI_RESET_WEAK,
			NULL, "it is reset by its power state alone");
	else
		sp_preflight_pass(preflight, SP_QUESTION_RESET, function, "it is reset by %s%s%s",
			function->resets[0], function->reset_count > 1 ? " or " : "",
			function->reset_count > 1 ? function->resets[1] : "");
}

void sp_ask_reset(struct sp_preflight *preflight, const struct sp_function *function) {
	if (sp_preflight_is_bridge(function))
		return;
	if (is_unresettable(function) && !sp_function_has_reset(function, "device_specific"))
		sp_preflight_find(preflight, SP_QUESTION_RESET, function, SP_CODE_PCI_RESET_VENDOR,
			NULL, "GPUs of its family (1002:%04x) do not come back from a bus reset",
			function->config.device);
	else if (function->resets_known)
		ask_known(preflight, function);
	else if (function->config.flr)
		sp_preflight_pass(
			preflight, SP_QUESTION_RESET, function, "it has a function-level reset");
	else
		sp_preflight_unknown(preflight, SP_QUESTION_RESET, function,
			"Read the machine itself, or a snapshot of it: the kernel tells in "
			"reset_method.",
			"how it can be reset is not known");
}
