/* SPDX-License-Identifier: MIT */
#include "assign/emit.h"
#include "base/text.h"

static const char START[] = "set -eu\n\n"
			    "die() {\n"
			    "\techo \"$0: $*\" >&2\n"
			    "\texit 1\n"
			    "}\n\n"
			    "[ \"$(id -u)\" = 0 ] || die \"run this as root\"\n";

static const char DOM0[] =
	"grep -qs control_d /proc/xen/capabilities ||\n"
	"\tdie \"this is not dom0 of Xen, or xenfs is not mounted at /proc/xen\"\n"
	"command -v xl >/dev/null || die \"there is no xl here\"\n";

static const char KVM[] =
	"[ ! -e /proc/xen/capabilities ] || die \"KVM is not to be had under Xen\"\n"
	"[ -d /sys/kernel/iommu_groups/0 ] ||\n"
	"\tdie \"the kernel has no IOMMU groups: see bootargs.txt\"\n";

/* Buses may be numbered anew when a card is put in or taken out. */
static const char EXPECT[] =
	"\n# expect ADDRESS VENDOR DEVICE: the function is there, and the one that was planned.\n"
	"expect() {\n"
	"\tdevice=/sys/bus/pci/devices/$1\n"
	"\t[ -e \"$device\" ] || die \"there is no function $1\"\n"
	"\tfound=\"$(cat \"$device/vendor\") $(cat \"$device/device\")\"\n"
	"\t[ \"$found\" = \"$2 $3\" ] ||\n"
	"\t\tdie \"$1 is $found, not $2 $3: the machine has changed; plan anew\"\n"
	"}\n";

/*
 * A file system has a disk's number, or names the disk if its numbers are its own (btrfs). A disk
 * that is encrypted, or part of a volume or an array, has another one that holds it. A path to a
 * disk of NVMe, nvme0c1n2, stands for the disk nvme0n2 and its partitions.
 */
static const char UNUSED[] =
	"\n# idle ADDRESS NAME: nothing uses the disk or the partition.\n"
	"idle() {\n"
	"\tfor holder in \"/sys/class/block/$2/holders\"/*; do\n"
	"\t\t[ ! -e \"$holder\" ] || die \"$1 is in use: ${holder##*/} is made of $2\"\n"
	"\tdone\n"
	"\tnumber=$(cat \"/sys/class/block/$2/dev\" 2>/dev/null) || number=none\n"
	"\twhile read -r _ _ mounted _ where rest; do\n"
	"\t\tcase \" $mounted $rest \" in\n"
	"\t\t*\" $number \"* | *\" /dev/$2 \"*) die \"$1 is in use: $where is mounted\" ;;\n"
	"\t\tesac\n"
	"\tdone </proc/self/mountinfo\n"
	"\t[ -r /proc/swaps ] || return 0\n"
	"\twhile read -r swap _; do\n"
	"\t\t[ \"$swap\" != \"/dev/$2\" ] || die \"$1 is in use: $2 is swap\"\n"
	"\tdone </proc/swaps\n"
	"}\n"
	"\n# unused ADDRESS: nothing uses the disks that lie behind the function.\n"
	"unused() {\n"
	"\tfor disk in /sys/class/block/*; do\n"
	"\t\tcase $(readlink -f \"$disk\") in\n"
	"\t\t*\"/$1/\"*) ;;\n"
	"\t\t*) continue ;;\n"
	"\t\tesac\n"
	"\t\tname=${disk##*/}\n"
	"\t\tcase $name in\n"
	"\t\tnvme*c*n*) name=${name%%c*}n${name##*n} ;;\n"
	"\t\tesac\n"
	"\t\tfor part in \"/sys/class/block/$name\" \"/sys/class/block/${name}p\"*; do\n"
	"\t\t\t[ ! -e \"$part\" ] || idle \"$1\" \"${part##*/}\"\n"
	"\t\tdone\n"
	"\tdone\n"
	"}\n";

static const char TAKE_XEN[] =
	"\n# take ADDRESS: pciback holds it, and Xen keeps it from the host.\n"
	"take() {\n"
	"\tif [ ! -e \"/sys/bus/pci/drivers/pciback/$1\" ]; then\n"
	"\t\txl pci-assignable-add \"$1\" ||\n"
	"\t\t\tdie \"xl could not take $1; the kernel's log and Xen's say why\"\n"
	"\tfi\n"
	"\t[ -e \"/sys/bus/pci/drivers/pciback/$1\" ] ||\n"
	"\t\tdie \"pciback does not hold $1; give-back.sh undoes what was done\"\n"
	"\techo \"$1 can be given away\"\n"
	"}\n";

static const char TAKE_KVM[] =
	"\n# take ADDRESS: vfio-pci holds it.\n"
	"take() {\n"
	"\tdevice=/sys/bus/pci/devices/$1\n"
	"\tif [ ! -e \"/sys/bus/pci/drivers/vfio-pci/$1\" ]; then\n"
	"\t\techo vfio-pci >\"$device/driver_override\"\n"
	"\t\t[ ! -e \"$device/driver\" ] || echo \"$1\" >\"$device/driver/unbind\"\n"
	"\t\techo \"$1\" >/sys/bus/pci/drivers_probe || :\n"
	"\tfi\n"
	"\t[ -e \"/sys/bus/pci/drivers/vfio-pci/$1\" ] ||\n"
	"\t\tdie \"vfio-pci does not hold $1; give-back.sh undoes what was done\"\n"
	"\techo \"$1 can be given away\"\n"
	"}\n"
	"\n# whole ADDRESS: nobody else drives a member of its IOMMU group, as vfio demands.\n"
	"whole() {\n"
	"\tfor member in \"/sys/bus/pci/devices/$1/iommu_group/devices\"/*; do\n"
	"\t\t[ -e \"$member/driver\" ] || continue\n"
	"\t\tdriver=$(basename \"$(readlink -f \"$member/driver\")\")\n"
	"\t\tcase $driver in\n"
	"\t\tvfio-pci | pci-stub | pcieport) ;;\n"
	"\t\t*) die \"$driver drives $(basename \"$member\"), of the IOMMU group of $1\" ;;\n"
	"\t\tesac\n"
	"\tdone\n"
	"}\n";

static const char VIRTUAL[] =
	"\n# virtual ADDRESS PHYSICAL COUNT: the virtual function is there; if the physical one has\n"
	"# none at all, COUNT of them are made.\n"
	"virtual() {\n"
	"\t[ ! -e \"/sys/bus/pci/devices/$1\" ] || return 0\n"
	"\tcount=/sys/bus/pci/devices/$2/sriov_numvfs\n"
	"\t[ -e \"$count\" ] || die \"$2 cannot make virtual functions: has it its driver?\"\n"
	"\t[ \"$(cat \"$count\")\" = 0 ] ||\n"
	"\t\tdie \"$2 has $(cat \"$count\") virtual functions, and $1 is none of them\"\n"
	"\techo \"$3\" >\"$count\"\n"
	"\t[ -e \"/sys/bus/pci/devices/$1\" ] || die \"$2 did not make $1\"\n"
	"}\n";

static bool has_virtual(const struct sp_assign *assign) {
	for (uint32_t i = 0; i < assign->given.count; i++) {
		if (assign->given.data[i].function->physical)
			return true;
	}
	return false;
}

/* As many as there were, so that the function gets its number. */
static uint32_t wanted(const struct sp_given *given) {
	uint32_t number = sp_given_vf(given), enabled;

	enabled = given->function->physical->config.sriov.enabled;
	return number != UINT32_MAX && number >= enabled ? number + 1 : enabled ? enabled : 1;
}

static void put_physical(struct sp_buf *out, const struct sp_given *given) {
	char text[SP_BDF_SIZE];

	sp_bdf_format(text, given->function->physical->bdf);
	sp_buf_str(out, text);
}

/* Virtual functions of a network card get a random address each time they are made. */
static void write_virtual(struct sp_buf *out, const struct sp_given *given) {
	sp_buf_printf(out, "virtual %s ", given->address);
	put_physical(out, given);
	sp_buf_printf(out, " %u\n", wanted(given));
	if (given->function->config.class >> 16 != 0x02 || sp_given_vf(given) == UINT32_MAX)
		return;
	sp_buf_str(out,
		"# To keep its MAC address, before the guest starts:\n"
		"#   ip link set dev \"$(ls /sys/bus/pci/devices/");
	put_physical(out, given);
	sp_buf_printf(out, "/net)\" vf %u mac 02:00:00:00:00:01\n", sp_given_vf(given));
}

static void write_calls(struct sp_buf *out, const struct sp_assign *assign, const char *function) {
	sp_buf_char(out, '\n');
	for (uint32_t i = 0; i < assign->given.count; i++)
		sp_buf_printf(out, "%s %s\n", function, assign->given.data[i].address);
}

static void write_expected(struct sp_buf *out, const struct sp_assign *assign) {
	sp_buf_char(out, '\n');
	for (uint32_t i = 0; i < assign->given.count; i++) {
		const struct sp_given *given = &assign->given.data[i];
		const struct sp_pci_config *config = &given->function->config;

		sp_buf_str(out, "# ");
		assign_put_function(out, given);
		sp_buf_char(out, '\n');
		if (given->function->physical)
			write_virtual(out, given);
		sp_buf_printf(out, "expect %s 0x%04x 0x%04x\n", given->address, config->vendor,
			config->device);
	}
}

static void write_modules(struct sp_buf *out, bool xen) {
	const char *driver = xen ? "pciback" : "vfio-pci";
	const char *module = xen ? "xen-pciback" : "vfio-pci";

	sp_buf_printf(out,
		"[ -d /sys/bus/pci/drivers/%s ] || modprobe %s ||\n"
		"\tdie \"the kernel has no %s\"\n",
		driver, module, module);
}

void assign_emit_take(const struct sp_assign *assign, struct sp_buf *out) {
	bool xen = sp_assign_is_xen(assign);

	if (assign->request->toolstack != SP_TOOLSTACK_XL)
		return;
	sp_buf_str(out, "#!/bin/sh\n");
	assign_put_heading(out, assign, "Takes the functions from their drivers, for the use");
	sp_buf_str(out, "# It may be run again; nothing is done twice.\n");
	sp_buf_str(out, START);
	sp_buf_str(out, xen ? DOM0 : KVM);
	write_modules(out, xen);
	sp_buf_str(out, EXPECT);
	sp_buf_str(out, UNUSED);
	if (has_virtual(assign))
		sp_buf_str(out, VIRTUAL);
	sp_buf_str(out, xen ? TAKE_XEN : TAKE_KVM);
	sp_buf_str(out, "\n# All is looked at before anything is taken.");
	write_expected(out, assign);
	write_calls(out, assign, "unused");
	write_calls(out, assign, "take");
	if (!xen)
		write_calls(out, assign, "whole");
}

static const char GIVE_XEN[] =
	"\n# give ADDRESS: back to the driver that it had. What a guest has is listed no more.\n"
	"give() {\n"
	"\tif [ -e \"/sys/bus/pci/drivers/pciback/$1\" ]; then\n"
	"\t\txl pci-assignable-list | grep -q \"^$1\" || die \"a guest has $1\"\n"
	"\t\txl pci-assignable-remove -r \"$1\"\n"
	"\tfi\n"
	"\t[ ! -e \"/sys/bus/pci/drivers/pciback/$1\" ] || die \"pciback keeps $1\"\n"
	"\t[ -e \"/sys/bus/pci/devices/$1/driver\" ] ||\n"
	"\t\techo \"$1\" >/sys/bus/pci/drivers_probe || :\n"
	"\techo \"$1 is the host's\"\n"
	"}\n";

static const char GIVE_KVM[] =
	"\n# give ADDRESS: back to the driver that the kernel chooses. End the guest before.\n"
	"give() {\n"
	"\tdevice=/sys/bus/pci/devices/$1\n"
	"\t[ -e \"$device\" ] || return 0\n"
	"\techo >\"$device/driver_override\"\n"
	"\tif [ -e \"/sys/bus/pci/drivers/vfio-pci/$1\" ]; then\n"
	"\t\techo \"$1\" >/sys/bus/pci/drivers/vfio-pci/unbind\n"
	"\tfi\n"
	"\t[ -e \"$device/driver\" ] ||\n"
	"\t\techo \"$1\" >/sys/bus/pci/drivers_probe || :\n"
	"\techo \"$1 is the host's\"\n"
	"}\n";

void assign_emit_give_back(const struct sp_assign *assign, struct sp_buf *out) {
	bool xen = sp_assign_is_xen(assign);

	if (assign->request->toolstack != SP_TOOLSTACK_XL)
		return;
	sp_buf_str(out, "#!/bin/sh\n");
	assign_put_heading(out, assign, "Gives the functions back to the host, from the use");
	sp_buf_str(out, START);
	if (xen)
		sp_buf_str(out, DOM0);
	sp_buf_str(out, xen ? GIVE_XEN : GIVE_KVM);
	if (has_virtual(assign))
		sp_buf_str(out,
			"\n# Virtual functions stay. To unmake them, when no guest has one: "
			"echo 0 to sriov_numvfs\n# of the physical one.\n");
	write_calls(out, assign, "give");
}
