/* SPDX-License-Identifier: MIT */
#include "gpu/bochs.h"

#include <sallyport/pci.h>
#include <sallyport/registers.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gpu/edid.h"

#define TAG SP_STATE_TAG('B', 'O', 'C', 'H')
#define CONTROL_SIZE 4096u /* of BAR 2 */
#define SIZE_LEAST 64u /* pixels; less is taken for no mode, as QEMU does */

#define LITTLE 0x1e1e1e1eu
#define BIG 0xbebebebeu
#define ENABLED 0x0001u

/* In the order of the table. */
enum {
	ID,
	WIDTH,
	HEIGHT,
	DEPTH,
	ENABLE,
	BANK,
	VIRTUAL_WIDTH,
	VIRTUAL_HEIGHT,
	X,
	Y,
	MEMORY,
	EXTENSION, /* bytes of the two */
	ORDER,
	REGISTER_COUNT
};

struct bochs {
	struct sp_device device;
	struct sp_device_info info;
	struct sp_pci *pci;
	struct sp_scanout scanout;
	struct sp_area area;
	int memory;
	bool charged;
	uint64_t memory_size;
	uint64_t values[REGISTER_COUNT];
	uint32_t width, height; /* what the screen likes best */
	uint8_t edid[SP_EDID_SIZE];
};

/* What the registers say, or nothing. It is the scan-out that checks it against the memory. */
static void show(struct bochs *bochs) {
	const uint64_t *values = bochs->values;
	uint32_t width = (uint32_t)values[WIDTH], line = (uint32_t)values[VIRTUAL_WIDTH], pixel;
	struct sp_picture picture = {
		.file = bochs->memory,
		.file_size = bochs->memory_size,
		.width = width,
		.height = (uint32_t)values[HEIGHT],
	};

	if (values[DEPTH] == 32)
		picture.format = values[ORDER] == BIG ? SP_FORMAT_BGRX8888 : SP_FORMAT_XRGB8888;
	else if (values[DEPTH] == 16)
		picture.format = SP_FORMAT_RGB565;
	pixel = sp_picture_pixel(picture.format);
	if (!(values[ENABLE] & ENABLED) || !pixel || width < SIZE_LEAST ||
		picture.height < SIZE_LEAST) {
		sp_scanout_blank(&bochs->scanout);
		return;
	}
	picture.stride = (line > width ? line : width) * pixel;
	picture.offset = values[X] * pixel + values[Y] * picture.stride;
	sp_scanout_show(&bochs->scanout, &picture);
}

static void mode_written(void *device, uint32_t index, uint64_t before, uint64_t now) {
	(void)index;
	if (before != now)
		show(device);
}

static void order_written(void *device, uint32_t index, uint64_t before, uint64_t now) {
	struct bochs *bochs = device;

	if (now != LITTLE && now != BIG)
		bochs->values[index] = before;
	else if (before != now)
		show(bochs);
}

#define DISPI(index, text) \
	[index] = {.offset = 0x500 + 2 * (index), \
		.width = 2, \
		.name = text, \
		.mask = 0xffff, \
		.written = mode_written}
static const struct sp_register registers[REGISTER_COUNT] = {
	[ID] = {.offset = 0x500, .width = 2, .name = "ID", .reset = 0xb0c5},
	DISPI(WIDTH, "XRES"),
	DISPI(HEIGHT, "YRES"),
	DISPI(DEPTH, "BPP"),
	DISPI(ENABLE, "ENABLE"),
	DISPI(BANK, "BANK"),
	DISPI(VIRTUAL_WIDTH, "VIRT_WIDTH"),
	DISPI(VIRTUAL_HEIGHT, "VIRT_HEIGHT"),
	DISPI(X, "X_OFFSET"),
	DISPI(Y, "Y_OFFSET"),
	[MEMORY] = {.offset = 0x514, .width = 2, .name = "VIDEO_MEMORY_64K"},
	[EXTENSION] = {.offset = 0x600, .width = 4, .name = "EXTENSION_SIZE", .reset = 8},
	[ORDER] = {.offset = 0x604,
		.width = 4,
		.name = "BYTE_ORDER",
		.reset = LITTLE,
		.mask = 0xffffffff,
		.written = order_written},
};
static const struct sp_register_table table = {
	.registers = registers,
	.count = REGISTER_COUNT,
	.size = CONTROL_SIZE,
	.filler = 0xff,
};

static void to_power_on(struct bochs *bochs) {
	sp_registers_reset(&table, bochs->values);
	bochs->values[MEMORY] = bochs->memory_size >> 16;
	sp_pci_reset(bochs->pci);
	sp_scanout_blank(&bochs->scanout);
}

static void bochs_access(struct sp_device *device, struct sp_access *access) {
	struct bochs *bochs = (struct bochs *)device;

	if (sp_pci_access(bochs->pci, access))
		return;
	if (access->region != SP_REGION_BAR2) {
		if (!access->write)
			memset(access->data, 0xff, access->size);
	} else if (access->write) {
		sp_registers_write(
			&table, bochs->values, bochs, access->offset, access->data, access->size);
	} else {
		sp_registers_read(
			&table, bochs->values, bochs, access->offset, access->data, access->size);
		if (access->offset < SP_EDID_SIZE) {
			uint64_t left = SP_EDID_SIZE - access->offset;

			memcpy(access->data, bochs->edid + access->offset,
				access->size < left ? access->size : left);
		}
	}
	sp_access_done(access, 0);
}

/* Nothing of one run is seen in the next. */
static int scrub(struct bochs *bochs) {
	static const uint8_t zeros[65536];

	if (!fallocate(bochs->memory, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
		    (off_t)bochs->memory_size))
		return 0;
	for (uint64_t at = 0; at < bochs->memory_size;) {
		ssize_t done = pwrite(bochs->memory, zeros, sizeof(zeros), (off_t)at);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return done < 0 ? errno : EIO;
		at += (uint64_t)done;
	}
	return 0;
}

static void bochs_reset(struct sp_device *device, enum sp_reset kind, struct sp_notice *notice) {
	struct bochs *bochs = (struct bochs *)device;

	to_power_on(bochs);
	sp_notice_done(notice, kind == SP_RESET_FUNCTION ? 0 : scrub(bochs));
}

static void bochs_stop(struct sp_device *device, struct sp_notice *notice) {
	(void)device;
	sp_notice_done(notice, 0);
}

static void bochs_resume(struct sp_device *device) {
	(void)device;
}

static bool set_size(struct bochs *bochs, uint32_t width, uint32_t height) {
	struct sp_edid edid = {
		.width = width,
		.height = height,
		.max_pixels = bochs->memory_size / 4,
	};

	if ((uint64_t)width * height > edid.max_pixels || !sp_edid_make(&edid, bochs->edid))
		return false;
	bochs->width = width;
	bochs->height = height;
	return true;
}

/* The guest learns of it when it next reads the EDID. */
static bool resize(struct sp_scanout *scanout, uint32_t width, uint32_t height) {
	struct bochs *bochs = (struct bochs *)((char *)scanout - offsetof(struct bochs, scanout));

	if (!set_size(bochs, width, height))
		return false;
	bochs->device.changes++;
	return true;
}

static bool bochs_save(
	struct sp_device *device, struct sp_state_writer *writer, struct sp_error *error) {
	struct bochs *bochs = (struct bochs *)device;

	(void)error;
	sp_pci_save(bochs->pci, writer);
	sp_state_begin(writer, TAG, 1);
	sp_state_put_u64(writer, bochs->memory_size);
	sp_state_put_u32(writer, bochs->width);
	sp_state_put_u32(writer, bochs->height);
	sp_registers_save(&table, bochs->values, writer);
	sp_state_end(writer);
	return true;
}

static bool bochs_load(
	struct sp_device *device, struct sp_state_reader *reader, struct sp_error *error) {
	struct bochs *bochs = (struct bochs *)device;
	uint32_t width, height;
	uint16_t version;

	if (!sp_pci_load(bochs->pci, reader, error) ||
		!sp_state_find(reader, TAG, 1, &version, error))
		return false;
	if (sp_state_get_u64(reader) != bochs->memory_size)
		return sp_error_set(error, SP_ERROR_INPUT,
			"the state is that of a display with another size of memory");
	width = sp_state_get_u32(reader);
	height = sp_state_get_u32(reader);
	sp_registers_load(&table, bochs->values, reader);
	if (!sp_state_check(reader, error))
		return false;
	if ((bochs->values[ORDER] != LITTLE && bochs->values[ORDER] != BIG) ||
		!set_size(bochs, width, height))
		return sp_error_set(
			error, SP_ERROR_INPUT, "the state is that of no possible display");
	show(bochs);
	return true;
}

static void bochs_destroy(struct sp_device *device) {
	struct bochs *bochs = (struct bochs *)device;

	sp_scanout_blank(&bochs->scanout);
	if (bochs->charged) {
		sp_budget_release(device->budget, SP_RESOURCE_BYTES, bochs->memory_size);
		sp_budget_release(device->budget, SP_RESOURCE_FILES, 1);
	}
	if (bochs->memory >= 0)
		close(bochs->memory);
	sp_pci_destroy(bochs->pci);
	free(bochs);
}

static const struct sp_device_ops ops = {
	.destroy = bochs_destroy,
	.access = bochs_access,
	.reset = bochs_reset,
	.stop = bochs_stop,
	.resume = bochs_resume,
	.save = bochs_save,
	.load = bochs_load,
};

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW)

static bool sealed(int file) {
	int seals = fcntl(file, F_GET_SEALS);

	return seals >= 0 && (seals & SEALS) == SEALS;
}

/* A new file whose size nobody can change any more, or the one that is given, if it is such. */
static bool take_memory(struct bochs *bochs, int given, struct sp_error *error) {
	struct stat stat;
	int file = given;

	if (given < 0) {
		file = memfd_create("bochs", MFD_CLOEXEC | MFD_ALLOW_SEALING);
		if (file < 0)
			return sp_error_set(
				error, SP_ERROR_SYSTEM, "display memory: %s", strerror(errno));
		if (ftruncate(file, (off_t)bochs->memory_size) ||
			fcntl(file, F_ADD_SEALS, SEALS | F_SEAL_SEAL)) {
			sp_error_set(error, SP_ERROR_SYSTEM, "display memory: %s", strerror(errno));
			close(file);
			return false;
		}
	} else if (fstat(given, &stat) || (uint64_t)stat.st_size != bochs->memory_size ||
		!sealed(given)) {
		return sp_error_set(
			error, SP_ERROR_USE, "display memory: the file given is not one of ours");
	}
	bochs->memory = file;
	return true;
}

static bool make_pci(
	struct bochs *bochs, const struct sp_bochs_options *options, struct sp_error *error) {
	struct sp_pci_desc desc = {
		.vendor = 0x1234,
		.device = 0x1111,
		.subvendor = 0x1af4,
		.subdevice = 0x1100,
		.class = options->vga ? 0x030000 : 0x038000,
		.revision = 2,
		.bars[0] = {.size = bochs->memory_size,
			.flags = SP_PCI_BAR_PREFETCH,
			.file = bochs->memory,
			.areas = &bochs->area,
			.area_count = 1},
		.bars[2] = {.size = CONTROL_SIZE},
		.rom = options->rom,
		.rom_size = options->rom_size,
		.express = options->conventional ? SP_PCI_CONVENTIONAL : SP_PCI_ENDPOINT,
	};

	bochs->area = (struct sp_area){.size = bochs->memory_size, .kind = SP_AREA_MAPPED};
	bochs->pci = sp_pci_create(&desc, &bochs->device, error);
	return bochs->pci != NULL;
}

static bool charge(struct bochs *bochs, struct sp_error *error) {
	struct sp_budget *budget = bochs->device.budget;

	if (!sp_budget_charge(budget, SP_RESOURCE_BYTES, bochs->memory_size))
		return sp_error_set(
			error, SP_ERROR_SYSTEM, "display memory: more than this guest may have");
	if (!sp_budget_charge(budget, SP_RESOURCE_FILES, 1)) {
		sp_budget_release(budget, SP_RESOURCE_BYTES, bochs->memory_size);
		return sp_error_set(error, SP_ERROR_SYSTEM,
			"display memory: more files than this guest may have");
	}
	bochs->charged = true;
	return true;
}

struct sp_device *sp_bochs_create(
	const struct sp_bochs_options *options, struct sp_budget *budget, struct sp_error *error) {
	uint64_t size = options->memory_size ? options->memory_size : 16ull << 20;
	uint32_t width = options->width ? options->width : 1280;
	uint32_t height = options->height ? options->height : 800;
	struct bochs *bochs;

	if (size < SP_BOCHS_MEMORY_MIN || size > SP_BOCHS_MEMORY_MAX || size & (size - 1)) {
		sp_error_set(error, SP_ERROR_USE,
			"display memory: its size must be 4, 8, 16, 32, 64, 128 or 256 MiB");
		return NULL;
	}
	bochs = calloc(1, sizeof(*bochs));
	if (!bochs) {
		sp_error_memory(error);
		return NULL;
	}
	bochs->device = (struct sp_device){.ops = &ops, .info = &bochs->info, .budget = budget};
	bochs->memory = -1;
	bochs->memory_size = size;
	sp_scanout_init(&bochs->scanout);
	bochs->scanout.resize = resize;
	if (!set_size(bochs, width, height)) {
		sp_error_set(error, SP_ERROR_USE,
			"a screen of %" PRIu32 " x %" PRIu32 " pixels is not possible with %" PRIu64
			" MiB of display memory",
			width, height, size >> 20);
		goto fail;
	}
	if (!charge(bochs, error) || !take_memory(bochs, options->memory, error) ||
		!make_pci(bochs, options, error))
		goto fail;
	bochs->info = (struct sp_device_info){
		.model = "bochs",
		.regions = sp_pci_regions(bochs->pci),
		.region_count = SP_REGION_COUNT,
		.state = true,
		.pci = bochs->pci,
	};
	to_power_on(bochs);
	return &bochs->device;
fail:
	if (options->memory >= 0)
		bochs->memory = -1;
	bochs_destroy(&bochs->device);
	return NULL;
}

struct sp_scanout *sp_bochs_scanout(struct sp_device *device) {
	return &((struct bochs *)device)->scanout;
}
