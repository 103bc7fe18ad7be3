/* SPDX-License-Identifier: MIT */
#include <string.h>

#include <sallyport/version.h>

#include "assign/emit.h"
#include "base/text.h"

void assign_put_target(struct sp_buf *out, const struct sp_assign *assign) {
	const struct sp_situation *situation = &assign->request->situation;

	if (!sp_assign_is_xen(assign)) {
		sp_buf_str(out, "kvm");
		return;
	}
	sp_buf_str(out, sp_target_name(situation->target));
	sp_buf_str(out, ", dom0 ");
	sp_buf_str(out, sp_dom0_name(situation->dom0));
	sp_buf_str(out, ", guest ");
	sp_buf_str(out, sp_guest_kind_name(situation->guest));
}

void assign_put_heading(struct sp_buf *out, const struct sp_assign *assign, const char *what) {
	sp_buf_str(out, "# ");
	sp_buf_str(out, what);
	sp_buf_str(out, " of guest \"");
	sp_text_plain(out, assign->request->name);
	sp_buf_str(out, "\"\n# Planned by sallyport " SALLYPORT_VERSION " for ");
	assign_put_target(out, assign);
	sp_buf_str(out, "\n# Machine: ");
	sp_text_file(out, sp_machine_name(assign->machine));
	sp_buf_char(out, '\n');
}

void assign_put_ids(struct sp_buf *out, const struct sp_function *function) {
	sp_buf_printf(out, "%04x:%04x", function->config.vendor, function->config.device);
}

void assign_put_description(struct sp_buf *out, const struct sp_function *function) {
	const char *class = sp_pci_class_name(function->config.class);

	if (class)
		sp_buf_str(out, class);
	else
		sp_buf_printf(out, "class 0x%06x", function->config.class);
	sp_buf_str(out, " [");
	assign_put_ids(out, function);
	sp_buf_char(out, ']');
	if (function->name) {
		sp_buf_str(out, ", ");
		sp_text_short(out, function->name, 60);
	}
}

void assign_put_function(struct sp_buf *out, const struct sp_given *given) {
	sp_buf_str(out, given->address);
	sp_buf_str(out, ": ");
	assign_put_description(out, given->function);
}

void assign_put_quoted(struct sp_buf *out, const char *text) {
	sp_buf_char(out, '\'');
	for (; *text; text++) {
		if (*text == '\'')
			sp_buf_str(out, "'\\''");
		else
			sp_buf_char(out, *text);
	}
	sp_buf_char(out, '\'');
}

void assign_put_bar(struct sp_buf *out, uint32_t bar) {
	if (bar < SP_PCI_BARS)
		sp_buf_printf(out, "BAR %u", bar);
	else
		sp_buf_str(out, "ROM  ");
}

void assign_put_interrupts(struct sp_buf *out, const struct sp_function *function) {
	const struct sp_pci_config *config = &function->config;
	const char *separator = "";

	if (config->has_msix) {
		sp_buf_printf(out, "MSI-X (%u)", config->msix.vectors);
		separator = ", ";
	}
	if (config->has_msi) {
		sp_buf_printf(out, "%sMSI (%u)", separator, config->msi_vectors);
		separator = ", ";
	}
	if (config->pin >= 1 && config->pin <= 4) {
		sp_buf_printf(out, "%sINT%c", separator, 'A' + config->pin - 1);
		separator = ", ";
	}
	if (!*separator)
		sp_buf_str(out, config->has_caps ? "none" : "not known");
}

bool assign_is_module_name(const char *name) {
	size_t length =
		strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");

	return length && length < 56 && name[length] == '\0' && name[0] != '-';
}

bool assign_put_hide(struct sp_buf *out, const struct sp_assign *assign) {
	bool some = false;

	for (uint32_t i = 0; i < assign->given.count; i++) {
		const struct sp_given *given = &assign->given.data[i];

		if (!sp_given_at_boot(assign, given))
			continue;
		sp_buf_char(out, '(');
		sp_buf_str(out, given->address);
		sp_buf_char(out, ')');
		some = true;
	}
	return some;
}

static bool same_ids(const struct sp_given *a, const struct sp_given *b) {
	return a->function->config.vendor == b->function->config.vendor &&
		a->function->config.device == b->function->config.device;
}

bool assign_put_id_list(struct sp_buf *out, const struct sp_assign *assign) {
	bool some = false;

	for (uint32_t i = 0; i < assign->given.count; i++) {
		const struct sp_given *given = &assign->given.data[i];
		bool again = false;

		for (uint32_t k = 0; k < i && !again; k++)
			again = sp_given_at_boot(assign, &assign->given.data[k]) &&
				same_ids(given, &assign->given.data[k]);
		if (again || !sp_given_at_boot(assign, given))
			continue;
		if (some)
			sp_buf_char(out, ',');
		assign_put_ids(out, given->function);
		some = true;
	}
	return some;
}
