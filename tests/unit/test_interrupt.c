/* SPDX-License-Identifier: MIT */
#include "fixture.h"

#include <libfdt.h>
#include <string.h>

#include "fdt/interrupt.h"

#define GIC "/gic@1000"
#define PCI "/pcie@10000000"

struct fixture {
	struct sp_tree *tree;
	sp_node gic;
	struct sp_arena arena;
	struct sp_irqs irqs;
};

static int setup(void **state) {
	struct fixture *fix = calloc(1, sizeof(*fix));
	unsigned version;

	if (!fix)
		return -1;
	fix->tree = load_fixture("interrupt");
	fix->gic = sp_gic_find(fix->tree, &version);
	*state = fix;
	return 0;
}

static int teardown(void **state) {
	struct fixture *fix = *state;

	sp_arena_release(&fix->arena);
	sp_tree_destroy(fix->tree);
	free(fix);
	return 0;
}

/* Reads the interrupts of a node, which are so many. */
static const struct sp_irq *irqs_of(struct fixture *fix, const char *path, uint32_t count) {
	fix->irqs = (struct sp_irqs){0};
	assert_true(sp_irqs_of_node(
		fix->tree, fix->gic, fixture_node(fix->tree, path), &fix->arena, &fix->irqs));
	if (fix->irqs.count != count)
		fail_msg("%s has %u interrupts, not %u", path, fix->irqs.count, count);
	return fix->irqs.data;
}

static const struct sp_irq *map_of(struct fixture *fix, const char *path, uint32_t count) {
	fix->irqs = (struct sp_irqs){0};
	assert_true(sp_irqs_of_map(
		fix->tree, fix->gic, fixture_node(fix->tree, path), &fix->arena, &fix->irqs));
	if (fix->irqs.count != count)
		fail_msg("%s has %u entries, not %u", path, fix->irqs.count, count);
	for (uint32_t i = 0; i < count; i++)
		assert_true(fix->irqs.data[i].from_map);
	return fix->irqs.data;
}

static void check_gic(const struct fixture *fix, const struct sp_irq *irq, enum sp_irq_kind kind,
	uint32_t number, uint32_t type) {
	if (irq->kind != kind || irq->number != number || irq->type != type)
		fail_msg("kind %d, number %u, type %u: %s", (int)irq->kind, irq->number, irq->type,
			irq->trouble ? irq->trouble : "no trouble");
	assert_int_equal(irq->controller, fix->gic);
	assert_null(irq->trouble);
}

static void check_other(
	const struct fixture *fix, const struct sp_irq *irq, const char *controller) {
	assert_int_equal(irq->kind, SP_IRQ_OTHER);
	assert_int_equal(irq->controller, fixture_node(fix->tree, controller));
	assert_int_equal(irq->number, 0);
	assert_null(irq->trouble);
}

static void check_broken(const struct sp_irq *irq, const char *trouble) {
	assert_int_equal(irq->kind, SP_IRQ_BROKEN);
	assert_int_equal(irq->number, 0);
	assert_non_null(irq->trouble);
	if (!strstr(irq->trouble, trouble))
		fail_msg("\"%s\" says nothing of \"%s\"", irq->trouble, trouble);
}

static void test_finds_the_gic(void **state) {
	struct fixture *fix = *state;
	unsigned version = 99;

	assert_int_equal(sp_gic_find(fix->tree, &version), fixture_node(fix->tree, GIC));
	assert_int_equal(version, 3);
}

static void test_finds_the_topmost_gic(void **state) {
	struct sp_tree *tree = load_fixture("orphan");
	unsigned version = 99;

	(void)state;
	assert_int_equal(sp_gic_find(tree, &version), fixture_node(tree, "/gic@3000"));
	assert_int_equal(version, 0);
	sp_tree_destroy(tree);

	tree = load_fixture("cascade");
	assert_int_equal(sp_gic_find(tree, &version), fixture_node(tree, "/gic@2000"));
	assert_int_equal(version, 3);
	sp_tree_destroy(tree);
}

static void test_no_gic(void **state) {
	struct sp_tree *tree = load_fixture("cells");
	unsigned version = 99;

	(void)state;
	assert_int_equal(sp_gic_find(tree, &version), SP_NODE_NONE);
	assert_int_equal(version, 0);
	sp_tree_destroy(tree);
}

static void test_kinds(void **state) {
	struct fixture *fix = *state;
	const struct sp_irq *irqs = irqs_of(fix, "/kinds", 6);

	check_gic(fix, &irqs[0], SP_IRQ_SPI, 32, 4);
	check_gic(fix, &irqs[1], SP_IRQ_SPI, 1019, 1);
	check_gic(fix, &irqs[2], SP_IRQ_PPI, 31, 8);
	check_gic(fix, &irqs[3], SP_IRQ_ESPI, 4096, 1);
	check_gic(fix, &irqs[4], SP_IRQ_ESPI, 5119, 2);
	check_gic(fix, &irqs[5], SP_IRQ_EPPI, 1119, 4);
	for (uint32_t i = 0; i < 6; i++) {
		assert_int_equal(irqs[i].index, i);
		assert_int_equal(irqs[i].nexus, SP_NODE_NONE);
		assert_false(irqs[i].from_map);
	}
	check_gic(fix, irqs_of(fix, "/disguised", 1), SP_IRQ_SPI, 142, 4);
}

static void test_impossible_numbers(void **state) {
	struct fixture *fix = *state;
	const struct sp_irq *irqs = irqs_of(fix, "/impossible", 6);

	for (uint32_t i = 0; i < 4; i++)
		check_broken(&irqs[i], "of this number");
	check_broken(&irqs[4], "of this type");
	check_gic(fix, &irqs[5], SP_IRQ_SPI, 37, 4);
}

static void test_lists_that_are_cut(void **state) {
	struct fixture *fix = *state;
	const struct sp_irq *irqs = irqs_of(fix, "/cut", 2);

	check_gic(fix, &irqs[0], SP_IRQ_SPI, 39, 4);
	check_broken(&irqs[1], "cut short");
	assert_int_equal(irqs[1].index, 1);

	irqs = irqs_of(fix, "/bytes", 2);
	check_gic(fix, &irqs[0], SP_IRQ_SPI, 39, 4);
	check_broken(&irqs[1], "cut short");

	check_broken(irqs_of(fix, "/short-reference", 1), "cut short");
	irqs_of(fix, "/none", 0);
	irqs_of(fix, "/wordless", 0);
}

static void test_other_controllers(void **state) {
	struct fixture *fix = *state;
	const struct sp_irq *irqs = irqs_of(fix, "/other", 2);

	check_other(fix, &irqs[0], "/gpio@4000");
	check_other(fix, &irqs[1], "/gpio@4000");
	assert_int_equal(irqs[1].index, 1);
	/* The controller's own interrupt goes to the GIC. */
	check_gic(fix, irqs_of(fix, "/gpio@4000", 1), SP_IRQ_SPI, 72, 8);
}

static void test_without_a_gic(void **state) {
	struct fixture *fix = *state;
	sp_node gic = fix->gic;

	fix->gic = SP_NODE_NONE;
	check_other(fix, irqs_of(fix, "/kinds", 6), GIC);
	fix->gic = gic;
}

static void test_extended(void **state) {
	struct fixture *fix = *state;
	const struct sp_irq *irqs = irqs_of(fix, "/mixed", 3);

	check_gic(fix, &irqs[0], SP_IRQ_SPI, 41, 4);
	check_other(fix, &irqs[1], "/gpio@4000");
	assert_int_equal(irqs[1].index, 2);
	check_other(fix, &irqs[2], "/gic@3000");

	irqs = irqs_of(fix, "/dangling", 2);
	check_gic(fix, &irqs[0], SP_IRQ_SPI, 41, 4);
	check_broken(&irqs[1], "phandle that no node has");
	check_broken(irqs_of(fix, "/uncounted", 1), "#interrupt-cells");

	irqs = irqs_of(fix, "/pulse", 2);
	check_other(fix, &irqs[0], "/zero");
	check_gic(fix, &irqs[1], SP_IRQ_SPI, 35, 4);
}

static void test_parents(void **state) {
	struct fixture *fix = *state;
	sp_node gpio = fixture_node(fix->tree, "/gpio@4000");

	check_broken(irqs_of(fix, "/lost", 1), "its interrupt-parent");
	check_broken(irqs_of(fix, "/nothing", 1), "counts no cells");
	check_broken(irqs_of(fix, "/ring1", 1), "circle");
	check_other(fix, irqs_of(fix, "/group/inner/leaf", 1), "/gpio@4000");
	check_gic(fix, irqs_of(fix, "/relay/leaf", 1), SP_IRQ_SPI, 109, 4);

	assert_int_equal(
		sp_interrupt_parent(fix->tree, fixture_node(fix->tree, "/group/inner/leaf")), gpio);
	assert_int_equal(sp_interrupt_parent(fix->tree, gpio), fix->gic);
	assert_int_equal(sp_interrupt_parent(fix->tree, SP_NODE_ROOT), fix->gic);
	assert_int_equal(
		sp_interrupt_parent(fix->tree, fixture_node(fix->tree, "/lost")), SP_NODE_NONE);
	assert_int_equal(
		sp_interrupt_parent(fix->tree, fixture_node(fix->tree, "/ring1")), SP_NODE_NONE);
}

static void test_no_parent_at_all(void **state) {
	struct sp_tree *tree = load_fixture("orphan");
	struct sp_arena arena = {0};
	struct sp_irqs irqs = {0};

	(void)state;
	assert_true(
		sp_irqs_of_node(tree, SP_NODE_NONE, fixture_node(tree, "/device"), &arena, &irqs));
	assert_int_equal(irqs.count, 1);
	check_broken(&irqs.data[0], "no interrupt parent");
	sp_arena_release(&arena);
	sp_tree_destroy(tree);
}

static void test_nexus(void **state) {
	struct fixture *fix = *state;
	const struct sp_irq *irqs = irqs_of(fix, PCI "/slot@0", 3);

	check_gic(fix, &irqs[0], SP_IRQ_SPI, 132, 4);
	check_gic(fix, &irqs[1], SP_IRQ_SPI, 133, 4);
	check_broken(&irqs[2], "no entry");
	assert_int_equal(irqs[0].nexus, fixture_node(fix->tree, PCI));
	check_other(fix, irqs_of(fix, PCI "/slot@1", 1), "/gpio@4000");

	check_broken(irqs_of(fix, PCI "/unplaced", 1), "no reg");
	check_broken(irqs_of(fix, PCI "/stub", 1), "shorter");
	check_gic(fix, irqs_of(fix, "/by-reg@500", 1), SP_IRQ_SPI, 92, 4);
}

static void test_nexus_behind_nexus(void **state) {
	struct fixture *fix = *state;
	const struct sp_irq *irqs = irqs_of(fix, PCI "/slot@2", 1);

	check_gic(fix, &irqs[0], SP_IRQ_SPI, 83, 1);
	assert_int_equal(irqs[0].nexus, fixture_node(fix->tree, PCI));
}

static void test_broken_maps(void **state) {
	struct fixture *fix = *state;
	const struct sp_irq *irqs = irqs_of(fix, "/in-circle", 2);

	check_broken(&irqs[0], "too many");
	check_broken(&irqs[1], "phandle that no node has");
	irqs = irqs_of(fix, "/in-halved", 2);
	check_gic(fix, &irqs[0], SP_IRQ_SPI, 122, 4);
	check_broken(&irqs[1], "cut short");
	check_broken(irqs_of(fix, "/in-unmasked", 1), "interrupt-map-mask");
}

static void test_own_map(void **state) {
	struct fixture *fix = *state;
	const struct sp_irq *irqs = map_of(fix, PCI, 4);

	check_gic(fix, &irqs[0], SP_IRQ_SPI, 132, 4);
	check_gic(fix, &irqs[1], SP_IRQ_SPI, 133, 4);
	check_other(fix, &irqs[2], "/gpio@4000");
	check_gic(fix, &irqs[3], SP_IRQ_SPI, 83, 1);
	for (uint32_t i = 0; i < 4; i++) {
		assert_int_equal(irqs[i].index, i);
		assert_int_equal(irqs[i].nexus, fixture_node(fix->tree, PCI));
	}

	irqs = map_of(fix, "/nexus@50", 2);
	check_gic(fix, &irqs[0], SP_IRQ_SPI, 122, 4);
	check_broken(&irqs[1], "cut short");
	assert_int_equal(irqs[1].index, 1);
	irqs = map_of(fix, "/nexus@40", 2);
	check_broken(&irqs[0], "too many");
	check_broken(&irqs[1], "phandle that no node has");
	map_of(fix, "/kinds", 0);
}

static void test_map_of_a_controller(void **state) {
	struct fixture *fix = *state;
	const struct sp_irq *irqs = map_of(fix, "/extirq@70", 2);

	check_gic(fix, &irqs[0], SP_IRQ_SPI, 32, 4);
	check_gic(fix, &irqs[1], SP_IRQ_SPI, 33, 4);
	check_other(fix, irqs_of(fix, "/on-extirq", 1), "/extirq@70");
}

static void test_map_entries(void **state) {
	struct fixture *fix = *state;
	sp_node pci = fixture_node(fix->tree, PCI), halved = fixture_node(fix->tree, "/nexus@50");
	const struct sp_prop *map = sp_tree_prop(fix->tree, pci, "interrupt-map");
	const char *trouble = "";
	struct sp_map_entry entry;

	assert_true(sp_map_next(fix->tree, pci, map, 0, &entry, &trouble));
	assert_int_equal(entry.start, 0);
	assert_int_equal(entry.child_address_cells, 3);
	assert_int_equal(entry.child_interrupt_cells, 1);
	assert_int_equal(entry.parent, fix->gic);
	assert_int_equal(entry.parent_address_cells, 1);
	assert_int_equal(entry.parent_interrupt_cells, 3);
	assert_int_equal(entry.parent_start, 5);
	assert_int_equal(entry.next, 9);

	assert_true(sp_map_next(fix->tree, pci, map, 18, &entry, &trouble));
	assert_int_equal(entry.parent, fixture_node(fix->tree, "/gpio@4000"));
	assert_int_equal(entry.parent_address_cells, 0);
	assert_int_equal(entry.parent_start, 23);
	assert_int_equal(entry.next, 25);

	trouble = "";
	assert_false(sp_map_next(fix->tree, pci, map, sp_prop_cells(map), &entry, &trouble));
	assert_null(trouble);

	map = sp_tree_prop(fix->tree, halved, "interrupt-map");
	assert_true(sp_map_next(fix->tree, halved, map, 0, &entry, &trouble));
	assert_false(sp_map_next(fix->tree, halved, map, entry.next, &entry, &trouble));
	assert_non_null(trouble);
}

/* A nexus with `entries`, the last of which leads the interrupt of /device to the GIC. */
static struct sp_tree *long_map(uint32_t entries) {
	int size = 4096 + (int)entries * 20;
	fdt32_t *map = calloc(entries, 20);
	void *blob = malloc((size_t)size);
	struct sp_tree *tree = NULL;
	struct sp_error error;

	assert_non_null(blob);
	assert_non_null(map);
	for (uint32_t i = 0; i < entries; i++) {
		map[5 * i] = cpu_to_fdt32(i);
		map[5 * i + 1] = cpu_to_fdt32(1);
		map[5 * i + 3] = cpu_to_fdt32(i % 988);
		map[5 * i + 4] = cpu_to_fdt32(4);
	}
	assert_int_equal(fdt_create(blob, size), 0);
	assert_int_equal(fdt_finish_reservemap(blob), 0);
	assert_int_equal(fdt_begin_node(blob, ""), 0);
	assert_int_equal(fdt_begin_node(blob, "gic"), 0);
	assert_int_equal(fdt_property_string(blob, "compatible", "arm,gic-400"), 0);
	assert_int_equal(fdt_property_u32(blob, "phandle", 1), 0);
	assert_int_equal(fdt_property_u32(blob, "#interrupt-cells", 3), 0);
	assert_int_equal(fdt_property(blob, "interrupt-controller", NULL, 0), 0);
	assert_int_equal(fdt_end_node(blob), 0);
	assert_int_equal(fdt_begin_node(blob, "nexus"), 0);
	assert_int_equal(fdt_property_u32(blob, "#interrupt-cells", 1), 0);
	assert_int_equal(fdt_property_u32(blob, "#address-cells", 0), 0);
	assert_int_equal(fdt_property(blob, "interrupt-map", map, (int)entries * 20), 0);
	assert_int_equal(fdt_begin_node(blob, "device"), 0);
	assert_int_equal(fdt_property_u32(blob, "interrupts", entries - 1), 0);
	assert_int_equal(fdt_end_node(blob), 0);
	assert_int_equal(fdt_end_node(blob), 0);
	assert_int_equal(fdt_end_node(blob), 0);
	assert_int_equal(fdt_finish(blob), 0);
	if (!sp_tree_parse(&tree, blob, fdt_totalsize(blob), &error))
		fail_msg("%s", error.message);
	free(map);
	free(blob);
	return tree;
}

static void test_long_maps(void **state) {
	static const uint32_t lengths[] = {500, 20000};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct fixture fix = {.tree = long_map(lengths[i])};
		unsigned version = 0;

		fix.gic = sp_gic_find(fix.tree, &version);
		assert_int_equal(version, 2);
		if (i)
			check_broken(irqs_of(&fix, "/nexus/device", 1), "too long");
		else
			check_gic(&fix, irqs_of(&fix, "/nexus/device", 1), SP_IRQ_SPI, 32 + 499, 4);
		map_of(&fix, "/nexus", lengths[i]);
		sp_arena_release(&fix.arena);
		sp_tree_destroy(fix.tree);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_finds_the_gic),
		cmocka_unit_test(test_finds_the_topmost_gic),
		cmocka_unit_test(test_no_gic),
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_impossible_numbers),
		cmocka_unit_test(test_lists_that_are_cut),
		cmocka_unit_test(test_other_controllers),
		cmocka_unit_test(test_without_a_gic),
		cmocka_unit_test(test_extended),
		cmocka_unit_test(test_parents),
		cmocka_unit_test(test_no_parent_at_all),
		cmocka_unit_test(test_nexus),
		cmocka_unit_test(test_nexus_behind_nexus),
		cmocka_unit_test(test_broken_maps),
		cmocka_unit_test(test_own_map),
		cmocka_unit_test(test_map_of_a_controller),
		cmocka_unit_test(test_map_entries),
		cmocka_unit_test(test_long_maps),
	};

	return cmocka_run_group_tests_name("interrupt", tests, setup, teardown);
}
