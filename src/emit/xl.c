/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "emit/emit.h"
#include "emit/text.h"
#include "xl/write.h"

static void write_heading(
	struct sp_buf *out, const struct sp_plan *plan, const struct sp_plan_guest *guest) {
	sp_text_comment_heading(out, plan, "xl configuration", guest);
	sp_buf_str(out, "\n");
	sp_xl_put_assignment(out, "name", guest->request->name);
	sp_xl_put_number(out, "memory", guest->request->memory);
	sp_buf_str(out, "\n# The guest's own:\n");
	sp_xl_put_own(out, "kernel", guest->request->kernel, "/boot/vmlinuz-guest");
	sp_xl_put_own(out, "ramdisk", guest->request->ramdisk, "/boot/initrd-guest");
	sp_xl_put_own(out, "extra", guest->request->command_line, "console=hvc0");
	sp_buf_str(out, "# vcpus = 1\n");
	if (guest->table_memory) {
		sp_buf_str(out,
			"\n# MiB for the tables of the guest's physical memory: by default xl "
			"reserves too few for\n# mappings of this size.\n");
		sp_xl_put_number(out, "shadow_memory", guest->table_memory);
	}
	if (guest->request->pci)
		sp_buf_str(out, "# pci = [ \"0000:01:00.0\" ]\n");
}

static void write_device_tree(struct sp_buf *out, const struct sp_plan_guest *guest) {
	if (!guest->tree.root)
		return;
	sp_buf_str(out,
		"\n# The devices' nodes. Give the absolute path unless xl runs in this "
		"file's folder.\n");
	sp_xl_put_assignment(out, "device_tree", "guest.dtb");
}

/* Who stands behind the IOMMU by this path in the host. */
static void write_masters(struct sp_buf *out, const struct sp_plan *plan,
	const struct sp_plan_guest *guest, const char *path) {
	sp_node last_node = SP_NODE_NONE, last_iommu = SP_NODE_NONE;

	for (uint32_t i = 0; i < guest->streams.count; i++) {
		const struct sp_guest_stream *stream = &guest->streams.data[i];

		if (strcmp(stream->holder, path) != 0 ||
			(stream->node == last_node && stream->stream.iommu == last_iommu))
			continue;
		last_node = stream->node;
		last_iommu = stream->stream.iommu;
		sp_buf_str(out, "\t# ");
		if (strcmp(sp_text_path(plan, stream->node), path) != 0) {
			sp_buf_str(out, "carries stream IDs of ");
			sp_text_plain(out, sp_text_path(plan, stream->node));
			sp_buf_str(out, ", ");
		}
		sp_buf_str(out, "behind ");
		sp_text_plain(out, sp_text_path(plan, stream->stream.iommu));
		sp_buf_char(out, '\n');
	}
}

static void write_dtdev(
	struct sp_buf *out, const struct sp_plan *plan, const struct sp_plan_guest *guest) {
	if (!guest->dtdev.count)
		return;
	sp_buf_str(out,
		"\n# Nodes of the host whose DMA the IOMMU translates for this guest.\n"
		"dtdev = [\n");
	for (uint32_t i = 0; i < guest->dtdev.count; i++) {
		write_masters(out, plan, guest, guest->dtdev.data[i]);
		sp_buf_char(out, '\t');
		sp_xl_put_string(out, guest->dtdev.data[i]);
		sp_buf_str(out, ",\n");
	}
	sp_buf_str(out, "]\n");
}

static void write_iomem(
	struct sp_buf *out, const struct sp_plan *plan, const struct sp_plan_guest *guest) {
	if (!guest->mappings.count)
		return;
	sp_buf_str(out,
		"\n# Registers: first page of the host, number of pages, and @ the guest's "
		"first page where\n# it is another; in hexadecimal pages of 4 KiB.\n"
		"iomem = [\n");
	for (uint32_t i = 0; i < guest->mappings.count; i++) {
		const struct sp_mapping *mapping = &guest->mappings.data[i];

		sp_buf_str(out, "\t# ");
		sp_text_plain(out, sp_text_path(plan, mapping->node));
		sp_buf_str(out, ": ");
		sp_text_plain(out, mapping->what);
		sp_buf_str(out, ", ");
		sp_text_size(out, mapping->size);
		sp_buf_str(out, " at ");
		sp_text_hex(out, mapping->host);
		if (mapping->guest != mapping->host) {
			sp_buf_str(out, ", for the guest at ");
			sp_text_hex(out, mapping->guest);
		}
		sp_buf_str(out, "\n\t\"");
		sp_buf_hex(out, mapping->host >> SP_PAGE_SHIFT);
		sp_buf_char(out, ',');
		sp_buf_hex(out, mapping->size >> SP_PAGE_SHIFT);
		if (mapping->guest != mapping->host) {
			sp_buf_char(out, '@');
			sp_buf_hex(out, mapping->guest >> SP_PAGE_SHIFT);
		}
		sp_buf_str(out, "\",\n");
	}
	sp_buf_str(out, "]\n");
}

static void write_irqs(
	struct sp_buf *out, const struct sp_plan *plan, const struct sp_plan_guest *guest) {
	if (!guest->irqs.count)
		return;
	sp_buf_str(out, "\n# Interrupts by the GIC's numbers: SPI 0 is 32.\nirqs = [\n");
	for (uint32_t i = 0; i < guest->irqs.count; i++) {
		const struct sp_guest_irq *irq = &guest->irqs.data[i];

		sp_buf_char(out, '\t');
		sp_buf_dec(out, irq->number);
		sp_buf_str(out, ", # ");
		sp_text_irq(out, irq->number, irq->type);
		sp_buf_str(out, ": ");
		sp_text_plain(out, sp_text_path(plan, irq->node));
		sp_buf_char(out, '\n');
	}
	sp_buf_str(out, "]\n");
}

static void write_devices(
	struct sp_buf *out, const struct sp_plan *plan, const struct sp_plan_guest *guest) {
	write_dtdev(out, plan, guest);
	write_iomem(out, plan, guest);
	write_irqs(out, plan, guest);
}

/* What is attached to the running guest must not be in its configuration yet. */
static void write_later(struct sp_buf *out, const struct sp_plan_guest *guest) {
	sp_buf_str(out, "\n# The devices come later, with `sallyport attach ");
	sp_text_plain(out, guest->request->name);
	sp_buf_str(out,
		" attach.cfg`, but the IOMMU must be\n"
		"# set up from the start.\n");
	sp_xl_put_assignment(out, "passthrough", "enabled");
}

bool sp_emit_xl(
	const struct sp_plan *plan, uint32_t guest, struct sp_buf *out, struct sp_error *error) {
	const struct sp_plan_guest *planned = &plan->guests.data[guest];

	(void)error;
	if (planned->request->mode != SP_MODE_XL)
		return true;
	write_heading(out, plan, planned);
	write_device_tree(out, planned);
	if (planned->request->hotplug)
		write_later(out, planned);
	else
		write_devices(out, plan, planned);
	if (planned->nr_spis) {
		sp_buf_str(out, "\n# As many SPIs as the highest of them needs.\n");
		sp_xl_put_number(out, "nr_spis", planned->nr_spis);
	}
	return true;
}

bool sp_emit_attach(
	const struct sp_plan *plan, uint32_t guest, struct sp_buf *out, struct sp_error *error) {
	const struct sp_plan_guest *planned = &plan->guests.data[guest];

	(void)error;
	if (planned->request->mode != SP_MODE_XL || !planned->request->hotplug)
		return true;
	sp_text_comment_heading(out, plan, "Hotplug devices", planned);
	sp_buf_str(out, "\n# For the running guest, in dom0: sallyport attach ");
	sp_text_plain(out, planned->request->name);
	sp_buf_str(out, " attach.cfg\n");
	write_devices(out, plan, planned);
	return true;
}
