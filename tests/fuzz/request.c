/* SPDX-License-Identifier: MIT */
#include "request.h"

#include <stdio.h>

#include "host/host.h"

enum {
	FLAG_COMPANIONS = 1 << 0,
	FLAG_PCI = 1 << 1,
	FLAG_KEEP_GOING = 1 << 2,
	FLAG_HOTPLUG = 1 << 3,
	FLAG_MULTI = 1 << 4,
	FLAG_TWO_GUESTS = 1 << 5,
	FLAG_ANY_NODE = 1 << 6,
	FLAG_STREAM = 1 << 7,
};
enum {
	FLAG_BDF = 1 << 0,
	FLAG_CLOCK = 1 << 1,
	FLAG_ALL = 1 << 2,
	FLAG_COLUMNS = 1 << 3,
	FLAG_STATIC = 1 << 4,
	FLAG_MODULES = 1 << 5,
	FLAG_MASK = 1 << 6,
	FLAG_MIXED = 1 << 7,
};

static uint32_t number_at(const uint8_t *bytes) {
	return (uint32_t)bytes[0] << 8 | bytes[1];
}

static const char *device_path(const struct sp_host *host, uint32_t number, bool any) {
	sp_node node = any && sp_tree_count(host->tree) > 1
		? 1 + number % (sp_tree_count(host->tree) - 1)
		: host->devices.data[number % host->devices.count].node;

	return sp_tree_path(host->tree, node);
}

/* The IOMMU of that number, of those that the request may name. */
static const char *controller_path(const struct sp_host *host, uint32_t number) {
	uint32_t count = 0;

	for (uint32_t i = 0; i < host->devices.count; i++)
		count += host->devices.data[i].kind == SP_KIND_IOMMU;
	number = count ? number % count : 0;
	for (uint32_t i = 0; i < host->devices.count; i++) {
		if (host->devices.data[i].kind == SP_KIND_IOMMU && !number--)
			return sp_tree_path(host->tree, host->devices.data[i].node);
	}
	return "/no-iommu";
}

static void fill_guest(struct fuzz_request *made, struct sp_request_guest *guest,
	const uint8_t *bytes, uint32_t first, uint32_t count) {
	*guest = (struct sp_request_guest){
		.name = first ? "second" : "first",
		.mode = (enum sp_mode)(bytes[0] % SP_MODE_COUNT),
		.memory = 1 + number_at(bytes + 4) * (bytes[2] % 4 ? 1 : 64),
		.companions = bytes[1] & FLAG_COMPANIONS,
		.pci = bytes[1] & FLAG_PCI,
		.hotplug = bytes[1] & FLAG_HOTPLUG,
		.devices = &made->devices[first],
		.device_count = count,
	};
	if (bytes[2] & FLAG_STATIC)
		guest->static_memory = (uint64_t)number_at(bytes + 6) << 21;
	for (unsigned i = 0; bytes[2] & FLAG_MODULES && i < SP_MODULE_COUNT; i++)
		guest->modules[i] = (struct sp_request_module){
			true, (uint64_t)number_at(bytes + 6) << 16 | i << 28, number_at(bytes + 8)};
}

bool fuzz_request_make(
	struct fuzz_request *made, const struct sp_host *host, const uint8_t bytes[REQUEST_BYTES]) {
	uint32_t wishes = 1 + bytes[3] % MAX_WISHES;
	bool two = bytes[1] & FLAG_TWO_GUESTS && wishes > 1;

	if (!host->devices.count)
		return false;
	*made = (struct fuzz_request){0};
	for (uint32_t i = 0; i < wishes; i++)
		made->devices[i] = device_path(
			host, number_at(bytes + 10 + 2 * (size_t)i), bytes[1] & FLAG_ANY_NODE);
	made->request = (struct sp_request){
		.target = (enum sp_target)(bytes[16] % SP_TARGET_COUNT),
		.multi_iommu_masters = bytes[1] & FLAG_MULTI,
		.keep_going = bytes[1] & FLAG_KEEP_GOING,
		.guests = made->guests,
		.guest_count = two ? 2 : 1,
	};
	fill_guest(made, &made->guests[0], bytes, 0, two ? 1 : wishes);
	if (two) {
		fill_guest(made, &made->guests[1], bytes, 1, wishes - 1);
		if (bytes[2] & FLAG_MIXED)
			made->guests[1].mode = (enum sp_mode)((bytes[0] + 1u) % SP_MODE_COUNT);
	}
	made->stream = (struct sp_request_stream){
		.device = made->devices[0],
		.controller = controller_path(host, bytes[17]),
		.id = number_at(bytes + 18),
		.mask = bytes[20],
		.has_mask = bytes[2] & FLAG_MASK,
	};
	made->bdf = (struct sp_request_bdf){.bdf = (uint16_t)number_at(bytes + 21)};
	snprintf(made->clock_name, sizeof(made->clock_name), "%s", bytes[23] & 1 ? "core" : "bus");
	made->clock = (struct sp_request_clock){made->clock_name, (uint64_t)bytes[23] << 24};
	if (bytes[1] & FLAG_STREAM) {
		made->guests[0].streams = &made->stream;
		made->guests[0].stream_count = 1;
	}
	if (bytes[2] & FLAG_BDF) {
		made->guests[0].bdfs = &made->bdf;
		made->guests[0].bdf_count = 1;
	}
	if (bytes[2] & FLAG_CLOCK) {
		made->guests[0].clocks = &made->clock;
		made->guests[0].clock_count = 1;
	}
	made->list = (struct sp_list_options){
		.target = made->request.target,
		.mode = made->guests[0].mode,
		.all = bytes[2] & FLAG_ALL,
		.compatible = bytes[23] % 16 == 3 ? "*mali*" : NULL,
		.columns = bytes[2] & FLAG_COLUMNS ? bytes[23] : 0,
		.colour = bytes[23] & 2,
	};
	return true;
}
