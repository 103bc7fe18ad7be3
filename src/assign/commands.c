/* SPDX-License-Identifier: MIT */
#include "assign/emit.h"
#include "base/text.h"
#include "pci/address.h"

static const char START[] = "set -eu\n\n"
			    "die() {\n"
			    "\techo \"$0: $*\" >&2\n"
			    "\texit 1\n"
			    "}\n\n";

/*
 * Qubes OS 4.3 assigns where 4.2 attached persistently (QubesOS/qubes-issues 9373), and takes the
 * names of 4.2 for functions, too (QubesOS/qubes-core-admin 667).
 */
static const char QUBES[] =
	"command -v qvm-pci >/dev/null || die \"run this in dom0 of Qubes OS\"\n"
	"qvm-check --quiet \"$vm\" ||\n"
	"\tdie \"there is no qube $vm; make one: qvm-create --class StandaloneVM --label red $vm\"\n"
	"qvm-check --quiet --running \"$vm\" && die \"shut $vm down first\"\n\n"
	"give() {\n"
	"\tif qvm-pci assign --help >/dev/null 2>&1; then\n"
	"\t\tqvm-pci assign --required \"$@\"\n"
	"\telse\n"
	"\t\tqvm-pci attach --persistent \"$@\"\n"
	"\tfi\n"
	"}\n\n";

static void write_qubes_function(
	struct sp_buf *out, const struct sp_assign *assign, const struct sp_given *given) {
	const struct sp_function *function = given->function;

	sp_buf_str(out, "# ");
	assign_put_function(out, given);
	sp_buf_char(out, '\n');
	if (function->resets_known && !function->reset_count)
		sp_buf_str(out, "# It cannot be reset, and Qubes insists unless it is told.\n");
	sp_buf_str(out, "give");
	if (assign->request->situation.permissive)
		sp_buf_str(out, " --option permissive=true");
	if (function->resets_known && !function->reset_count)
		sp_buf_str(out, " --option no-strict-reset=true");
	sp_buf_printf(out, " \"$vm\" dom0:%02x_%02x.%x\n", sp_bdf_bus(function->bdf),
		sp_bdf_device(function->bdf), sp_bdf_function(function->bdf));
}

static void write_qubes(struct sp_buf *out, const struct sp_assign *assign) {
	const struct sp_assign_request *request = assign->request;
	bool hvm = request->situation.guest == SP_GUEST_HVM;

	sp_buf_str(out, QUBES);
	sp_buf_printf(out, "qvm-prefs \"$vm\" virt_mode %s\n",
		sp_guest_kind_name(request->situation.guest));
	if (hvm && !request->kernel)
		sp_buf_str(out,
			"# The qube starts from its own disk, not with a kernel of dom0's.\n"
			"qvm-prefs \"$vm\" kernel ''\n");
	sp_buf_printf(out,
		"# A device needs all of the memory to be there: maxmem 0 switches balancing off.\n"
		"qvm-prefs \"$vm\" memory %u\nqvm-prefs \"$vm\" maxmem 0\n\n",
		request->memory);
	for (uint32_t i = 0; i < assign->given.count; i++)
		write_qubes_function(out, assign, &assign->given.data[i]);
	if (assign->hole.mib)
		sp_buf_printf(out,
			"\n# The BARs need mmio_hole = %u, for which Qubes has no setting: see "
			"report.txt.\n",
			assign->hole.mib);
}

/* --set-dom0 replaces the list, in which other functions may be. */
static const char XCP_NG[] =
	"cmdline=/opt/xensource/libexec/xen-cmdline\n"
	"[ -x \"$cmdline\" ] || die \"run this in dom0 of XCP-ng\"\n"
	"vm=$(xe vm-list name-label=\"$name\" is-control-domain=false params=uuid --minimal)\n"
	"case $vm in\n"
	"'') die \"there is no VM $name\" ;;\n"
	"*,*) die \"several VMs are called $name\" ;;\n"
	"esac\n\n"
	"# hide ADDRESS: kept from dom0 from the next boot on.\n"
	"hide() {\n"
	"\thidden=$(\"$cmdline\" --get-dom0 xen-pciback.hide)\n"
	"\thidden=${hidden#xen-pciback.hide=}\n"
	"\tcase $hidden in\n"
	"\t*\"($1)\"*) ;;\n"
	"\t*) \"$cmdline\" --set-dom0 \"xen-pciback.hide=$hidden($1)\" ;;\n"
	"\tesac\n"
	"}\n\n";

static void write_xcp_ng(struct sp_buf *out, const struct sp_assign *assign) {
	sp_buf_str(out, XCP_NG);
	for (uint32_t i = 0; i < assign->given.count; i++) {
		const struct sp_given *given = &assign->given.data[i];

		sp_buf_str(out, "# ");
		assign_put_function(out, given);
		if (given->function->physical)
			sp_buf_str(out,
				"\n# A virtual function: make it, and then take it with "
				"xl pci-assignable-add.\n");
		else
			sp_buf_printf(out, "\nhide %s\n", given->address);
	}
	sp_buf_printf(out,
		"\n# All of the memory must be there from the start.\n"
		"xe vm-memory-limits-set uuid=\"$vm\" static-min=%uMiB dynamic-min=%uMiB \\\n"
		"\tdynamic-max=%uMiB static-max=%uMiB\n"
		"xe vm-param-set uuid=\"$vm\" other-config:pci=",
		assign->request->memory, assign->request->memory, assign->request->memory,
		assign->request->memory);
	for (uint32_t i = 0; i < assign->given.count; i++)
		sp_buf_printf(out, "%s0/%s", i ? "," : "", assign->given.data[i].address);
	sp_buf_str(out, "\n\nfor function in");
	for (uint32_t i = 0; i < assign->given.count; i++)
		sp_buf_printf(out, " %s", assign->given.data[i].address);
	sp_buf_str(out,
		"; do\n"
		"\txl pci-assignable-list | grep -q \"^$function\" && continue\n"
		"\techo \"$function is still dom0's. Restart the host, its VMs being shut down:\"\n"
		"\techo \"  xe host-disable && xe host-reboot, then run this again\"\n"
		"\texit 1\n"
		"done\n"
		"echo \"all can be given away: xe vm-start uuid=$vm\"\n");
}

void assign_emit_commands(const struct sp_assign *assign, struct sp_buf *out) {
	enum sp_toolstack toolstack = assign->request->toolstack;

	if (toolstack == SP_TOOLSTACK_XL)
		return;
	sp_buf_str(out, "#!/bin/sh\n");
	assign_put_heading(out, assign,
		toolstack == SP_TOOLSTACK_QUBES ? "Commands of Qubes OS, for the use"
						: "Commands of XCP-ng, for the use");
	sp_buf_str(out, START);
	sp_buf_str(out, toolstack == SP_TOOLSTACK_QUBES ? "vm=" : "name=");
	assign_put_quoted(out, assign->request->name);
	sp_buf_char(out, '\n');
	if (toolstack == SP_TOOLSTACK_QUBES)
		write_qubes(out, assign);
	else
		write_xcp_ng(out, assign);
}
