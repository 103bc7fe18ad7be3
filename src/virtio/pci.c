/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "virtio/core.h"
#include "virtio/pci.h"

/* The binding to PCI (4.1): one BAR, which the capabilities divide into pages. */
#define BAR SP_REGION_BAR0
#define COMMON_AT 0x0000u
#define ISR_AT 0x1000u
#define CONFIG_AT 0x2000u
#define NOTIFY_AT 0x3000u
#define NOTIFY_EACH 4u /* bytes */
#define MSIX_AT 0x4000u
#define PBA_AT 0x5000u
#define BAR_SIZE 0x8000u

#define VENDOR 0x1af4u
#define DEVICE 0x1040u /* and the ID of the device */

enum { CAP_COMMON = 1, CAP_NOTIFY, CAP_ISR, CAP_DEVICE, CAP_WINDOW, CAP_MEMORY = 8 };

static void interrupt(struct sp_device *device, uint32_t queue) {
	struct sp_virtio_pci *pci = (struct sp_virtio_pci *)device;

	pci->isr |= SP_VIRTIO_ISR_QUEUE;
	sp_device_set_level(device, true);
	if (pci->vectors[queue] != SP_VIRTIO_NO_VECTOR)
		sp_device_raise(device, pci->vectors[queue]);
}

static void config(struct sp_device *device) {
	struct sp_virtio_pci *pci = (struct sp_virtio_pci *)device;

	pci->isr |= SP_VIRTIO_ISR_CONFIG;
	sp_device_set_level(device, true);
	if (pci->config_vector != SP_VIRTIO_NO_VECTOR)
		sp_device_raise(device, pci->config_vector);
}

static const struct sp_virtio_binding binding = {.interrupt = interrupt, .config = config};

static void kick(struct sp_virtio_pci *pci, uint32_t queue) {
	if (queue < pci->core->vq_count)
		sp_virtio_vq_go(&pci->core->vqs[queue]);
}

static void read_isr(struct sp_virtio_pci *pci, struct sp_access *access) {
	memset(access->data, 0, access->size);
	if (access->offset != ISR_AT)
		return;
	access->data[0] = pci->isr;
	pci->device.changes += pci->isr != 0;
	pci->isr = 0;
	sp_device_set_level(&pci->device, false);
}

static void access_config(struct sp_virtio_pci *pci, struct sp_access *access) {
	struct sp_virtio *virtio = pci->core->virtio;
	uint32_t size = virtio->info->config_size, offset = (uint32_t)(access->offset - CONFIG_AT);
	uint32_t count = access->size;

	if (!access->write)
		memset(access->data, 0, count);
	if (offset >= size)
		return;
	if (count > size - offset)
		count = size - offset;
	if (!access->write)
		virtio->ops->config_read(virtio, offset, access->data, count);
	else if (virtio->ops->config_write)
		virtio->ops->config_write(virtio, offset, access->data, count);
}

/* Of what is within the BAR and one area of it. */
static void access_bar(struct sp_virtio_pci *pci, struct sp_access *access) {
	switch (access->offset / SP_PAGE * SP_PAGE) {
	case COMMON_AT:
		sp_virtio_common_access(pci, access);
		break;
	case ISR_AT:
		if (!access->write)
			read_isr(pci, access);
		break;
	case CONFIG_AT:
		access_config(pci, access);
		break;
	case NOTIFY_AT:
		if (!access->write)
			memset(access->data, 0, access->size);
		else if (access->offset % NOTIFY_EACH == 0)
			kick(pci, (uint32_t)(access->offset - NOTIFY_AT) / NOTIFY_EACH);
		break;
	default:
		if (!access->write)
			memset(access->data, 0xff, access->size);
	}
}

static void nothing(struct sp_access *access, int error) {
	(void)access;
	(void)error;
}

/*
 * The window that the configuration space has on the BAR (4.1.4.9): an access to its last bytes is
 * one to where the other fields of the capability say.
 */
static void through_window(struct sp_virtio_pci *pci, struct sp_access *access) {
	uint8_t fields[16];
	struct sp_access own = {
		.region = SP_REGION_CONFIG,
		.size = sizeof(fields),
		.offset = pci->window_at,
		.data = fields,
		.done = nothing,
	};
	uint32_t offset, size;

	(void)sp_pci_access(pci->pci, &own);
	offset = sp_load_le32(fields + 8);
	size = sp_load_le32(fields + 12);
	if (!access->write)
		memset(access->data, 0xff, access->size);
	if (fields[4] != BAR || (size != 1 && size != 2 && size != 4) || offset % size ||
		access->size != size || !sp_within(offset, size, BAR_SIZE))
		return;
	own = (struct sp_access){
		.region = BAR,
		.size = size,
		.offset = offset,
		.write = access->write,
		.data = access->data,
		.done = nothing,
	};
	if (!sp_pci_access(pci->pci, &own))
		access_bar(pci, &own);
}

static void pci_access(struct sp_device *device, struct sp_access *access) {
	struct sp_virtio_pci *pci = (struct sp_virtio_pci *)device;

	pci->core->virtio->loop = device->loop;
	if (access->region == SP_REGION_CONFIG && access->offset == pci->window_at + 16u &&
		access->size <= 4) {
		through_window(pci, access);
		sp_access_done(access, 0);
		return;
	}
	if (sp_pci_access(pci->pci, access))
		return;
	if (access->region == BAR)
		access_bar(pci, access);
	else if (!access->write)
		memset(access->data, 0xff, access->size);
	sp_access_done(access, 0);
}

static void pci_doorbell(struct sp_device *device, uint32_t number, uint64_t value) {
	(void)value;
	kick((struct sp_virtio_pci *)device, number);
}

static void pci_reset(struct sp_device *device, enum sp_reset kind, struct sp_notice *notice) {
	struct sp_virtio_pci *pci = (struct sp_virtio_pci *)device;

	sp_virtio_common_reset(pci);
	sp_pci_reset(pci->pci);
	sp_virtio_reset(pci->core, kind, notice);
}

static void pci_unmap(struct sp_device *device, uint32_t space, uint64_t address, uint64_t size,
	struct sp_notice *notice) {
	sp_virtio_unmap(((struct sp_virtio_pci *)device)->core, space, address, size);
	sp_notice_done(notice, 0);
}

static void pci_master(struct sp_device *device, bool on) {
	sp_virtio_set_master(((struct sp_virtio_pci *)device)->core, on);
}

static void pci_stop(struct sp_device *device, struct sp_notice *notice) {
	sp_virtio_stop(((struct sp_virtio_pci *)device)->core, notice);
}

static void pci_resume(struct sp_device *device) {
	sp_virtio_resume(((struct sp_virtio_pci *)device)->core);
}

static bool pci_save(
	struct sp_device *device, struct sp_state_writer *writer, struct sp_error *error) {
	struct sp_virtio_pci *pci = (struct sp_virtio_pci *)device;

	sp_pci_save(pci->pci, writer);
	sp_virtio_common_save(pci, writer);
	return sp_virtio_core_save(pci->core, writer, error);
}

static bool pci_load(
	struct sp_device *device, struct sp_state_reader *reader, struct sp_error *error) {
	struct sp_virtio_pci *pci = (struct sp_virtio_pci *)device;

	pci->core->virtio->loop = device->loop;
	return sp_pci_load(pci->pci, reader, error) && sp_virtio_common_load(pci, reader, error) &&
		sp_virtio_core_load(pci->core, reader, error);
}

static void free_parts(struct sp_virtio_pci *pci) {
	sp_pci_destroy(pci->pci);
	free(pci->areas);
	free(pci);
}

static void pci_destroy(struct sp_device *device) {
	struct sp_virtio_pci *pci = (struct sp_virtio_pci *)device;

	sp_virtio_core_destroy(pci->core);
	free_parts(pci);
}

static const struct sp_device_ops ops = {
	.destroy = pci_destroy,
	.access = pci_access,
	.doorbell = pci_doorbell,
	.reset = pci_reset,
	.unmap = pci_unmap,
	.master = pci_master,
	.stop = pci_stop,
	.resume = pci_resume,
	.save = pci_save,
	.load = pci_load,
};

/* A doorbell for each queue, and all else trapped. */
static bool make_areas(struct sp_virtio_pci *pci) {
	uint32_t count = pci->core->vq_count;
	uint64_t end = NOTIFY_AT + count * NOTIFY_EACH;

	pci->areas = calloc(count + 2, sizeof(*pci->areas));
	if (!pci->areas)
		return false;
	pci->areas[0] = (struct sp_area){.size = NOTIFY_AT, .kind = SP_AREA_TRAPPED};
	for (uint32_t i = 0; i < count; i++)
		pci->areas[i + 1] = (struct sp_area){
			.offset = NOTIFY_AT + i * NOTIFY_EACH,
			.size = NOTIFY_EACH,
			.kind = SP_AREA_DOORBELL,
			.doorbell = i,
			.width = 2,
		};
	pci->areas[count + 1] =
		(struct sp_area){.offset = end, .size = BAR_SIZE - end, .kind = SP_AREA_TRAPPED};
	return true;
}

#define CAP_BYTES 17u /* the longest, without ID, link and length */

static bool make_function(struct sp_virtio_pci *pci, const struct sp_virtio_pci_options *options,
	struct sp_error *error) {
	const struct sp_virtio_info *info = pci->core->virtio->info;
	const struct {
		uint8_t type;
		uint32_t offset, size, more;
		uint8_t bytes;
	} caps[] = {
		{CAP_COMMON, COMMON_AT, SP_VIRTIO_COMMON_SIZE, 0, 13},
		{CAP_NOTIFY, NOTIFY_AT, pci->core->vq_count * NOTIFY_EACH, NOTIFY_EACH, 17},
		{CAP_ISR, ISR_AT, 1, 0, 13},
		{CAP_DEVICE, CONFIG_AT, info->config_size, 0, 13},
		{CAP_WINDOW, 0, 0, 0, 17},
	};
	static const uint8_t writable[CAP_BYTES] = {
		[1] = 0xff, [5] = 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	uint8_t bytes[5][CAP_BYTES] = {0};
	struct sp_pci_vendor vendors[5];
	struct sp_pci_desc desc = {
		.vendor = VENDOR,
		.device = (uint16_t)(DEVICE + info->id),
		.subvendor = VENDOR,
		.subdevice = (uint16_t)(DEVICE + info->id),
		.class = info->class,
		.revision = 1,
		.bars[BAR] = {.size = BAR_SIZE,
			.file = -1,
			.areas = pci->areas,
			.area_count = pci->core->vq_count + 2},
		.pin = 1,
		.express = options->conventional ? SP_PCI_CONVENTIONAL : SP_PCI_ENDPOINT,
		.power = true,
		.vendors = vendors,
	};

	if (!options->intx) {
		desc.msix = (uint16_t)(pci->core->vq_count + 1);
		desc.msix_bar = BAR;
		desc.msix_table = MSIX_AT;
		desc.msix_pba = PBA_AT;
	}
	pci->vector_count = desc.msix;
	for (uint32_t i = 0; i < 5; i++) {
		/* Without a configuration there is no capability for it. */
		if (caps[i].type == CAP_DEVICE && !info->config_size)
			continue;
		bytes[i][0] = caps[i].type;
		bytes[i][1] = BAR;
		sp_store_le32(bytes[i] + 5, caps[i].offset);
		sp_store_le32(bytes[i] + 9, caps[i].size);
		if (caps[i].bytes > 13)
			sp_store_le32(bytes[i] + 13, caps[i].more);
		vendors[desc.vendor_count++] = (struct sp_pci_vendor){
			.data = bytes[i],
			.size = caps[i].bytes,
			.mask = caps[i].type == CAP_WINDOW ? writable : NULL,
		};
	}
	pci->pci = sp_pci_create(&desc, &pci->device, error);
	if (!pci->pci)
		return false;
	pci->window_at = sp_pci_vendor_at(pci->pci, desc.vendor_count - 1);
	return true;
}

struct sp_device *sp_virtio_pci_create(struct sp_virtio *device,
	const struct sp_virtio_pci_options *options, struct sp_error *error) {
	struct sp_virtio_pci *pci = calloc(1, sizeof(*pci));

	if (!pci) {
		sp_error_memory(error);
		return NULL;
	}
	pci->device = (struct sp_device){.ops = &ops, .info = &pci->info, .budget = device->budget};
	pci->core =
		sp_virtio_core_create(device, &pci->device, &binding, options->rings_packed, error);
	if (!pci->core) {
		free_parts(pci);
		return NULL;
	}
	if (!make_areas(pci)) {
		sp_error_memory(error);
		goto fail;
	}
	if (!make_function(pci, options, error))
		goto fail;
	pci->info = (struct sp_device_info){
		.model = device->info->model,
		.regions = sp_pci_regions(pci->pci),
		.region_count = SP_REGION_COUNT,
		.vectors = pci->vector_count,
		.level = true,
		.dma = true,
		.state = true,
		.pci = pci->pci,
	};
	sp_virtio_common_reset(pci);
	device->core = pci->core;
	return &pci->device;
fail:
	/* The device is still the caller's. */
	sp_virtio_core_free(pci->core);
	free_parts(pci);
	return NULL;
}
