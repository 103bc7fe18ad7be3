/* SPDX-License-Identifier: MIT */
/* Devices over a bus of the tests, by a guest and a client that mean harm. */
#include "../../examples/edu.h"
#include "../unit/fake_bus.h"
#include "check.h"
#include "input.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gpu/bochs.h"
#include "mutate.h"
#include "pci/config.h"

#define MEMORY_AT 0x10000u
#define MEMORY_SIZE 0x3000u
#define PENDING 8u

/* Mostly where there is something: the low bits choose among places that matter. */
static uint64_t take_offset(struct input *in, const struct sp_region *region) {
	static const uint16_t places[] = {0, 0x04, 0x10, 0x18, 0x30, 0x40, 0x44, 0x48, 0x80, 0x98,
		0x500, 0x508, 0x50c, 0x600, 0xffc};
	uint8_t how = (uint8_t)take(in, 1);
	uint64_t offset;

	if (how < 15 * 16)
		offset = places[how >> 4] + (how & 15u);
	else
		offset = take(in, 4);
	return offset % region->size;
}

static void access_some(struct input *in, struct fake_bus *fake) {
	const struct sp_region *regions = fake->device->info->regions;
	static const uint8_t indices[] = {SP_REGION_CONFIG, SP_REGION_BAR0, SP_REGION_BAR2,
		SP_REGION_CONFIG, SP_REGION_ROM, SP_REGION_VGA, SP_REGION_BAR0, SP_REGION_BAR2};
	uint8_t how = (uint8_t)take(in, 1), bytes[256];
	uint32_t index = indices[how & 7], size = 1u << (how >> 4 & 3);
	const struct sp_area *area;
	uint64_t offset;

	if (!regions[index].size)
		return;
	if (how >> 6 == 1)
		size = 1 + (uint32_t)take(in, 1);
	offset = take_offset(in, &regions[index]);
	area = sp_region_area(&regions[index], offset);
	CHECK(area);
	if (size > area->offset + area->size - offset)
		size = (uint32_t)(area->offset + area->size - offset);
	for (uint32_t i = 0; i < size && how & 8; i++)
		bytes[i] = i < 8 ? (uint8_t)take(in, 1) : 0xff;
	CHECK(!fake_access(fake, index, offset, bytes, size, how & 8));
}

static void save_and_load(struct input *in, struct fake_bus *fake, bool forge) {
	struct sp_device *device = fake->device;
	struct sp_error error = {0};
	struct sp_state_writer *writer;
	struct sp_state_reader *reader;
	struct fake_notice notice;
	const uint8_t *data;
	uint8_t *copy;
	size_t size;

	if (!device->info->state)
		return;
	writer = sp_state_writer_create();
	CHECK(writer && device->ops->save(device, writer, &error));
	data = sp_state_data(writer, &size, &error);
	CHECK(data);
	copy = malloc(size);
	CHECK(copy);
	memcpy(copy, data, size);
	sp_state_writer_destroy(writer);
	for (int i = 0; i < 4 && forge; i++) {
		size_t at = take(in, 2) % size;

		copy[at] = (uint8_t)take(in, 1);
	}
	fake_reset(fake, SP_RESET_FUNCTION, &notice);
	CHECK(notice.done == 1);
	reader = sp_state_reader_create(copy, size, &error);
	CHECK(reader || forge);
	if (reader && !device->ops->load(device, reader, &error)) {
		CHECK(forge && error.kind == SP_ERROR_INPUT);
		fake_reset(fake, SP_RESET_FUNCTION, &notice);
	}
	sp_state_reader_destroy(reader);
	free(copy);
}

static void check_space(struct fake_bus *fake) {
	uint8_t bytes[SP_PCI_CONFIG_MAX];
	uint32_t size = (uint32_t)fake->device->info->regions[SP_REGION_CONFIG].size;
	struct sp_pci_config config;
	struct sp_error error = {0};

	fake_access(fake, SP_REGION_CONFIG, 0, bytes, size, false);
	CHECK(sp_pci_config_read(&config, bytes, size, &error));
	CHECK(!config.broken && config.vendor == 0x1234 && config.power != 1 && config.power != 2);
	CHECK(config.msi_on == (sp_pci_mode(fake->device->info->pci) == SP_PCI_MSI));
	CHECK(((config.command & 4) != 0) == fake->master);
	for (uint32_t i = 0; i < SP_PCI_BAR_COUNT; i++)
		CHECK(!fake->bars[i].on ||
			(config.bars[i].address == fake->bars[i].address && !config.power &&
				(config.command & 2)));
}

static void check_picture(const struct sp_scanout *scanout) {
	if (scanout->picture.file < 0)
		return;
	CHECK(sp_picture_fits(&scanout->picture, NULL));
	CHECK(scanout->picture.width >= 64 && scanout->picture.height >= 64);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	const struct sp_bochs_options options = {.memory = -1,
		.memory_size = 4u << 20,
		.rom = data,
		.rom_size = size > 4096 ? 4096 : (uint32_t)size,
		.conventional = size & 1,
		.width = 800,
		.height = 600};
	struct input in = {data, size};
	struct fake_notice notices[PENDING] = {0};
	struct sp_scanout *scanout = NULL;
	struct sp_error error = {0};
	struct sp_device *device;
	uint32_t resets = 0;
	struct fake_bus fake;
	uint8_t first;

	if (size < 2)
		return 0;
	first = (uint8_t)take(&in, 1);
	if (first & 1) {
		device = sp_bochs_create(&options, NULL, &error);
		CHECK(device);
		scanout = sp_bochs_scanout(device);
	} else {
		device = edu_create(first & 2, NULL, &error);
		CHECK(device);
	}
	fake_bus_init(&fake, device, MEMORY_AT, MEMORY_SIZE);
	fake.defer = first & 4;
	while (in.size) {
		uint8_t op = (uint8_t)take(&in, 1);

		switch (op >> 4) {
		case 0:
			fake_bus_finish(&fake);
			break;
		case 1:
			fake_bus_cancel(&fake, ECANCELED);
			break;
		case 2:
			fake.fail = op & 1 ? EIO : 0;
			fake.defer = op & 2;
			break;
		case 3:
			if (resets == PENDING)
				fake_bus_finish(&fake);
			resets = resets == PENDING ? 0 : resets;
			fake_reset(&fake, op % 3, &notices[resets++]);
			break;
		case 4:
			fake_bus_finish(&fake);
			save_and_load(&in, &fake, op & 1);
			break;
		case 5:
			if (scanout)
				scanout->resize(
					scanout, (uint32_t)take(&in, 4), (uint32_t)take(&in, 4));
			break;
		default:
			access_some(&in, &fake);
		}
		if (scanout)
			check_picture(scanout);
	}
	check_space(&fake);
	fake_bus_finish(&fake);
	for (uint32_t i = 0; i < resets; i++)
		CHECK(notices[i].done == 1);
	fake_bus_release(&fake);
	return 0;
}
