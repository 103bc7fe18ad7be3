/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "base/text.h"
#include "pci/address.h"
#include "preflight/preflight.h"

/* Memory that the function needs at given places: its BARs, its ROM. */

#define PAGE UINT64_C(4096)
#define MIB (UINT64_C(1) << 20)

/*
 * The hole below 4 GiB in hvmloader: it ends at 0xfc000000 and begins, with memory enough in the
 * guest, at 0xf0000000. The emulated VGA, the platform device and the rest take some of it.
 */
#define HOLE_END_MIB 64u
#define HOLE_DEFAULT_MIB 256u
#define EMULATED_MIB 34u
#define HOLE_MAX_MIB 2048u

static bool is_for_device_model(const struct sp_preflight *preflight) {
	return preflight->situation.hypervisor == SP_HYPERVISOR_XEN &&
		preflight->situation.guest == SP_GUEST_HVM;
}

static bool is_memory(const struct sp_bar *bar) {
	return bar->present && !bar->io;
}

static bool is_in_page(const struct sp_bar *bar, uint64_t page) {
	return is_memory(bar) && bar->address && bar->address <= page + PAGE - 1 &&
		bar->address + (bar->size ? bar->size - 1 : 0) >= page;
}

/* Another function, not given, with registers in the page. */
static const struct sp_function *find_in_page(
	const struct sp_preflight *preflight, const struct sp_function *function, uint64_t page) {
	const struct sp_machine *machine = preflight->machine;

	for (uint32_t i = 0; i < machine->function_count; i++) {
		const struct sp_function *at = &machine->functions[i];

		if (at == function || sp_preflight_gives(preflight, at))
			continue;
		for (unsigned bar = 0; bar < SP_PCI_BARS; bar++)
			if (is_in_page(&at->config.bars[bar], page))
				return at;
	}
	return NULL;
}

/* A BAR smaller than a page. */
static void ask_small(
	struct sp_preflight *preflight, const struct sp_function *function, unsigned index) {
	const struct sp_bar *bar = &function->config.bars[index];
	const struct sp_function *other;
	char name[SP_BDF_SIZE], remedy[128];

	if (!bar->size || bar->size >= PAGE || preflight->situation.hypervisor != SP_HYPERVISOR_XEN)
		return;
	sp_bdf_format(name, function->bdf);
	snprintf(remedy, sizeof(remedy),
		"Add pci=resource_alignment=12@%s to the command line of dom0's kernel.", name);
	if (bar->address & (PAGE - 1) && is_for_device_model(preflight)) {
		sp_preflight_find(preflight, SP_QUESTION_BARS, function, SP_CODE_PCI_BAR_UNALIGNED,
			remedy, "BAR %u lies at 0x%llx, which is not the beginning of a page",
			index, (unsigned long long)bar->address);
		return;
	}
	other = find_in_page(preflight, function, bar->address & ~(PAGE - 1));
	if (!other)
		return;
	sp_bdf_format(name, other->bdf);
	sp_preflight_find(preflight, SP_QUESTION_BARS, function, SP_CODE_PCI_BAR_SHARED_PAGE,
		remedy, "BAR %u shares its page with registers of %s", index, name);
}

static void ask_bar(
	struct sp_preflight *preflight, const struct sp_function *function, unsigned index) {
	const struct sp_bar *bar = &function->config.bars[index];
	struct sp_buf size = {0};

	if (!is_memory(bar))
		return;
	sp_text_size(&size, bar->size);
	if (bar->size && !bar->address)
		sp_preflight_find(preflight, SP_QUESTION_BARS, function, SP_CODE_PCI_BAR_UNPLACED,
			NULL, "BAR %u of %s has no address", index, size.data ? size.data : "");
	else if (is_for_device_model(preflight) && bar->wide &&
		bar->size >
			sp_pci_rule_value(SP_PCI_RULE_HIGH_BAR_MIB, preflight->situation.target) *
				MIB)
		sp_preflight_find(preflight, SP_QUESTION_BARS, function, SP_CODE_PCI_BAR_ABOVE,
			NULL, "BAR %u has %s, and lies above 4 GiB in the guest", index,
			size.data ? size.data : "");
	else
		ask_small(preflight, function, index);
	preflight->arena.failed |= size.failed;
	sp_buf_release(&size);
}

/* Bytes of memory BARs; *known is false if a size is missing. */
static uint64_t total_of(const struct sp_function *function, bool *known) {
	uint64_t total = 0;

	*known = true;
	for (unsigned i = 0; i < SP_PCI_BARS; i++) {
		const struct sp_bar *bar = &function->config.bars[i];

		if (sp_preflight_is_virtual(function) && !bar->size) {
			total += function->physical->vf_sizes[i];
		} else if (is_memory(bar)) {
			*known &= bar->size != 0;
			total += bar->size;
		}
	}
	return total;
}

void sp_ask_bars(struct sp_preflight *preflight, const struct sp_function *function) {
	uint32_t before = preflight->answers.count;
	struct sp_buf size = {0};
	uint64_t total;
	bool known;

	if (sp_preflight_is_bridge(function))
		return;
	total = total_of(function, &known);
	for (unsigned i = 0; !sp_preflight_is_virtual(function) && i < SP_PCI_BARS; i++)
		ask_bar(preflight, function, i);
	if (!known) {
		sp_preflight_unknown(preflight, SP_QUESTION_BARS, function,
			"Read the machine itself, or a dump of lspci -vvxxxx.",
			"the sizes of its BARs are not known");
	} else if (preflight->answers.count == before && !total) {
		sp_preflight_pass(
			preflight, SP_QUESTION_BARS, function, "it has no memory in BARs");
	} else if (preflight->answers.count == before) {
		sp_text_about(&size, total);
		sp_preflight_pass(preflight, SP_QUESTION_BARS, function, "its BARs take %s",
			size.data ? size.data : "");
		preflight->arena.failed |= size.failed;
		sp_buf_release(&size);
	}
}

/* Bytes that must lie below 4 GiB in the guest, in pages. */
static uint64_t low_of(const struct sp_function *function) {
	const struct sp_pci_config *config = &function->config;
	uint64_t total = 0;

	for (unsigned i = 0; i < SP_PCI_BARS; i++)
		if (is_memory(&config->bars[i]) && !config->bars[i].wide)
			total += (config->bars[i].size + PAGE - 1) & ~(PAGE - 1);
	return total + config->rom.size;
}

/* Of the functions of one guest; where each slot is given on its own, of the slot with the most. */
static uint64_t low_of_guest(const struct sp_preflight *preflight) {
	uint64_t here = 0, most = 0;

	for (uint32_t i = 0; i < preflight->function_count; i++) {
		const struct sp_function *at = preflight->functions[i];

		if (i && preflight->situation.apart &&
			sp_bdf_slot(at->bdf) != sp_bdf_slot(preflight->functions[i - 1]->bdf))
			here = 0;
		here += sp_preflight_is_virtual(at) ? 0 : low_of(at);
		most = here > most ? here : most;
	}
	return most;
}

void sp_ask_hole(struct sp_preflight *preflight, const struct sp_function *function) {
	uint64_t needed, hole = HOLE_DEFAULT_MIB;
	char remedy[160];
	unsigned mib;

	(void)function;
	if (!preflight->function_count || !is_for_device_model(preflight))
		return;
	needed = (low_of_guest(preflight) + MIB - 1) / MIB;
	mib = (unsigned)needed;
	while (hole <= HOLE_MAX_MIB && needed + EMULATED_MIB > hole - HOLE_END_MIB)
		hole *= 2;
	snprintf(remedy, sizeof(remedy),
		"Set mmio_hole=%u for a guest with more than %u MiB of memory, as sallyport plan does.",
		(unsigned)hole, 4096u - (unsigned)hole);
	if (hole > HOLE_MAX_MIB)
		sp_preflight_find(preflight, SP_QUESTION_BARS, NULL, SP_CODE_PCI_BAR_HOLE_MAX, NULL,
			"the 32-bit BARs of what is given take %u MiB, and no hole has as much",
			mib);
	else if (hole > HOLE_DEFAULT_MIB)
		sp_preflight_find(preflight, SP_QUESTION_BARS, NULL, SP_CODE_PCI_BAR_HOLE, remedy,
			"the 32-bit BARs of what is given take %u MiB below 4 GiB", mib);
	else
		sp_preflight_pass(preflight, SP_QUESTION_BARS, NULL,
			"the guest's hole below 4 GiB holds the 32-bit BARs of what is given "
			"(%u MiB)",
			mib);
}

static unsigned highest(uint64_t bits) {
	unsigned bit = 0;

	while (bits >>= 1)
		bit++;
	return bit;
}

static void ask_resizable(struct sp_preflight *preflight, const struct sp_function *function,
	const struct sp_rebar *rebar) {
	unsigned most = highest(rebar->sizes);
	struct sp_buf text = {0};
	char remedy[128], name[SP_BDF_SIZE];

	/* The field has six bits, and sizes end at 2^43 MiB. */
	if (rebar->current > 43 || most > 43)
		return;
	sp_buf_printf(&text, "BAR %u has ", rebar->bar);
	sp_text_size(&text, MIB << rebar->current);
	sp_bdf_format(name, function->bdf);
	snprintf(remedy, sizeof(remedy),
		"Keep the host's driver away from %s, or use Xen 4.21 or newer, or a PV dom0.",
		name);
	if (sp_preflight_is_pvh(preflight) &&
		!sp_pci_rule_value(SP_PCI_RULE_VPCI_REBAR, preflight->situation.target)) {
		sp_preflight_find(preflight, SP_QUESTION_REBAR, function, SP_CODE_PCI_REBAR_PVH,
			remedy, "%s, which a PVH dom0 of %s must not change",
			text.data ? text.data : "", sp_target_name(preflight->situation.target));
	} else if (most > rebar->current) {
		sp_buf_str(&text, ", could have ");
		sp_text_size(&text, MIB << most);
		sp_preflight_find(preflight, SP_QUESTION_REBAR, function, SP_CODE_PCI_REBAR_FIXED,
			NULL, "%s, and stays as it is in the guest", text.data ? text.data : "");
	} else {
		sp_preflight_pass(preflight, SP_QUESTION_REBAR, function,
			"%s, the most that it can have", text.data ? text.data : "");
	}
	preflight->arena.failed |= text.failed;
	sp_buf_release(&text);
}

void sp_ask_rebar(struct sp_preflight *preflight, const struct sp_function *function) {
	for (unsigned i = 0; i < function->config.rebar_count && i < SP_PCI_BARS; i++)
		ask_resizable(preflight, function, &function->config.rebar[i]);
}

void sp_ask_rom(struct sp_preflight *preflight, const struct sp_function *function) {
	/* The processor's own GPU has its ROM in the machine's firmware. */
	if (!sp_preflight_is_display(function) || sp_preflight_is_igd(function) ||
		sp_preflight_is_virtual(function))
		return;
	if (function->boot_display && function->rom_readable == SP_YES)
		sp_preflight_find(preflight, SP_QUESTION_ROM, function, SP_CODE_PCI_ROM_SHADOW,
			NULL, "the ROM that the kernel shows is the copy that the firmware ran");
	else if (function->rom_readable == SP_YES)
		sp_preflight_pass(preflight, SP_QUESTION_ROM, function, "its ROM can be read");
	else if (function->vfct)
		sp_preflight_find(preflight, SP_QUESTION_ROM, function, SP_CODE_PCI_ROM_VFCT, NULL,
			"the firmware has handed its ROM over in VFCT");
	else if (function->rom_readable == SP_NO || !function->config.rom.present)
		sp_preflight_find(preflight, SP_QUESTION_ROM, function, SP_CODE_PCI_ROM_NONE, NULL,
			"it has no ROM that can be read, and VFCT has none");
	else
		sp_preflight_unknown(preflight, SP_QUESTION_ROM, function,
			"Read the machine itself: the kernel shows the ROM in /sys.",
			"whether its ROM can be read is not known");
}
