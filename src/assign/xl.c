/* SPDX-License-Identifier: MIT */
#include "assign/emit.h"
#include "xl/write.h"

static bool has_display(const struct sp_assign *assign) {
	for (uint32_t i = 0; i < assign->given.count; i++) {
		if (sp_given_is_display(&assign->given.data[i]))
			return true;
	}
	return false;
}

static void write_guest(struct sp_buf *out, const struct sp_assign *assign) {
	const struct sp_assign_request *request = assign->request;
	bool hvm = request->situation.guest == SP_GUEST_HVM;

	sp_buf_char(out, '\n');
	sp_xl_put_assignment(out, "name", request->name);
	sp_xl_put_assignment(out, "type", sp_guest_kind_name(request->situation.guest));
	sp_xl_put_number(out, "memory", request->memory);
	sp_buf_str(out,
		"# The device may reach any of the guest's memory, so that all of it must be there\n"
		"# from the start: no populate on demand, and no ballooning.\n");
	sp_xl_put_number(out, "maxmem", request->memory);
	sp_buf_str(out, "# vcpus = 2\n\n# The guest's own:\n");
	if (hvm && !request->kernel)
		sp_buf_str(out,
			"# disk = [ \"format=raw, vdev=xvda, access=rw, "
			"target=/path/to/disk.img\" ]\n"
			"# vif = [ \"bridge=xenbr0\" ]\n");
	if (!hvm || request->kernel) {
		sp_xl_put_own(out, "kernel", request->kernel, "/boot/vmlinuz-guest");
		sp_xl_put_own(out, "ramdisk", request->ramdisk, "/boot/initrd-guest");
		sp_xl_put_own(out, "extra", request->command_line, "console=hvc0");
	}
}

static void write_entry(
	struct sp_buf *out, const struct sp_assign *assign, const struct sp_given *given) {
	bool hvm = sp_assign_is_hvm_of_xen(assign);

	sp_buf_str(out, "\t# ");
	assign_put_function(out, given);
	sp_buf_str(out, "\n\t\"");
	sp_buf_str(out, given->address);
	if (hvm && given->slot != SP_GUEST_SLOT_NONE)
		sp_buf_printf(out, "@%x", given->slot);
	if (given->rdm_policy)
		sp_buf_printf(out, ",rdm_policy=%s", given->rdm_policy);
	if (assign->request->situation.permissive)
		sp_buf_str(out, ",permissive=1");
	sp_buf_str(out, "\",\n");
}

static void write_functions(struct sp_buf *out, const struct sp_assign *assign) {
	bool hvm = sp_assign_is_hvm_of_xen(assign), policy = false;

	for (uint32_t i = 0; i < assign->given.count; i++)
		policy |= assign->given.data[i].rdm_policy != NULL;
	sp_buf_str(out,
		"\n# take.sh takes the functions from their drivers. With seize=1 in an entry xl "
		"does so\n# itself when the guest starts, and does not ask whether the host uses "
		"the device.\n");
	if (hvm)
		sp_buf_str(
			out, "# Behind @ stands the device number in the guest, in hexadecimal.\n");
	if (policy)
		sp_buf_str(out,
			"# The policy for reserved memory is told for each function: xl reads no "
			"policy\n# out of a line rdm=, and drops the whole line.\n");
	sp_buf_str(out, "pci = [\n");
	for (uint32_t i = 0; i < assign->given.count; i++)
		write_entry(out, assign, &assign->given.data[i]);
	sp_buf_str(out, "]\n");
}

static void write_pv(struct sp_buf *out) {
	sp_buf_str(out,
		"\n# The guest's memory map has the host's holes, so that BARs have a place in it.\n");
	sp_xl_put_number(out, "e820_host", 1);
}

static void write_display(struct sp_buf *out, const struct sp_assign *assign) {
	bool igd = false;

	for (uint32_t i = 0; i < assign->given.count; i++)
		igd |= sp_given_is_igd(assign, &assign->given.data[i]);
	if (igd) {
		sp_buf_str(out,
			"\n# The processor's GPU with its OpRegion, at 00:02.0 in the guest.\n");
		sp_xl_put_assignment(out, "gfx_passthru", "igd");
		return;
	}
	if (!has_display(assign))
		return;
	sp_buf_str(out,
		"\n# The emulated VGA stays, so that the firmware and the boot menu can be seen "
		"(vnc = 1).\n# Once the guest's driver has the GPU, it can go: vga = \"none\"\n"
		"# A GPU without a legacy ROM needs UEFI: firmware = \"ovmf\"\n");
}

static void write_hvm(struct sp_buf *out, const struct sp_assign *assign) {
	if (assign->hole.mib) {
		sp_buf_str(out,
			"\n# MiB kept free of memory below 4 GiB: the BARs do not fit into the "
			"192 MiB that\n# a guest has there otherwise.\n");
		sp_xl_put_number(out, "mmio_hole", assign->hole.mib);
	}
	write_display(out, assign);
	if (assign->request->situation.stubdomain) {
		sp_buf_str(out,
			"\n# The device model runs in a domain of its own, which must be built for "
			"it\n# (stubdomain_kernel, stubdomain_ramdisk).\n");
		sp_xl_put_number(out, "device_model_stubdomain_override", 1);
	}
}

void assign_emit_xl(const struct sp_assign *assign, struct sp_buf *out) {
	if (!sp_assign_is_xen(assign) || assign->request->toolstack != SP_TOOLSTACK_XL)
		return;
	assign_put_heading(out, assign, "xl configuration");
	write_guest(out, assign);
	write_functions(out, assign);
	if (assign->request->situation.guest == SP_GUEST_PV)
		write_pv(out);
	if (sp_assign_is_hvm_of_xen(assign))
		write_hvm(out, assign);
}
