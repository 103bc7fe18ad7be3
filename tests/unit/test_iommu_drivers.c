/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <libfdt.h>
#include <stdio.h>
#include <string.h>

#include "plan/iommu_drivers.h"

#define BLOB_BYTES 4096
#define STRINGS(s) (s), sizeof(s) /* the literal's own NUL ends the last string */

static const char *const RELEASES[SP_TARGET_COUNT] = {
	"4.17.7", "4.18.6", "4.19.6", "4.20.4", "4.21.2", "4.22.0"};

/* A tree whose only child is /iommu with these bytes as `compatible`; NULL for none. */
static struct sp_tree *tree_with(const void *compatible, size_t size) {
	static char blob[BLOB_BYTES];
	struct sp_tree *tree = NULL;
	struct sp_error error = {0};

	assert_int_equal(fdt_create(blob, sizeof(blob)), 0);
	assert_int_equal(fdt_finish_reservemap(blob), 0);
	assert_int_equal(fdt_begin_node(blob, ""), 0);
	assert_int_equal(fdt_begin_node(blob, "iommu"), 0);
	if (compatible)
		assert_int_equal(fdt_property(blob, "compatible", compatible, (int)size), 0);
	assert_int_equal(fdt_end_node(blob), 0);
	assert_int_equal(fdt_end_node(blob), 0);
	assert_int_equal(fdt_finish(blob), 0);
	if (!sp_tree_parse(&tree, blob, fdt_totalsize(blob), &error))
		fail_msg("%s", error.message);
	return tree;
}

static const struct sp_iommu_driver *lookup(
	const void *compatible, size_t size, enum sp_target target) {
	struct sp_tree *tree = tree_with(compatible, size);
	const struct sp_iommu_driver *row =
		sp_iommu_driver_of(tree, sp_tree_find(tree, "/iommu"), target, NULL);

	sp_tree_destroy(tree);
	return row;
}

static void every_release_drives_what_its_driver_lists(void **state) {
	static const struct {
		const char *compatible;
		enum sp_driver driver;
		enum sp_target since;
		bool needs_es3;
	} known[] = {
		{"arm,smmu-v1", SP_DRIVER_SMMU, SP_TARGET_XEN_4_17, false},
		{"arm,smmu-v2", SP_DRIVER_SMMU, SP_TARGET_XEN_4_17, false},
		{"arm,mmu-400", SP_DRIVER_SMMU, SP_TARGET_XEN_4_17, false},
		{"arm,mmu-401", SP_DRIVER_SMMU, SP_TARGET_XEN_4_17, false},
		{"arm,mmu-500", SP_DRIVER_SMMU, SP_TARGET_XEN_4_17, false},
		{"arm,smmu-v3", SP_DRIVER_SMMU_V3, SP_TARGET_XEN_4_17, false},
		{"renesas,ipmmu-r8a7795", SP_DRIVER_IPMMU, SP_TARGET_XEN_4_17, true},
		{"renesas,ipmmu-r8a7796", SP_DRIVER_IPMMU, SP_TARGET_XEN_4_17, true},
		{"renesas,ipmmu-r8a77961", SP_DRIVER_IPMMU, SP_TARGET_XEN_4_17, true},
		{"renesas,ipmmu-r8a77965", SP_DRIVER_IPMMU, SP_TARGET_XEN_4_17, false},
		{"renesas,ipmmu-r8a779f0", SP_DRIVER_IPMMU, SP_TARGET_XEN_4_17, false},
		{"renesas,ipmmu-r8a779g0", SP_DRIVER_IPMMU, SP_TARGET_XEN_4_20, false},
	};
	uint32_t count;

	(void)state;
	sp_iommu_drivers(&count);
	assert_int_equal(count, sizeof(known) / sizeof(known[0]));
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		struct sp_tree *tree =
			tree_with(known[i].compatible, strlen(known[i].compatible) + 1);
		sp_node iommu = sp_tree_find(tree, "/iommu");

		for (unsigned t = 0; t < SP_TARGET_COUNT; t++) {
			const char *matched = NULL;
			const struct sp_iommu_driver *row =
				sp_iommu_driver_of(tree, iommu, (enum sp_target)t, &matched);

			if (t < (unsigned)known[i].since) {
				assert_null(row);
				assert_null(matched);
				continue;
			}
			assert_non_null(row);
			assert_string_equal(row->compatible, known[i].compatible);
			assert_string_equal(matched, known[i].compatible);
			assert_int_equal(row->driver, known[i].driver);
			assert_int_equal(row->since, known[i].since);
			assert_int_equal(row->needs_es3, known[i].needs_es3);
		}
		sp_tree_destroy(tree);
	}
}

static void other_iommus_have_no_driver(void **state) {
	(void)state;
	assert_null(lookup(STRINGS("qcom,msm8996-smmu-v2\0qcom,adreno-smmu\0qcom,smmu-v2"),
		SP_TARGET_XEN_4_22));
	assert_null(lookup(STRINGS("rockchip,rk3588-iommu"), SP_TARGET_XEN_4_22));
	assert_null(lookup(STRINGS("renesas,ipmmu-r8a779h0"), SP_TARGET_XEN_4_22));
	assert_null(lookup(STRINGS("renesas,ipmmu-r8a77990"), SP_TARGET_XEN_4_22));
	assert_null(lookup(STRINGS("renesas,rcar-gen4-ipmmu-vmsa"), SP_TARGET_XEN_4_22));
	assert_null(lookup(STRINGS("arm,mmu-600"), SP_TARGET_XEN_4_22));
	assert_null(lookup(STRINGS("arm,mmu-5000"), SP_TARGET_XEN_4_22));
	assert_null(lookup(STRINGS("arm,mmu-50"), SP_TARGET_XEN_4_22));
}

static void a_generic_string_behind_a_vendors_counts(void **state) {
	static const char strings[] = "qcom,sdm845-smmu-500\0arm,mmu-500";
	struct sp_tree *tree = tree_with(strings, sizeof(strings));
	const char *matched = NULL;
	const struct sp_iommu_driver *row = sp_iommu_driver_of(
		tree, sp_tree_find(tree, "/iommu"), SP_TARGET_XEN_4_17, &matched);

	(void)state;
	assert_non_null(row);
	assert_int_equal(row->driver, SP_DRIVER_SMMU);
	assert_string_equal(matched, "arm,mmu-500");
	sp_tree_destroy(tree);
}

static void an_older_release_takes_the_string_it_knows(void **state) {
	static const char strings[] = "renesas,ipmmu-r8a779g0\0renesas,ipmmu-r8a779f0";
	const struct sp_iommu_driver *old = lookup(strings, sizeof(strings), SP_TARGET_XEN_4_19);
	const struct sp_iommu_driver *new = lookup(strings, sizeof(strings), SP_TARGET_XEN_4_20);

	(void)state;
	assert_string_equal(old->compatible, "renesas,ipmmu-r8a779f0");
	assert_string_equal(new->compatible, "renesas,ipmmu-r8a779g0");
}

static void case_does_not_matter_to_xen(void **state) {
	const struct sp_iommu_driver *row = lookup(STRINGS("ARM,MMU-500"), SP_TARGET_XEN_4_20);

	(void)state;
	assert_non_null(row);
	assert_string_equal(row->compatible, "arm,mmu-500");
}

static void a_broken_string_list_matches_nothing_beyond_it(void **state) {
	(void)state;
	assert_null(lookup(NULL, 0, SP_TARGET_XEN_4_20));
	assert_null(lookup("", 0, SP_TARGET_XEN_4_20));
	assert_null(lookup("arm,mmu-500", strlen("arm,mmu-500"), SP_TARGET_XEN_4_20));
	assert_null(lookup(STRINGS("\0\0"), SP_TARGET_XEN_4_20));
	assert_non_null(lookup(STRINGS("\0arm,mmu-500"), SP_TARGET_XEN_4_20));
}

static void drivers_have_the_limits_of_the_sources(void **state) {
	static const struct sp_driver_info known[SP_DRIVER_COUNT] = {
		[SP_DRIVER_SMMU] = {"SMMUv1/v2", "CONFIG_ARM_SMMU", true, false, 1, 2, 16, 0x7fff,
			NULL},
		[SP_DRIVER_SMMU_V3] = {"SMMUv3", "CONFIG_ARM_SMMU_V3", false, true, 1, 1, 0,
			0xffffffff, NULL},
		[SP_DRIVER_IPMMU] = {"R-Car IPMMU", "CONFIG_IPMMU_VMSA", false, false, 1, 1, 0, 63,
			NULL},
	};

	(void)state;
	for (unsigned i = 0; i < SP_DRIVER_COUNT; i++) {
		const struct sp_driver_info *info = sp_driver_info((enum sp_driver)i);

		assert_string_equal(info->name, known[i].name);
		assert_string_equal(info->kconfig, known[i].kconfig);
		assert_int_equal(info->by_default, known[i].by_default);
		assert_int_equal(info->expert, known[i].expert);
		assert_int_equal(info->min_cells, known[i].min_cells);
		assert_int_equal(info->max_cells, known[i].max_cells);
		assert_int_equal(info->max_ids, known[i].max_ids);
		assert_int_equal(info->max_id, known[i].max_id);
	}
}

static void assert_cites(const char *what, const char *citation, unsigned since) {
	for (unsigned t = 0; t < SP_TARGET_COUNT; t++) {
		char place[32];

		snprintf(place, sizeof(place), "%s xen/", RELEASES[t]);
		if ((strstr(citation, place) != NULL) != (t >= since))
			fail_msg("%s: wrong citation of %s", what, RELEASES[t]);
	}
}

static void citations_name_each_release_that_has_the_driver(void **state) {
	uint32_t count;
	const struct sp_iommu_driver *rows = sp_iommu_drivers(&count);

	(void)state;
	for (unsigned i = 0; i < SP_DRIVER_COUNT; i++) {
		const struct sp_driver_info *info = sp_driver_info((enum sp_driver)i);

		assert_cites(info->name, info->citation, SP_TARGET_XEN_4_17);
	}
	for (uint32_t i = 0; i < count; i++)
		assert_cites(rows[i].compatible, rows[i].citation, rows[i].since);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_release_drives_what_its_driver_lists),
		cmocka_unit_test(other_iommus_have_no_driver),
		cmocka_unit_test(a_generic_string_behind_a_vendors_counts),
		cmocka_unit_test(an_older_release_takes_the_string_it_knows),
		cmocka_unit_test(case_does_not_matter_to_xen),
		cmocka_unit_test(a_broken_string_list_matches_nothing_beyond_it),
		cmocka_unit_test(drivers_have_the_limits_of_the_sources),
		cmocka_unit_test(citations_name_each_release_that_has_the_driver),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
