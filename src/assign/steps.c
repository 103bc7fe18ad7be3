/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "assign/emit.h"
#include "assign/report.h"
#include "base/text.h"

struct steps {
	struct sp_buf *out;
	unsigned number;
};

static void step(struct steps *steps, const char *text) {
	char first[16];

	snprintf(first, sizeof(first), "    %u. ", ++steps->number);
	sp_text_wrap(steps->out, first, "       ", text);
}

static void write_xl(struct steps *steps, const struct sp_assign *assign) {
	bool hvm = sp_assign_is_hvm_of_xen(assign);

	step(steps,
		"bootargs.txt says which words Xen's and the kernel's command lines need; "
		"modprobe.conf, if it is here, goes to /etc/modprobe.d. If anything is new, "
		"restart the host.");
	step(steps, "In dom0, as root: sh take.sh. Look with `xl pci-assignable-list`.");
	step(steps,
		hvm ? "Add the guest's disks and network to guest.cfg."
		    : "Name the guest's kernel and disks in guest.cfg.");
	step(steps, "xl create guest.cfg, and compare `lspci -nn` in the guest with the above.");
	step(steps, "When the guest has ended: sh give-back.sh, if the host wants them back.");
}

static void write_kvm(struct steps *steps, const struct sp_assign *assign) {
	step(steps,
		"bootargs.txt says which words the kernel's command line needs; modprobe.conf, "
		"if it is here, goes to /etc/modprobe.d. If anything is new, restart the host.");
	step(steps,
		"With libvirt: paste what is in hostdev.xml into the domain's <devices> with "
		"`virsh edit`; nothing else is to be done, for libvirt takes the functions "
		"itself. The domain's memory is locked; memory balloons are of no use.");
	step(steps,
		"Without: sh take.sh as root, then xargs -d '\\n' -a qemu.args "
		"qemu-system-x86_64 with the guest's disks and network behind it. A user "
		"other than root needs /dev/vfio/GROUP, and a memory lock limit above the "
		"guest's memory.");
	for (uint32_t i = 0; i < assign->given.count; i++) {
		if (sp_given_is_display(&assign->given.data[i])) {
			step(steps,
				"A GPU wants UEFI: add OVMF's two pflash drives to the "
				"arguments, or <os firmware='efi'> to the domain.");
			break;
		}
	}
	step(steps, "When the guest has ended: sh give-back.sh, if the host wants them back.");
}

static void write_qubes(struct steps *steps, const struct sp_assign *assign) {
	step(steps,
		"If dom0 must not touch the functions when it starts, put the word of "
		"bootargs.txt into /etc/default/grub, make grub.cfg anew, and restart.");
	step(steps, "In dom0: sh commands.sh, while the qube is shut down.");
	if (assign->hole.mib)
		step(steps,
			"The BARs need a larger hole below 4 GiB, for which Qubes has no "
			"setting: those that find no place do not work. Give fewer "
			"functions to one qube, or less memory to it.");
	step(steps, "qvm-start, and compare lspci -nn in the qube with the above.");
}

static void write_xcp_ng(struct steps *steps) {
	step(steps,
		"In the host's console: sh commands.sh. It hides the functions from dom0, and "
		"sets the VM up; it says when the host is to be restarted.");
	step(steps,
		"After the restart: sh commands.sh again; it is done when it says that all can "
		"be given away.");
	step(steps,
		"xe vm-start, and compare lspci -nn in the VM with the above; the numbers of the "
		"slots are XCP-ng's own.");
}

void report_steps(struct sp_buf *out, const struct sp_assign *assign) {
	struct steps steps = {.out = out};

	if (assign->verdict == SP_VERDICT_NO && !assign->request->keep_going)
		return;
	sp_text_section(out, "What to do");
	if (!sp_assign_is_xen(assign))
		write_kvm(&steps, assign);
	else if (assign->request->toolstack == SP_TOOLSTACK_QUBES)
		write_qubes(&steps, assign);
	else if (assign->request->toolstack == SP_TOOLSTACK_XCP_NG)
		write_xcp_ng(&steps);
	else
		write_xl(&steps, assign);
}
