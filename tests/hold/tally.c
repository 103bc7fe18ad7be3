/* SPDX-License-Identifier: MIT */
#include "tally.h"

#include <errno.h>
#include <fcntl.h>
#include <sallyport/pci.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/bytes.h"

#define A_WHILE 300u /* microseconds */
#define TAG SP_STATE_TAG('T', 'A', 'L', 'Y')

struct tally {
	struct sp_device device;
	struct sp_device_info info;
	struct sp_pci *pci;
	struct sp_area area;
	int memory;
	uint64_t sum, reads;
	uint8_t bytes[8];
	struct sp_transfer transfer;
	struct sp_timer timer;
	struct sp_access *slow; /* that waits for it */
};

static void fetched(struct sp_transfer *transfer, int error) {
	struct tally *tally = (struct tally *)((char *)transfer - offsetof(struct tally, transfer));

	if (!error && !transfer->write)
		tally->sum += sp_load_le64(tally->bytes);
	tally->device.changes++;
}

static void expired(struct sp_timer *timer) {
	struct tally *tally = (struct tally *)((char *)timer - offsetof(struct tally, timer));
	struct sp_access *access = tally->slow;

	tally->slow = NULL;
	tally->sum += sp_load_le64(access->data);
	sp_access_done(access, 0);
}

static void write_register(struct tally *tally, uint64_t offset, uint64_t value) {
	switch (offset) {
	case TALLY_SUM:
		tally->sum += value;
		break;
	case TALLY_FETCH:
	case TALLY_STORE:
		memcpy(tally->bytes, &tally->sum, sizeof(tally->bytes));
		tally->transfer = (struct sp_transfer){
			.write = offset == TALLY_STORE,
			.address = value,
			.size = sizeof(tally->bytes),
			.data = tally->bytes,
			.done = fetched,
		};
		tally->device.bus->ops->transfer(tally->device.bus, &tally->transfer);
		break;
	case TALLY_RAISE:
		sp_device_raise(&tally->device, (uint32_t)value);
		break;
	case TALLY_CRASH:
		abort();
	}
}

static uint64_t read_register(struct tally *tally, uint64_t offset) {
	switch (offset) {
	case TALLY_SUM:
		return tally->sum;
	case TALLY_READS:
		tally->device.changes++;
		return ++tally->reads;
	}
	return UINT64_MAX;
}

static void tally_access(struct sp_device *device, struct sp_access *access) {
	struct tally *tally = (struct tally *)device;
	uint64_t value = 0;

	if (sp_pci_access(tally->pci, access))
		return;
	if (access->region == SP_REGION_BAR0 && access->offset == TALLY_SLOW && access->write &&
		access->size == sizeof(value) && !tally->slow) {
		tally->slow = access;
		tally->timer.expired = expired;
		device->loop->ops->arm(device->loop, &tally->timer,
			device->loop->ops->now(device->loop) + A_WHILE);
		return;
	}
	if (access->region == SP_REGION_BAR2) {
		for (uint32_t i = 0; i < access->size; i++) {
			if (access->write)
				tally->sum += access->data[i];
			else
				access->data[i] = (uint8_t)((access->offset + i) * 31 >> 3);
		}
	} else if (access->size == sizeof(value)) {
		if (access->write) {
			memcpy(&value, access->data, sizeof(value));
			write_register(tally, access->offset, value);
		} else {
			value = read_register(tally, access->offset);
			memcpy(access->data, &value, sizeof(value));
		}
	}
	sp_access_done(access, 0);
}

static void tally_reset(struct sp_device *device, enum sp_reset kind, struct sp_notice *notice) {
	struct tally *tally = (struct tally *)device;

	(void)kind;
	if (tally->slow) {
		device->loop->ops->disarm(device->loop, &tally->timer);
		sp_access_done(tally->slow, ECANCELED);
		tally->slow = NULL;
	}
	tally->sum = tally->reads = 0;
	sp_pci_reset(tally->pci);
	sp_notice_done(notice, 0);
}

static void tally_stop(struct sp_device *device, struct sp_notice *notice) {
	(void)device;
	sp_notice_done(notice, 0);
}

static void tally_resume(struct sp_device *device) {
	(void)device;
}

static bool tally_save(
	struct sp_device *device, struct sp_state_writer *writer, struct sp_error *error) {
	struct tally *tally = (struct tally *)device;

	(void)error;
	sp_pci_save(tally->pci, writer);
	sp_state_begin(writer, TAG, 1);
	sp_state_put_u64(writer, tally->sum);
	sp_state_put_u64(writer, tally->reads);
	sp_state_end(writer);
	return true;
}

static bool tally_load(
	struct sp_device *device, struct sp_state_reader *reader, struct sp_error *error) {
	struct tally *tally = (struct tally *)device;
	uint16_t version;

	if (!sp_pci_load(tally->pci, reader, error) ||
		!sp_state_find(reader, TAG, 1, &version, error))
		return false;
	tally->sum = sp_state_get_u64(reader);
	tally->reads = sp_state_get_u64(reader);
	if (tally->sum == TALLY_BAD)
		abort();
	return sp_state_check(reader, error);
}

static void tally_destroy(struct sp_device *device) {
	struct tally *tally = (struct tally *)device;

	sp_pci_destroy(tally->pci);
	if (tally->memory >= 0)
		close(tally->memory);
	free(tally);
}

static const struct sp_device_ops ops = {
	.destroy = tally_destroy,
	.access = tally_access,
	.reset = tally_reset,
	.stop = tally_stop,
	.resume = tally_resume,
	.save = tally_save,
	.load = tally_load,
};

struct sp_device *tally_create(int memory, struct sp_budget *budget, struct sp_error *error) {
	struct tally *tally = calloc(1, sizeof(*tally));
	struct sp_pci_desc desc = {
		.vendor = 0x1234,
		.device = 0x7a11,
		.class = 0x00ff00,
		.bars[0] = {.size = 4096},
		.bars[2] = {.size = TALLY_BLOB},
		.pin = 1,
		.msi = 4,
	};

	if (!tally) {
		sp_error_memory(error);
		return NULL;
	}
	tally->device = (struct sp_device){.ops = &ops, .info = &tally->info, .budget = budget};
	tally->memory = memory;
	if (memory < 0) {
		tally->memory = memfd_create("tally", MFD_CLOEXEC | MFD_ALLOW_SEALING);
		if (tally->memory >= 0 && ftruncate(tally->memory, TALLY_MEMORY) < 0)
			abort();
	}
	tally->area = (struct sp_area){.size = TALLY_MEMORY, .kind = SP_AREA_MAPPED};
	desc.bars[4] = (struct sp_pci_bar){.size = TALLY_MEMORY,
		.file = tally->memory,
		.areas = &tally->area,
		.area_count = 1};
	tally->pci = sp_pci_create(&desc, &tally->device, error);
	if (!tally->pci) {
		tally_destroy(&tally->device);
		return NULL;
	}
	tally->info = (struct sp_device_info){
		.model = "tally",
		.regions = sp_pci_regions(tally->pci),
		.region_count = SP_REGION_COUNT,
		.vectors = 4,
		.dma = true,
		.state = true,
		.pci = tally->pci,
	};
	return &tally->device;
}
