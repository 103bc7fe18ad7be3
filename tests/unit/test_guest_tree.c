/* SPDX-License-Identifier: MIT */
#include "fixture.h"

#include <string.h>

#include <sallyport/plan.h>

#include "plan/plan.h"

/* One device of the fixture, planned with all files kept, and the guest's tree read back. */
struct bench {
	struct sp_tree *tree, *guest;
	struct sp_host *host;
	struct sp_plan *plan;
};

static void make(struct bench *bench, const char *device, enum sp_mode mode) {
	struct sp_request_guest guest = {.name = "guest",
		.mode = mode,
		.memory = 512,
		.devices = &device,
		.device_count = 1};
	struct sp_request request = {.target = SP_TARGET_DEFAULT,
		.keep_going = true,
		.guests = &guest,
		.guest_count = 1};
	struct sp_error error;
	char *blob;
	size_t size;

	bench->tree = load_fixture("guest");
	assert_true(sp_host_create(&bench->host, bench->tree, "guest", &error));
	assert_true(sp_plan_create(&bench->plan, bench->host, &request, &error));
	assert_true(sp_plan_emit(bench->plan, SP_ARTEFACT_GUEST_TREE, 0, &blob, &size, &error));
	assert_true(sp_tree_parse(&bench->guest, blob, size, &error));
	free(blob);
}

static void unmake(struct bench *bench) {
	sp_plan_destroy(bench->plan);
	sp_host_destroy(bench->host);
	sp_tree_destroy(bench->guest);
	sp_tree_destroy(bench->tree);
}

static bool finds(const struct bench *bench, enum sp_code code) {
	uint32_t count;
	const struct sp_finding *findings = sp_plan_findings(bench->plan, &count);
	for (uint32_t i = 0; i < count; i++) {
		if (findings[i].code == code)
			return true;
	}
	return false;
}

static void siblings_in_one_register(void **state) {
	struct bench bench;
	(void)state;
	make(&bench, "/soc/leds@a000000", SP_MODE_XL);
	fixture_node(bench.guest, "/passthrough/leds@a000000/led@a000008");
	fixture_node(bench.guest, "/passthrough/leds@a000000/led@a000008,1");
	sp_node frame = fixture_node(bench.guest, "/passthrough");
	assert_true(sp_tree_compatible(bench.guest, frame, "simple-bus"));
	unmake(&bench);
}

static void bus_with_a_table(void **state) {
	struct bench bench;
	(void)state;
	make(&bench, "/soc/bus@a010000", SP_MODE_XL);
	sp_node bus = fixture_node(bench.guest, "/passthrough/bus@a010000");
	assert_false(sp_tree_compatible(bench.guest, bus, "simple-bus"));
	assert_true(sp_tree_compatible(bench.guest, bus, "simple-mfd"));
	assert_true(sp_tree_compatible(bench.guest, bus, "vendor,bus"));
	/* A bus is a node with registers to the frame. */
	assert_true(sp_tree_compatible(
		bench.guest, fixture_node(bench.guest, "/passthrough"), "simple-bus"));
	unmake(&bench);
}

static void single_port(void **state) {
	struct bench bench;
	(void)state;
	make(&bench, "/soc/display@a020000", SP_MODE_XL);
	sp_node ports = fixture_node(bench.guest, "/passthrough/display@a020000/ports");
	assert_null(sp_tree_prop(bench.guest, ports, "#address-cells"));
	sp_node port = fixture_node(bench.guest, "/passthrough/display@a020000/ports/port");
	assert_null(sp_tree_prop(bench.guest, port, "reg"));
	unmake(&bench);
}

static void port_of_an_spi_controller(void **state) {
	struct bench bench;
	(void)state;
	make(&bench, "/soc/spi@a030000", SP_MODE_XL);
	sp_node spi = fixture_node(bench.guest, "/passthrough/spi@a030000");
	assert_int_equal(sp_tree_u32(bench.guest, spi, "#address-cells", 7), 1);
	assert_int_equal(sp_tree_u32(bench.guest, spi, "#size-cells", 7), 0);
	fixture_node(bench.guest, "/passthrough/spi@a030000/port@0");
	unmake(&bench);
}

static void interrupt_provider(void **state) {
	struct bench bench;
	(void)state;
	make(&bench, "/soc/gpio@9082000", SP_MODE_XL);
	/* Its registers lie in a hole of the guest's layout, its count was missing. */
	sp_node gpio = fixture_node(bench.guest, "/passthrough/gpio@9082000");
	assert_int_equal(sp_tree_u32(bench.guest, gpio, "#address-cells", 7), 0);
	unmake(&bench);
}

static void interrupt_on_a_bus_without_sizes(void **state) {
	struct bench bench;
	(void)state;
	make(&bench, "/soc/i2c@a040000", SP_MODE_DOM0LESS);
	sp_node pmic = fixture_node(bench.guest, "/passthrough/i2c@a040000/pmic@1b");
	assert_null(sp_tree_prop(bench.guest, pmic, "xen,reg"));
	sp_node holder = fixture_node(bench.guest, "/passthrough/pmic-of-host");
	assert_int_equal(sp_tree_prop(bench.guest, holder, "xen,reg")->len, 0);
	assert_string_equal(sp_prop_string(sp_tree_prop(bench.guest, holder, "xen,path"), 0),
		"/soc/i2c@a040000/pmic@1b");
	unmake(&bench);

	make(&bench, "/soc/i2c@a040000", SP_MODE_XL);
	assert_int_equal(sp_tree_find(bench.guest, "/passthrough/pmic-of-host"), SP_NODE_NONE);
	unmake(&bench);
}

static void kept_by_the_platform(void **state) {
	struct bench bench;
	(void)state;
	make(&bench, "/soc/serial@a050000", SP_MODE_XL);
	assert_true(finds(&bench, SP_CODE_DEVICE_SKIPPED));
	unmake(&bench);
	/* In the list of another platform. */
	make(&bench, "/soc/hdlcd@a080000", SP_MODE_XL);
	assert_false(finds(&bench, SP_CODE_DEVICE_SKIPPED));
	unmake(&bench);
}

/* A disabled user of the interrupt does not hide an enabled one behind it. */
static void enabled_behind_a_disabled_sharer(void **state) {
	struct bench bench;
	(void)state;
	make(&bench, "/soc/shared@a060000", SP_MODE_XL);
	assert_true(finds(&bench, SP_CODE_IRQ_SHARED));
	assert_true(finds(&bench, SP_CODE_IRQ_SHARED_DISABLED));
	unmake(&bench);
}

static void controller_with_a_map_of_its_own(void **state) {
	struct bench bench;
	(void)state;
	make(&bench, "/soc/cascade@a070000", SP_MODE_XL);
	assert_true(finds(&bench, SP_CODE_IRQ_CONTROLLER));
	unmake(&bench);
	make(&bench, "/soc/gpio@9082000", SP_MODE_XL);
	assert_false(finds(&bench, SP_CODE_IRQ_CONTROLLER));
	unmake(&bench);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(siblings_in_one_register),
		cmocka_unit_test(bus_with_a_table),
		cmocka_unit_test(single_port),
		cmocka_unit_test(port_of_an_spi_controller),
		cmocka_unit_test(interrupt_provider),
		cmocka_unit_test(interrupt_on_a_bus_without_sizes),
		cmocka_unit_test(kept_by_the_platform),
		cmocka_unit_test(enabled_behind_a_disabled_sharer),
		cmocka_unit_test(controller_with_a_map_of_its_own),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
