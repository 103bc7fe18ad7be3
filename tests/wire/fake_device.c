/* SPDX-License-Identifier: MIT */
#include "fake_device.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const struct sp_area BAR0[] = {
	{.offset = 0, .size = 0x1000, .kind = SP_AREA_TRAPPED},
	{.offset = 0x1000, .size = 0x2000, .kind = SP_AREA_MAPPED, .file_offset = 0x1000},
	{.offset = 0x3000, .size = 0x1000, .kind = SP_AREA_DOORBELL, .doorbell = 7, .width = 4},
	{.offset = 0x4000, .size = 0x1000, .kind = SP_AREA_READ_ONLY, .file_offset = 0x4000},
	{.offset = 0x5000, .size = 0xb000, .kind = SP_AREA_TRAPPED},
};
static const struct sp_area BAR2[] = {
	{.offset = 0, .size = 0x4000, .kind = SP_AREA_MAPPED, .file_offset = 0x10000},
};
#define BELL(n) \
	{ \
		.offset = 0x100 * (n), .size = 0x100, .kind = SP_AREA_DOORBELL, \
		.doorbell = 100 + (n), .width = 2 \
	}
static const struct sp_area BAR4[] = {BELL(0), BELL(1), BELL(2), BELL(3), BELL(4), BELL(5), BELL(6),
	BELL(7), BELL(8), BELL(9), BELL(10), BELL(11), BELL(12), BELL(13), BELL(14), BELL(15),
	BELL(16), BELL(17), BELL(18), BELL(19)};
static const struct sp_area CONFIG[] = {
	{.offset = 0, .size = 0x100, .kind = SP_AREA_TRAPPED},
};

static void finish_access(struct fake_device *fake, struct sp_access *access, int error) {
	uint8_t *bytes = fake->registers + access->offset;

	if (!error && access->write)
		memcpy(bytes, access->data, access->size);
	else if (!error)
		memcpy(access->data, bytes, access->size);
	sp_access_done(access, error);
}

static void access_it(struct sp_device *device, struct sp_access *access) {
	struct fake_device *fake = (struct fake_device *)device;

	fake->accesses++;
	if (fake->slow)
		fake->access = access;
	else
		finish_access(fake, access, 0);
}

static void doorbell(struct sp_device *device, uint32_t number, uint64_t value) {
	struct fake_device *fake = (struct fake_device *)device;

	fake->doorbells++;
	fake->rung = (uint64_t)number << 32 | value;
}

static void release_pin(struct fake_device *fake) {
	if (fake->pin)
		fake->base.bus->ops->unpin(fake->base.bus, fake->pin);
	fake->pin = NULL;
}

static void reset(struct sp_device *device, enum sp_reset kind, struct sp_notice *notice) {
	struct fake_device *fake = (struct fake_device *)device;
	struct sp_access *access = fake->access;

	if (kind == SP_RESET_LOST)
		fake->lost++;
	else
		fake->resets++;
	fake->reset = kind;
	fake->access = NULL;
	if (access)
		finish_access(fake, access, ECANCELED);
	release_pin(fake);
	sp_device_set_level(device, false);
	if (fake->slow && kind == SP_RESET_LOST)
		fake->lost_notice = notice;
	else if (fake->slow)
		fake->notice = notice;
	else
		sp_notice_done(notice, fake->unclean ? EIO : 0);
}

static void unmap(struct sp_device *device, uint32_t space, uint64_t address, uint64_t size,
	struct sp_notice *notice) {
	struct fake_device *fake = (struct fake_device *)device;

	(void)space;
	fake->unmaps++;
	fake->unmapped = address;
	fake->unmapped_size = size;
	if (fake->slow) {
		fake->notice = notice;
		return;
	}
	release_pin(fake);
	sp_notice_done(notice, 0);
}

void fake_finish(struct fake_device *fake) {
	struct sp_access *access = fake->access;
	struct sp_notice *notice = fake->notice, *lost = fake->lost_notice;
	struct sp_notice *stopped = fake->stop_notice;

	fake->slow = false;
	fake->access = NULL;
	fake->notice = fake->lost_notice = fake->stop_notice = NULL;
	if (notice)
		release_pin(fake);
	if (access)
		finish_access(fake, access, 0);
	if (notice)
		sp_notice_done(notice, 0);
	if (lost)
		sp_notice_done(lost, 0);
	if (stopped)
		sp_notice_done(stopped, 0);
}

static void stop(struct sp_device *device, struct sp_notice *notice) {
	struct fake_device *fake = (struct fake_device *)device;

	fake->stops++;
	if (fake->slow)
		fake->stop_notice = notice;
	else
		sp_notice_done(notice, 0);
}

static void resume(struct sp_device *device) {
	((struct fake_device *)device)->resumes++;
}

#define TAG SP_STATE_TAG('F', 'A', 'K', 'E')

static bool save(struct sp_device *device, struct sp_state_writer *writer, struct sp_error *error) {
	struct fake_device *fake = (struct fake_device *)device;

	(void)error;
	sp_state_begin(writer, TAG, 1);
	sp_state_put_bytes(writer, fake->registers, sizeof(fake->registers));
	sp_state_end(writer);
	return true;
}

static bool load(struct sp_device *device, struct sp_state_reader *reader, struct sp_error *error) {
	struct fake_device *fake = (struct fake_device *)device;
	const uint8_t *bytes;
	uint16_t version;

	if (fake->unloadable)
		return sp_error_set(error, SP_ERROR_INPUT, "not today");
	if (!sp_state_find(reader, TAG, 1, &version, error))
		return false;
	bytes = sp_state_get_bytes(reader, sizeof(fake->registers));
	if (!sp_state_check(reader, error))
		return false;
	memcpy(fake->registers, bytes, sizeof(fake->registers));
	return true;
}

static void destroy(struct sp_device *device) {
	fake_destroy((struct fake_device *)device);
}

static const struct sp_device_ops OPS = {
	.destroy = destroy,
	.access = access_it,
	.doorbell = doorbell,
	.reset = reset,
	.unmap = unmap,
	.stop = stop,
	.resume = resume,
	.save = save,
	.load = load,
};

static void set_region(struct fake_device *fake, uint32_t index, uint64_t size, int file,
	const struct sp_area *areas, uint32_t count) {
	fake->regions[index] = (struct sp_region){.size = size,
		.readable = true,
		.writable = true,
		.file = file,
		.areas = areas,
		.area_count = count};
}

struct fake_device *fake_create(void) {
	struct fake_device *fake = calloc(1, sizeof(*fake));

	if (!fake)
		return NULL;
	fake->file = memfd_create("fake", MFD_CLOEXEC);
	if (fake->file < 0 || ftruncate(fake->file, 0x20000) < 0)
		abort();
	for (uint32_t i = 0; i < SP_REGION_COUNT; i++)
		fake->regions[i].file = -1;
	set_region(fake, SP_REGION_BAR0, 0x10000, fake->file, BAR0, 5);
	set_region(fake, SP_REGION_BAR2, 0x4000, fake->file, BAR2, 1);
	set_region(fake, SP_REGION_BAR4, 0x1400, -1, BAR4, 20);
	set_region(fake, SP_REGION_CONFIG, 0x100, -1, CONFIG, 1);
	fake->info = (struct sp_device_info){.model = "fake",
		.regions = fake->regions,
		.region_count = SP_REGION_COUNT,
		.vectors = 64,
		.dma = true};
	fake->base.ops = &OPS;
	fake->base.info = &fake->info;
	return fake;
}

void fake_destroy(struct fake_device *fake) {
	if (!fake)
		return;
	close(fake->file);
	free(fake);
}
