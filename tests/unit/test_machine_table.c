/* SPDX-License-Identifier: MIT */
#include "machine_text.h"

static char *table(const struct sp_machine *machine, bool all, unsigned columns, bool colour) {
	const struct sp_machine_list_options options = {
		.all = all, .columns = columns, .colour = colour};
	struct sp_error error = {0};
	char *data;
	size_t size;

	if (!sp_machine_table(machine, &options, &data, &size, &error))
		fail_msg("%s", error.message);
	assert_int_equal(strlen(data), size);
	return data;
}

static void assert_table(
	const struct sp_machine *machine, bool all, unsigned columns, const char *expected) {
	char *text = table(machine, all, columns, false);

	assert_string_equal(text, expected);
	free(text);
}

static void prints_gpus(void **state) {
	struct sp_machine *machine = machine_load("snapshots/amd-gpu.snapshot");

	(void)state;
	assert_table(machine, false, 80,
		"DEVICE        DRIVER   INTX  MSI  RESET   GROUP  ACS  ROM   BARS\n"
		"0000:03:00.0  pciback  A 36  1    pm bus  -      yes  vfct  256M 2M 1M io\n"
		"  1002:744c VGA compatible controller: Advanced Micro Devices, Inc. [AMD/ATI] Na\n"
		"  resizable BAR\n"
		"0000:03:00.1  pciback  B 37  1    pm bus  -      yes  no    16K\n"
		"  1002:ab30 Audio device: Advanced Micro Devices, Inc. [AMD/ATI] Navi 31 HDMI/DP\n");
	sp_machine_destroy(machine);
}

static void prints_all(void **state) {
	struct sp_machine *machine = machine_load("snapshots/intel-igd.snapshot");

	(void)state;
	assert_table(machine, true, 0,
		"DEVICE        DRIVER         INTX  MSI  RESET  GROUP  ACS  ROM  BARS\n"
		"0000:00:02.0  i915           A     1    flr    0      -    yes  16M 256M io\n"
		"  8086:3e92 VGA compatible controller: Intel Corporation CoffeeLake-S GT2 [UHD "
		"Graphics 630]\n"
		"  boot display; in use: console; memory reserved by firmware\n"
		"0000:00:14.0  xhci_hcd       A     1    pm     2      -    no   64K\n"
		"  8086:a36d USB controller: Intel Corporation Cannon Lake PCH USB 3.1 xHCI Host "
		"Controller\n"
		"  memory reserved by firmware\n"
		"0000:00:1f.3  snd_hda_intel  A     1    pm     3      -    no   16K 1M\n"
		"  8086:a348 Audio device: Intel Corporation Cannon Lake PCH cAVS\n");
	sp_machine_destroy(machine);
}

/* Two lines of the same length may differ in what they mean, and none may be empty or too long. */
static void is_cut(void **state) {
	struct sp_machine *machine = machine_load("snapshots/amd-gpu.snapshot");
	char *whole = table(machine, true, 0, false);

	(void)state;
	for (unsigned columns = 1; columns < 140; columns++) {
		char *text = table(machine, true, columns, false);
		const char *full = whole, *line = text;

		while (*line) {
			size_t size = strcspn(line, "\n"), length = strcspn(full, "\n");

			assert_in_range(size, 0, columns);
			assert_in_range(size, 0, length);
			assert_memory_equal(line, full, size);
			/* All that fits is there; blanks alone are cut off. */
			for (size_t i = size; i < length && i < columns; i++)
				assert_int_equal(full[i], ' ');
			line += size + 1;
			full += length + 1;
		}
		assert_int_equal(*full, '\0');
		free(text);
	}
	free(whole);
	sp_machine_destroy(machine);
}

/* Colours change nothing but colours. */
static void is_coloured(void **state) {
	struct sp_machine *machine = machine_load("snapshots/intel-igd.snapshot");

	(void)state;
	for (unsigned columns = 0; columns < 100; columns += 3) {
		char *plain = table(machine, true, columns, false);
		char *text = table(machine, true, columns, true), *to = text;

		for (const char *from = text; *from; from++) {
			if (*from == '\033') {
				from = strchr(from, 'm');
				assert_non_null(from);
			} else {
				*to++ = *from;
			}
		}
		*to = '\0';
		assert_string_equal(text, plain);
		free(plain);
		free(text);
	}
	sp_machine_destroy(machine);
}

static void prints_nothing_without_gpus(void **state) {
	struct sp_machine *machine =
		SNAPSHOT("file /sys/bus/pci/devices/0000:00:1f.0/class\n\t0x060100\n");
	struct sp_machine_list_options options = {.all = false};
	struct sp_error error = {0};
	size_t size;
	char *data;

	(void)state;
	assert_table(machine, false, 0, "");
	assert_table(machine, true, 0, "");
	assert_true(sp_machine_json(machine, &options, &data, &size, &error));
	assert_string_equal(data, "[]\n");
	free(data);
	sp_machine_destroy(machine);
}

/* Names come from lists and dumps, and could hold anything. */
static void prints_plain_text(void **state) {
	struct sp_machine *machine =
		SNAPSHOT("file /sys/bus/pci/devices/0000:00:02.0/class\n\t0x030000\n"
			 "link /sys/bus/pci/devices/0000:00:02.0/driver -> x/b\xc3\xa4\xff\n"
			 "file /sys/bus/pci/devices/0000:00:02.0/reset_method\n\t\033[31m flr\n");
	char *text = table(machine, false, 0, false);

	(void)state;
	for (const char *c = text; *c; c++)
		assert_true(*c == '\n' || (*c >= ' ' && *c <= '~'));
	assert_non_null(strstr(text, "?[31m flr"));
	free(text);
	sp_machine_destroy(machine);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prints_gpus),
		cmocka_unit_test(prints_all),
		cmocka_unit_test(is_cut),
		cmocka_unit_test(is_coloured),
		cmocka_unit_test(prints_nothing_without_gpus),
		cmocka_unit_test(prints_plain_text),
	};

	return cmocka_run_group_tests_name("machine-table", tests, NULL, NULL);
}
