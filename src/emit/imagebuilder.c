/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "emit/emit.h"
#include "emit/text.h"

/*
 * Only variables that ImageBuilder's README describes. Its scripts read the file as bash. XEN_CMD
 * and DOM0_CMD replace ImageBuilder's own command lines, which begin as these do.
 */
static const char xen_command[] = "console=dtuart dtuart=serial0 dom0_mem=1024M dom0_max_vcpus=1";
static const char dom0_command[] = "console=hvc0 earlycon=xen earlyprintk=xen";

static void put_quoted(struct sp_buf *out, const char *text) {
	for (; *text; text++) {
		if (strchr("\"\\$`", *text))
			sp_buf_char(out, '\\');
		sp_buf_char(out, *text);
	}
}

static void put_command(struct sp_buf *out, const char *name, const char *start,
	const char *const *arguments, uint32_t count) {
	sp_buf_str(out, name);
	sp_buf_str(out, "=\"");
	sp_buf_str(out, start);
	for (uint32_t i = 0; i < count; i++) {
		sp_buf_char(out, ' ');
		put_quoted(out, arguments[i]);
	}
	sp_buf_str(out, "\"\n");
}

static void put_element(struct sp_buf *out, const char *name, uint32_t index) {
	sp_buf_str(out, name);
	sp_buf_char(out, '[');
	sp_buf_dec(out, index);
	sp_buf_str(out, "]=");
}

static void put_number(struct sp_buf *out, const char *name, uint32_t index, uint64_t value) {
	put_element(out, name, index);
	sp_buf_dec(out, value);
	sp_buf_char(out, '\n');
}

static void write_host(struct sp_buf *out, const struct sp_plan *plan) {
	sp_text_comment_heading(out, plan, "ImageBuilder configuration", NULL);
	sp_buf_str(out,
		"#\n# To be completed, then: uboot-script-gen -c imagebuilder.cfg -d . -t "
		"sd -o boot\n\n"
		"# The board's own:\n"
		"# MEMORY_START=\"0x40000000\"\n"
		"# MEMORY_END=\"0x80000000\"\n"
		"# DEVICE_TREE=\"host.dtb\"\n"
		"# XEN=\"xen\"\n"
		"# DOM0_KERNEL=\"Image\"\n"
		"# DOM0_RAMDISK=\"dom0-ramdisk.cpio.gz\"\n");
	if (plan->edits.count)
		sp_buf_str(out,
			"\n# Marks the devices that are given away.\n"
			"NUM_DT_OVERLAY=1\n"
			"DT_OVERLAY[0]=\"host-overlay.dtbo\"\n");
	if (plan->xen_arguments.count) {
		sp_buf_str(out, "\n# Xen's command line.\n");
		put_command(out, "XEN_CMD", xen_command, plan->xen_arguments.data,
			plan->xen_arguments.count);
	}
	if (plan->dom0_arguments.count) {
		sp_buf_str(out, "\n# dom0's command line; bootargs.txt says why. Add its root=.\n");
		put_command(out, "DOM0_CMD", dom0_command, plan->dom0_arguments.data,
			plan->dom0_arguments.count);
	}
}

/* What the user told, or a comment with an example. */
static void put_own(struct sp_buf *out, const char *name, uint32_t index, const char *value,
	const char *example) {
	if (value == NULL)
		sp_buf_str(out, "# ");
	put_element(out, name, index);
	sp_buf_char(out, '"');
	put_quoted(out, value != NULL ? value : example);
	sp_buf_str(out, "\"\n");
}

static void write_guest(struct sp_buf *out, const struct sp_plan *plan,
	const struct sp_plan_guest *guest, uint32_t index) {
	sp_buf_str(out, "\n# Guest \"");
	sp_text_plain(out, guest->request->name);
	sp_buf_str(out, "\"\n");
	put_own(out, "DOMU_KERNEL", index, guest->request->kernel, "Image-guest");
	put_own(out, "DOMU_RAMDISK", index, guest->request->ramdisk, "ramdisk-guest.cpio.gz");
	if (guest->request->command_line != NULL)
		put_own(out, "DOMU_CMD", index, guest->request->command_line, NULL);
	if (guest->tree.root) {
		put_element(out, "DOMU_PASSTHROUGH_DTB", index);
		sp_buf_char(out, '"');
		if (sp_emit_in_folders(plan)) {
			put_quoted(out, guest->request->name);
			sp_buf_char(out, '/');
		}
		sp_buf_str(out, "guest.dtb\"\n");
	}
	put_number(out, "DOMU_MEM", index, guest->request->memory);
	if (guest->static_memory) {
		put_element(out, "DOMU_STATIC_MEM", index);
		sp_buf_char(out, '"');
		sp_text_hex(out, guest->static_memory);
		sp_buf_char(out, ' ');
		sp_text_hex(out, (uint64_t)guest->request->memory << 20);
		sp_buf_str(out, "\"\n");
		put_number(out, "DOMU_DIRECT_MAP", index, 1);
	}
	if (guest->nr_spis)
		put_number(out, "DOMU_NR_SPIS", index, guest->nr_spis);
	if (guest->request->mode != SP_MODE_DIRECT && sp_emit_has_irq(guest, SP_VPL011_IRQ)) {
		sp_buf_str(out, "# SPI 0 is a device's.\n");
		put_number(out, "DOMU_VPL011", index, 0);
	}
}

bool sp_emit_imagebuilder(const struct sp_plan *plan, struct sp_buf *out, struct sp_error *error) {
	uint32_t count = 0;

	(void)error;
	write_host(out, plan);
	for (uint32_t i = 0; i < plan->guests.count; i++)
		count += plan->guests.data[i].request->mode != SP_MODE_XL;
	sp_buf_str(out, "\n# Guests that Xen starts itself; xl starts the others.\nNUM_DOMUS=");
	sp_buf_dec(out, count);
	sp_buf_char(out, '\n');
	count = 0;
	for (uint32_t i = 0; i < plan->guests.count; i++) {
		if (plan->guests.data[i].request->mode != SP_MODE_XL)
			write_guest(out, plan, &plan->guests.data[i], count++);
	}
	return true;
}
