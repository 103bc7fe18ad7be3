/* SPDX-License-Identifier: MIT */
#include "edu.h"

#include <sallyport/pci.h>
#include <sallyport/registers.h>
#include <stdlib.h>
#include <string.h>

#define TAG SP_STATE_TAG('E', 'D', 'U', ' ')
#define BUFFER_AT 0x40000u /* as the guest names the buffer */
#define BUFFER_SIZE 4096u
#define DMA_MASK 0x0fffffffu
#define RUN 1u
#define TO_GUEST 2u
#define TELL 4u
#define CAUSE_FACTORIAL 0x001u
#define CAUSE_DMA 0x100u

enum { ID, ALIVE, FACTORIAL, STATUS, CAUSES, RAISE, ACK, FROM, TO, COUNT, COMMAND, REGISTERS };

struct edu {
	struct sp_device device; /* first, so that the one is the other */
	struct sp_device_info info;
	struct sp_pci *pci;
	uint64_t values[REGISTERS];
	struct sp_transfer transfer; /* while COMMAND has RUN */
	struct sp_notice *resets, *stops; /* that wait for its end */
	uint8_t buffer[BUFFER_SIZE];
};

static void set_causes(struct edu *edu, uint64_t causes) {
	bool more = causes & ~edu->values[CAUSES];

	edu->values[CAUSES] = causes;
	if (more)
		sp_device_raise(&edu->device, 0);
	sp_device_set_level(&edu->device, causes != 0);
}

static void alive_written(void *device, uint32_t index, uint64_t before, uint64_t now) {
	(void)before;
	((struct edu *)device)->values[index] = ~now & UINT32_MAX;
}

static void factorial_written(void *device, uint32_t index, uint64_t before, uint64_t now) {
	struct edu *edu = device;
	uint32_t product = 1;

	(void)before;
	/* In 32 bits it is 0 from 34 on, and so is the product of any 34 numbers in a row. */
	for (uint32_t n = (uint32_t)now; n > 1 && product; n--)
		product *= n;
	edu->values[index] = product;
	if (edu->values[STATUS] & 0x80)
		set_causes(edu, edu->values[CAUSES] | CAUSE_FACTORIAL);
}

static void end_all(struct sp_notice **notices) {
	struct sp_notice *notice = *notices, *next;

	/* Another one may be asked for meanwhile, which has something else to wait for. */
	*notices = NULL;
	for (; notice; notice = next) {
		next = notice->next;
		sp_notice_done(notice, 0);
	}
}

static void end_resets(struct edu *edu) {
	memset(edu->buffer, 0, sizeof(edu->buffer));
	end_all(&edu->resets);
}

static void transfer_done(struct sp_transfer *transfer, int error) {
	struct edu *edu = (struct edu *)((char *)transfer - offsetof(struct edu, transfer));

	edu->values[COMMAND] &= ~(uint64_t)RUN;
	edu->device.changes++;
	if (!error && edu->values[COMMAND] & TELL)
		set_causes(edu, edu->values[CAUSES] | CAUSE_DMA);
	if (edu->resets)
		end_resets(edu);
	if (!(edu->values[COMMAND] & RUN))
		end_all(&edu->stops);
}

static void begin_transfer(struct edu *edu) {
	bool to_guest = edu->values[COMMAND] & TO_GUEST;
	uint64_t *values = edu->values, ours = values[to_guest ? FROM : TO] - BUFFER_AT;

	edu->transfer = (struct sp_transfer){
		.write = to_guest,
		.address = values[to_guest ? TO : FROM] & DMA_MASK,
		.size = values[COUNT],
		.data = edu->buffer + (ours < BUFFER_SIZE ? ours : 0),
		.done = transfer_done,
	};
	if (values[COUNT] && sp_within(ours, values[COUNT], BUFFER_SIZE))
		edu->device.bus->ops->transfer(edu->device.bus, &edu->transfer);
	else
		transfer_done(&edu->transfer, 0);
}

static void command_written(void *device, uint32_t index, uint64_t before, uint64_t now) {
	struct edu *edu = device;

	if (before & RUN || !(now & RUN))
		edu->values[index] = before;
	else
		begin_transfer(edu);
}

static void dma_written(void *device, uint32_t index, uint64_t before, uint64_t now) {
	struct edu *edu = device;

	edu->values[index] = edu->values[COMMAND] & RUN ? before : now;
}

static uint64_t trap_read(void *device, uint32_t index) {
	(void)device;
	(void)index;
	return UINT32_MAX;
}

static void trap_write(void *device, uint32_t index, uint64_t value) {
	struct edu *edu = device;
	uint64_t causes = edu->values[CAUSES];

	set_causes(edu, index == RAISE ? causes | value : causes & ~value);
}

#define WRITABLE(at, bytes, bits, call) \
	{ .offset = at, .width = bytes, .mask = bits, .written = call }
static const struct sp_register registers[REGISTERS] = {
	[ID] = {.offset = 0x00, .width = 4, .reset = 0x010000ed},
	[ALIVE] = WRITABLE(0x04, 4, UINT32_MAX, alive_written),
	[FACTORIAL] = WRITABLE(0x08, 4, UINT32_MAX, factorial_written),
	[STATUS] = WRITABLE(0x20, 4, 0x80, NULL),
	[CAUSES] = {.offset = 0x24, .width = 4},
	[RAISE] = {.offset = 0x60, .width = 4, .kind = SP_REGISTER_TRAP},
	[ACK] = {.offset = 0x64, .width = 4, .kind = SP_REGISTER_TRAP},
	[FROM] = WRITABLE(0x80, 8, UINT64_MAX, dma_written),
	[TO] = WRITABLE(0x88, 8, UINT64_MAX, dma_written),
	[COUNT] = WRITABLE(0x90, 8, UINT64_MAX, dma_written),
	[COMMAND] = WRITABLE(0x98, 8, RUN | TO_GUEST | TELL, command_written),
};
static const struct sp_register_table table = {
	.registers = registers,
	.count = REGISTERS,
	.size = 0xa0,
	.read = trap_read,
	.write = trap_write,
	.filler = 0xff,
};

static void edu_access(struct sp_device *device, struct sp_access *access) {
	struct edu *edu = (struct edu *)device;

	if (sp_pci_access(edu->pci, access))
		return;
	if (access->write)
		sp_registers_write(
			&table, edu->values, edu, access->offset, access->data, access->size);
	else
		sp_registers_read(
			&table, edu->values, edu, access->offset, access->data, access->size);
	sp_access_done(access, 0);
}

static void edu_reset(struct sp_device *device, enum sp_reset kind, struct sp_notice *notice) {
	struct edu *edu = (struct edu *)device;
	uint64_t running = edu->values[COMMAND] & RUN;

	(void)kind;
	set_causes(edu, 0);
	sp_registers_reset(&table, edu->values);
	sp_pci_reset(edu->pci);
	edu->values[COMMAND] = running;
	notice->next = edu->resets;
	edu->resets = notice;
	if (!running)
		end_resets(edu);
}

static void edu_stop(struct sp_device *device, struct sp_notice *notice) {
	struct edu *edu = (struct edu *)device;

	notice->next = edu->stops;
	edu->stops = notice;
	if (!(edu->values[COMMAND] & RUN))
		end_all(&edu->stops);
}

static void edu_resume(struct sp_device *device) {
	(void)device;
}

static bool edu_save(
	struct sp_device *device, struct sp_state_writer *writer, struct sp_error *error) {
	struct edu *edu = (struct edu *)device;

	(void)error;
	sp_pci_save(edu->pci, writer);
	sp_state_begin(writer, TAG, 1);
	sp_registers_save(&table, edu->values, writer);
	sp_state_put_u64(writer, edu->values[CAUSES]);
	sp_state_put_bytes(writer, edu->buffer, sizeof(edu->buffer));
	sp_state_end(writer);
	return true;
}

static bool edu_load(
	struct sp_device *device, struct sp_state_reader *reader, struct sp_error *error) {
	struct edu *edu = (struct edu *)device;
	const uint8_t *buffer;
	uint16_t version;

	if (!sp_pci_load(edu->pci, reader, error) ||
		!sp_state_find(reader, TAG, 1, &version, error))
		return false;
	sp_registers_load(&table, edu->values, reader);
	edu->values[CAUSES] = sp_state_get_u64(reader) & UINT32_MAX;
	buffer = sp_state_get_bytes(reader, sizeof(edu->buffer));
	if (!sp_state_check(reader, error)) {
		/* Nothing runs that a reset would have to wait for. */
		edu->values[COMMAND] &= ~(uint64_t)RUN;
		return false;
	}
	memcpy(edu->buffer, buffer, sizeof(edu->buffer));
	sp_device_set_level(device, edu->values[CAUSES] != 0);
	/* One that was not done when a state was kept without a stop. */
	if (edu->values[COMMAND] & RUN && device->bus)
		begin_transfer(edu);
	else
		edu->values[COMMAND] &= ~(uint64_t)RUN;
	return true;
}

static void edu_destroy(struct sp_device *device) {
	sp_pci_destroy(((struct edu *)device)->pci);
	free(device);
}

static const struct sp_device_ops ops = {
	.destroy = edu_destroy,
	.access = edu_access,
	.reset = edu_reset,
	.stop = edu_stop,
	.resume = edu_resume,
	.save = edu_save,
	.load = edu_load,
};

struct sp_device *edu_create(bool msi, struct sp_budget *budget, struct sp_error *error) {
	const struct sp_pci_desc desc = {
		.vendor = 0x1234,
		.device = 0x11e8,
		.class = 0x00ff00,
		.revision = 0x10,
		.bars[0] = {.size = 1u << 20},
		.pin = 1,
		.msi = msi,
	};
	struct edu *edu = calloc(1, sizeof(*edu));

	if (!edu) {
		sp_error_memory(error);
		return NULL;
	}
	edu->device = (struct sp_device){.ops = &ops, .info = &edu->info, .budget = budget};
	edu->pci = sp_pci_create(&desc, &edu->device, error);
	if (!edu->pci) {
		edu_destroy(&edu->device);
		return NULL;
	}
	edu->info = (struct sp_device_info){
		.model = "edu",
		.regions = sp_pci_regions(edu->pci),
		.region_count = SP_REGION_COUNT,
		.vectors = 1,
		.level = true,
		.dma = true,
		.state = true,
		.pci = edu->pci,
	};
	sp_registers_reset(&table, edu->values);
	return &edu->device;
}
