/* SPDX-License-Identifier: MIT */
#include "emit/emit.h"
#include "emit/text.h"

/* Xen's docs/misc/arm/device-tree/booting.txt names these properties. */

static void put_wide(uint32_t *cells, uint64_t value) {
	cells[0] = (uint32_t)(value >> 32);
	cells[1] = (uint32_t)value;
}

static void add_region(struct sp_build *build, struct sp_build_node *node, const char *name,
	uint64_t address, uint64_t size) {
	uint32_t cells[4];

	put_wide(cells, address);
	put_wide(cells + 2, size);
	sp_build_cells(build, node, name, cells, 4, 4);
}

static void add_cell(
	struct sp_build *build, struct sp_build_node *node, const char *name, uint32_t value) {
	sp_build_cells(build, node, name, &value, 1, 0);
}

/* "domU-" and the guest's name, in the characters that a node's name may have. */
static struct sp_build_node *add_domain(
	struct sp_build *build, struct sp_build_node *parent, const char *guest) {
	char *name = sp_arena_printf(build->arena, "domU-%s", guest);

	if (!name)
		return NULL;
	for (char *c = name; *c; c++) {
		if (*c == '@' || (!sp_build_name_valid((char[]){*c, '\0'}, true)))
			*c = '_';
	}
	return sp_build_node(build, parent, name);
}

static bool tree_size(const struct sp_plan_guest *guest, uint64_t *size, struct sp_error *error) {
	struct sp_buf blob = {0};
	bool flattened = sp_build_flatten(&guest->tree, false, &blob, error);

	*size = blob.size;
	sp_buf_release(&blob);
	return flattened;
}

static bool add_module(struct sp_build *build, struct sp_build_node *domain, enum sp_module kind,
	const struct sp_plan_guest *guest, struct sp_error *error) {
	static const struct {
		const char compatible[48];
		uint32_t len;
		const char *comment;
	} kinds[SP_MODULE_COUNT] = {
#define TWO_STRINGS(a) .compatible = a "\0multiboot,module", .len = sizeof(a "\0multiboot,module")
		[SP_MODULE_KERNEL] = {TWO_STRINGS("multiboot,kernel"),
			"The guest's kernel. Its command line goes into a property bootargs here."},
		[SP_MODULE_RAMDISK] = {TWO_STRINGS("multiboot,ramdisk"), "The guest's ramdisk."},
		[SP_MODULE_TREE] = {TWO_STRINGS("multiboot,device-tree"), "guest.dtb"},
#undef TWO_STRINGS
	};
	const struct sp_request_module *module = &guest->request->modules[kind];
	uint64_t size = module->size;
	struct sp_build_node *node;
	struct sp_buf name = {0};

	if (!module->set)
		return true;
	if (!size && kind == SP_MODULE_TREE && guest->tree.root && !tree_size(guest, &size, error))
		return false;
	sp_buf_str(&name, "module@");
	sp_buf_hex(&name, module->address);
	node = name.failed ? NULL : sp_build_node(build, domain, name.data);
	sp_buf_release(&name);
	if (!node)
		return sp_error_memory(error);
	if (kind == SP_MODULE_KERNEL && guest->request->command_line != NULL)
		sp_build_string(build, node, "bootargs", guest->request->command_line);
	else
		node->comment = kinds[kind].comment;
	sp_build_bytes(build, node, "compatible", kinds[kind].compatible, kinds[kind].len);
	add_region(build, node, "reg", module->address, size);
	return true;
}

static void add_resources(struct sp_build *build, struct sp_build_node *domain,
	const struct sp_plan *plan, const struct sp_plan_guest *guest) {
	const struct sp_request_guest *request = guest->request;
	struct sp_build_prop *memory;
	uint32_t cells[2];

	put_wide(cells, (uint64_t)request->memory * 1024);
	memory = sp_build_cells(build, domain, "memory", cells, 2, 2);
	if (memory)
		memory->comment = "KiB";
	add_cell(build, domain, "cpus", 1);
	/* A direct-mapped guest's UART takes the interrupt of Xen's own, which nobody is given. */
	if (request->mode == SP_MODE_DIRECT || !sp_emit_has_irq(guest, SP_VPL011_IRQ))
		sp_build_empty(build, domain, "vpl011");
	if (guest->nr_spis)
		add_cell(build, domain, "nr_spis", guest->nr_spis);
	if (guest->table_memory)
		add_cell(build, domain, "xen,domain-p2m-mem-mb", guest->table_memory);
	if (request->mode == SP_MODE_DIRECT && guest->static_memory) {
		sp_build_empty(build, domain, "direct-map");
		add_region(build, domain, "xen,static-mem", guest->static_memory,
			(uint64_t)request->memory << 20);
	} else if (request->mode != SP_MODE_DIRECT && guest->streams.count &&
		plan->request->target >= SP_TARGET_XEN_4_19) {
		sp_build_string(build, domain, "passthrough", "enabled");
	}
}

static const char *missing_modules(struct sp_arena *arena, const struct sp_request_guest *request) {
	bool kernel = request->modules[SP_MODULE_KERNEL].set;
	bool tree = request->modules[SP_MODULE_TREE].set;

	if (kernel && tree)
		return NULL;
	return sp_arena_printf(arena,
		"Wanting: where the boot loader puts %s%s%s.\n"
		"Plan with --module KIND=ADDRESS+SIZE, or let the boot loader add the node%s.",
		kernel ? "" : "the kernel", kernel || tree ? "" : " and ", tree ? "" : "guest.dtb",
		kernel || tree ? "" : "s");
}

static bool build_overlay(struct sp_build *build, const struct sp_plan *plan,
	const struct sp_plan_guest *guest, struct sp_error *error) {
	struct sp_build_node *fragment = sp_build_node(build, build->root, "fragment@0");
	struct sp_build_node *chosen, *domain;

	sp_build_string(build, fragment, "target-path", "/chosen");
	chosen = sp_build_node(build, fragment, "__overlay__");
	/* For xen,static-mem, which Xen reads in the cells of /chosen; a reg that is there already
	 * may be written in others, so they are left alone where they can be. */
	if (guest->static_memory) {
		add_cell(build, chosen, "#address-cells", 2);
		add_cell(build, chosen, "#size-cells", 2);
	}
	domain = add_domain(build, chosen, guest->request->name);
	if (!domain)
		return sp_error_memory(error);
	domain->comment = missing_modules(build->arena, guest->request);
	sp_build_string(build, domain, "compatible", "xen,domain");
	add_cell(build, domain, "#address-cells", 2);
	add_cell(build, domain, "#size-cells", 2);
	add_resources(build, domain, plan, guest);
	for (int kind = 0; kind < SP_MODULE_COUNT; kind++) {
		if (!add_module(build, domain, (enum sp_module)kind, guest, error))
			return false;
	}
	return true;
}

static bool applies(const struct sp_plan_guest *guest) {
	return guest->request->mode != SP_MODE_XL && guest->tree.root != NULL;
}

bool sp_emit_dom0less_source(
	const struct sp_plan *plan, uint32_t guest, struct sp_buf *out, struct sp_error *error) {
	const struct sp_plan_guest *planned = &plan->guests.data[guest];
	struct sp_arena arena = {0};
	struct sp_buf heading = {0};
	struct sp_build build;
	bool written;

	if (!applies(planned))
		return true;
	sp_text_heading(&heading, plan, "Overlay that has Xen make the domain", planned);
	sp_buf_str(&heading,
		"\n\ndom0less.dtbo is this, compiled. To be applied to the host's tree after\n"
		"host-overlay.dtbo:\n"
		"    fdtoverlay -i host.dtb -o host-patched.dtb host-overlay.dtbo dom0less.dtbo");
	if (planned->static_memory)
		sp_buf_str(&heading,
			"\n\nIt sets the cells of /chosen to 2 and 2: what else has a reg there, "
			"such as dom0's\nmodules, must be written in these.");
	written = sp_build_init(&build, &arena) ? build_overlay(&build, plan, planned, error)
						: sp_error_memory(error);
	if (written && heading.failed)
		written = sp_error_memory(error);
	written = written && sp_build_source(&build, heading.data, true, out, error);
	sp_buf_release(&heading);
	sp_arena_release(&arena);
	return written;
}

bool sp_emit_dom0less(
	const struct sp_plan *plan, uint32_t guest, struct sp_buf *out, struct sp_error *error) {
	const struct sp_plan_guest *planned = &plan->guests.data[guest];
	struct sp_arena arena = {0};
	struct sp_build build;
	bool written;

	if (!applies(planned))
		return true;
	written = sp_build_init(&build, &arena) ? build_overlay(&build, plan, planned, error)
						: sp_error_memory(error);
	written = written && sp_build_flatten(&build, true, out, error);
	sp_arena_release(&arena);
	return written;
}
