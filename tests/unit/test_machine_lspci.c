/* SPDX-License-Identifier: MIT */
#include "machine_text.h"

#define ROWS \
	"00: 86 80 d3 10 07 05 10 00 00 00 00 02 00 00 00 00\n" \
	"30: 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00\n"

static void reads_a_real_one(void **state) {
	struct sp_machine *machine = machine_load("lspci/igb.txt");
	const struct sp_function *igb = machine_function(machine, "01:00.0");
	const struct sp_function *e1000e = machine_function(machine, "00:07.0");
	const struct sp_function *display = machine_function(machine, "00:02.0");

	(void)state;
	assert_int_equal(sp_machine_source(machine), SP_MACHINE_LSPCI);
	assert_int_equal(machine->function_count, 5);
	assert_int_equal(igb->config.known, 4096);
	assert_int_equal(display->config.known, 256);
	assert_string_equal(igb->driver, "igb");
	assert_string_equal(e1000e->driver, "vfio-pci");
	assert_int_equal(e1000e->assignable, SP_YES);
	assert_int_equal(igb->assignable, SP_NO);
	assert_int_equal(igb->group, 10);
	assert_true(machine->groups_known);
	assert_int_equal(igb->config.bars[0].size, 128 << 10);
	assert_int_equal(igb->config.bars[2].size, 32);
	assert_true(igb->config.bars[2].io);
	assert_int_equal(display->config.bars[0].size, 16 << 20);
	assert_int_equal(e1000e->config.rom.size, 256 << 10);
	assert_string_equal(igb->name, "Intel Corporation 82576 Gigabit Network Connection");
	assert_null(display->name);
	assert_ptr_equal(igb->bridge, machine_function(machine, "00:03.0"));
	/* Nobody asked for these. */
	assert_false(igb->resets_known);
	assert_int_equal(igb->rom_readable, SP_UNKNOWN);
	assert_int_equal(machine->xen.dom0, SP_DOM0_UNKNOWN);
	sp_machine_destroy(machine);
}

static void reads_headings(void **state) {
	static const struct {
		const char *heading, *address, *name;
	} cases[] = {
		{"03:00.0 VGA compatible controller: AMD Navi 31 (rev c8) (prog-if 00 [VGA controller])",
			"0000:03:00.0", "AMD Navi 31"},
		{"0001:03:00.0 VGA compatible controller [0300]: AMD Navi 31 [1002:744c] (rev c8)",
			"0001:03:00.0", "AMD Navi 31"},
		{"03:00.0 0300: 1002:744c (rev c8)", "0000:03:00.0", NULL},
		{"03:00.0 VGA compatible controller: Device 1234:1111", "0000:03:00.0", NULL},
		{"03:00.0 x", "0000:03:00.0", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sp_machine *machine;
		char text[512];

		snprintf(text, sizeof(text), "%s\n" ROWS, cases[i].heading);
		machine = machine_parse(text);
		assert_int_equal(machine->function_count, 1);
		assert_int_equal(machine->functions->config.vendor, 0x8086);
		assert_ptr_equal(machine->functions, machine_function(machine, cases[i].address));
		assert_int_equal(machine->functions->name != NULL, cases[i].name != NULL);
		if (cases[i].name)
			assert_string_equal(machine->functions->name, cases[i].name);
		sp_machine_destroy(machine);
	}
}

static void reads_details(void **state) {
	struct sp_machine *machine = machine_parse(
		"03:00.0 VGA compatible controller: x\r\n"
		"\tInterrupt: pin A routed to IRQ 120\r\n"
		"\tNUMA node: 1\r\n"
		"\tIOMMU group: 14\r\n"
		"\tRegion 0: Memory at 7c00000000 (64-bit, prefetchable) [size=16G]\r\n"
		"\tRegion 2: Memory at <unassigned> (64-bit, non-prefetchable) [virtual] [size=2M]\r\n"
		"\tRegion 4: I/O ports at e000 [size=256]\r\n"
		"\tRegion 5: [virtual] Memory at fcb00000 (32-bit, non-prefetchable) [size=1M]\r\n"
		"\tExpansion ROM at 000c0000 [disabled] [size=128K]\r\n"
		"\tCapabilities: [200 v1] Physical Resizable BAR\r\n"
		"\t\tBAR 0: current size: 16GB, supported: 256MB 512MB 1GB 2GB 4GB 8GB 16GB 32GB\r\n"
		"\t\tRegion 1: Memory at 1000 (64-bit, prefetchable) [size=4K]\r\n"
		"\tKernel driver in use: amdgpu\r\n"
		"00: 02 10 4c 74 07 05 10 00 c8 00 00 03 00 00 80 00\r\n"
		"30: 00 00 00 00 00 00 00 00 00 00 00 00 00 01\r\n"
		"f0: 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00\r\n"
		"\r\n");
	const struct sp_function *gpu = machine->functions;

	(void)state;
	assert_int_equal(gpu->irq, 120);
	assert_int_equal(gpu->numa, 1);
	assert_int_equal(gpu->group, 14);
	assert_string_equal(gpu->driver, "amdgpu");
	assert_int_equal(gpu->config.bars[0].size, UINT64_C(16) << 30);
	assert_int_equal(gpu->config.bars[0].address, 0x7c00000000);
	assert_true(gpu->config.bars[0].prefetch && gpu->config.bars[0].wide);
	assert_false(gpu->config.bars[1].present);
	assert_int_equal(gpu->config.bars[2].size, 2 << 20);
	assert_int_equal(gpu->config.bars[2].address, 0);
	assert_true(gpu->config.bars[4].io);
	assert_int_equal(gpu->config.bars[4].size, 256);
	assert_int_equal(gpu->config.bars[5].size, 1 << 20);
	assert_int_equal(gpu->config.rom.size, 128 << 10);
	assert_int_equal(gpu->config.rebar_count, 1);
	assert_int_equal(gpu->config.rebar[0].sizes, 0xff00);
	assert_int_equal(gpu->config.rebar[0].current, 14);
	sp_machine_destroy(machine);
}

static void refuses_dumps(void **state) {
	static const struct {
		const char *text, *says;
	} cases[] = {
		{"03:00.0 x\n00: 0g\n", "test: line 2: bytes of two"},
		{"03:00.0 x\n00: 001\n", "test: line 2: bytes of two"},
		{"03:00.0 x\nff8: 00 00 00 00 00 00 00 00 00\n", "test: line 2: a function has at"},
		{"03:00.0 VGA compatible controller: x\n", "test: these lines have no bytes"},
		{"03:00.0 x\n" ROWS "\n03:00.0 x\n" ROWS,
			"test: line 5: 0000:03:00.0 was told of in line 1 already"},
		{"10000:e1:00.0 x\n" ROWS, "test: these lines have no bytes"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sp_error error = {0};
		struct sp_machine *machine;

		assert_false(sp_machine_parse(
			&machine, cases[i].text, strlen(cases[i].text), "test", &error));
		assert_int_equal(error.kind, SP_ERROR_INPUT);
		if (strncmp(error.message, cases[i].says, strlen(cases[i].says)) != 0)
			fail_msg("%s", error.message);
	}
}

/* A row at the end makes a function as large as they come. */
static void refuses_more_than_is_read(void **state) {
	enum { FUNCTIONS = 4097, SIZE = 40 };
	char *text = calloc(FUNCTIONS, SIZE), *end = text;
	struct sp_machine *machine;
	struct sp_error error = {0};

	(void)state;
	assert_non_null(text);
	for (unsigned i = 0; i < FUNCTIONS; i++)
		end += sprintf(end, "%02x:%02x.%x Device\nfff: 01\n\n", i >> 8, i >> 3 & 31, i & 7);
	assert_false(sp_machine_parse(&machine, text, (size_t)(end - text), "dump", &error));
	assert_non_null(strstr(error.message, "16 MiB"));
	free(text);
}

static void recognises(void **state) {
	static const struct {
		const char *text;
		bool is;
	} cases[] = {
		{"03:00.0 x\n", true},
		{"\n\n0000:03:00.0 x", true},
		{"lspci: Unable to load libkmod resources: error -2\n03:00.0 x\n", true},
		{"# a comment\n03:00.0 x\n", true},
		{"sallyport snapshot 9\n", true},
		{"sallyport snapsho", false},
		{"03:00.8 x\n", false},
		{"03:00.0\n", false},
		{"x\n03:00.0 x\n", false},
		{"/dts-v1/;\n", false},
		{"", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (sp_machine_recognise(cases[i].text, strlen(cases[i].text)) != cases[i].is)
			fail_msg("%s", cases[i].text);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_a_real_one),
		cmocka_unit_test(reads_headings),
		cmocka_unit_test(reads_details),
		cmocka_unit_test(refuses_dumps),
		cmocka_unit_test(refuses_more_than_is_read),
		cmocka_unit_test(recognises),
	};

	return cmocka_run_group_tests_name("machine-lspci", tests, NULL, NULL);
}
