/* SPDX-License-Identifier: MIT */
#include "fixture.h"

#include <string.h>
#include <unistd.h>

#include <sallyport/plan.h>

#include "plan/plan.h"

#define LEFT "/left@b000000/gpu@0"
#define RIGHT "/right@c000000/gpu@0"
#define BRIDGE "/pcie@d000000"
#define MAX_GUESTS 4

/* A plan in which each guest is given one device, with all that it borrows from. */
struct bench {
	struct sp_tree *tree;
	struct sp_host *host;
	struct sp_plan *plan;
	const char *devices[MAX_GUESTS];
	struct sp_request_bdf bdf;
	struct sp_request_guest guests[MAX_GUESTS];
	struct sp_request request;
};

static void make(struct bench *bench, const char *const *names, const char *const *devices,
	uint32_t count, uint16_t bdf) {
	struct sp_error error;

	memset(bench, 0, sizeof(*bench));
	bench->tree = load_fixture("plan_edits");
	bench->bdf.bdf = bdf;
	for (uint32_t i = 0; i < count; i++) {
		bench->devices[i] = devices[i];
		bench->guests[i] = (struct sp_request_guest){.name = names[i],
			.memory = 128,
			.devices = &bench->devices[i],
			.device_count = 1,
			.bdfs = &bench->bdf,
			.bdf_count = bdf != 0};
	}
	bench->request = (struct sp_request){.target = SP_TARGET_DEFAULT,
		.keep_going = true,
		.guests = bench->guests,
		.guest_count = count};
	assert_true(sp_host_create(&bench->host, bench->tree, "plan_edits", &error));
	if (!sp_plan_create(&bench->plan, bench->host, &bench->request, &error))
		fail_msg("%s", error.message);
}

static void unmake(struct bench *bench) {
	sp_plan_destroy(bench->plan);
	sp_host_destroy(bench->host);
	sp_tree_destroy(bench->tree);
}

static const char *const NAMES[] = {"a", "b", "c", "d"};

/* How often a guest (NULL: any, or the host) has the code with this text in the message. */
static unsigned told(
	const struct bench *bench, enum sp_code code, const char *guest, const char *text) {
	uint32_t count;
	unsigned times = 0;
	const struct sp_finding *findings = sp_plan_findings(bench->plan, &count);

	for (uint32_t i = 0; i < count; i++) {
		if (findings[i].code != code || !strstr(findings[i].message, text))
			continue;
		times += !guest || (findings[i].guest && strcmp(findings[i].guest, guest) == 0);
	}
	return times;
}

static void new_nodes_have_names_of_their_own(void **state) {
	const char *const devices[] = {LEFT, RIGHT};
	struct bench bench;
	char *blob;
	size_t size;
	struct sp_error error;

	(void)state;
	make(&bench, NAMES, devices, 2, 0);
	assert_int_equal(bench.plan->proxies.count, 2);
	for (uint32_t g = 0; g < 2; g++) {
		const struct sp_plan_guest *guest = &bench.plan->guests.data[g];

		assert_int_equal(guest->dtdev.count, 2);
		assert_string_equal(guest->dtdev.data[1], bench.plan->proxies.data[g].path);
		assert_string_equal(
			guest->streams.data[1].holder, bench.plan->proxies.data[g].path);
	}
	/* Names that neither the host nor another new node has. */
	for (uint32_t i = 0; i < bench.plan->edits.count; i++) {
		const struct sp_edit *edit = &bench.plan->edits.data[i];

		if (!edit->creates)
			continue;
		assert_int_equal(sp_tree_find(bench.tree, edit->path), SP_NODE_NONE);
		for (uint32_t j = 0; j < i; j++)
			if (bench.plan->edits.data[j].creates)
				assert_string_not_equal(edit->path, bench.plan->edits.data[j].path);
	}
	assert_true(sp_plan_emit(bench.plan, SP_ARTEFACT_PATCHED_TREE, 0, &blob, &size, &error));
	free(blob);
	unmake(&bench);
}

/* A factor is held for what is above it, and only if that can be switched. */
static void factors_are_held_for_their_parents(void **state) {
	const char *const devices[] = {LEFT};
	struct bench bench;

	(void)state;
	make(&bench, NAMES, devices, 1, 0);
	assert_int_equal(bench.plan->holders.count, 1);
	assert_string_equal(bench.plan->holders.data[0].path, "/sallyport-holder-1");
	assert_string_equal(bench.plan->holders.data[0].what, "a clock");
	unmake(&bench);
	make(&bench, NAMES, (const char *const[]){RIGHT}, 1, 0);
	assert_int_equal(bench.plan->holders.count, 1);
	unmake(&bench);
}

/* The ID has one cell in the map, and two where the IOMMU counts them. */
static void map_ids_fit_the_iommu(void **state) {
	const char *const devices[] = {BRIDGE};
	struct bench bench;

	(void)state;
	make(&bench, NAMES, devices, 1, 0x201);
	const struct sp_plan_guest *guest = &bench.plan->guests.data[0];

	assert_int_equal(guest->streams.count, 1);
	assert_int_equal(guest->streams.data[0].stream.count, 2);
	assert_int_equal(guest->streams.data[0].stream.args[0], 0x1201);
	assert_int_equal(guest->streams.data[0].stream.args[1], 0);
	assert_int_equal(told(&bench, SP_CODE_DEP_DANGLING, NULL, ""), 0);
	unmake(&bench);
}

static void marked_nodes_are_not_the_hosts(void **state) {
	const char *const devices[] = {LEFT};
	struct bench bench;

	(void)state;
	make(&bench, NAMES, devices, 1, 0);
	assert_int_equal(told(&bench, SP_CODE_HOST_IRQ_TOO_HIGH, NULL, ""), 0);
	/* The two that are not marked stay. */
	assert_int_equal(told(&bench, SP_CODE_HOST_UNDRIVEN_MASTER, NULL, "2 such devices"), 1);
	unmake(&bench);
}

static void each_guest_is_told_of_the_build(void **state) {
	const char *const devices[] = {"/first@10000000", "/second@10001000"};
	struct bench bench;
	unsigned options = 0;

	(void)state;
	make(&bench, NAMES, devices, 2, 0);
	assert_int_equal(told(&bench, SP_CODE_IOMMU_BUILD, "a", "CONFIG_ARM_SMMU_V3"), 1);
	assert_int_equal(told(&bench, SP_CODE_IOMMU_BUILD, "b", "CONFIG_ARM_SMMU_V3"), 1);
	for (uint32_t i = 0; i < bench.plan->xen_options.count; i++)
		options += strcmp(bench.plan->xen_options.data[i], "CONFIG_ARM_SMMU_V3") == 0;
	assert_int_equal(options, 1);
	unmake(&bench);
}

static void conflicts_are_told_of_each_guest(void **state) {
	const char *const devices[] = {"/left@b000000", LEFT, LEFT};
	struct bench bench;

	(void)state;
	make(&bench, NAMES, devices, 3, 0);
	assert_int_equal(
		told(&bench, SP_CODE_GUESTS_DEVICE, "b", "/left@b000000 is given to guest a too"),
		1);
	assert_int_equal(told(&bench, SP_CODE_GUESTS_DEVICE, "c", "is given to guest a too"), 1);
	assert_int_equal(
		told(&bench, SP_CODE_GUESTS_DEVICE, "c", LEFT " is given to guest b too"), 1);
	assert_int_equal(told(&bench, SP_CODE_IRQ_TWO_GUESTS, "b", "interrupt 42 "), 1);
	assert_int_equal(told(&bench, SP_CODE_PAGE_TWO_GUESTS, "b", "frame 0xb000 "), 1);
	unmake(&bench);
}

static void folders_are_not_named_like_files(void **state) {
	const char *const devices[] = {"/first@10000000", "/second@10001000"};
	const char *const names[][2] = {{"a", "plan.json"}, {"guest.dts", "b"}, {"a", "graph.svg"}};
	struct sp_write_options options = {.force = true};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char path[] = "/tmp/sallyport-XXXXXX";
		const char *bad = strchr(names[i][0], '.') ? names[i][0] : names[i][1];
		struct sp_error error;
		struct bench bench;

		assert_non_null(mkdtemp(path));
		make(&bench, names[i], devices, 2, 0);
		assert_false(sp_plan_write(bench.plan, path, &options, &error));
		assert_non_null(strstr(error.message, bad));
		unmake(&bench);
		assert_int_equal(rmdir(path), 0);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(new_nodes_have_names_of_their_own),
		cmocka_unit_test(factors_are_held_for_their_parents),
		cmocka_unit_test(map_ids_fit_the_iommu),
		cmocka_unit_test(marked_nodes_are_not_the_hosts),
		cmocka_unit_test(each_guest_is_told_of_the_build),
		cmocka_unit_test(conflicts_are_told_of_each_guest),
		cmocka_unit_test(folders_are_not_named_like_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
