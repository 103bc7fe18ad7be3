/* SPDX-License-Identifier: MIT */
#include "machine_text.h"

#include "pci/address.h"

#define DEV "/sys/bus/pci/devices/"

/* Rows of a bridge with these buses behind it, and of an endpoint. */
#define BRIDGE(secondary, subordinate) \
	"\t00: 36 1b 0c 00 07 05 10 00 00 00 04 06 00 00 01 00\n" \
	"\t10: 00 00 00 00 00 00 00 00 00 " secondary " " subordinate " 00\n"
#define ENDPOINT "\t00: 86 80 d3 10 07 05 10 00 00 00 00 02 00 00 00 00\n"

static void reads_the_amd_gpu(void **state) {
	struct sp_machine *machine = machine_load("snapshots/amd-gpu.snapshot");
	const struct sp_function *gpu = machine_function(machine, "03:00.0");
	const struct sp_function *audio = machine_function(machine, "0000:03:00.1");
	const struct sp_function *usb = machine_function(machine, "00:08.0");
	uint32_t count;

	(void)state;
	assert_int_equal(sp_machine_source(machine), SP_MACHINE_SNAPSHOT);
	assert_int_equal(machine->function_count, 7);
	assert_int_equal(gpu->config.known, 4096);
	assert_int_equal(gpu->config.vendor, 0x1002);
	assert_string_equal(gpu->driver, "pciback");
	assert_int_equal(gpu->assignable, SP_YES);
	assert_int_equal(usb->assignable, SP_NO);
	assert_false(gpu->boot_display);
	assert_int_equal(gpu->config.bars[0].address, 0x7c00000000);
	assert_int_equal(gpu->config.bars[0].size, 256 << 20);
	assert_int_equal(gpu->config.bars[5].size, 1 << 20);
	assert_true(gpu->config.bars[4].io);
	assert_int_equal(gpu->config.rom.size, 128 << 10);
	assert_int_equal(gpu->rom_readable, SP_YES);
	assert_int_equal(audio->rom_readable, SP_NO);
	assert_int_equal(gpu->config.rebar_count, 2);
	assert_int_equal(gpu->config.rebar[0].current, 8);
	assert_non_null(gpu->vfct);
	assert_int_equal(gpu->vfct->size, 0x6000);
	assert_null(audio->vfct);
	assert_int_equal(gpu->irq, 36);
	assert_int_equal(gpu->gsi, 36);
	assert_string_equal(usb->gsi_error, "ENODEV");
	assert_int_equal(machine->kernel.gsi_call, SP_YES);
	assert_true(gpu->resets_known && sp_function_has_reset(gpu, "bus"));
	assert_false(sp_function_has_reset(gpu, "flr"));
	assert_int_equal(gpu->dma_bits, 44);
	assert_ptr_equal(gpu->bridge, machine_function(machine, "02:00.0"));
	assert_ptr_equal(gpu->bridge->bridge->bridge, machine_function(machine, "00:01.1"));
	assert_null(gpu->bridge->bridge->bridge->bridge);
	assert_int_equal(sp_function_isolated(gpu), SP_YES);
	assert_true(sp_function_is_gpu(audio));
	assert_false(sp_function_is_gpu(usb));
	assert_ptr_equal(sp_machine_slot(machine, audio, &count), gpu);
	assert_int_equal(count, 2);
	assert_non_null(strstr(gpu->name, "Navi 31"));
	sp_machine_destroy(machine);
}

static void reads_xen(void **state) {
	struct sp_machine *machine = machine_load("snapshots/amd-gpu.snapshot");
	const struct sp_xen_facts *xen = &machine->xen;

	(void)state;
	assert_int_equal(xen->dom0, SP_DOM0_IS_PVH);
	assert_true(xen->release_known);
	assert_int_equal(xen->major, 4);
	assert_int_equal(xen->minor, 20);
	assert_string_equal(xen->version, "4.20.3");
	assert_string_equal(xen->command_line, "dom0=pvh dom0_mem=4G,max:4G iommu=verbose");
	assert_int_equal(xen->hvm, SP_YES);
	assert_int_equal(xen->pv, SP_YES);
	assert_int_equal(xen->hap, SP_YES);
	assert_int_equal(xen->hvm_directio, SP_YES);
	assert_int_equal(xen->iommu, SP_YES);
	assert_int_equal(xen->interrupt_remapping, SP_YES);
	assert_int_equal(xen->ats, SP_NO);
	assert_string_equal(xen->qemu, "10.0.2");
	assert_true(xen->free_known);
	assert_int_equal(xen->free_mib, 60214);
	assert_int_equal(machine->firmware_iommu, SP_YES);
	assert_int_equal(machine->kernel.efi, SP_YES);
	assert_int_equal(machine->kernel.major, 6);
	assert_int_equal(machine->kernel.minor, 12);
	assert_true(machine->kernel.has_config);
	assert_int_equal(sp_machine_config(machine, "CONFIG_XEN_PVH"), 'y');
	assert_int_equal(sp_machine_config(machine, "CONFIG_XEN_PCIDEV_BACKEND"), 'm');
	assert_int_equal(sp_machine_config(machine, "CONFIG_XEN_GNTDEV_DMABUF"), 'n');
	assert_int_equal(sp_machine_config(machine, "CONFIG_NO_SUCH"), 'n');
	assert_string_equal(machine->cpu, "AuthenticAMD");
	sp_machine_destroy(machine);
}

static void reads_the_intel_gpu(void **state) {
	struct sp_machine *machine = machine_load("snapshots/intel-igd.snapshot");
	const struct sp_function *gpu = machine_function(machine, "00:02.0");
	const struct sp_function *usb = machine_function(machine, "00:14.0");

	(void)state;
	assert_true(machine->has_dmar && !machine->has_ivrs);
	assert_null(machine->table_error);
	assert_true(gpu->boot_display && gpu->has_users);
	assert_string_equal(gpu->user, "console");
	assert_int_equal(gpu->assignable, SP_NO);
	assert_int_equal(gpu->group, 0);
	assert_true(machine->groups_known);
	assert_int_equal(gpu->rmrrs.count, 1);
	assert_int_equal(gpu->rmrrs.data[0]->base, 0x7b800000);
	assert_int_equal(gpu->rmrrs.data[0]->limit, 0x7fffffff);
	assert_int_equal(usb->rmrrs.count, 1);
	assert_int_equal(usb->rmrrs.data[0]->base, 0x79d0e000);
	assert_int_equal(gpu->translated, SP_YES);
	assert_int_equal(usb->translated, SP_YES);
	assert_int_equal(machine->xen.dom0, SP_DOM0_NONE);
	assert_int_equal(machine->ram_below_4g, 0x9e000 + 0x7af00000);
	assert_int_equal(machine->ram, 0x9e000 + 0x7af00000 + 0x37e000000);
	assert_int_equal(machine->windows.count, 4);
	sp_machine_destroy(machine);
}

/* Nothing is made up where nothing was told. */
static void leaves_unknown(void **state) {
	struct sp_machine *machine =
		SNAPSHOT("bytes " DEV "0000:00:02.0/config\n" ENDPOINT "\t3f: 00\n");
	const struct sp_function *function = machine->functions;

	(void)state;
	assert_int_equal(machine->function_count, 1);
	assert_int_equal(function->config.known, 64);
	assert_int_equal(function->assignable, SP_UNKNOWN);
	assert_int_equal(function->rom_readable, SP_UNKNOWN);
	assert_int_equal(function->translated, SP_UNKNOWN);
	assert_int_equal(function->irq, -1);
	assert_int_equal(function->gsi, -1);
	assert_int_equal(function->group, -1);
	assert_int_equal(function->numa, -1);
	assert_false(function->resets_known || function->has_users || machine->groups_known);
	assert_int_equal(machine->firmware_iommu, SP_UNKNOWN);
	assert_int_equal(machine->xen.dom0, SP_DOM0_UNKNOWN);
	assert_int_equal(machine->xen.iommu, SP_UNKNOWN);
	assert_int_equal(machine->xen.ats, SP_UNKNOWN);
	assert_int_equal(machine->kernel.gsi_call, SP_UNKNOWN);
	assert_int_equal(machine->kernel.efi, SP_UNKNOWN);
	assert_int_equal(sp_machine_config(machine, "CONFIG_XEN"), '?');
	assert_non_null(strstr(sp_machine_missing(machine, 0), "1 of 1 functions"));
	assert_null(sp_machine_missing(machine, 1));
	sp_machine_destroy(machine);
}

/* Without its bytes a function is what the kernel says of it. */
static void does_without_bytes(void **state) {
	struct sp_machine *machine = SNAPSHOT("file " DEV "0000:03:00.0/vendor\n\t0x1002\n"
					      "file " DEV "0000:03:00.0/device\n\t0x744c\n"
					      "file " DEV "0000:03:00.0/class\n\t0x030000\n");

	(void)state;
	assert_int_equal(machine->functions->config.known, 0);
	assert_int_equal(machine->functions->config.device, 0x744c);
	assert_true(machine->functions->gpu);
	sp_machine_destroy(machine);
}

static void refuses_machines(void **state) {
	static const struct {
		const char *text, *says;
	} cases[] = {
		{"sallyport snapshot 1\n", "test: no PCI function is to be found"},
		{"sallyport snapshot 1\nfile " DEV "03:00.0/class\n",
			"test: " DEV "03:00.0/class: no function has this address"},
		{"sallyport snapshot 1\nfile " DEV "0000:03:0A.0/class\n", "no function has this"},
		{"sallyport snapshot 1\nfile " DEV "x\n", "no function has this"},
		{"sallyport snapshot 1\nfoo\n", "test: line 2: "},
		{"\x7f"
		 "ELF",
			"test: neither a snapshot nor the output of"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sp_error error = {0};
		struct sp_machine *machine;

		assert_false(sp_machine_parse(
			&machine, cases[i].text, strlen(cases[i].text), "test", &error));
		assert_null(machine);
		assert_int_equal(error.kind, SP_ERROR_INPUT);
		if (!strstr(error.message, cases[i].says))
			fail_msg("%s", error.message);
	}
}

/* By links, and where there are none by the numbers of buses. */
static void finds_bridges(void **state) {
	struct sp_machine *machine =
		SNAPSHOT("link " DEV "0000:00:01.0 -> ../../../devices/pci0000:00/0000:00:01.0\n"
			 "link " DEV
			 "0000:05:00.0 -> ../../../devices/pci0000:00/0000:00:01.0/0000:05:00.0\n"
			 "bytes " DEV "0000:00:02.0/config\n" BRIDGE("01",
				 "04") "\t3f: 00\n"
				       "bytes " DEV "0000:01:00.0/config\n" BRIDGE("02",
					       "03") "\t3f: 00\n"
						     "bytes " DEV "0000:02:00.0/config\n" ENDPOINT
						     "\t3f: 00\n"
						     "bytes " DEV "0000:03:10.0/config\n" ENDPOINT
						     "\t3f: 00\n"
						     "bytes " DEV "0000:09:00.0/config\n" ENDPOINT
						     "\t3f: 00\n"
						     "bytes " DEV "0001:02:00.0/config\n" ENDPOINT
						     "\t3f: 00\n");

	(void)state;
	assert_ptr_equal(
		machine_function(machine, "05:00.0")->bridge, machine_function(machine, "00:01.0"));
	assert_null(machine_function(machine, "00:01.0")->bridge);
	assert_ptr_equal(
		machine_function(machine, "01:00.0")->bridge, machine_function(machine, "00:02.0"));
	assert_ptr_equal(
		machine_function(machine, "02:00.0")->bridge, machine_function(machine, "01:00.0"));
	/* A bus that no bridge leads to, but that one has: virtual functions. */
	assert_ptr_equal(
		machine_function(machine, "03:10.0")->bridge, machine_function(machine, "01:00.0"));
	assert_null(machine_function(machine, "09:00.0")->bridge);
	assert_null(machine_function(machine, "0001:02:00.0")->bridge);
	sp_machine_destroy(machine);
}

static void cuts_circles(void **state) {
	struct sp_machine *machine =
		SNAPSHOT("link " DEV "0000:01:00.0 -> /0000:02:00.0/0000:01:00.0\n"
			 "link " DEV "0000:02:00.0 -> /0000:01:00.0/0000:02:00.0\n"
			 "link " DEV "0000:03:00.0 -> /0000:03:00.0/0000:03:00.0\n"
			 "link " DEV "0000:04:00.0 -> /0000:02:00.0/0000:04:00.0\n");

	(void)state;
	for (uint32_t i = 0; i < machine->function_count; i++) {
		const struct sp_function *above = &machine->functions[i];
		uint32_t steps = 0;

		while ((above = above->bridge) && steps < 10)
			steps++;
		assert_in_range(steps, 0, 3);
	}
	sp_machine_destroy(machine);
}

/* A virtual function's registers are all ones where its IDs and its addresses would be. */
static void knows_virtual_functions(void **state) {
	struct sp_machine *machine = machine_load("lspci/igb.txt");
	const struct sp_function *physical = machine_function(machine, "01:00.0");
	const struct sp_function *virtual = machine_function(machine, "01:10.0");

	(void)state;
	assert_ptr_equal(virtual->physical, physical);
	assert_null(physical->physical);
	assert_int_equal(virtual->config.vendor, 0x8086);
	assert_int_equal(virtual->config.device, 0x10ca);
	sp_machine_destroy(machine);

	machine = SNAPSHOT("link " DEV "0000:01:10.0/physfn -> ../0000:01:00.0\n"
			   "file " DEV "0000:01:10.0/vendor\n\t0x8086\n"
			   "file " DEV "0000:01:10.0/device\n\t0x10ca\n"
			   "bytes " DEV "0000:01:10.0/config\n"
			   "\t00: ff ff ff ff 00 00 10 00 01 00 00 02 00 00 00 00\n\t3f: 00\n"
			   "file " DEV "0000:01:10.0/resource\n"
			   "\t0x000000c060000000 0x000000c060003fff 0x0000000000140204\n"
			   "file " DEV "0000:01:00.0/sriov_totalvfs\n\t8\n"
			   "file " DEV "0000:01:00.0/resource\n"
			   "\t0x0 0x0 0x0\n\t0x0 0x0 0x0\n\t0x0 0x0 0x0\n\t0x0 0x0 0x0\n"
			   "\t0x0 0x0 0x0\n\t0x0 0x0 0x0\n\t0x0 0x0 0x0\n"
			   "\t0xc060000000 0xc06001ffff 0x140204\n");
	virtual = machine_function(machine, "01:10.0");
	assert_ptr_equal(virtual->physical, machine_function(machine, "01:00.0"));
	assert_int_equal(virtual->config.device, 0x10ca);
	assert_int_equal(virtual->config.bars[0].address, 0xc060000000);
	assert_int_equal(virtual->config.bars[0].size, 0x4000);
	assert_true(virtual->config.bars[0].wide);
	assert_int_equal(machine_function(machine, "01:00.0")->vf_sizes[0], 0x4000);
	sp_machine_destroy(machine);
}

static void finds_users(void **state) {
	struct sp_machine *machine = SNAPSHOT(
		"file " DEV "0000:00:02.0/boot_vga\n\t1\n"
		"file " DEV "0000:00:03.0/class\n\t0x020000\n"
		"file " DEV "0000:00:04.0/class\n\t0x010802\n"
		"file " DEV "0000:00:05.0/class\n\t0x010802\n"
		"file " DEV "0000:00:06.0/class\n\t0x030000\n"
		"file " DEV "0000:00:07.0/class\n\t0x020000\n"
		"link /sys/bus/platform/devices/simple-framebuffer.0 -> ../../../devices/platform/simple-framebuffer.0\n"
		"link /sys/bus/platform/devices/simple-framebuffer.0/driver -> ../../../bus/platform/drivers/simple-framebuffer\n"
		"link /sys/class/net/eth0 -> ../../devices/pci0000:00/0000:00:03.0/net/eth0\n"
		"file /sys/class/net/eth0/operstate\n\tup\n"
		"link /sys/class/net/eth1 -> ../../devices/pci0000:00/0000:00:07.0/net/eth1\n"
		"file /sys/class/net/eth1/operstate\n\tdown\n"
		"link /sys/class/block/nvme0n1p2 -> ../../devices/pci0000:00/0000:00:04.0/nvme/nvme0/nvme0n1/nvme0n1p2\n"
		"call mounted nvme0n1p2 = /\n"
		"link /sys/class/block/nvme1n1 -> ../../devices/pci0000:00/0000:00:05.0/nvme/nvme1/nvme1n1\n"
		"call mounted nvme1n1 = swap\n"
		"link /sys/class/drm/card0-DP-1 -> ../../devices/pci0000:00/0000:00:06.0/drm/card0/card0-DP-1\n"
		"file /sys/class/drm/card0-DP-1/enabled\n\tenabled\n");
	static const char *const users[] = {"firmware's framebuffer", "network eth0 is up",
		"mounted at /", "used as swap", "screen at DP-1 is on", NULL};

	(void)state;
	for (uint32_t i = 0; i < machine->function_count; i++) {
		const struct sp_function *function = &machine->functions[i];

		assert_int_equal(function->has_users, users[i] != NULL);
		if (users[i])
			assert_string_equal(function->user, users[i]);
	}
	sp_machine_destroy(machine);
}

static void tells_kinds_of_dom0(void **state) {
	static const struct {
		const char *type, *guest, *caps, *first;
		enum sp_dom0_kind kind;
	} cases[] = {
		{"xen", "PV", "control_d", NULL, SP_DOM0_IS_PV},
		{"xen", "PVH", "control_d", NULL, SP_DOM0_IS_PVH},
		{"xen", "PVH", "", NULL, SP_DOM0_IS_GUEST},
		{"xen", "HVM", "", "0", SP_DOM0_IS_GUEST},
		{"xen", "PV", NULL, "1", SP_DOM0_IS_PV},
		{"xen", "PV", NULL, NULL, SP_DOM0_UNKNOWN},
		{"kvm", NULL, NULL, NULL, SP_DOM0_NONE},
		{NULL, NULL, NULL, NULL, SP_DOM0_NONE},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sp_buf text = {0};
		struct sp_machine *machine;

		sp_buf_str(&text,
			"sallyport snapshot 1\nfile " DEV "0000:00:00.0/class\n"
			"file /proc/sys/kernel/osrelease\n\t6.1.0\n");
		if (cases[i].type)
			sp_buf_printf(&text, "file /sys/hypervisor/type\n\t%s\n", cases[i].type);
		if (cases[i].guest)
			sp_buf_printf(
				&text, "file /sys/hypervisor/guest_type\n\t%s\n", cases[i].guest);
		if (cases[i].caps)
			sp_buf_printf(&text, "file /proc/xen/capabilities\n\t%s\n", cases[i].caps);
		if (cases[i].first)
			sp_buf_printf(&text, "file /sys/hypervisor/start_flags/initdomain\n\t%s\n",
				cases[i].first);
		machine = machine_parse(text.data);
		if (machine->xen.dom0 != cases[i].kind)
			fail_msg("case %zu: %d", i, machine->xen.dom0);
		sp_machine_destroy(machine);
		sp_buf_release(&text);
	}
}

/* Xen hides DMAR from a PVH dom0; its log and the kernel's groups tell of RMRRs. */
static void finds_reserved_memory(void **state) {
	struct sp_machine *machine = SNAPSHOT(
		"file " DEV "0000:00:02.0/class\n"
		"file " DEV "0000:00:14.0/class\n"
		"file " DEV "0000:00:16.0/class\n"
		"link " DEV "0000:00:16.0/iommu_group -> ../../../kernel/iommu_groups/7\n"
		"file /sys/kernel/iommu_groups/7/reserved_regions\n"
		"\t0x0000000079d0e000 0x0000000079d2dfff direct\n"
		"\t0x00000000fee00000 0x00000000feefffff msi\n"
		"command xl dmesg\n"
		"\t(XEN) [VT-D]found ACPI_DMAR_DRHD:\n"
		"\t(XEN) [VT-D] endpoint: 0000:00:16.0\n"
		"\t(XEN) [VT-D]found ACPI_DMAR_RMRR:\n"
		"\t(XEN) [VT-D] endpoint: 0000:00:14.0\n"
		"\t(XEN) [VT-D]found ACPI_DMAR_RMRR:\n"
		"\t(XEN) [VT-D] endpoint: 0000:00:02.0\n"
		"\t(XEN) drivers/passthrough/vtd/dmar.c:610: [VT-D] RMRR: [7b800000,7fffffff]\n");

	(void)state;
	assert_int_equal(machine_function(machine, "00:14.0")->rmrrs.count, 1);
	assert_int_equal(machine_function(machine, "00:14.0")->rmrrs.data[0]->limit, 0);
	assert_int_equal(machine_function(machine, "00:02.0")->rmrrs.count, 1);
	assert_int_equal(machine_function(machine, "00:02.0")->rmrrs.data[0]->base, 0x7b800000);
	assert_int_equal(machine_function(machine, "00:02.0")->rmrrs.data[0]->limit, 0x7fffffff);
	assert_int_equal(machine_function(machine, "00:16.0")->rmrrs.count, 1);
	assert_int_equal(machine_function(machine, "00:16.0")->rmrrs.data[0]->base, 0x79d0e000);
	sp_machine_destroy(machine);
}

/* An IVMD of type 23h: for all that the IOMMU at 00:00.2 is in charge of, which ends with bus 0. */
static void claims_for_an_iommu(void **state) {
	struct sp_machine *machine =
		SNAPSHOT("file " DEV "0000:00:02.0/class\n"
			 "file " DEV "0000:01:00.0/class\n"
			 "bytes /sys/firmware/acpi/tables/IVRS size 144\n"
			 "\t00: 49 56 52 53 90 00 00 00 02 61 53 41 4c 4c 59 20\n"
			 "\t10: 50 4f 52 54 54 45 53 54 01 00 00 00 54 45 53 54\n"
			 "\t20: 01 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00\n"
			 "\t30: 10 00 20 00 02 00 40 00 00 20 20 fd 00 00 00 00\n"
			 "\t40: 00 00 00 00 00 00 00 00 03 08 00 00 04 ff 00 00\n"
			 "\t50: 10 00 20 00 02 01 40 00 00 20 30 fd 00 00 00 00\n"
			 "\t60: 00 00 00 00 00 00 00 00 03 00 01 00 04 ff 01 00\n"
			 "\t70: 23 07 20 00 02 00 00 00 00 00 00 00 00 00 00 00\n"
			 "\t80: 00 00 00 7c 00 00 00 00 00 10 00 00 00 00 00 00\n");

	(void)state;
	assert_null(machine->table_error);
	assert_true(machine->has_ivrs);
	assert_int_equal(machine_function(machine, "00:02.0")->translated, SP_YES);
	assert_int_equal(machine_function(machine, "01:00.0")->translated, SP_YES);
	assert_int_equal(machine_function(machine, "00:02.0")->unity.count, 1);
	assert_int_equal(machine_function(machine, "00:02.0")->unity.data[0]->base, 0x7c000000);
	assert_int_equal(machine_function(machine, "01:00.0")->unity.count, 0);
	sp_machine_destroy(machine);
}

static void tells_irq_0_from_none(void **state) {
	struct sp_machine *machine = SNAPSHOT("file " DEV "0000:00:02.0/irq\n\t0\n"
					      "file " DEV "0000:00:03.0/class\n");

	(void)state;
	assert_int_equal(machine_function(machine, "00:02.0")->irq, 0);
	assert_int_equal(machine_function(machine, "00:03.0")->irq, -1);
	sp_machine_destroy(machine);
}

static void reads_what_vfio_allows(void **state) {
	static const char PATH[] = "sallyport snapshot 1\nfile " DEV "0000:00:02.0/class\n"
				   "file /sys/module/vfio_iommu_type1/parameters/"
				   "allow_unsafe_interrupts\n\t";
	static const struct {
		const char *value;
		enum sp_known known;
	} CASES[] = {{"Y\n", SP_YES}, {"N\n", SP_NO}};
	struct sp_machine *machine = SNAPSHOT("file " DEV "0000:00:02.0/class\n");

	(void)state;
	assert_int_equal(machine->kernel.unsafe_interrupts, SP_UNKNOWN);
	sp_machine_destroy(machine);
	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		char text[256];

		snprintf(text, sizeof(text), "%s%s", PATH, CASES[i].value);
		machine = machine_parse(text);
		assert_int_equal(machine->kernel.unsafe_interrupts, CASES[i].known);
		sp_machine_destroy(machine);
	}
}

static void tells_what_is_translated(void **state) {
	struct sp_machine *machine;

	(void)state;
	machine = SNAPSHOT("file " DEV "0000:00:02.0/class\n"
			   "call list /sys/firmware/acpi/tables = APIC FACP\n");
	assert_int_equal(machine->firmware_iommu, SP_NO);
	assert_int_equal(machine->functions->translated, SP_NO);
	sp_machine_destroy(machine);
	machine = SNAPSHOT("file " DEV "0000:00:02.0/class\n"
			   "denied /sys/firmware/acpi/tables/IVRS\n");
	assert_int_equal(machine->firmware_iommu, SP_YES);
	assert_int_equal(machine->functions->translated, SP_UNKNOWN);
	assert_non_null(strstr(sp_machine_missing(machine, 1), "firmware's tables"));
	sp_machine_destroy(machine);
	machine = SNAPSHOT("link " DEV "0000:00:02.0/iommu_group -> ../groups/3\n"
			   "denied /sys/firmware/acpi/tables/IVRS\n");
	assert_int_equal(machine->functions->translated, SP_YES);
	sp_machine_destroy(machine);
	machine = SNAPSHOT("file " DEV "0000:00:02.0/class\n"
			   "bytes /sys/firmware/acpi/tables/DMAR size 64\n");
	assert_int_equal(machine->firmware_iommu, SP_YES);
	assert_false(machine->has_dmar);
	assert_non_null(machine->table_error);
	sp_machine_destroy(machine);
}

static void finds_words(void **state) {
	static const char line[] =
		"a=1 iommu=verbose,dom0-strict quiet a=2 b=\"x y\" iommuz=3 empty=";
	static const struct {
		const char *word, *value;
	} cases[] = {{"a", "2"}, {"iommu", "verbose,dom0-strict"}, {"quiet", ""}, {"b", "\"x y\""},
		{"y", NULL}, {"iomm", NULL}, {"empty", ""}, {"1", NULL}};
	size_t size;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *value = sp_command_line_word(line, cases[i].word, &size);

		assert_int_equal(value != NULL, cases[i].value != NULL);
		if (!value)
			continue;
		assert_int_equal(size, strlen(cases[i].value));
		assert_memory_equal(value, cases[i].value, size);
	}
	assert_null(sp_command_line_word(NULL, "a", &size));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_the_amd_gpu),
		cmocka_unit_test(reads_xen),
		cmocka_unit_test(reads_the_intel_gpu),
		cmocka_unit_test(leaves_unknown),
		cmocka_unit_test(does_without_bytes),
		cmocka_unit_test(refuses_machines),
		cmocka_unit_test(finds_bridges),
		cmocka_unit_test(cuts_circles),
		cmocka_unit_test(knows_virtual_functions),
		cmocka_unit_test(finds_users),
		cmocka_unit_test(tells_kinds_of_dom0),
		cmocka_unit_test(finds_reserved_memory),
		cmocka_unit_test(claims_for_an_iommu),
		cmocka_unit_test(tells_irq_0_from_none),
		cmocka_unit_test(reads_what_vfio_allows),
		cmocka_unit_test(tells_what_is_translated),
		cmocka_unit_test(finds_words),
	};

	return cmocka_run_group_tests_name("machine", tests, NULL, NULL);
}
