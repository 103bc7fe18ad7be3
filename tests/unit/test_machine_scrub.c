/* SPDX-License-Identifier: MIT */
#include "machine_text.h"

#include "machine/scrub.h"

#define DEV "/sys/bus/pci/devices/"

/* One of each kind of what tells a machine from another, and none of it may be in a report. */
static const char planted[] =
	"sallyport snapshot 1\n"
	"file " DEV "0000:00:03.0/class\n\t0x020000\n"
	"file /proc/cmdline\n"
	"\tBOOT_IMAGE=/vmlinuz-alicepc root=UUID=3b1f2c4d-5e6f-4a7b-8c9d-0e1f2a3b4c5d ro "
	"ip=192.0.2.17::192.0.2.1:255.255.255.0:alicepc:eth0 rd.luks.key=/secret.key "
	"password=hunter2 console=ttyS0,115200 intel_iommu=on dyndbg=\"file hunter3 +p\" "
	"BOOTIF=01-aa-bb-cc-dd-ee-f1 xen-pciback.hide=(0000:03:00.0) -- init-secret\n"
	"file /proc/version\n"
	"\tLinux version 6.12.94 (bob@alicepc) (gcc 14) #1 SMP\n"
	"link /sys/class/net/enx0a1b2c3d4e5f -> ../../devices/pci0000:00/0000:00:03.0/net/"
	"enx0a1b2c3d4e5f\n"
	"file /sys/class/net/enx0a1b2c3d4e5f/operstate\n\tup\n"
	"link /sys/class/net/enp3s0 -> ../../devices/pci0000:00/0000:00:03.0/net/enp3s0\n"
	"command xl info\n"
	"\thost                   : alicepc\n"
	"\trelease                : 6.12.94\n"
	"\txen_commandline        : dom0=pvh placeholder\n"
	"\tcc_compile_by          : carol\n"
	"\tcc_compile_domain      : example.org\n"
	"\thw_caps                : 078bf3fd:f6d83203:24500800:00000175\n"
	"command xl dmesg\n"
	"\t(XEN) Xen version 4.20.3 (carol@example.org) (gcc 14.2.0) debug=n\n"
	"\t(XEN) on alicepc, NIC 0A:1B:2C:3D:4E:5F, 3B1F2C4D-5E6F-4A7B-8C9D-0E1F2A3B4C5D\n";

static const char *const secrets[] = {"alicepc", "3b1f2c4d", "3B1F2C4D", "0e1f2a3b4c5d", "192.0.2",
	"secret", "hunter", "0a1b2c", "0A:1B", "aa-bb-cc", "bob", "carol", "example.org"};
static const char *const kept[] = {"console=ttyS0,115200", "intel_iommu=on", "rd.luks.key=?",
	"password=?", "dyndbg=?", "root=?", "ip=?", "-- ?", "xen-pciback.hide=(0000:03:00.0)",
	"/sys/class/net/enx000000000000/operstate", "/sys/class/net/enp3s0 -> ",
	"078bf3fd:f6d83203:24500800:00000175", "dom0=pvh placeholder", "0000:00:03.0",
	"Linux version 6.12.94 ((left out)) (gcc 14) #1 SMP", "00:00:00:00:00:00"};

static char *written(const struct sp_machine *machine) {
	struct sp_error error = {0};
	char *data;
	size_t size;

	if (!sp_machine_write(machine, &data, &size, &error))
		fail_msg("%s", error.message);
	assert_int_equal(strlen(data), size);
	return data;
}

static void leaves_out_what_is_planted(void **state) {
	struct sp_machine *machine = machine_parse(planted), *again;
	char *text = written(machine), *twice;

	(void)state;
	for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++) {
		/* A test that looks for nothing would see nothing. */
		assert_non_null(strstr(planted, secrets[i]));
		if (strstr(text, secrets[i]))
			fail_msg("%s is left in\n%s", secrets[i], text);
	}
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		if (!strstr(text, kept[i]))
			fail_msg("%s is lost\n%s", kept[i], text);
	}
	/* The machine itself is as it was. */
	assert_non_null(strstr(machine->kernel.command_line, "hunter2"));
	again = machine_parse(text);
	twice = written(again);
	assert_string_equal(text, twice);
	free(text);
	free(twice);
	sp_machine_destroy(again);
	sp_machine_destroy(machine);
}

/* Hosts that are called after what runs on them: their names are words of these texts. */
static void keeps_common_words(void **state) {
	static const char *const hosts[] = {"dom0", "xen", "pvh", "Dom0", "0"};

	(void)state;
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		char text[512], *out;
		struct sp_machine *machine;

		snprintf(text, sizeof(text),
			"sallyport snapshot 1\n"
			"file " DEV "0000:00:03.0/class\n\t0x020000\n"
			"file /proc/cmdline\n\txen-pciback.hide=(0000:03:00.0)\n"
			"command xl info\n\thost : %s\n\txen_commandline : dom0=pvh iommu=1\n"
			"\txen_caps : xen-3.0-x86_64\n",
			hosts[i]);
		machine = machine_parse(text);
		out = written(machine);
		assert_non_null(strstr(out, "dom0=pvh iommu=1\n"));
		assert_non_null(strstr(out, "xen-pciback.hide=(0000:03:00.0)\n"));
		assert_non_null(strstr(out, "xen-3.0-x86_64"));
		free(out);
		sp_machine_destroy(machine);
	}
}

static void leaves_out_names_and_logs(void **state) {
	struct sp_machine *machine = machine_parse(
		"sallyport snapshot 1\n"
		"file " DEV "0000:00:03.0/class\n\t0x020000\n"
		"file /proc/cmdline\n\tiommu=pt\tkey=hunter2 rd.qubes.hide_pci=03:00.0 quiet "
		"drm.edid_firmware=edid/hunter3.bin\n"
		"command xl info\n\thost : alicepc.example.net\n"
		"command xl dmesg\n"
		"\t(XEN) on alicepc, and alicepc.example.net\n"
		"\t[    2.1] usb 1-1: SerialNumber: AB12\n"
		"\t(XEN) the end\n"
		"\talice login:\n");
	char *text = written(machine);

	(void)state;
	assert_null(strstr(text, "alicepc"));
	assert_null(strstr(text, "AB12"));
	assert_null(strstr(text, "hunter"));
	assert_non_null(strstr(text, "\tiommu=pt\tkey=? rd.qubes.hide_pci=03:00.0 quiet "));
	assert_non_null(strstr(text, "\t(XEN) the end\ncommand xl info\n"));
	free(text);
	sp_machine_destroy(machine);
}

/* "Capabilities: [140] Device Serial Number 52-54-00-ff-ff-12-34-04" */
static void leaves_out_serial_numbers(void **state) {
	struct sp_machine *machine = machine_load("lspci/igb.txt"), *again;
	const struct sp_function *function = machine_function(machine, "00:07.0");
	static const char name[] = DEV "0000:00:07.0/config";
	const struct sp_record *before = sp_files_get(&machine->files, name), *after;
	char *text = written(machine);

	(void)state;
	assert_true(function->config.has_serial);
	assert_int_equal(function->config.serial_at, 0x140);
	assert_memory_equal(before->data + 0x144, "\x04\x34\x12\xff\xff\x00\x54\x52", 8);
	again = machine_parse(text);
	after = sp_files_get(&again->files, name);
	assert_int_equal(after->size, before->size);
	assert_memory_equal(after->data, before->data, 0x144);
	assert_memory_equal(after->data + 0x144, "\0\0\0\0\0\0\0\0", 8);
	assert_memory_equal(after->data + 0x14c, before->data + 0x14c, before->size - 0x14c);
	assert_true(machine_function(again, "00:07.0")->config.has_serial);
	free(text);
	sp_machine_destroy(again);
	sp_machine_destroy(machine);
}

/* Vital Product Data: the window through which serial numbers are read. */
static void leaves_out_product_data(void **state) {
	struct sp_machine *machine =
		SNAPSHOT("bytes " DEV "0000:00:03.0/config size 256\n"
			 "\t00: 86 80 d3 10 07 05 10 00 00 00 00 02 00 00 00 00\n"
			 "\t34: 40\n"
			 "\t40: 03 00 10 80 53 4e 31 32 77\n");
	char *text = written(machine);

	(void)state;
	assert_int_equal(machine->functions->config.vpd_at, 0x40);
	assert_null(strstr(text, "53 4e 31 32"));
	assert_non_null(strstr(text, "0040: 03 00 00 00 00 00 00 00 77"));
	free(text);
	sp_machine_destroy(machine);
}

static void knows_addresses(void **state) {
	static const char *const cases[][2] = {
		{"0a:1b:2c:3d:4e:5f", "00:00:00:00:00:00"},
		{"x 0a-1b-2c-3d-4e-5f y", "x 00-00-00-00-00-00 y"},
		{"0a:1b:2c:3d:4e:5f:60:71", "00:00:00:00:00:00:00:00"},
		{"0a:1b:2c:3d:4e", "0a:1b:2c:3d:4e"},
		{"0a:1b:2c:3d:4e:5", "0a:1b:2c:3d:4e:5"},
		{"0000:03:00.0", "0000:03:00.0"},
		{"wlx0a1b2c3d4e5f", "wlx000000000000"},
		{"enx0a1b", "enx0a1b"},
		{"3b1f2c4d-5e6f-4a7b-8c9d-0e1f2a3b4c5d", "00000000-0000-0000-0000-000000000000"},
		{"3b1f2c4d-5e6f-4a7b-8c9d-0e1f2a3b4c5", "3b1f2c4d-5e6f-4a7b-8c9d-0e1f2a3b4c5"},
		{"00100000-09afefff : System RAM", "00100000-09afefff : System RAM"},
		{"", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[64];

		snprintf(text, sizeof(text), "%s", cases[i][0]);
		scrub_macs(text, strlen(text));
		scrub_uuids(text, strlen(text));
		assert_string_equal(text, cases[i][1]);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(leaves_out_what_is_planted),
		cmocka_unit_test(keeps_common_words),
		cmocka_unit_test(leaves_out_names_and_logs),
		cmocka_unit_test(leaves_out_serial_numbers),
		cmocka_unit_test(leaves_out_product_data),
		cmocka_unit_test(knows_addresses),
	};

	return cmocka_run_group_tests_name("machine-scrub", tests, NULL, NULL);
}
