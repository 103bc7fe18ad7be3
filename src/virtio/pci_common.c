/* SPDX-License-Identifier: MIT */
#include <sallyport/registers.h>

#include "virtio/core.h"
#include "virtio/pci.h"

#define TAG SP_STATE_TAG('V', 'P', 'C', 'I')

/* In the order of the table. */
enum {
	OFFERED_SELECT,
	OFFERED,
	ACCEPTED_SELECT,
	ACCEPTED,
	CONFIG_VECTOR,
	QUEUES,
	STATUS,
	GENERATION,
	QUEUE_SELECT,
	QUEUE_SIZE,
	QUEUE_VECTOR,
	QUEUE_ENABLE,
	QUEUE_NOTIFY,
	QUEUE_ADDRESSES, /* of three areas in two halves each */
	QUEUE_NOTIFY_DATA = QUEUE_ADDRESSES + 6,
	QUEUE_RESET,
	REGISTERS
};

/* NULL: there is no such queue. */
static struct sp_virtio_vq *selected(const struct sp_virtio_pci *pci) {
	return pci->queue_select < pci->core->vq_count ? &pci->core->vqs[pci->queue_select] : NULL;
}

static uint64_t read_queue(const struct sp_virtio_pci *pci, uint32_t index) {
	const struct sp_virtio_vq *vq = selected(pci);

	/* A size of 0 says that it does not exist. */
	if (!vq)
		return index == QUEUE_VECTOR ? SP_VIRTIO_NO_VECTOR : 0;
	switch (index) {
	case QUEUE_SIZE:
		return vq->size;
	case QUEUE_VECTOR:
		return pci->vectors[vq->index];
	case QUEUE_ENABLE:
		return vq->enabled && !vq->resetting;
	case QUEUE_NOTIFY:
	case QUEUE_NOTIFY_DATA:
		return vq->index;
	case QUEUE_RESET:
		return vq->resetting;
	}
	index -= QUEUE_ADDRESSES;
	return vq->addresses[index / 2] >> 32 * (index % 2) & UINT32_MAX;
}

static uint64_t common_read(void *device, uint32_t index) {
	const struct sp_virtio_pci *pci = device;
	const struct sp_virtio_core *core = pci->core;

	switch (index) {
	case OFFERED_SELECT:
		return pci->offered_select;
	case OFFERED:
		return pci->offered_select < 2
			? core->offered >> 32 * pci->offered_select & UINT32_MAX
			: 0;
	case ACCEPTED_SELECT:
		return pci->accepted_select;
	case ACCEPTED:
		return pci->accepted_select < 2
			? core->accepted >> 32 * pci->accepted_select & UINT32_MAX
			: 0;
	case CONFIG_VECTOR:
		return pci->config_vector;
	case QUEUES:
		return core->vq_count;
	case STATUS:
		return core->status;
	case GENERATION:
		return core->generation;
	case QUEUE_SELECT:
		return pci->queue_select;
	}
	return read_queue(pci, index);
}

static uint16_t vector(const struct sp_virtio_pci *pci, uint64_t value) {
	return value < pci->vector_count ? (uint16_t)value : SP_VIRTIO_NO_VECTOR;
}

static void write_queue(struct sp_virtio_pci *pci, uint32_t index, uint64_t value) {
	struct sp_virtio_vq *vq = selected(pci);
	uint64_t *address;

	if (!vq)
		return;
	switch (index) {
	case QUEUE_VECTOR:
		pci->vectors[vq->index] = vector(pci, value);
		return;
	case QUEUE_RESET:
		if (value == 1 && sp_virtio_has(pci->core, SP_VIRTIO_RING_RESET))
			sp_virtio_vq_reset(vq);
		return;
	}
	if (vq->enabled)
		return;
	if (index == QUEUE_SIZE) {
		if (value && value <= vq->offered)
			vq->size = (uint16_t)value;
	} else if (index == QUEUE_ENABLE) {
		if (value == 1)
			sp_virtio_vq_enable(vq);
	} else if (index >= QUEUE_ADDRESSES && index < QUEUE_ADDRESSES + 6) {
		uint32_t shift = 32 * ((index - QUEUE_ADDRESSES) % 2);

		address = &vq->addresses[(index - QUEUE_ADDRESSES) / 2];
		*address = (*address & ~((uint64_t)UINT32_MAX << shift)) | value << shift;
	}
}

static void reset_done(struct sp_notice *notice, int error) {
	struct sp_virtio_pci *pci =
		(struct sp_virtio_pci *)((char *)notice - offsetof(struct sp_virtio_pci, reset));

	(void)error;
	pci->resetting = false;
}

static void write_status(struct sp_virtio_pci *pci, uint8_t status) {
	if (status) {
		sp_virtio_set_status(pci->core, status);
		return;
	}
	/* It reads as it was until the device has let go of all (4.1.4.3.1). */
	if (pci->resetting)
		return;
	sp_virtio_common_reset(pci);
	pci->resetting = true;
	pci->reset.done = reset_done;
	sp_virtio_reset(pci->core, SP_RESET_FUNCTION, &pci->reset);
}

static void common_write(void *device, uint32_t index, uint64_t value) {
	struct sp_virtio_pci *pci = device;
	struct sp_virtio_core *core = pci->core;
	uint32_t shift;

	if (core->resetting)
		return;
	switch (index) {
	case OFFERED_SELECT:
		pci->offered_select = (uint32_t)value;
		break;
	case ACCEPTED_SELECT:
		pci->accepted_select = (uint32_t)value;
		break;
	case ACCEPTED:
		if (pci->accepted_select > 1 || core->status & SP_VIRTIO_FEATURES_OK)
			break;
		shift = 32 * pci->accepted_select;
		core->accepted =
			(core->accepted & ~((uint64_t)UINT32_MAX << shift)) | value << shift;
		break;
	case CONFIG_VECTOR:
		pci->config_vector = vector(pci, value);
		break;
	case STATUS:
		write_status(pci, (uint8_t)value);
		break;
	case QUEUE_SELECT:
		pci->queue_select = (uint16_t)value;
		break;
	default:
		write_queue(pci, index, value);
	}
}

#define REGISTER(index, at, bytes) \
	[index] = {.offset = at, .width = bytes, .kind = SP_REGISTER_TRAP}
static const struct sp_register registers[REGISTERS] = {
	REGISTER(OFFERED_SELECT, 0x00, 4),
	REGISTER(OFFERED, 0x04, 4),
	REGISTER(ACCEPTED_SELECT, 0x08, 4),
	REGISTER(ACCEPTED, 0x0c, 4),
	REGISTER(CONFIG_VECTOR, 0x10, 2),
	REGISTER(QUEUES, 0x12, 2),
	REGISTER(STATUS, 0x14, 1),
	REGISTER(GENERATION, 0x15, 1),
	REGISTER(QUEUE_SELECT, 0x16, 2),
	REGISTER(QUEUE_SIZE, 0x18, 2),
	REGISTER(QUEUE_VECTOR, 0x1a, 2),
	REGISTER(QUEUE_ENABLE, 0x1c, 2),
	REGISTER(QUEUE_NOTIFY, 0x1e, 2),
	REGISTER(QUEUE_ADDRESSES + 0, 0x20, 4),
	REGISTER(QUEUE_ADDRESSES + 1, 0x24, 4),
	REGISTER(QUEUE_ADDRESSES + 2, 0x28, 4),
	REGISTER(QUEUE_ADDRESSES + 3, 0x2c, 4),
	REGISTER(QUEUE_ADDRESSES + 4, 0x30, 4),
	REGISTER(QUEUE_ADDRESSES + 5, 0x34, 4),
	REGISTER(QUEUE_NOTIFY_DATA, 0x38, 2),
	REGISTER(QUEUE_RESET, 0x3a, 2),
};
static const struct sp_register_table table = {
	.registers = registers,
	.count = REGISTERS,
	.size = SP_VIRTIO_COMMON_SIZE,
	.read = common_read,
	.write = common_write,
};

void sp_virtio_common_access(struct sp_virtio_pci *pci, struct sp_access *access) {
	uint64_t values[REGISTERS] = {0};

	if (access->write)
		sp_registers_write(&table, values, pci, access->offset, access->data, access->size);
	else
		sp_registers_read(&table, values, pci, access->offset, access->data, access->size);
}

void sp_virtio_common_reset(struct sp_virtio_pci *pci) {
	pci->isr = 0;
	pci->config_vector = SP_VIRTIO_NO_VECTOR;
	for (uint32_t i = 0; i < SP_VIRTIO_QUEUES_MAX; i++)
		pci->vectors[i] = SP_VIRTIO_NO_VECTOR;
	pci->offered_select = pci->accepted_select = 0;
	pci->queue_select = 0;
	sp_device_set_level(&pci->device, false);
}

void sp_virtio_common_save(const struct sp_virtio_pci *pci, struct sp_state_writer *writer) {
	sp_state_begin(writer, TAG, 1);
	sp_state_put_u8(writer, pci->isr);
	sp_state_put_u16(writer, pci->config_vector);
	sp_state_put_u32(writer, pci->offered_select);
	sp_state_put_u32(writer, pci->accepted_select);
	sp_state_put_u16(writer, pci->queue_select);
	for (uint32_t i = 0; i < pci->core->vq_count; i++)
		sp_state_put_u16(writer, pci->vectors[i]);
	sp_state_end(writer);
}

bool sp_virtio_common_load(
	struct sp_virtio_pci *pci, struct sp_state_reader *reader, struct sp_error *error) {
	uint16_t version;

	if (!sp_state_find(reader, TAG, 1, &version, error))
		return false;
	pci->isr = sp_state_get_u8(reader) & (SP_VIRTIO_ISR_QUEUE | SP_VIRTIO_ISR_CONFIG);
	pci->config_vector = vector(pci, sp_state_get_u16(reader));
	pci->offered_select = sp_state_get_u32(reader);
	pci->accepted_select = sp_state_get_u32(reader);
	pci->queue_select = sp_state_get_u16(reader);
	for (uint32_t i = 0; i < pci->core->vq_count; i++)
		pci->vectors[i] = vector(pci, sp_state_get_u16(reader));
	if (!sp_state_check(reader, error))
		return false;
	sp_device_set_level(&pci->device, pci->isr != 0);
	return true;
}
