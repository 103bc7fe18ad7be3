/* SPDX-License-Identifier: MIT */
#include "assign/emit.h"
#include "base/text.h"
#include "pci/address.h"

/* Buses of the guest behind root ports; libvirt numbers its own from 1 on. */
#define FIRST_BUS 16u

/* One of QEMU's options is a list; a comma in a value is doubled. */
static void put_value(struct sp_buf *out, const char *text) {
	for (; *text; text++) {
		if (*text == ',')
			sp_buf_char(out, ',');
		sp_buf_char(out, *text);
	}
}

static bool is_first_display(const struct sp_assign *assign, uint32_t index) {
	for (uint32_t i = 0; i < index; i++) {
		if (sp_given_is_display(&assign->given.data[i]))
			return false;
	}
	return sp_given_is_display(&assign->given.data[index]);
}

static bool is_first_of_group(const struct sp_assign *assign, uint32_t index) {
	for (uint32_t i = 0; i < index; i++) {
		if (assign->given.data[i].group == assign->given.data[index].group)
			return false;
	}
	return true;
}

static void put_option(struct sp_buf *out, const char *option, const char *value) {
	sp_buf_printf(out, "%s\n", option);
	if (value)
		sp_buf_printf(out, "%s\n", value);
}

static void write_machine(struct sp_buf *out, const struct sp_assign_request *request) {
	put_option(out, "-name", request->name);
	put_option(out, "-machine", "q35,accel=kvm");
	put_option(out, "-cpu", "host");
	sp_buf_printf(out, "-m\n%u\n", request->memory);
	if (request->kernel)
		put_option(out, "-kernel", request->kernel);
	if (request->ramdisk)
		put_option(out, "-initrd", request->ramdisk);
	if (request->command_line && request->kernel)
		put_option(out, "-append", request->command_line);
}

static void write_device(struct sp_buf *out, const struct sp_assign *assign, uint32_t index) {
	const struct sp_given *given = &assign->given.data[index];

	if (sp_given_is_igd(assign, given)) {
		sp_buf_printf(out,
			"-device\nvfio-pci,host=%s,id=sallyport%u,bus=pcie.0,addr=02.0,"
			"x-igd-opregion=on",
			given->address, index);
	} else {
		if (is_first_of_group(assign, index))
			sp_buf_printf(out,
				"-device\npcie-root-port,id=sallyport-port%u,bus=pcie.0,"
				"chassis=%u,slot=%u\n",
				given->group, FIRST_BUS + given->group, FIRST_BUS + given->group);
		sp_buf_printf(out,
			"-device\nvfio-pci,host=%s,id=sallyport%u,bus=sallyport-port%u,addr=00.%x",
			given->address, index, given->group, given->number);
		if (given->group_count > 1 && !given->number)
			sp_buf_str(out, ",multifunction=on");
	}
	if (assign->request->rom && is_first_display(assign, index)) {
		sp_buf_str(out, ",romfile=");
		put_value(out, assign->request->rom);
	}
	sp_buf_char(out, '\n');
}

static void write_devices(struct sp_buf *out, const struct sp_assign *assign) {
	for (uint32_t i = 0; i < assign->given.count; i++)
		write_device(out, assign, i);
}

void assign_emit_qemu(const struct sp_assign *assign, struct sp_buf *out) {
	if (sp_assign_is_xen(assign))
		return;
	write_machine(out, assign->request);
	write_devices(out, assign);
}

static void write_source(struct sp_buf *out, sp_bdf bdf) {
	sp_buf_printf(out,
		"    <source>\n"
		"      <address domain='0x%04x' bus='0x%02x' slot='0x%02x' function='0x%x'/>\n"
		"    </source>\n",
		sp_bdf_segment(bdf), sp_bdf_bus(bdf), sp_bdf_device(bdf), sp_bdf_function(bdf));
}

static void write_hostdev(struct sp_buf *out, const struct sp_assign *assign, uint32_t index) {
	const struct sp_given *given = &assign->given.data[index];
	bool igd = sp_given_is_igd(assign, given);

	sp_buf_printf(out, "  <!-- %s, ", given->address);
	assign_put_ids(out, given->function);
	sp_buf_str(out, " -->\n  <hostdev mode='subsystem' type='pci' managed='yes'>\n");
	sp_buf_str(out, "    <driver name='vfio'/>\n");
	write_source(out, given->function->bdf);
	if (igd)
		sp_buf_printf(out, "    <alias name='ua-sallyport%u'/>\n", index);
	if (assign->request->rom && is_first_display(assign, index)) {
		sp_buf_str(out, "    <rom file=\"");
		sp_text_xml(out, assign->request->rom, SIZE_MAX);
		sp_buf_str(out, "\"/>\n");
	}
	if (igd)
		sp_buf_str(out,
			"    <address type='pci' domain='0x0000' bus='0x00' slot='0x02' "
			"function='0x0'/>\n");
	else if (given->group_count > 1)
		sp_buf_printf(out,
			"    <address type='pci' domain='0x0000' bus='0x%02x' slot='0x00' "
			"function='0x%x'%s/>\n",
			FIRST_BUS + given->group, given->number,
			given->number ? "" : " multifunction='on'");
	sp_buf_str(out, "  </hostdev>\n");
}

/* A property that libvirt has no element for. */
static void write_opregion(struct sp_buf *out, uint32_t index) {
	sp_buf_printf(out,
		"<!-- The OpRegion, in <domain xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>,"
		"\n     behind </devices>; libvirt 8.2 and later:\n"
		"<qemu:override>\n"
		"  <qemu:device alias='ua-sallyport%u'>\n"
		"    <qemu:frontend>\n"
		"      <qemu:property name='x-igd-opregion' type='bool' value='true'/>\n"
		"    </qemu:frontend>\n"
		"  </qemu:device>\n"
		"</qemu:override>\n"
		"-->\n",
		index);
}

void assign_emit_libvirt(const struct sp_assign *assign, struct sp_buf *out) {
	bool together = false;

	if (sp_assign_is_xen(assign))
		return;
	for (uint32_t i = 0; i < assign->given.count; i++)
		together |= assign->given.data[i].group_count > 1;
	sp_buf_str(out,
		"<!-- For <devices> of a libvirt domain with machine='q35': virsh edit. "
		"managed='yes' takes the\n     functions from their drivers when the guest "
		"starts, and gives them back when it ends.");
	if (together)
		sp_buf_str(
			out, "\n     libvirt adds the root ports up to the buses that are named.");
	sp_buf_str(out, " -->\n<devices>\n");
	for (uint32_t i = 0; i < assign->given.count; i++)
		write_hostdev(out, assign, i);
	sp_buf_str(out, "</devices>\n");
	for (uint32_t i = 0; i < assign->given.count; i++) {
		if (sp_given_is_igd(assign, &assign->given.data[i]))
			write_opregion(out, i);
	}
}
