/* SPDX-License-Identifier: MIT */
/*
 * A configuration and a partial tree against a fixed host, which also makes a guest of that tree at
 * boot. The first two bytes say how long the configuration is; the tree follows it.
 */
#include <libfdt.h>
#include <stdlib.h>
#include <string.h>

#include "check/check.h"
#include "mutate.h"

#define BLOB_BYTES 4096

struct files {
	const uint8_t *config, *tree;
	size_t config_size, tree_size;
};

static void check(bool holds) {
	if (!holds)
		abort();
}

static void cells(void *fdt, const char *name, const uint32_t *numbers, uint32_t count) {
	fdt32_t values[16];

	for (uint32_t i = 0; i < count; i++)
		values[i] = cpu_to_fdt32(numbers[i]);
	check(fdt_property(fdt, name, values, (int)(count * sizeof(values[0]))) == 0);
}
#define CELLS(fdt, name, ...) \
	cells(fdt, name, (const uint32_t[]){__VA_ARGS__}, \
		sizeof((const uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t))

/* A node with registers and an interrupt; the caller ends it. */
static void begin(void *fdt, const char *name, const char *compatible, uint32_t address,
	uint32_t size, uint32_t spi) {
	check(fdt_begin_node(fdt, name) == 0);
	check(fdt_property_string(fdt, "compatible", compatible) == 0);
	CELLS(fdt, "reg", 0, address, 0, size);
	if (spi)
		CELLS(fdt, "interrupts", 0, spi, 4);
}

static void end(void *fdt) {
	check(fdt_end_node(fdt) == 0);
}

static void put_devices(void *fdt) {
	begin(fdt, "intc@8000000", "arm,gic-v3", 0x8000000, 0x10000, 0);
	CELLS(fdt, "phandle", 1);
	CELLS(fdt, "#interrupt-cells", 3);
	check(fdt_property(fdt, "interrupt-controller", NULL, 0) == 0);
	end(fdt);
	begin(fdt, "iommu@9020000", "arm,mmu-500", 0x9020000, 0x10000, 22);
	CELLS(fdt, "phandle", 2);
	CELLS(fdt, "#iommu-cells", 1);
	end(fdt);
	begin(fdt, "rtc@9010000", "arm,pl031", 0x9010000, 0x1000, 21);
	check(fdt_property(fdt, "xen,passthrough", NULL, 0) == 0);
	end(fdt);
	begin(fdt, "first@b020000", "vendor,pwm", 0xb020000, 0x100, 52);
	check(fdt_property(fdt, "xen,passthrough", NULL, 0) == 0);
	end(fdt);
	begin(fdt, "second@b020100", "vendor,pwm", 0xb020100, 0x100, 53);
	end(fdt);
	begin(fdt, "gpu@b000000", "arm,mali-t860", 0xb000000, 0x10000, 50);
	CELLS(fdt, "iommus", 2, 0x20, 2, 0x21);
	check(fdt_property(fdt, "xen,passthrough", NULL, 0) == 0);
	end(fdt);
	begin(fdt, "pcie@c000000", "pci-host-ecam-generic", 0xc000000, 0x100000, 60);
	check(fdt_property_string(fdt, "device_type", "pci") == 0);
	CELLS(fdt, "#address-cells", 3);
	CELLS(fdt, "#size-cells", 2);
	CELLS(fdt, "#interrupt-cells", 1);
	CELLS(fdt, "bus-range", 0, 0);
	CELLS(fdt, "ranges", 0x2000000, 0, 0x10000000, 0, 0x10000000, 0, 0x1000000);
	CELLS(fdt, "interrupt-map", 0, 0, 0, 1, 1, 0, 61, 4);
	CELLS(fdt, "iommus", 2, 0x400);
	end(fdt);
}

static struct sp_tree *make_tree(void) {
	static char fdt[BLOB_BYTES];
	struct sp_tree *tree = NULL;
	struct sp_error error;

	check(fdt_create(fdt, sizeof(fdt)) == 0 && fdt_finish_reservemap(fdt) == 0);
	check(fdt_begin_node(fdt, "") == 0);
	CELLS(fdt, "#address-cells", 2);
	CELLS(fdt, "#size-cells", 2);
	CELLS(fdt, "interrupt-parent", 1);
	check(fdt_begin_node(fdt, "chosen") == 0);
	check(fdt_begin_node(fdt, "domU1") == 0);
	check(fdt_property_string(fdt, "compatible", "xen,domain") == 0);
	CELLS(fdt, "memory", 0, 0x40000);
	CELLS(fdt, "#address-cells", 2);
	CELLS(fdt, "#size-cells", 2);
	begin(fdt, "tree@44000000", "multiboot,device-tree", 0x44000000, 0x400000, 0);
	end(fdt);
	end(fdt);
	end(fdt);
	check(fdt_begin_node(fdt, "memory@80000000") == 0);
	check(fdt_property_string(fdt, "device_type", "memory") == 0);
	CELLS(fdt, "reg", 0, 0x80000000, 0, 0x40000000);
	end(fdt);
	put_devices(fdt);
	end(fdt);
	check(fdt_finish(fdt) == 0);
	check(sp_tree_parse(&tree, fdt, sizeof(fdt), &error));
	return tree;
}

static bool read_file(
	void *context, const char *path, char **data, size_t *size, struct sp_error *error) {
	const struct files *files = context;
	bool config = strcmp(path, "guest.cfg") == 0;
	const uint8_t *bytes = config ? files->config : files->tree;

	*size = config ? files->config_size : files->tree_size;
	*data = malloc(*size + 1);
	if (!*data)
		return sp_error_memory(error);
	if (*size)
		memcpy(*data, bytes, *size);
	(*data)[*size] = '\0';
	return true;
}

static void judge(const struct sp_check *made) {
	uint32_t count;
	const struct sp_finding *findings = sp_check_findings(made, &count);
	enum sp_severity worst = SP_SEVERITY_NONE;
	struct sp_error error;
	char *data = NULL;
	size_t size;

	for (uint32_t i = 0; i < count; i++) {
		check(findings[i].code < SP_CODE_COUNT && findings[i].message[0]);
		check(findings[i].severity > SP_SEVERITY_NONE && findings[i].remedy[0]);
		check(!findings[i].line || findings[i].file);
		if (findings[i].severity > worst)
			worst = findings[i].severity;
	}
	check((sp_check_verdict(made) == SP_VERDICT_NO) == (worst == SP_SEVERITY_ERROR));
	check(sp_check_json(made, &data, &size, &error) && data[size - 1] == '\n');
	free(data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static const char *const configs[] = {"guest.cfg"};
	static const char *const trees[] = {"domU1=guest.dtb"};
	static struct sp_tree *tree;
	static struct sp_host *host;
	struct sp_check_options options = {.configs = configs, .trees = trees, .tree_count = 1};
	struct files files;
	const struct sp_check_reader reader = {
		.read = read_file, .read_tree = read_file, .context = &files};
	struct sp_check *made = NULL;
	struct sp_error error = {0};

	if (size < 2)
		return 0;
	if (!tree) {
		tree = make_tree();
		check(sp_host_create(&host, tree, "host.dtb", &error));
	}
	size_t length = (size_t)data[0] << 8 | data[1];
	if (length > size - 2)
		length = size - 2;
	files = (struct files){data + 2, data + 2 + length, length, size - 2 - length};
	options.config_count = length > 0;
	/* Any release, by what no reader looks at. */
	options.target = (enum sp_target)((size + length) % SP_TARGET_COUNT);
	if (sp_check_create_reading(&made, host, &options, &reader, &error))
		judge(made);
	else
		check(!made && error.message[0]);
	sp_check_destroy(made);
	return 0;
}
