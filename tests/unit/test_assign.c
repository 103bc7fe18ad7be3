/* SPDX-License-Identifier: MIT */
#include "assign_machine.h"

#include <dirent.h>
#include <stdio.h>
#include <unistd.h>

#include "xl/config.h"

static void has(struct assign_machine *made, enum sp_assign_artefact artefact, const char *text) {
	char *data = emit(made, artefact);

	if (!data || !strstr(data, text))
		fail_msg("%s lacks \"%s\":\n%s", sp_assign_artefact_name(artefact), text,
			data ? data : "(not there)");
	free(data);
}

static void lacks(struct assign_machine *made, enum sp_assign_artefact artefact, const char *text) {
	char *data = emit(made, artefact);

	if (data && strstr(data, text))
		fail_msg("%s has \"%s\":\n%s", sp_assign_artefact_name(artefact), text, data);
	free(data);
}

static bool found(struct assign_machine *made, enum sp_code code) {
	uint32_t count;
	const struct sp_finding *findings = sp_assign_findings(made->assign, &count);

	for (uint32_t i = 0; i < count; i++) {
		if (findings[i].code == code)
			return true;
	}
	return false;
}

/* guest.cfg as xl reads it. */
static struct sp_xl_config *read_config(struct assign_machine *made) {
	char *data = emit(made, SP_ASSIGN_XL);
	struct sp_xl_config *config;
	struct sp_error error = {0};

	assert_non_null(data);
	if (!sp_xl_config_parse(&config, data, strlen(data), "guest.cfg", &error))
		fail_msg("%s", error.message);
	free(data);
	return config;
}

static void is_set(const struct sp_xl_config *config, const char *name, const char *value) {
	const struct sp_xl_setting *setting = sp_xl_config_find(config, name);

	if (!value) {
		assert_null(setting);
		return;
	}
	assert_non_null(setting);
	assert_string_equal(setting->value.text, value);
}

static void is_entry(const struct sp_xl_config *config, uint32_t index, const char *value) {
	const struct sp_xl_setting *setting = sp_xl_config_find(config, "pci");

	assert_non_null(setting);
	assert_true(index < setting->value.count);
	assert_string_equal(setting->value.items[index].text, value);
}

static void test_hvm(void **state) {
	struct assign_machine made;
	struct sp_xl_config *config;

	(void)state;
	make_machine(&made);
	want(&made, SOUND);
	make_assign(&made);
	config = read_config(&made);
	is_set(config, "name", "guest");
	is_set(config, "type", "hvm");
	is_set(config, "memory", "8192");
	is_set(config, "maxmem", "8192");
	is_set(config, "kernel", NULL);
	is_set(config, "rdm", NULL);
	is_set(config, "e820_host", NULL);
	is_set(config, "mmio_hole", NULL);
	is_set(config, "vga", NULL);
	is_entry(config, 0, "0000:03:00.0@10");
	is_entry(config, 1, "0000:03:00.1@11");
	assert_int_equal(sp_xl_config_find(config, "pci")->value.count, 2);
	sp_xl_config_destroy(config);
	assert_true(found(&made, SP_CODE_PCI_SLOT_APART));
	has(&made, SP_ASSIGN_REPORT, "00:11.0 Audio device [0403]: [10de:22ba]");
	lacks(&made, SP_ASSIGN_QEMU, "");
	lacks(&made, SP_ASSIGN_LIBVIRT, "");
	lacks(&made, SP_ASSIGN_COMMANDS, "");
	lacks(&made, SP_ASSIGN_MODPROBE, "");
	release_machine(&made);
}

static void test_own_words(void **state) {
	struct assign_machine made;
	struct sp_xl_config *config;

	(void)state;
	make_machine(&made);
	made.request.kernel = "/boot/a \"b\" \\c";
	made.request.ramdisk = "/boot/i";
	made.request.command_line = "root=/dev/xvda 'x' $(id)";
	make_assign(&made);
	config = read_config(&made);
	is_set(config, "kernel", "/boot/a \"b\" \\c");
	is_set(config, "ramdisk", "/boot/i");
	is_set(config, "extra", "root=/dev/xvda 'x' $(id)");
	sp_xl_config_destroy(config);
	release_machine(&made);
}

static void test_pv(void **state) {
	struct assign_machine made;
	struct sp_xl_config *config;

	(void)state;
	make_machine(&made);
	made.request.situation.guest = SP_GUEST_PV;
	made.request.situation.permissive = true;
	add_rmrr(&made, CARD);
	want(&made, VIRTUAL);
	make_assign(&made);
	config = read_config(&made);
	is_set(config, "type", "pv");
	is_set(config, "e820_host", "1");
	is_entry(config, 0, "0000:03:00.0,permissive=1");
	is_entry(config, 1, "0000:04:10.2,permissive=1");
	sp_xl_config_destroy(config);
	has(&made, SP_ASSIGN_REPORT, "00:01.0 Ethernet controller");
	release_machine(&made);
}

static void test_reserved_memory(void **state) {
	struct assign_machine made;
	struct sp_xl_config *config;

	(void)state;
	make_machine(&made);
	made.machine.has_dmar = true;
	add_rmrr(&made, CARD);
	want(&made, SOUND);
	make_assign(&made);
	config = read_config(&made);
	is_entry(config, 0, "0000:03:00.0@10,rdm_policy=strict");
	is_entry(config, 1, "0000:03:00.1@11");
	sp_xl_config_destroy(config);
	made.request.situation.relaxed_rdm = true;
	make_assign(&made);
	config = read_config(&made);
	is_entry(config, 0, "0000:03:00.0@10,rdm_policy=relaxed");
	is_entry(config, 1, "0000:03:00.1@11");
	sp_xl_config_destroy(config);
	/* Without the tables nobody knows. */
	made.machine.has_dmar = false;
	make_assign(&made);
	config = read_config(&made);
	is_entry(config, 1, "0000:03:00.1@11,rdm_policy=relaxed");
	sp_xl_config_destroy(config);
	release_machine(&made);
}

static void test_device_model(void **state) {
	struct assign_machine made;
	struct sp_xl_config *config;

	(void)state;
	make_machine(&made);
	made.request.situation.stubdomain = true;
	make_assign(&made);
	config = read_config(&made);
	is_set(config, "device_model_stubdomain_override", "1");
	is_set(config, "gfx_passthru", NULL);
	sp_xl_config_destroy(config);
	made.request.situation.stubdomain = false;
	made.request.situation.gfx_passthru = true;
	made.wanted[0] = made.functions[IGD].bdf;
	make_assign(&made);
	config = read_config(&made);
	is_set(config, "gfx_passthru", "igd");
	is_entry(config, 0, "0000:00:02.0");
	sp_xl_config_destroy(config);
	has(&made, SP_ASSIGN_REPORT, "in the guest  00:02.0");
	made.request.situation.hypervisor = SP_HYPERVISOR_KVM;
	make_assign(&made);
	has(&made, SP_ASSIGN_QEMU, "bus=pcie.0,addr=02.0,x-igd-opregion=on\n");
	has(&made, SP_ASSIGN_LIBVIRT, "<alias name='ua-sallyport0'/>");
	has(&made, SP_ASSIGN_LIBVIRT, "<qemu:device alias='ua-sallyport0'>");
	/* Intel's cards are none of the processor's. */
	made.functions[CARD].config.vendor = 0x8086;
	made.wanted[0] = made.functions[CARD].bdf;
	make_assign(&made);
	lacks(&made, SP_ASSIGN_QEMU, "addr=02.0");
	release_machine(&made);
}

static void test_hole_is_set(void **state) {
	struct assign_machine made;
	struct sp_xl_config *config;

	(void)state;
	make_machine(&made);
	set_bar(&made.functions[CARD], 0, 0xb0000000, MIB(256), false);
	make_assign(&made);
	config = read_config(&made);
	is_set(config, "mmio_hole", "512");
	sp_xl_config_destroy(config);
	assert_true(found(&made, SP_CODE_PCI_HOLE_SET));
	made.request.situation.guest = SP_GUEST_PV;
	make_assign(&made);
	assert_false(found(&made, SP_CODE_PCI_HOLE_SET));
	release_machine(&made);
}

static void test_vectors(void **state) {
	struct assign_machine made;

	(void)state;
	make_machine(&made);
	made.functions[CARD].config.has_msix = true;
	made.functions[CARD].config.msix.vectors = 32;
	make_assign(&made);
	assert_false(found(&made, SP_CODE_PCI_VECTORS));
	made.functions[CARD].config.msix.vectors = 33;
	make_assign(&made);
	assert_true(found(&made, SP_CODE_PCI_VECTORS));
	has(&made, SP_ASSIGN_BOOTARGS, "extra_guest_irqs=128");
	release_machine(&made);
}

static void test_kvm(void **state) {
	struct assign_machine made;

	(void)state;
	make_machine(&made);
	made.request.situation.hypervisor = SP_HYPERVISOR_KVM;
	made.request.rom = "/roms/a,b&\"c\".rom";
	want(&made, SOUND);
	want(&made, VIRTUAL);
	make_assign(&made);
	lacks(&made, SP_ASSIGN_XL, "");
	has(&made, SP_ASSIGN_QEMU,
		"vfio-pci,host=0000:03:00.0,id=sallyport0,bus=sallyport-port0,addr=00.0,"
		"multifunction=on,romfile=/roms/a,,b&\"c\".rom\n");
	has(&made, SP_ASSIGN_QEMU,
		"vfio-pci,host=0000:03:00.1,id=sallyport1,bus=sallyport-port0,addr=00.1\n");
	has(&made, SP_ASSIGN_QEMU,
		"vfio-pci,host=0000:04:10.2,id=sallyport2,bus=sallyport-port1,addr=00.0\n");
	has(&made, SP_ASSIGN_LIBVIRT, "<rom file=\"/roms/a,b&amp;&quot;c&quot;.rom\"/>");
	has(&made, SP_ASSIGN_LIBVIRT, "function='0x0' multifunction='on'/>");
	has(&made, SP_ASSIGN_TAKE, "driver_override");
	lacks(&made, SP_ASSIGN_TAKE, "xl ");
	release_machine(&made);
}

/* A slot without function 0 is not seen by the guest. */
static void test_kvm_without_function_zero(void **state) {
	struct assign_machine made;

	(void)state;
	make_machine(&made);
	made.request.situation.hypervisor = SP_HYPERVISOR_KVM;
	made.functions[TWIN].bdf = SP_BDF(0, 3, 0, 3);
	made.functions[PHYSICAL].bdf = SP_BDF(0, 3, 0, 2);
	made.machine.function_count = TWIN + 1;
	/* Sorted again. */
	struct sp_function twin = made.functions[TWIN];
	made.functions[VIRTUAL] = twin;
	made.machine.function_count = VIRTUAL + 1;
	made.request.function_count = 0;
	want(&made, PHYSICAL);
	want(&made, VIRTUAL);
	make_assign(&made);
	has(&made, SP_ASSIGN_QEMU,
		"host=0000:03:00.2,id=sallyport0,bus=sallyport-port0,addr=00.0,"
		"multifunction=on");
	has(&made, SP_ASSIGN_QEMU, "host=0000:03:00.3,id=sallyport1,bus=sallyport-port0,addr=00.1");
	release_machine(&made);
}

static void test_at_boot(void **state) {
	struct assign_machine made;

	(void)state;
	make_machine(&made);
	made.request.at_boot = true;
	want(&made, SOUND);
	want(&made, VIRTUAL);
	make_assign(&made);
	has(&made, SP_ASSIGN_MODPROBE, "options xen-pciback hide=(0000:03:00.0)(0000:03:00.1)\n");
	has(&made, SP_ASSIGN_MODPROBE, "softdep nouveau pre: xen-pciback\n");
	has(&made, SP_ASSIGN_MODPROBE, "softdep snd_hda_intel pre: xen-pciback\n");
	has(&made, SP_ASSIGN_BOOTARGS, "\nxen-pciback.hide=(0000:03:00.0)(0000:03:00.1)\n");
	assert_true(found(&made, SP_CODE_PCI_BOOT_VF));
	assert_false(found(&made, SP_CODE_PCI_BOOT_IDS));
	/* By IDs, another sound function would be taken, too. */
	made.request.situation.hypervisor = SP_HYPERVISOR_KVM;
	make_assign(&made);
	has(&made, SP_ASSIGN_MODPROBE, "options vfio-pci ids=10de:2684\n");
	assert_true(found(&made, SP_CODE_PCI_BOOT_IDS));
	want(&made, TWIN);
	make_assign(&made);
	has(&made, SP_ASSIGN_MODPROBE, "options vfio-pci ids=10de:2684,10de:22ba\n");
	assert_false(found(&made, SP_CODE_PCI_BOOT_IDS));
	release_machine(&made);
}

/* A function that cannot be held by its IDs says nothing for another one of the same driver. */
static void test_at_boot_same_driver(void **state) {
	struct assign_machine made;

	(void)state;
	make_machine(&made);
	made.request.situation.hypervisor = SP_HYPERVISOR_KVM;
	made.request.at_boot = true;
	made.functions[PHYSICAL].driver = "snd_hda_intel";
	made.wanted[0] = made.functions[SOUND].bdf;
	want(&made, PHYSICAL);
	make_assign(&made);
	has(&made, SP_ASSIGN_MODPROBE, "options vfio-pci ids=8086:10c9\n");
	has(&made, SP_ASSIGN_MODPROBE, "softdep snd_hda_intel pre: vfio-pci\n");
	release_machine(&made);
}

static void test_command_lines(void **state) {
	struct assign_machine made;

	(void)state;
	make_machine(&made);
	made.request.situation.dom0 = SP_DOM0_PVH;
	make_assign(&made);
	has(&made, SP_ASSIGN_BOOTARGS, "\ndom0=pvh,pf-fixup\n");
	made.request.situation.target = SP_TARGET_XEN_4_22;
	make_assign(&made);
	has(&made, SP_ASSIGN_BOOTARGS, "\ndom0=pvh\n");
	has(&made, SP_ASSIGN_BOOTARGS, "# dom0_mem=4096M,max:4096M\n");
	made.machine.xen.command_line = "placeholder dom0=pvh iommu=off dom0_mem=2G";
	made.machine.kernel.command_line = "quiet xen-pciback.hide=(0000:03:00.0)";
	make_assign(&made);
	has(&made, SP_ASSIGN_BOOTARGS, "# (is there already) dom0=pvh\n");
	has(&made, SP_ASSIGN_BOOTARGS, "# Take away iommu=off");
	has(&made, SP_ASSIGN_BOOTARGS, "# (is there already) xen-pciback.hide=(0000:03:00.0)\n");
	/* Behind other items, or in an earlier word, Xen obeys it as well; not if it is undone. */
	made.machine.xen.command_line = "iommu=verbose,no iommu=intremap dom0_mem=2G";
	make_assign(&made);
	has(&made, SP_ASSIGN_BOOTARGS, "# Take away iommu=no:");
	made.machine.xen.command_line = "iommu=off iommu=verbose,on dom0_mem=2G";
	make_assign(&made);
	lacks(&made, SP_ASSIGN_BOOTARGS, "Take away");
	lacks(&made, SP_ASSIGN_BOOTARGS, "dom0_mem");
	lacks(&made, SP_ASSIGN_BOOTARGS, "the last one counts");
	made.machine.kernel.command_line = "quiet xen-pciback.hide=(0000:04:00.0)";
	make_assign(&made);
	has(&made, SP_ASSIGN_BOOTARGS, "\nxen-pciback.hide=(0000:03:00.0)\n# There is one already");
	made.functions[CARD].boot_display = true;
	make_assign(&made);
	has(&made, SP_ASSIGN_BOOTARGS, "initcall_blacklist=sysfb_init\n");
	made.request.situation.hypervisor = SP_HYPERVISOR_KVM;
	made.machine.has_dmar = true;
	make_assign(&made);
	has(&made, SP_ASSIGN_BOOTARGS, "\nintel_iommu=on\n");
	release_machine(&made);
}

static void test_toolstacks(void **state) {
	struct assign_machine made;

	(void)state;
	make_machine(&made);
	want(&made, SOUND);
	made.functions[SOUND].reset_count = 0;
	made.request.toolstack = SP_TOOLSTACK_QUBES;
	make_assign(&made);
	has(&made, SP_ASSIGN_COMMANDS, "\ngive \"$vm\" dom0:03_00.0\n");
	has(&made, SP_ASSIGN_COMMANDS,
		"\ngive --option no-strict-reset=true \"$vm\" dom0:03_00.1\n");
	has(&made, SP_ASSIGN_COMMANDS, "qvm-prefs \"$vm\" maxmem 0\n");
	has(&made, SP_ASSIGN_BOOTARGS, "\nrd.qubes.hide_pci=03:00.0,03:00.1\n");
	lacks(&made, SP_ASSIGN_XL, "");
	lacks(&made, SP_ASSIGN_TAKE, "");
	made.request.toolstack = SP_TOOLSTACK_XCP_NG;
	make_assign(&made);
	has(&made, SP_ASSIGN_COMMANDS, "\nhide 0000:03:00.1\n");
	has(&made, SP_ASSIGN_COMMANDS, "other-config:pci=0/0000:03:00.0,0/0000:03:00.1\n");
	release_machine(&made);
}

static void test_whole_slot(void **state) {
	struct assign_machine made;

	(void)state;
	make_machine(&made);
	made.request.whole_slot = true;
	make_assign(&made);
	assert_int_equal(made.assign->given.count, 2);
	assert_false(made.assign->given.data[0].along);
	assert_true(made.assign->given.data[1].along);
	/* In the order of the request, each once, and what was named did not come along. */
	made.wanted[0] = made.functions[SOUND].bdf;
	want(&made, CARD);
	want(&made, SOUND);
	make_assign(&made);
	assert_int_equal(made.assign->given.count, 2);
	assert_ptr_equal(made.assign->given.data[0].function, &made.functions[SOUND]);
	assert_false(made.assign->given.data[1].along);
	/* Virtual functions share a slot with those of others. */
	made.functions[TWIN].bdf = SP_BDF(0, 4, 16, 4);
	made.functions[TWIN].physical = &made.functions[PHYSICAL];
	made.wanted[0] = made.functions[VIRTUAL].bdf;
	made.request.function_count = 1;
	make_assign(&made);
	assert_int_equal(made.assign->given.count, 1);
	release_machine(&made);
}

static void test_virtual(void **state) {
	struct assign_machine made;

	(void)state;
	make_machine(&made);
	made.wanted[0] = made.functions[VIRTUAL].bdf;
	make_assign(&made);
	assert_int_equal(sp_given_vf(&made.assign->given.data[0]), 1);
	has(&made, SP_ASSIGN_TAKE, "\nvirtual 0000:04:10.2 0000:04:00.0 2\n");
	has(&made, SP_ASSIGN_TAKE, "vf 1 mac 02:");
	/* More than there are now. */
	made.functions[VIRTUAL].bdf = made.wanted[0] = SP_BDF(0, 4, 16, 6);
	make_assign(&made);
	has(&made, SP_ASSIGN_TAKE, "\nvirtual 0000:04:10.6 0000:04:00.0 4\n");
	/* Numbers that cannot be. */
	made.functions[PHYSICAL].config.sriov.stride = 0;
	make_assign(&made);
	assert_int_equal(sp_given_vf(&made.assign->given.data[0]), UINT32_MAX);
	lacks(&made, SP_ASSIGN_TAKE, "mac 02:");
	release_machine(&made);
}

static void test_same_bytes(void **state) {
	struct assign_machine made;

	(void)state;
	make_machine(&made);
	want(&made, SOUND);
	for (int i = 0; i < SP_ASSIGN_ARTEFACT_COUNT; i++) {
		char *first, *second;

		make_assign(&made);
		first = emit(&made, (enum sp_assign_artefact)i);
		make_assign(&made);
		second = emit(&made, (enum sp_assign_artefact)i);
		assert_true(first ? second && strcmp(first, second) == 0 : !second);
		free(first);
		free(second);
	}
	release_machine(&made);
}

static void refused(struct assign_machine *made, const char *says) {
	struct sp_error error = {0};
	struct sp_assign *assign = NULL;

	assert_false(sp_assign_create(&assign, &made->machine, &made->request, &error));
	assert_null(assign);
	assert_int_equal(error.kind, SP_ERROR_USE);
	if (!strstr(error.message, says))
		fail_msg("\"%s\" does not say \"%s\"", error.message, says);
}

static void test_refused(void **state) {
	struct assign_machine made;

	(void)state;
	make_machine(&made);
	made.wanted[0] = SP_BDF(0, 3, 0, 4);
	refused(&made, "no function 0000:03:00.4; the nearest: 0000:03:00.1, 0000:03:00.0, ");
	made.wanted[0] = SP_BDF(0xffff, 0xff, 31, 7);
	refused(&made, "the nearest: 0001:05:00.0, ");
	made.machine.function_count = 1;
	refused(&made, "the machine has no function ffff:ff:1f.7");
	made.request.function_count = 0;
	refused(&made, "no function is named");
	release_machine(&made);
	make_machine(&made);
	made.request.rom = "x.rom";
	refused(&made, "ROM file");
	made.request.rom = NULL;
	made.request.situation.guest = SP_GUEST_PV;
	made.request.situation.stubdomain = true;
	refused(&made, "a stub domain: a guest of kind pv");
	made.request.situation.hypervisor = SP_HYPERVISOR_KVM;
	refused(&made, "with Xen alone");
	made.request.situation.stubdomain = false;
	refused(&made, "of kind hvm, not pv");
	made.request.toolstack = SP_TOOLSTACK_QUBES;
	refused(&made, "commands for Qubes");
	made.request.situation.hypervisor = SP_HYPERVISOR_XEN;
	made.wanted[0] = made.functions[TWIN].bdf;
	refused(&made, "segment 0000 alone");
	made.request.toolstack = SP_TOOLSTACK_XL;
	made.request.memory = 0;
	refused(&made, "memory");
	made.request.memory = 1;
	made.request.kernel = "a\nb";
	refused(&made, "control character");
	release_machine(&made);
}

static uint32_t count_files(const char *path) {
	DIR *folder = opendir(path);
	uint32_t count = 0;

	assert_non_null(folder);
	for (struct dirent *entry; (entry = readdir(folder));)
		count += entry->d_name[0] != '.';
	closedir(folder);
	return count;
}

static void test_write(void **state) {
	char top[] = "/tmp/sallyport-XXXXXX", path[64], command[128];
	struct sp_error error = {0};
	struct assign_machine made;

	(void)state;
	assert_non_null(mkdtemp(top));
	snprintf(path, sizeof(path), "%s/plan", top);
	make_machine(&made);
	make_assign(&made);
	assert_int_not_equal(sp_assign_verdict(made.assign), SP_VERDICT_NO);
	assert_true(sp_assign_write(made.assign, path, false, &error));
	assert_int_equal(count_files(path), 6);
	assert_false(sp_assign_write(made.assign, path, false, &error));
	assert_int_equal(error.kind, SP_ERROR_USE);
	/* What a plan with errors does not have goes. */
	made.request.situation.guest = SP_GUEST_PVH;
	make_assign(&made);
	assert_int_equal(sp_assign_verdict(made.assign), SP_VERDICT_NO);
	assert_true(sp_assign_write(made.assign, path, true, &error));
	assert_int_equal(count_files(path), 2);
	made.request.keep_going = true;
	made.request.at_boot = true;
	make_assign(&made);
	assert_true(sp_assign_write(made.assign, path, true, &error));
	assert_int_equal(count_files(path), 7);
	made.request.situation.hypervisor = SP_HYPERVISOR_KVM;
	made.request.situation.guest = SP_GUEST_HVM;
	make_assign(&made);
	assert_true(sp_assign_write(made.assign, path, true, &error));
	assert_int_equal(count_files(path), 8);
	snprintf(command, sizeof(command), "rm -r %s", top);
	assert_int_equal(system(command), 0);
	release_machine(&made);
}

static void test_parse(void **state) {
	enum sp_toolstack toolstack = SP_TOOLSTACK_XL;

	(void)state;
	assert_true(sp_toolstack_parse("qubes", &toolstack));
	assert_int_equal(toolstack, SP_TOOLSTACK_QUBES);
	assert_true(sp_toolstack_parse("xcp-ng", &toolstack));
	assert_int_equal(toolstack, SP_TOOLSTACK_XCP_NG);
	assert_false(sp_toolstack_parse("Qubes", &toolstack));
	assert_false(sp_toolstack_parse("", &toolstack));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hvm),
		cmocka_unit_test(test_own_words),
		cmocka_unit_test(test_pv),
		cmocka_unit_test(test_reserved_memory),
		cmocka_unit_test(test_device_model),
		cmocka_unit_test(test_hole_is_set),
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_kvm),
		cmocka_unit_test(test_kvm_without_function_zero),
		cmocka_unit_test(test_at_boot),
		cmocka_unit_test(test_at_boot_same_driver),
		cmocka_unit_test(test_command_lines),
		cmocka_unit_test(test_toolstacks),
		cmocka_unit_test(test_whole_slot),
		cmocka_unit_test(test_virtual),
		cmocka_unit_test(test_same_bytes),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_write),
		cmocka_unit_test(test_parse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
