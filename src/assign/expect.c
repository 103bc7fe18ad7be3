/* SPDX-License-Identifier: MIT */
#include "assign/emit.h"
#include "assign/report.h"
#include "base/text.h"

static void put_guest_address(
	struct sp_buf *out, const struct sp_assign *assign, const struct sp_given *given) {
	if (sp_given_is_igd(assign, given))
		sp_buf_str(out, "00:02.0");
	else if (given->slot == SP_GUEST_SLOT_NONE)
		sp_buf_str(out, "a free slot");
	else if (!sp_assign_is_xen(assign))
		sp_buf_printf(out, "root port %u, 00.%x", given->slot + 1, given->number);
	else
		sp_buf_printf(out, "00:%02x.%x", given->slot, given->number);
}

static const char *place_words(const struct sp_assign *assign, const struct sp_placed *placed) {
	switch (placed->place) {
	case SP_PLACE_LOW:
		return ", below 4 GiB";
	case SP_PLACE_HIGH:
		return ", above the guest's memory";
	default:
		return assign->hole.fits ? "" : ", no place for it";
	}
}

static void write_bars(
	struct sp_buf *out, const struct sp_assign *assign, const struct sp_function *function) {
	for (uint32_t i = 0; i <= SP_PCI_BARS; i++) {
		const struct sp_bar *bar =
			i < SP_PCI_BARS ? &function->config.bars[i] : &function->config.rom;

		if (!bar->present)
			continue;
		sp_buf_str(out, "      ");
		assign_put_bar(out, i);
		sp_buf_str(out, "       ");
		if (bar->size)
			sp_text_size(out, bar->size);
		else
			sp_buf_str(out, "size not known");
		if (i < SP_PCI_BARS)
			sp_buf_str(out,
				bar->io             ? ", ports"
					: bar->wide ? ", 64 bits"
						    : ", 32 bits");
		if (bar->prefetch)
			sp_buf_str(out, ", prefetchable");
		for (uint32_t k = 0; k < assign->hole.bars.count; k++) {
			const struct sp_placed *placed = &assign->hole.bars.data[k];

			if (placed->function == function && placed->bar == i)
				sp_buf_str(out, place_words(assign, placed));
		}
		sp_buf_char(out, '\n');
	}
}

/*
 * An HVM guest's own numbers of interrupts follow from the slot (Xen RELEASE-4.20.4:
 * xen/arch/x86/include/asm/hvm/irq.h, hvm_pci_intx_gsi). QEMU tells the guest that the pin is INTA.
 */
static uint32_t guest_gsi(uint32_t slot) {
	return (((slot << 2) + (slot >> 3)) & 31) + 16;
}

static void write_interrupts(
	struct sp_buf *out, const struct sp_assign *assign, const struct sp_given *given) {
	const struct sp_function *function = given->function;
	bool pin = function->config.pin >= 1 && function->config.pin <= 4;

	sp_buf_str(out, "      interrupts  ");
	assign_put_interrupts(out, function);
	if (pin && function->gsi >= 0)
		sp_buf_printf(out, "; host GSI %d", function->gsi);
	if (pin && sp_assign_is_hvm_of_xen(assign) && given->slot != SP_GUEST_SLOT_NONE)
		sp_buf_printf(out, "; INTx is GSI %u in the guest", guest_gsi(given->slot));
	sp_buf_char(out, '\n');
}

static void write_resets(struct sp_buf *out, const struct sp_function *function) {
	sp_buf_str(out, "      reset       ");
	if (!function->resets_known)
		sp_buf_str(out, "not known");
	else if (!function->reset_count)
		sp_buf_str(out, "none: it keeps its state when the guest ends");
	for (uint32_t i = 0; function->resets_known && i < function->reset_count; i++) {
		sp_buf_str(out, i ? ", " : "");
		sp_text_short(out, function->resets[i], 24);
	}
	sp_buf_char(out, '\n');
}

static void write_reserved(struct sp_buf *out, const struct sp_given *given) {
	for (uint32_t i = 0; i < given->function->rmrrs.count; i++) {
		const struct sp_dmar_rmrr *range = given->function->rmrrs.data[i];

		sp_buf_str(out, "      reserved    ");
		sp_text_hex(out, range->base);
		sp_buf_str(out, " to ");
		sp_text_hex(out, range->limit);
		sp_buf_str(out, " (RMRR)\n");
	}
}

static void write_function(
	struct sp_buf *out, const struct sp_assign *assign, const struct sp_given *given) {
	sp_buf_str(out, "    ");
	assign_put_function(out, given);
	if (given->along)
		sp_buf_str(out, "\n      given along because of its slot");
	sp_buf_str(out, "\n      in the guest  ");
	put_guest_address(out, assign, given);
	sp_buf_char(out, '\n');
	write_bars(out, assign, given->function);
	write_interrupts(out, assign, given);
	write_resets(out, given->function);
	write_reserved(out, given);
}

void report_functions(struct sp_buf *out, const struct sp_assign *assign) {
	sp_text_section(out, "Functions");
	for (uint32_t i = 0; i < assign->given.count; i++)
		write_function(out, assign, &assign->given.data[i]);
	if (assign->hole.unknown)
		sp_text_wrap(out, "    ", "    ",
			"The sizes of some BARs are not known, so that nothing can be said about "
			"their places: a snapshot made by root has them.");
}

void report_lspci(struct sp_buf *out, const struct sp_assign *assign) {
	sp_text_section(out, "lspci -nn in the guest");
	for (uint32_t i = 0; i < assign->given.count; i++) {
		const struct sp_given *given = &assign->given.data[i];
		const struct sp_pci_config *config = &given->function->config;
		const char *class = sp_pci_class_name(config->class);

		sp_buf_str(out, "    ");
		if (sp_given_is_igd(assign, given))
			sp_buf_str(out, "00:02.0");
		else if (sp_assign_is_xen(assign) && given->slot != SP_GUEST_SLOT_NONE)
			sp_buf_printf(out, "00:%02x.%x", given->slot, given->number);
		else
			sp_buf_str(out, "xx:00.");
		if (!sp_assign_is_xen(assign) && !sp_given_is_igd(assign, given))
			sp_buf_printf(out, "%x", given->number);
		sp_buf_printf(out, " %s [%04x]: [%04x:%04x] (rev %02x)\n", class ? class : "Device",
			config->class >> 8, config->vendor, config->device, config->revision);
	}
}

void report_host(struct sp_buf *out, const struct sp_assign *assign) {
	struct sp_buf line = {0};

	sp_text_section(out, "What the host loses");
	for (uint32_t i = 0; i < assign->given.count; i++) {
		const struct sp_function *function = assign->given.data[i].function;

		line.size = 0;
		sp_buf_str(&line, assign->given.data[i].address);
		if (function->driver) {
			sp_buf_str(&line, ": driver ");
			sp_text_short(&line, function->driver, 32);
			sp_buf_str(&line,
				function->assignable == SP_YES ? ", which holds it for guests"
							       : " lets go of it");
		} else {
			sp_buf_str(&line, ": no driver has it");
		}
		if (function->boot_display)
			sp_buf_str(&line, "; the screen of the host's console goes dark");
		if (function->has_users) {
			sp_buf_str(&line, "; in use: ");
			sp_text_short(&line, function->user ? function->user : "yes", 60);
		}
		if (!line.failed)
			sp_text_wrap(out, "    ", "        ", line.data);
	}
	out->failed |= line.failed;
	sp_buf_release(&line);
}
