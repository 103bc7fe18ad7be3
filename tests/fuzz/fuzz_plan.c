/* SPDX-License-Identifier: MIT */
/* The whole plan: a tree, followed by REQUEST_BYTES that say what is asked for. */
#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "host/references.h"
#include "mutate.h"
#include "plan/plan.h"
#include "request.h"

#define CHECK(holds, ...) \
	do { \
		if (!(holds)) { \
			fprintf(stderr, "%s:%d: %s: ", __FILE__, __LINE__, #holds); \
			fprintf(stderr, __VA_ARGS__); \
			fputc('\n', stderr); \
			abort(); \
		} \
	} while (0)

struct artefact {
	char *data;
	size_t size;
};

struct artefacts {
	struct artefact of[2][SP_ARTEFACT_COUNT]; /* by guest; the host's with the first */
};

static void emit_all(const struct sp_plan *plan, struct artefacts *all) {
	struct sp_error error = {0};

	for (uint32_t g = 0; g < plan->guests.count; g++) {
		for (int i = 0; i < SP_ARTEFACT_COUNT; i++) {
			struct artefact *made = &all->of[g][i];

			/* A host whose nodes cannot be told apart by path gets no changes. */
			if (!sp_plan_emit(
				    plan, (enum sp_artefact)i, g, &made->data, &made->size, &error))
				CHECK(error.kind == SP_ERROR_INPUT &&
						i >= SP_ARTEFACT_OVERLAY_SOURCE &&
						i <= SP_ARTEFACT_UBOOT,
					"%s: %s", sp_artefact_name((enum sp_artefact)i),
					error.message);
			CHECK(!made->data || !made->data[made->size], "not terminated");
		}
	}
}

static void release_all(struct artefacts *all) {
	for (int g = 0; g < 2; g++) {
		for (int i = 0; i < SP_ARTEFACT_COUNT; i++)
			free(all->of[g][i].data);
	}
}

static void compare_all(const struct artefacts *a, const struct artefacts *b) {
	for (int g = 0; g < 2; g++) {
		for (int i = 0; i < SP_ARTEFACT_COUNT; i++) {
			const struct artefact *x = &a->of[g][i], *y = &b->of[g][i];

			CHECK(x->size == y->size && (!x->data) == (!y->data) &&
					(!x->data || !memcmp(x->data, y->data, x->size)),
				"%s differs the second time",
				sp_artefact_name((enum sp_artefact)i));
		}
	}
}

static bool has_error(const struct sp_plan *plan, enum sp_code code) {
	for (uint32_t i = 0; i < plan->findings.count; i++) {
		if (plan->findings.data[i].code == code &&
			plan->findings.data[i].severity == SP_SEVERITY_ERROR)
			return true;
	}
	return false;
}

static void check_layout(const struct sp_plan *plan, const struct sp_plan_guest *guest) {
	uint64_t end = 0;

	for (uint32_t i = 0; i < guest->mappings.count; i++) {
		const struct sp_mapping *mapping = &guest->mappings.data[i];
		uint64_t last = mapping->guest + (mapping->size - 1);

		CHECK(mapping->size && !((mapping->host | mapping->guest | mapping->size) & 0xfff),
			"parts of pages");
		CHECK(mapping->guest >= end && last >= mapping->guest, "mappings overlap");
		end = last + 1;
		CHECK(last < guest->layout.limit || has_error(plan, SP_CODE_PLACE_LIMIT),
			"beyond the limit");
		for (uint32_t a = 0; a < guest->layout.areas.count; a++) {
			const struct sp_area *area = &guest->layout.areas.data[a];
			bool apart = last < area->start ||
				mapping->guest - area->start >= area->size || !area->size;

			if (last >= area->start && mapping->guest < area->start)
				apart = false;
			CHECK(apart ||
					(guest->request->mode == SP_MODE_DIRECT &&
						has_error(plan, SP_CODE_PLACE_OVERLAP)),
				"0x%llx lies in the %s", (unsigned long long)mapping->guest,
				area->name);
		}
	}
	for (uint32_t i = 0; i < guest->regs.count; i++) {
		const struct sp_guest_reg *reg = &guest->regs.data[i];
		bool mapped = false;

		for (uint32_t m = 0; m < guest->mappings.count && !mapped; m++) {
			const struct sp_mapping *mapping = &guest->mappings.data[m];
			uint64_t into = reg->guest - mapping->guest;

			mapped = reg->guest >= mapping->guest && into < mapping->size &&
				reg->size <= mapping->size - into &&
				reg->host - mapping->host == into;
		}
		CHECK(mapped, "a block that is not mapped");
	}
}

static void check_references(const struct sp_tree *tree, sp_node node) {
	uint32_t count;
	const struct sp_prop *props = sp_tree_props(tree, node, &count);

	for (uint32_t i = 0; i < count; i++) {
		const struct sp_reference_rule *rule = sp_reference_rule(props[i].name);
		struct sp_use use;
		uint32_t cell = 0;
		bool broken = false;

		if (!rule || !props[i].len || sp_tree_prop(tree, node, "gpio-hog"))
			continue;
		while (sp_use_next(tree, &props[i], rule, &cell, &use, &broken))
			CHECK(use.provider != SP_NODE_NONE || !use.phandle,
				"%s: %s: phandle %u dangles", sp_tree_path(tree, node),
				props[i].name, use.phandle);
	}
}

static void check_guest_tree(const struct sp_plan_guest *guest, const struct artefact *made) {
	struct sp_error error = {0};
	struct sp_tree *tree;
	int result;

	if (!made->data)
		return;
	result = fdt_check_full(made->data, made->size);
	CHECK(!result, "guest.dtb: %s", fdt_strerror(result));
	CHECK(sp_tree_parse(&tree, made->data, made->size, &error), "%s", error.message);
	for (sp_node node = 0; node < sp_tree_count(tree); node++) {
		uint32_t phandle = sp_tree_phandle(tree, node);

		CHECK(phandle != 65001, "the IOMMU's phandle");
		CHECK(phandle != 65000 ||
				(guest->request->mode == SP_MODE_XL &&
					!strcmp(sp_tree_path(tree, node), "/gic")),
			"the interrupt controller's phandle");
		check_references(tree, node);
	}
	sp_tree_destroy(tree);
}

/* The same nodes in any order, the same properties in any order. */
static void compare_nodes(const struct sp_tree *a, const struct sp_tree *b) {
	CHECK(sp_tree_count(a) == sp_tree_count(b), "%u and %u nodes", sp_tree_count(a),
		sp_tree_count(b));
	for (sp_node node = 0; node < sp_tree_count(a); node++) {
		const char *path = sp_tree_path(a, node);
		sp_node other = sp_tree_find(b, path);
		uint32_t count, other_count;
		const struct sp_prop *props = sp_tree_props(a, node, &count);

		CHECK(other != SP_NODE_NONE && !strcmp(sp_tree_path(b, other), path), "no %s",
			path);
		sp_tree_props(b, other, &other_count);
		CHECK(count == other_count, "%s: %u and %u properties", path, count, other_count);
		for (uint32_t i = 0; i < count; i++) {
			const struct sp_prop *prop = sp_tree_prop(b, other, props[i].name);

			CHECK(prop && prop->len == props[i].len &&
					!memcmp(prop->data, props[i].data, prop->len),
				"%s: %s differs", path, props[i].name);
		}
	}
}

static char *copy_of(const char *data, size_t size) {
	char *copy = malloc(size);

	if (!copy)
		abort();
	memcpy(copy, data, size);
	return copy;
}

/* The host's nodes, with each edit and nothing else. */
static void check_patched(
	const struct sp_tree *base, const struct sp_plan *plan, const struct artefact *patched) {
	struct sp_error error = {0};
	struct sp_tree *tree;
	uint32_t created = 0;

	CHECK(sp_tree_parse(&tree, patched->data, patched->size, &error), "%s", error.message);
	for (uint32_t i = 0; i < plan->edits.count; i++) {
		const struct sp_edit *edit = &plan->edits.data[i];
		sp_node node = sp_tree_find(tree, edit->path);
		const struct sp_prop *prop;

		CHECK(node != SP_NODE_NONE, "no %s", edit->path);
		created += edit->creates;
		if (edit->creates)
			continue;
		prop = sp_tree_prop(tree, node, edit->property);
		CHECK(prop && prop->len == edit->len &&
				(!prop->len || !memcmp(prop->data, edit->data, prop->len)),
			"%s: %s", edit->path, edit->property);
	}
	CHECK(sp_tree_count(tree) == sp_tree_count(base) + created, "%u nodes",
		sp_tree_count(tree));
	sp_tree_destroy(tree);
}

static void check_overlay(
	const struct sp_tree *base, const struct sp_plan *plan, const struct artefacts *all) {
	const struct artefact *overlay = &all->of[0][SP_ARTEFACT_OVERLAY];
	const struct artefact *patched = &all->of[0][SP_ARTEFACT_PATCHED_TREE];
	struct sp_tree *one, *other;
	struct sp_error error = {0};
	uint32_t size;
	const void *blob = sp_tree_blob(base, &size);
	size_t room = size + 2 * overlay->size + patched->size + 4096;
	char *copy, *used;
	int result;

	CHECK(!overlay->data || patched->data, "an overlay, but no patched tree");
	if (patched->data)
		check_patched(base, plan, patched);
	if (!overlay->data)
		return;
	result = fdt_check_full(overlay->data, overlay->size);
	CHECK(!result, "overlay: %s", fdt_strerror(result));
	result = fdt_check_full(patched->data, patched->size);
	CHECK(!result || fdt_check_full(blob, size), "patched tree: %s", fdt_strerror(result));
	copy = malloc(room);
	if (!copy || fdt_open_into(blob, copy, (int)room)) {
		free(copy);
		return;
	}
	/* What is applied is spoilt by it. */
	used = copy_of(overlay->data, overlay->size);
	result = fdt_overlay_apply(copy, used);
	free(used);
	CHECK(!result, "the overlay does not apply: %s", fdt_strerror(result));
	CHECK(sp_tree_parse(&one, copy, room, &error), "with overlay: %s", error.message);
	CHECK(sp_tree_parse(&other, patched->data, patched->size, &error), "patched: %s",
		error.message);
	compare_nodes(one, other);
	sp_tree_destroy(one);
	sp_tree_destroy(other);
	free(copy);
}

static void check_list(const struct sp_host *host, const struct sp_list_options *options) {
	struct sp_error error = {0};
	struct sp_list *list;
	char *data;
	size_t size;

	CHECK(sp_list_create(&list, host, options, &error), "%s", error.message);
	CHECK(sp_list_table(list, &data, &size, &error), "%s", error.message);
	free(data);
	CHECK(sp_list_json(list, &data, &size, &error), "%s", error.message);
	free(data);
	sp_list_destroy(list);
}

static void check_verdict(const struct sp_plan *plan) {
	enum sp_severity worst = SP_SEVERITY_NONE;

	for (uint32_t i = 0; i < plan->findings.count; i++) {
		const struct sp_finding *finding = &plan->findings.data[i];

		CHECK(finding->message && finding->message[0] && finding->severity, "empty");
		if (finding->severity > worst)
			worst = finding->severity;
	}
	CHECK((worst == SP_SEVERITY_ERROR) == (sp_plan_verdict(plan) == SP_VERDICT_NO), "verdict");
}

static void check_plan(const struct sp_host *host, const struct sp_request *request) {
	struct sp_plan *plan, *again;
	struct artefacts all = {0}, all_again = {0};
	struct sp_error error = {0};

	if (!sp_plan_create(&plan, host, request, &error)) {
		CHECK(!plan && error.kind == SP_ERROR_USE && error.message[0], "%s", error.message);
		return;
	}
	check_verdict(plan);
	emit_all(plan, &all);
	for (uint32_t g = 0; g < plan->guests.count; g++) {
		check_layout(plan, &plan->guests.data[g]);
		check_guest_tree(&plan->guests.data[g], &all.of[g][SP_ARTEFACT_GUEST_TREE]);
	}
	check_overlay(host->tree, plan, &all);
	CHECK(sp_plan_create(&again, host, request, &error), "%s", error.message);
	emit_all(again, &all_again);
	compare_all(&all, &all_again);
	release_all(&all);
	release_all(&all_again);
	sp_plan_destroy(plan);
	sp_plan_destroy(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct fuzz_request request;
	struct sp_error error = {0};
	struct sp_tree *tree;
	struct sp_host *host;

	if (size < REQUEST_BYTES || !sp_tree_parse(&tree, data, size - REQUEST_BYTES, &error))
		return 0;
	if (!sp_host_create(&host, tree, "host.dtb", &error)) {
		CHECK(error.kind == SP_ERROR_INPUT, "%s", error.message);
		sp_tree_destroy(tree);
		return 0;
	}
	if (fuzz_request_make(&request, host, data + size - REQUEST_BYTES)) {
		check_plan(host, &request.request);
		check_list(host, &request.list);
	}
	sp_host_destroy(host);
	sp_tree_destroy(tree);
	return 0;
}

/* Keeps the request at the end of what becomes of the tree. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t capacity, unsigned seed) {
	uint8_t tail[REQUEST_BYTES];
	size_t result = 0;

	if (size <= REQUEST_BYTES || seed % 16 == 0)
		return LLVMFuzzerMutate(data, size, capacity);
	memcpy(tail, data + size - REQUEST_BYTES, sizeof(tail));
	if (seed % 4 == 1) {
		LLVMFuzzerMutate(tail, sizeof(tail), sizeof(tail));
		memcpy(data + size - REQUEST_BYTES, tail, sizeof(tail));
		return size;
	}
	result = mutate_tree(data, size - REQUEST_BYTES, capacity - REQUEST_BYTES, seed / 16);
	if (!result)
		result = LLVMFuzzerMutate(data, size - REQUEST_BYTES, capacity - REQUEST_BYTES);
	memcpy(data + result, tail, sizeof(tail));
	return result + REQUEST_BYTES;
}
