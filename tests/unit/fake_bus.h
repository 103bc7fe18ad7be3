/* SPDX-License-Identifier: MIT */
#ifndef SP_UNIT_FAKE_BUS_H
#define SP_UNIT_FAKE_BUS_H

#include <sallyport/device.h>
#include <sallyport/pci.h>

/*
 * A bus with some memory of a guest, which writes down what a device does, and can defer or fail
 * all that it is asked for. abort()s if a device breaks the contract.
 */
#define FAKE_VECTORS 64u
#define FAKE_MESSAGES 64u
#define FAKE_FILLER 0xa5u /* what is in the data of a read before it */

struct fake_message {
	uint64_t address;
	uint32_t value;
};

struct fake_bus {
	struct sp_bus bus;
	struct sp_device *device;
	/* Interrupts become what the function's registers say, as an IOREQ server has it. */
	bool by_pci;

	uint8_t *memory;
	int file; /* the same */
	uint64_t address, size; /* of it, in the guest */

	bool defer; /* transfers and remapping wait for fake_bus_finish() */
	int fail; /* errno of all that follows */
	int fail_pin; /* the same of pinning alone */

	uint32_t raised[FAKE_VECTORS];
	bool level;
	uint32_t levels; /* how often it changed */
	struct fake_message messages[FAKE_MESSAGES];
	uint32_t message_count;
	bool line;
	uint32_t lines;
	bool master;
	uint32_t bar_calls, vector_calls;
	struct {
		bool on;
		uint64_t address;
	} bars[SP_PCI_BAR_COUNT + 1];
	uint32_t transfers, pins, failures;
	struct sp_transfer *waiting;
	struct sp_notice *notices;
};

/* Connects the device to it. */
void fake_bus_init(
	struct fake_bus *fake, struct sp_device *device, uint64_t address, uint64_t size);
/* Another device in place of the first, which is gone. */
void fake_bus_replace(struct fake_bus *fake, struct sp_device *device);
/* Ends what waits, resets the device as if the client were lost, and destroys it. */
void fake_bus_release(struct fake_bus *fake);
/* Does what waits. */
void fake_bus_finish(struct fake_bus *fake);
/* The first transfer that waits. */
void fake_bus_finish_one(struct fake_bus *fake);
/* The same, but each ends with an error. */
void fake_bus_cancel(struct fake_bus *fake, int error);

/* An access that must be done when it returns; its error. */
int fake_access(struct fake_bus *fake, uint32_t region, uint64_t offset, void *data, uint32_t size,
	bool write);
uint64_t fake_read(struct fake_bus *fake, uint32_t region, uint64_t offset, uint32_t size);
void fake_write(
	struct fake_bus *fake, uint32_t region, uint64_t offset, uint32_t size, uint64_t value);

/* How often the notices of these were done; nothing else is known of them. */
struct fake_notice {
	struct sp_notice notice;
	uint32_t done;
	int error;
};
void fake_reset(struct fake_bus *fake, enum sp_reset kind, struct fake_notice *notice);

#endif
