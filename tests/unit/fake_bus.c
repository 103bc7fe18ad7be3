/* SPDX-License-Identifier: MIT */
#include "fake_bus.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MUST(holds) \
	do { \
		if (!(holds)) { \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #holds); \
			abort(); \
		} \
	} while (0)

static void fake_raise(struct sp_bus *bus, uint32_t vector) {
	struct fake_bus *fake = (struct fake_bus *)bus;

	MUST(vector < fake->device->info->vectors);
	if (vector < FAKE_VECTORS)
		fake->raised[vector]++;
	if (fake->by_pci)
		sp_pci_raise(fake->device->info->pci, vector);
}

static void fake_set_level(struct sp_bus *bus, bool level) {
	struct fake_bus *fake = (struct fake_bus *)bus;

	MUST(fake->device->info->level);
	fake->levels += fake->level != level;
	fake->level = level;
	if (fake->by_pci)
		sp_pci_set_level(fake->device->info->pci, level);
}

/* 0, or why the range cannot be reached. */
static int reachable(const struct fake_bus *fake, uint32_t space, uint64_t address, uint64_t size) {
	if (fake->fail)
		return fake->fail;
	if (space)
		return ENOTSUP;
	if (fake->by_pci && !sp_pci_master(fake->device->info->pci))
		return EACCES;
	if (address < fake->address || !sp_within(address - fake->address, size, fake->size))
		return EFAULT;
	return 0;
}

static int fake_pin(struct sp_bus *bus, struct sp_dma_pin *pin) {
	struct fake_bus *fake = (struct fake_bus *)bus;
	int error = reachable(fake, pin->space, pin->address, pin->size);

	MUST(pin->size && fake->device->info->dma);
	if (!error)
		error = fake->fail_pin;
	if (error) {
		fake->failures++;
		return error;
	}
	if (!pin->part_max)
		return E2BIG;
	pin->part_count = 1;
	pin->parts[0] = (struct sp_dma_part){
		.data = fake->memory + (pin->address - fake->address),
		.size = pin->size,
		.file = fake->file,
		.file_offset = pin->address - fake->address,
	};
	fake->pins++;
	return 0;
}

static void fake_unpin(struct sp_bus *bus, struct sp_dma_pin *pin) {
	struct fake_bus *fake = (struct fake_bus *)bus;

	MUST(fake->pins && pin->part_count);
	pin->part_count = 0;
	fake->pins--;
}

static void do_transfer(struct fake_bus *fake, struct sp_transfer *transfer, int error) {
	uint8_t *memory;

	if (!error)
		error = reachable(fake, transfer->space, transfer->address, transfer->size);
	if (error) {
		fake->failures++;
	} else {
		memory = fake->memory + (transfer->address - fake->address);
		if (transfer->write)
			memcpy(memory, transfer->data, transfer->size);
		else
			memcpy(transfer->data, memory, transfer->size);
	}
	transfer->done(transfer, error);
}

static void fake_transfer(struct sp_bus *bus, struct sp_transfer *transfer) {
	struct fake_bus *fake = (struct fake_bus *)bus;

	MUST(transfer->size && transfer->size <= SP_ACCESS_MAX && fake->device->info->dma);
	for (struct sp_transfer *t = fake->waiting; t; t = t->next)
		MUST(t != transfer);
	fake->transfers++;
	if (!fake->defer) {
		do_transfer(fake, transfer, 0);
		return;
	}
	transfer->next = fake->waiting;
	fake->waiting = transfer;
}

static void fake_remap(
	struct sp_bus *bus, const struct sp_window *window, struct sp_notice *notice) {
	struct fake_bus *fake = (struct fake_bus *)bus;
	const struct sp_region *region = &fake->device->info->regions[window->region];

	MUST(window->region < fake->device->info->region_count && window->size &&
		sp_within(window->offset, window->size, region->size) &&
		window->offset % SP_PAGE == 0 && window->size % SP_PAGE == 0);
	if (!fake->defer) {
		sp_notice_done(notice, fake->fail);
		return;
	}
	notice->next = fake->notices;
	fake->notices = notice;
}

static const struct sp_bus_ops ops = {
	.raise = fake_raise,
	.set_level = fake_set_level,
	.pin = fake_pin,
	.unpin = fake_unpin,
	.transfer = fake_transfer,
	.remap = fake_remap,
};

static void bar_moved(void *data, uint32_t region, bool on, uint64_t address) {
	struct fake_bus *fake = data;

	MUST(region <= SP_REGION_ROM);
	MUST(fake->bars[region].on != on || fake->bars[region].address != address);
	MUST(on || !address);
	fake->bars[region].on = on;
	fake->bars[region].address = address;
	fake->bar_calls++;
}

static void master_switched(void *data, bool on) {
	struct fake_bus *fake = data;

	MUST(fake->master != on);
	fake->master = on;
}

static void line_moved(void *data, bool level) {
	struct fake_bus *fake = data;

	MUST(fake->line != level);
	fake->line = level;
	fake->lines++;
}

static void message_sent(void *data, uint64_t address, uint32_t value) {
	struct fake_bus *fake = data;

	if (fake->message_count < FAKE_MESSAGES)
		fake->messages[fake->message_count] = (struct fake_message){address, value};
	fake->message_count++;
}

static void vector_changed(void *data, uint32_t vector) {
	struct fake_bus *fake = data;

	MUST(vector == UINT32_MAX || vector < SP_VECTORS_MAX);
	fake->vector_calls++;
}

static const struct sp_pci_events events = {
	.bar = bar_moved,
	.master = master_switched,
	.line = line_moved,
	.message = message_sent,
	.vector = vector_changed,
};

void fake_bus_replace(struct fake_bus *fake, struct sp_device *device) {
	fake->device = device;
	device->bus = &fake->bus;
	if (device->info->pci) {
		fake->by_pci = true;
		sp_pci_listen(device->info->pci, &events, fake);
	}
}

void fake_bus_init(
	struct fake_bus *fake, struct sp_device *device, uint64_t address, uint64_t size) {
	*fake = (struct fake_bus){
		.bus.ops = &ops, .device = device, .address = address, .size = size, .file = -1};
	if (size) {
		fake->file = memfd_create("guest", MFD_CLOEXEC);
		MUST(fake->file >= 0 && !ftruncate(fake->file, (off_t)size));
		fake->memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fake->file, 0);
		MUST(fake->memory != MAP_FAILED);
	}
	fake_bus_replace(fake, device);
}

void fake_bus_finish_one(struct fake_bus *fake) {
	struct sp_transfer *transfer = fake->waiting;

	MUST(transfer);
	fake->waiting = transfer->next;
	do_transfer(fake, transfer, 0);
}

void fake_bus_cancel(struct fake_bus *fake, int error) {
	while (fake->waiting) {
		struct sp_transfer *transfer = fake->waiting;

		fake->waiting = transfer->next;
		do_transfer(fake, transfer, error);
	}
	while (fake->notices) {
		struct sp_notice *notice = fake->notices;

		fake->notices = notice->next;
		sp_notice_done(notice, error ? error : fake->fail);
	}
}

void fake_bus_finish(struct fake_bus *fake) {
	fake_bus_cancel(fake, 0);
}

void fake_bus_release(struct fake_bus *fake) {
	struct fake_notice notice;

	fake_bus_cancel(fake, ECANCELED);
	fake_reset(fake, SP_RESET_LOST, &notice);
	MUST(notice.done == 1);
	MUST(!fake->pins && !fake->level && !fake->line && !fake->master);
	sp_device_destroy(fake->device);
	if (fake->size)
		munmap(fake->memory, fake->size);
	if (fake->file >= 0)
		close(fake->file);
}

struct call {
	struct sp_access access;
	uint32_t done;
	int error;
};

static void access_done(struct sp_access *access, int error) {
	struct call *call = (struct call *)access;

	call->done++;
	call->error = error;
}

int fake_access(struct fake_bus *fake, uint32_t region, uint64_t offset, void *data, uint32_t size,
	bool write) {
	const struct sp_region *regions = fake->device->info->regions;
	const struct sp_area *area = sp_region_area(&regions[region], offset);
	struct call call = {.access = {.region = region,
				    .offset = offset,
				    .size = size,
				    .write = write,
				    .data = data,
				    .done = access_done}};

	MUST(size && size <= SP_ACCESS_MAX && area);
	MUST(sp_within(offset - area->offset, size, area->size));
	if (!write)
		memset(data, FAKE_FILLER, size);
	if (area->kind == SP_AREA_MAPPED)
		return sp_region_memory(&regions[region], area, offset, data, size, write);
	fake->device->ops->access(fake->device, &call.access);
	MUST(call.done == 1);
	return call.error;
}

uint64_t fake_read(struct fake_bus *fake, uint32_t region, uint64_t offset, uint32_t size) {
	uint8_t bytes[8] = {0};
	uint64_t value = 0;

	MUST(!fake_access(fake, region, offset, bytes, size, false));
	for (uint32_t i = 0; i < size; i++)
		value |= (uint64_t)bytes[i] << 8 * i;
	return value;
}

void fake_write(
	struct fake_bus *fake, uint32_t region, uint64_t offset, uint32_t size, uint64_t value) {
	uint8_t bytes[8];

	for (uint32_t i = 0; i < 8; i++)
		bytes[i] = (uint8_t)(value >> 8 * i);
	MUST(!fake_access(fake, region, offset, bytes, size, true));
}

static void reset_done(struct sp_notice *notice, int error) {
	struct fake_notice *fake = (struct fake_notice *)notice;

	fake->done++;
	fake->error = error;
}

void fake_reset(struct fake_bus *fake, enum sp_reset kind, struct fake_notice *notice) {
	*notice = (struct fake_notice){.notice.done = reset_done};
	fake->device->ops->reset(fake->device, kind, &notice->notice);
}
