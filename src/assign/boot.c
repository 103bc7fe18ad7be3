/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "assign/emit.h"
#include "base/text.h"
#include "preflight/preflight.h"
#include "preflight/words.h"

/* The driver that would bind to the function first; NULL: there is none. */
static const char *rival(const struct sp_assign *assign, uint32_t index) {
	const struct sp_given *given = &assign->given.data[index];
	const char *driver = given->function->driver;

	return driver && given->function->assignable != SP_YES && sp_given_at_boot(assign, given) &&
			assign_is_module_name(driver)
		? driver
		: NULL;
}

static void write_softdeps(struct sp_buf *out, const struct sp_assign *assign, const char *before) {
	bool first = true;

	for (uint32_t i = 0; i < assign->given.count; i++) {
		const char *driver = rival(assign, i);
		bool again = false;

		for (uint32_t k = 0; driver && k < i && !again; k++) {
			const char *other = rival(assign, k);

			again = other && strcmp(other, driver) == 0;
		}
		if (!driver || again)
			continue;
		if (first)
			sp_buf_str(out, "# Loaded before the drivers that would take them:\n");
		first = false;
		sp_buf_printf(out, "softdep %s pre: %s\n", driver, before);
	}
}

void assign_emit_modprobe(const struct sp_assign *assign, struct sp_buf *out) {
	bool xen = sp_assign_is_xen(assign);
	struct sp_buf list = {0};
	bool some = (xen ? assign_put_hide : assign_put_id_list)(&list, assign);

	if (some && !list.failed && assign->request->at_boot &&
		assign->request->toolstack == SP_TOOLSTACK_XL) {
		assign_put_heading(out, assign, "Functions held at boot, for the use");
		sp_buf_str(out,
			"# For /etc/modprobe.d, and for the initramfs if the drivers are in it.\n");
		sp_buf_str(out, xen ? "options xen-pciback hide=" : "options vfio-pci ids=");
		sp_buf_str(out, list.data);
		sp_buf_char(out, '\n');
		write_softdeps(out, assign, xen ? "xen-pciback" : "vfio-pci");
	}
	if (list.failed)
		out->failed = true;
	sp_buf_release(&list);
}

static void put_word(struct sp_buf *out, const char *line, const char *word, const char *why) {
	sp_text_wrap(out, "# ", "#   ", why);
	if (sp_words_find(line, word))
		sp_buf_str(out, "# (is there already) ");
	sp_buf_str(out, word);
	sp_buf_char(out, '\n');
}

/* A list of functions: of two such words the kernel takes the last. */
static void put_list(struct sp_buf *out, const char *line, const char *name,
	const struct sp_buf *list, const char *why) {
	struct sp_buf word = {0};

	sp_buf_printf(&word, "%s=%s", name, list->data);
	if (!word.failed) {
		put_word(out, line, word.data, why);
		if (!sp_words_find(line, word.data) && sp_words_find(line, name))
			sp_buf_printf(out,
				"# There is one already, and the last one counts: put what it "
				"lists into this, too.\n");
	}
	out->failed |= word.failed;
	sp_buf_release(&word);
}

/* iommu=off and its kin. */
static void write_switched_off(struct sp_buf *out, const char *line) {
	static const char *const values[] = {"off", "no", "0", "false", "disable"};

	if (sp_words_switch(line, "iommu", NULL) != SP_NO)
		return;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		if (sp_words_has(line, "iommu", values[i]))
			sp_buf_printf(out,
				"# Take away iommu=%s: nothing can be given to a guest "
				"without an IOMMU.\n",
				values[i]);
	}
}

static void write_xen(struct sp_buf *out, const struct sp_assign *assign) {
	const struct sp_situation *situation = &assign->request->situation;
	const char *line = assign->machine->xen.command_line;

	sp_buf_str(out, "\n# Xen's command line\n");
	write_switched_off(out, line);
	if (situation->dom0 == SP_DOM0_PVH) {
		bool fixup = sp_pci_rule_value(SP_PCI_RULE_PF_FIXUP, situation->target) &&
			!sp_pci_rule_value(SP_PCI_RULE_PF_FIXUP_DEFAULT, situation->target);

		put_word(out, line, fixup ? "dom0=pvh,pf-fixup" : "dom0=pvh",
			fixup ? "A dom0 of kind pvh. pf-fixup lets it reach registers that Xen did "
				"not know of."
			      : "A dom0 of kind pvh.");
	} else if (sp_words_find(line, "dom0")) {
		sp_buf_str(out, "# Take pvh out of dom0=: this plan is for a dom0 of kind pv.\n");
	}
	if (!sp_words_find(line, "dom0_mem"))
		sp_buf_str(out,
			"# A dom0 whose memory does not change leaves the guest's memory free from "
			"the start;\n# choose how much it needs:\n# dom0_mem=4096M,max:4096M\n");
	for (uint32_t i = 0; i < assign->findings.count; i++) {
		if (assign->findings.data[i].code == SP_CODE_PCI_VECTORS)
			sp_buf_str(out,
				"# More interrupt vectors for a guest than 32, if its driver "
				"misses some:\n# extra_guest_irqs=128\n");
	}
}

static void put_list_word(
	struct sp_buf *out, const struct sp_assign *assign, const char *line, const char *why) {
	bool xen = sp_assign_is_xen(assign);
	struct sp_buf list = {0};

	if ((xen ? assign_put_hide : assign_put_id_list)(&list, assign) && !list.failed)
		put_list(out, line, xen ? "xen-pciback.hide" : "vfio-pci.ids", &list, why);
	out->failed |= list.failed;
	sp_buf_release(&list);
}

/* Qubes names the functions its own way; its dracut module reads this before any driver. */
static void write_qubes(struct sp_buf *out, const struct sp_assign *assign, const char *line) {
	struct sp_buf list = {0};
	bool some = false;

	for (uint32_t i = 0; i < assign->given.count; i++) {
		if (!sp_given_at_boot(assign, &assign->given.data[i]))
			continue;
		/* Without the segment, which is 0000. */
		sp_buf_printf(&list, "%s%s", some ? "," : "", assign->given.data[i].address + 5);
		some = true;
	}
	if (some && !list.failed)
		put_list(out, line, "rd.qubes.hide_pci", &list,
			"GRUB_CMDLINE_LINUX of /etc/default/grub; then grub2-mkconfig -o "
			"/boot/grub2/grub.cfg. dom0 does not touch the functions when it starts.");
	out->failed |= list.failed;
	sp_buf_release(&list);
}

static void write_console(struct sp_buf *out, const struct sp_assign *assign, const char *line) {
	for (uint32_t i = 0; i < assign->given.count; i++) {
		if (!assign->given.data[i].function->boot_display)
			continue;
		put_word(out, line, "initcall_blacklist=sysfb_init",
			"The kernel leaves the firmware's frame buffer alone, which lies in this "
			"GPU. The host has no screen of its own then.");
		return;
	}
}

static char backend(const struct sp_machine *machine) {
	char built = sp_machine_config(machine, "CONFIG_XEN_PCIDEV_BACKEND");

	return built == 'n' ? sp_machine_config(machine, "CONFIG_XEN_PCIDEV_STUB") : built;
}

static const char *hide_why(const struct sp_assign *assign) {
	switch (backend(assign->machine)) {
	case 'y':
		return "pciback holds the functions from the start: it is built into the kernel.";
	case 'm':
		return "For an initramfs that reads it. pciback is a module: modprobe.conf of a "
		       "plan with --at-boot is what holds the functions.";
	default:
		return "pciback holds the functions from the start, if it is built into the "
		       "kernel; for a module take modprobe.conf of a plan with --at-boot.";
	}
}

static bool may_be_intel(const struct sp_machine *machine) {
	if (machine->has_dmar || machine->has_ivrs)
		return machine->has_dmar;
	return !machine->cpu || strcmp(machine->cpu, "GenuineIntel") == 0;
}

static void write_linux(struct sp_buf *out, const struct sp_assign *assign) {
	const char *line = assign->machine->kernel.command_line;

	if (sp_assign_is_xen(assign)) {
		sp_buf_str(out, "\n# dom0's kernel command line\n");
		if (assign->request->toolstack == SP_TOOLSTACK_QUBES)
			write_qubes(out, assign, line);
		else if (assign->request->toolstack == SP_TOOLSTACK_XCP_NG)
			sp_buf_str(out,
				"# commands.sh sets xen-pciback.hide with XCP-ng's own "
				"tool.\n");
		else
			put_list_word(out, assign, line, hide_why(assign));
	} else {
		sp_buf_str(out, "\n# The kernel's command line\n");
		write_switched_off(out, line);
		if (may_be_intel(assign->machine))
			put_word(out, line, "intel_iommu=on",
				"Switches the IOMMU of Intel's processors on.");
		put_word(out, line, "iommu=pt",
			"The host's own devices are not translated, which is faster.");
		put_list_word(out, assign, line,
			"vfio-pci takes the functions from the start, if it is built into the "
			"kernel; for a module take modprobe.conf of a plan with --at-boot.");
	}
	write_console(out, assign, line);
}

void assign_emit_bootargs(const struct sp_assign *assign, struct sp_buf *out) {
	assign_put_heading(out, assign, "Words for the command lines of the host, for the use");
	if (sp_assign_is_xen(assign))
		write_xen(out, assign);
	write_linux(out, assign);
}
