/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "plan/rules.h"

#define UNLIMITED 0xfffffffeu /* the highest phandle that a tree can have */

static const char *const RELEASES[SP_TARGET_COUNT] = {
	"4.17.7", "4.18.6", "4.19.6", "4.20.4", "4.21.2", "4.22.0"};

struct expectation {
	enum sp_rule rule;
	uint32_t values[SP_TARGET_COUNT];
};

static void assert_values(const struct expectation *expected, size_t count) {
	for (size_t i = 0; i < count; i++) {
		enum sp_rule rule = expected[i].rule;

		for (unsigned t = 0; t < SP_TARGET_COUNT; t++) {
			uint32_t value = sp_rule_value(rule, (enum sp_target)t);

			if (value != expected[i].values[t])
				fail_msg("%s, %s: %u, not %u", sp_rule_info(rule)->name,
					RELEASES[t], value, expected[i].values[t]);
		}
	}
}

#define ASSERT_VALUES(table) assert_values(table, sizeof(table) / sizeof((table)[0]))

static void interrupts(void **state) {
	static const struct expectation expected[] = {
		{SP_RULE_XL_NR_SPIS, {0, 0, 1, 1, 1, 1}},
		{SP_RULE_XL_NR_SPIS_CHECKED, {0, 0, 0, 0, 1, 1}},
		{SP_RULE_GUEST_SPI_MAX, {959, 959, 959, 959, 959, 959}},
		{SP_RULE_NR_SPIS_MAX_ESPI, {0, 0, 0, 0, 5088, 5088}},
		{SP_RULE_ESPI_CONFIG, {0, 0, 0, 0, 1, 1}},
		{SP_RULE_SPI_SLOTS, {1024, 1024, 1024, 1024, 992, 992}},
		{SP_RULE_INVALID_VIRQ_TEXT, {0, 0, 0, 0, 1, 1}},
		{SP_RULE_VIRTIO_DEVICES, {0, 1, 1, 1, 1, 1}},
		{SP_RULE_FFA_SGI, {0, 0, 1, 1, 1, 1}},
	};

	(void)state;
	ASSERT_VALUES(expected);
}

static void attaching_to_a_running_guest(void **state) {
	static const struct expectation expected[] = {
		{SP_RULE_LATE_ATTACH, {0, 0, 1, 1, 1, 1}},
		{SP_RULE_LATE_ATTACH_IDLE, {0, 0, 1, 1, 1, 1}},
		{SP_RULE_OVERLAY_ADD, {0, 1, 1, 1, 1, 1}},
		{SP_RULE_OVERLAY_ADD_GIVES_DOM0, {0, 1, 0, 0, 0, 0}},
		{SP_RULE_OVERLAY_ATTACH, {0, 0, 1, 1, 1, 1}},
		{SP_RULE_OVERLAY_CHILDREN, {0, 0, 0, 0, 0, 1}},
		{SP_RULE_OVERLAY_TWICE_REFUSED, {0, 0, 0, 0, 0, 1}},
		{SP_RULE_IOMMU_REMOVE, {0, 1, 1, 1, 1, 1}},
	};

	(void)state;
	ASSERT_VALUES(expected);
}

static void iommus(void **state) {
	static const struct expectation expected[] = {
		{SP_RULE_IPMMU_R8A779G0, {0, 0, 0, 1, 1, 1}},
		{SP_RULE_SEVERAL_IOMMUS, {0, 0, 0, 0, 0, 0}},
		{SP_RULE_DISABLED_IOMMU_UNPROTECTS, {0, 0, 0, 0, 1, 1}},
		{SP_RULE_IOMMU_MAP, {0, 0, 0, 0, 1, 1}},
		{SP_RULE_STRIPS_IOMMU_MAP, {0, 0, 1, 1, 1, 1}},
	};

	(void)state;
	ASSERT_VALUES(expected);
}

static void dom0(void **state) {
	static const struct expectation expected[] = {
		{SP_RULE_SKIPS_XEN_DOMAIN, {0, 1, 1, 1, 1, 1}},
		{SP_RULE_WIDE_ADDRESS_STOPS, {0, 1, 1, 1, 1, 1}},
		{SP_RULE_EXTRA_PAGE_XL, {1, 1, 1, 1, 0, 0}},
		{SP_RULE_SCMI_DOM0, {0, 0, 0, 1, 1, 1}},
	};

	(void)state;
	ASSERT_VALUES(expected);
}

static void guests(void **state) {
	static const struct expectation expected[] = {
		{SP_RULE_EXTENDED_AVOID_IOMEM, {0, 0, 0, 0, 1, 1}},
		{SP_RULE_GUEST_VPCI, {0, 0, 0, 0, 0, 0}},
		{SP_RULE_PCI_CONFIG, {0, 0, 0, 0, 1, 1}},
		{SP_RULE_PREFETCH_TYPE,
			{0x42000000, 0x42000000, 0x43000000, 0x43000000, 0x43000000, 0x43000000}},
		{SP_RULE_SCMI_GUEST, {0, 0, 0, 0, 1, 1}},
		{SP_RULE_UNTRAPPED_ACCESS, {0, 0, 0, 0, 1, 1}},
	};

	(void)state;
	ASSERT_VALUES(expected);
}

static void dom0less(void **state) {
	static const struct expectation expected[] = {
		{SP_RULE_DOM0LESS_CONFIG, {0, 0, 1, 1, 1, 1}},
		{SP_RULE_DOM0LESS_TREE_BYTES, {4096, 0, 0, 0, 0, 0}},
		{SP_RULE_DOM0LESS_TREE_BASE, {4096, 4096, 4096, 4096, 4096, 2048 + 128 * 128}},
		{SP_RULE_DOM0LESS_PHANDLE_MAX,
			{UNLIMITED, UNLIMITED, UNLIMITED, UNLIMITED, UNLIMITED, 64998}},
		{SP_RULE_DOM0LESS_STUB_PHANDLE, {1, 1, 1, 0, 0, 0}},
		{SP_RULE_DOM0LESS_ERRORS_LOST, {1, 0, 0, 0, 0, 0}},
		{SP_RULE_DOM0LESS_PASSTHROUGH, {0, 0, 1, 1, 1, 1}},
		{SP_RULE_DOM0LESS_NR_SPIS_CLAMPED, {0, 0, 0, 0, 1, 1}},
		{SP_RULE_DOM0LESS_CELLS_CHECKED, {0, 0, 0, 1, 1, 1}},
		{SP_RULE_EXTRA_PAGE_DOM0LESS, {1, 1, 1, 1, 1, 1}},
	};

	(void)state;
	ASSERT_VALUES(expected);
}

/* The code that builds dom0less guests moved twice. */
static void dom0less_is_cited_where_it_lives(void **state) {
	static const char *const files[SP_TARGET_COUNT] = {"xen/arch/arm/domain_build.c",
		"xen/arch/arm/domain_build.c", "xen/arch/arm/dom0less-build.c",
		"xen/arch/arm/dom0less-build.c", "xen/common/device-tree/dom0less-build.c",
		"xen/common/device-tree/dom0less-build.c"};

	(void)state;
	for (unsigned t = 0; t < SP_TARGET_COUNT; t++) {
		char place[80];

		snprintf(place, sizeof(place), "%s %s:", RELEASES[t], files[t]);
		assert_non_null(
			strstr(sp_rule_info(SP_RULE_DOM0LESS_ERRORS_LOST)->citation, place));
		assert_non_null(
			strstr(sp_rule_info(SP_RULE_DOM0LESS_CELLS_CHECKED)->citation, place));
	}
}

/* Steps over "RELEASE path:line[,line…][, path:line…]", NULL if that is not what stands there. */
static const char *take_place(const char *text, const char *release) {
	size_t length = strlen(release);

	if (strncmp(text, release, length) != 0 || text[length] != ' ')
		return NULL;
	text += length + 1;
	for (;;) {
		size_t path = strcspn(text, ":; ");

		if (path == 0 || text[path] != ':')
			return NULL;
		text += path + 1;
		for (;;) {
			size_t digits = strspn(text, "0123456789");

			if (digits == 0)
				return NULL;
			text += digits;
			if (text[0] != ',' || !isdigit((unsigned char)text[1]))
				break;
			text++;
		}
		if (strncmp(text, ", ", 2) != 0)
			return text;
		text += 2;
	}
}

static void every_cell_is_cited(void **state) {
	(void)state;
	for (unsigned i = 0; i < SP_RULE_COUNT; i++) {
		const struct sp_rule_info *info = sp_rule_info((enum sp_rule)i);
		const char *text = info->citation;

		for (unsigned t = 0; t < SP_TARGET_COUNT; t++) {
			text = take_place(text, RELEASES[t]);
			if (!text)
				fail_msg("%s: no place in %s", info->name, RELEASES[t]);
			if (t + 1 < SP_TARGET_COUNT) {
				if (strncmp(text, "; ", 2) != 0)
					fail_msg("%s: after %s: \"%s\"", info->name, RELEASES[t],
						text);
				text += 2;
			}
		}
		assert_string_equal(text, "");
	}
}

static void rows_are_complete(void **state) {
	(void)state;
	for (unsigned i = 0; i < SP_RULE_COUNT; i++) {
		const struct sp_rule_info *info = sp_rule_info((enum sp_rule)i);

		assert_true(strlen(info->name) > 0);
		assert_true(strlen(info->title) > 0);
		assert_int_not_equal(info->proof, SP_PROOF_TREE);
		for (unsigned t = 0; t < SP_TARGET_COUNT; t++)
			assert_int_equal(
				info->values[t], sp_rule_value((enum sp_rule)i, (enum sp_target)t));
		for (unsigned j = 0; j < i; j++)
			assert_string_not_equal(info->title, sp_rule_info((enum sp_rule)j)->title);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(interrupts),
		cmocka_unit_test(attaching_to_a_running_guest),
		cmocka_unit_test(iommus),
		cmocka_unit_test(dom0),
		cmocka_unit_test(guests),
		cmocka_unit_test(dom0less),
		cmocka_unit_test(dom0less_is_cited_where_it_lives),
		cmocka_unit_test(every_cell_is_cited),
		cmocka_unit_test(rows_are_complete),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
